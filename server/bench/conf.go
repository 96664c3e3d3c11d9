package main

// The configurations. PORT, DIR, SOCKET, PYTHON and
// HTTP2 are put in.

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
warm-up = "/fork/"

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
server.max-worker = 2
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
    listen 127.0.0.1:PORTHTTP2;
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
StartServers 2
ServerLimit 4
ThreadsPerChild 256
ThreadLimit 256
MaxRequestWorkers 1024
CGIDScriptTimeout 30
DocumentRoot DIR/static
ScriptAlias /cgi-bin/ DIR/cgi-bin/
<Directory DIR>
  Require all granted
</Directory>
`
