package main

import (
	"context"
	"os/exec"
)

// lighttpdOverload is lighttpd's mod_cgi, which has no bound on how many
// programs run: nothing is refused.
const lighttpdOverload = `
server.bind = "127.0.0.1"
server.port = PORT
server.document-root = "DIR/static"
server.modules = ( "mod_cgi", "mod_alias" )
server.max-keep-alive-requests = 100000
server.max-keep-alive-idle = 60
server.max-fds = 16384
server.max-connections = 8000
mimetype.assign = ( ".txt" => "text/plain" )
alias.url = ( "/load" => "DIR/cgi-bin/load.sh", "/good" => "DIR/cgi-bin/hello" )
$HTTP["url"] =~ "^/(load|good)" {
  cgi.assign = ( "" => "" )
}
`

// measureLighttpd asks lighttpd for the program that computes. It runs as many
// at once as there are requests, up to the connections of the client.
func measureLighttpd(ctx context.Context, s *site) ([]scaleTable, error) {
	load, goods := overloadTables()
	if _, err := exec.LookPath("lighttpd"); err != nil {
		load.note("lighttpd is not installed: nothing to compare with")
		return []scaleTable{load}, nil
	}
	progress("lighttpd: a program that computes")
	o := overloads()[1]
	o.name, o.queue = "lighttpd: "+o.name, 0
	if err := s.script("load.sh", "spin 10"); err != nil {
		return nil, err
	}
	r, err := s.startServer(ctx, "/hello.txt", lighttpdOverload, func(file string) []string {
		return []string{"lighttpd", "-D", "-f", file}
	})
	if err != nil {
		return nil, err
	}
	defer r.stop()
	err = o.ask(ctx, r, "/load", newGoods(), &load, &goods)
	return []scaleTable{load, goods}, err
}
