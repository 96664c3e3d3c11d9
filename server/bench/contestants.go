package main

import (
	"fmt"
	"os"
	"strings"
)

// setup is how a contestant is started for a case.
type setup struct {
	commands [][]string
	env      []string
	path     string // of the case, below its root
}

// setup writes a contestant's configuration: nothing that would slow it down,
// access logs off, as many workers as cores where it has workers. Ours is the
// one that has its log, clocks and captures on: it cannot do without a log.
func (s *site) setup(name string, port int, c benchCase) (*setup, error) {
	address := fmt.Sprintf("127.0.0.1:%d", port)
	socket := s.path(fmt.Sprintf("socket-%d", port))
	conf := func(text string) (string, error) {
		file := s.path(fmt.Sprintf("conf-%d", port))
		text = strings.NewReplacer("PORT", fmt.Sprint(port), "DIR", s.dir, "SOCKET", socket, "PYTHON", s.python).Replace(text)
		return file, os.WriteFile(file, []byte(text), 0o644)
	}
	nginxWith := func(locations string) ([]string, error) {
		file, err := conf(strings.Replace(nginxConf, "LOCATIONS", locations, 1))
		return []string{"nginx", "-c", file, "-e", "stderr"}, err
	}
	app := "wsgi_hello:application"
	if strings.Contains(c.name, "flask") {
		app = "flask_hello:application"
	}
	switch name {
	case us:
		frames := map[string]string{"/fork/": framegateFork, "/wsgi/": framegateWorkers, "/flask/": framegateWorkers}
		file, err := conf(framegateConf + frames["/"+strings.SplitN(c.path, "/", 3)[1]+"/"])
		return &setup{path: ourPath(c), commands: [][]string{{s.framegate, "serve", "-c", file}}}, err
	case lighttpd:
		file, err := conf(lighttpdConf)
		return &setup{path: cgiPath(c), commands: [][]string{{"lighttpd", "-D", "-f", file}}}, err
	case nginx:
		front, err := nginxWith("")
		return &setup{path: c.path, commands: [][]string{front}}, err
	case fcgiwrap:
		front, err := nginxWith(nginxFastCGI)
		return &setup{path: c.path, commands: [][]string{{"fcgiwrap", "-c", "8", "-s", "unix:" + socket}, front}}, err
	case apache:
		file, err := conf(apacheConf)
		return &setup{path: c.path, commands: [][]string{{"apache2", "-d", s.dir, "-f", file, "-DFOREGROUND"}}}, err
	case busybox:
		return &setup{path: c.path, commands: [][]string{{"busybox", "httpd", "-f", "-p", address, "-h", s.dir}}}, nil
	case goCGI:
		return &setup{path: c.path, commands: [][]string{{s.path("gocgi"), address, s.path("cgi-bin")}}}, nil
	case gunicorn:
		return &setup{path: appPath(c), commands: [][]string{{s.python, "-m", "gunicorn", "-w", "2", "-b", address, app}}}, nil
	case waitress:
		return &setup{path: appPath(c), commands: [][]string{{s.python, "-m", "waitress", "--listen", address, "--threads", "2", app}}}, nil
	case uwsgi:
		front, err := nginxWith(nginxUWSGI)
		return &setup{path: appPath(c), commands: [][]string{
			{"uwsgi", "--plugin", "python3", "--master", "--processes", "2", "--socket", socket, "--chmod-socket=666",
				"--listen", "128", "--disable-logging", "--module", app}, front}}, err
	}
	return nil, fmt.Errorf("there is no contestant of that name")
}

// ourPath is where the gateway serves the case: Python apps are its own, with
// no wrapper script around them.
func ourPath(c benchCase) string {
	switch c.path {
	case "/cgi-bin/wsgi.cgi":
		return "/wsgi-exec/"
	case "/cgi-bin/flask.cgi":
		return "/flask-exec/"
	}
	return c.path
}

// cgiPath is where a plain CGI server has what the gateway forks.
func cgiPath(c benchCase) string {
	if c.path == "/fork/" {
		return "/cgi-bin/flask.cgi"
	}
	return c.path
}

// appPath is the case's path for a server that has one app at its root.
func appPath(c benchCase) string {
	return "/" + strings.SplitN(c.path, "/", 3)[2]
}

const framegateConf = `
listen = "127.0.0.1:PORT"

[static]
path = "DIR/static"

[capture]
path = "DIR/captures"
on = "failure"

[defaults]
interpreter = "PYTHON"

[[frame]]
name = "cgi"
scripts = "/cgi-bin"
dir = "DIR/cgi-bin"

[[frame]]
name = "wsgi-exec"
mount = "/wsgi-exec"
app = "wsgi_hello:application"
dir = "DIR/app"

[[frame]]
name = "flask-exec"
mount = "/flask-exec"
app = "flask_hello:application"
dir = "DIR/app"

`

const framegateFork = `
[[frame]]
name = "flask-fork"
mount = "/fork"
app = "flask_hello:application"
dir = "DIR/app"
mode = "fork"

`

const framegateWorkers = `
[[frame]]
name = "wsgi-worker"
mount = "/wsgi"
app = "wsgi_hello:application"
dir = "DIR/app"
mode = "worker"
workers = 2

[[frame]]
name = "flask-worker"
mount = "/flask"
app = "flask_hello:application"
dir = "DIR/app"
mode = "worker"
workers = 2
`

const lighttpdConf = `
server.bind = "127.0.0.1"
server.port = PORT
server.document-root = "DIR/static"
server.modules = ( "mod_cgi", "mod_alias" )
server.max-keep-alive-requests = 100000
server.max-keep-alive-idle = 60
mimetype.assign = ( ".bin" => "application/octet-stream" )
alias.url = ( "/cgi-bin/" => "DIR/cgi-bin/" )
$HTTP["url"] =~ "^/cgi-bin/" {
  cgi.assign = ( "" => "" )
}
`

const nginxConf = `
user root;
worker_processes auto;
daemon off;
pid DIR/nginx-PORT.pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  client_max_body_size 0;
  client_body_temp_path DIR/nginx-body-PORT;
  fastcgi_temp_path DIR/nginx-fastcgi-PORT;
  uwsgi_temp_path DIR/nginx-uwsgi-PORT;
  proxy_temp_path DIR/nginx-proxy-PORT;
  scgi_temp_path DIR/nginx-scgi-PORT;
  default_type application/octet-stream;
  server {
    listen 127.0.0.1:PORT;
    root DIR/static;
    LOCATIONS
  }
}
`

const nginxFastCGI = `location /cgi-bin/ {
      include /etc/nginx/fastcgi_params;
      fastcgi_param SCRIPT_FILENAME DIR$fastcgi_script_name;
      fastcgi_pass unix:SOCKET;
    }`

const nginxUWSGI = `location / {
      include /etc/nginx/uwsgi_params;
      uwsgi_pass unix:SOCKET;
    }`

const apacheConf = `
ServerName localhost
Listen 127.0.0.1:PORT
PidFile DIR/apache-PORT.pid
ErrorLog /dev/stderr
LogLevel crit
User www-data
Group www-data
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
LoadModule cgid_module /usr/lib/apache2/modules/mod_cgid.so
ScriptSock DIR/cgid-PORT
MaxKeepAliveRequests 0
DocumentRoot DIR/static
ScriptAlias /cgi-bin/ DIR/cgi-bin/
<Directory DIR>
  Require all granted
</Directory>
`
