package main

import (
	"fmt"
	"os"
	"strings"
)

// setup is how a contestant is started for a case.
type setup struct {
	commands []command
	path     string // of the case, below its root
}

type command struct {
	argv []string
	solo bool // its own processes run the app
}

// setup writes a contestant's configuration: nothing that would slow it down,
// access logs off, as many workers as cores where it has workers, connections
// kept where it can. Ours is the one that has its log, clocks and captures on.
func (s *site) setup(name string, port int, c benchCase) (*setup, error) {
	w := writer{site: s, port: port, h2: c.h2, socket: s.path(fmt.Sprintf("socket-%d", port))}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	app := "wsgi_hello:application"
	if strings.Contains(c.name, "flask") {
		app = "flask_hello:application"
	}
	path := c.path
	var commands []command
	switch name {
	case us:
		frames := map[string]string{"fork": framegateFork, "wsgi": framegateWorkers, "flask": framegateWorkers}
		file := w.conf(framegateConf + frames[strings.Split(c.path, "/")[1]])
		path, commands = ourPath(c), []command{{argv: []string{s.framegate, "serve", "-c", file}}}
	case lighttpd:
		path, commands = cgiPath(c), []command{{argv: []string{"lighttpd", "-D", "-f", w.conf(lighttpdConf)}}}
	case nginx:
		commands = []command{w.nginx("")}
	case fcgiwrap:
		commands = []command{{argv: []string{"fcgiwrap", "-c", "8", "-s", "unix:" + w.socket}}, w.nginx(nginxFastCGI)}
	case apache:
		commands = []command{{argv: []string{"apache2", "-d", s.dir, "-f", w.conf(apacheConf), "-DFOREGROUND"}}}
	case busybox:
		commands = []command{{argv: []string{"busybox", "httpd", "-f", "-p", address, "-h", s.dir}}}
	case goCGI:
		commands = []command{{argv: []string{s.path("gocgi"), address, s.path("cgi-bin")}}}
	case gunicorn:
		// Threads are how it keeps connections; of its kinds it is the fastest.
		path, commands = appPath(c), []command{{solo: true, argv: []string{s.python, "-m", "gunicorn", "-w", "2", "-k", "gthread",
			"--threads", "4", "--keep-alive", "60", "-b", address, app}}}
	case waitress:
		// One process is all it has.
		path, commands = appPath(c), []command{{solo: true, argv: []string{s.python, "-m", "waitress", "--listen", address,
			"--threads", "4", app}}}
	case uwsgi:
		path, commands = appPath(c), []command{{solo: true, argv: []string{"uwsgi", "--plugin", "python3", "--master", "--processes", "2",
			"--socket", w.socket, "--chmod-socket=666", "--listen", "1024", "--disable-logging", "--die-on-term", "--module", app}}, w.nginx(nginxUWSGI)}
	default:
		return nil, fmt.Errorf("there is no contestant of that name")
	}
	return &setup{commands: commands, path: path}, w.err
}

// writer writes the configuration of one contestant.
type writer struct {
	site   *site
	port   int
	h2     bool
	socket string
	err    error
}

func (w *writer) conf(text string) (file string) {
	file = w.site.path(fmt.Sprintf("conf-%d", w.port))
	http2 := "" // nginx speaks one or the other on a port
	if w.h2 {
		http2 = " http2"
	}
	text = strings.NewReplacer("HTTP2", http2, "PORT", fmt.Sprint(w.port), "DIR", w.site.dir, "SOCKET", w.socket, "PYTHON", w.site.python).Replace(text)
	w.err = os.WriteFile(file, []byte(text), 0o644)
	return file
}

func (w *writer) nginx(locations string) command {
	return command{argv: []string{"nginx", "-c", w.conf(strings.Replace(nginxConf, "LOCATIONS", locations, 1)), "-e", "stderr"}}
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
