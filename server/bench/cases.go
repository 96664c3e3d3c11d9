package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// benchCase is one thing that is asked of several contestants.
type benchCase struct {
	name        string
	what        string // in a sentence
	unit        string // "req/s" or "MB/s"
	path        string // below each server's root
	connections int
	contestants []string // the physical limit last
	load        loader
	upload      int64         // bytes of each request's body
	answer      string        // the whole body of the right answer
	zeros       int64         // or how many zeros that is
	h2          bool          // asked by HTTP/2, without TLS
	least       time.Duration // a measurement takes, where a request does not end within a second
	quick       bool
}

type loader func(ctx context.Context, s *site, srv *server, url string, c benchCase, d time.Duration) (sample, error)

// The contestants' names.
const (
	us       = "framegate"
	apache   = "apache mod_cgid"
	lighttpd = "lighttpd"
	fcgiwrap = "nginx + fcgiwrap"
	busybox  = "busybox httpd"
	goCGI    = "go net/http/cgi"
	gunicorn = "gunicorn"
	uwsgi    = "nginx + uwsgi"
	waitress = "waitress"
	nginx    = "nginx"
	limit    = "physical limit"
)

const (
	hello = "Hello, world\n"

	kib = 1 << 10
	mib = 1 << 20
)

func cgiServers() []string { return []string{us, lighttpd, fcgiwrap, busybox, goCGI, apache} }

// uploadServers are those that take uploads: busybox resets the connection of
// every other one.
func uploadServers() []string { return []string{us, lighttpd, fcgiwrap, goCGI, apache} }

func wsgiServers() []string { return []string{us, uwsgi, gunicorn, waitress} }

func fileServers() []string { return []string{us, nginx, lighttpd} }

func allCases() []benchCase {
	cases := slices.Concat(programCases(), pythonCases(), bodyCases(), fileCases())
	for i := range cases {
		c := &cases[i]
		if c.unit == "" {
			c.unit = "req/s"
		}
		if c.load == nil {
			c.load = loadWrk
		}
		if c.zeros == 0 && !(c.upload > 0 && strings.HasPrefix(c.path, "/cgi-bin/")) {
			c.answer = hello
		}
	}
	return cases
}

// programCases are small programs, one process for each request.
func programCases() []benchCase {
	var cases []benchCase
	for _, n := range []int{1, 8, 64, 256} {
		cases = append(cases, benchCase{
			name: fmt.Sprintf("c-%d", n), what: "a static C program that prints 13 bytes", path: "/cgi-bin/hello",
			connections: n, contestants: append(cgiServers(), limit), quick: n == 8,
		})
	}
	programs := []struct{ name, what string }{
		{"nolibc", "the same without a C library"},
		{"hello.sh", "a shell script"},
		{"hello.pl", "a Perl script"},
	}
	for _, p := range programs {
		cases = append(cases, benchCase{
			name: strings.TrimPrefix(p.name, "hello."), what: p.what, path: "/cgi-bin/" + p.name,
			connections: 8, contestants: append(cgiServers(), limit), quick: p.name == "hello.sh",
		})
	}
	return cases
}

// pythonCases are WSGI apps in each of the three modes.
func pythonCases() []benchCase {
	cases := []benchCase{
		{name: "wsgi-exec", what: "a minimal WSGI app, a process for each request", path: "/cgi-bin/wsgi.cgi",
			connections: 8, contestants: append(cgiServers(), limit), quick: true},
		{name: "flask-exec", what: "Flask, a process for each request", path: "/cgi-bin/flask.cgi",
			connections: 8, contestants: append(cgiServers(), limit), least: 6 * time.Second},
		{name: "flask-fork", what: "Flask, a fork for each request, beside CGI", path: "/fork/",
			connections: 8, contestants: []string{us, lighttpd, limit}, least: 2 * time.Second, quick: true},
	}
	for _, app := range []string{"wsgi", "flask"} {
		what := map[string]string{"wsgi": "a minimal WSGI app", "flask": "Flask"}[app]
		for _, n := range []int{1, 16, 64} {
			cases = append(cases, benchCase{
				name: fmt.Sprintf("%s-worker-%d", app, n), what: what + ", two workers", path: "/" + app + "/",
				connections: n, contestants: wsgiServers(), quick: n == 16,
			})
		}
	}
	return cases
}

// bodyCases move bodies of 100 KiB to 100 MiB both ways, through programs and
// workers.
func bodyCases() []benchCase {
	var cases []benchCase
	for _, size := range []struct {
		name        string
		bytes       int64
		connections int
	}{{"100KiB", 100 * kib, 8}, {"1MiB", mib, 8}, {"100MiB", 100 * mib, 2}} {
		for _, to := range []struct {
			name, what, down, up string
			servers, takers      []string
		}{
			{"c", "a C program", "/cgi-bin/body?%d", "/cgi-bin/body", cgiServers(), uploadServers()},
			{"worker", "a WSGI app, two workers", "/wsgi/%d", "/wsgi/up", wsgiServers(), wsgiServers()},
		} {
			down := benchCase{name: to.name + "-" + size.name, what: spaced(size.name) + " answers of " + to.what,
				path: fmt.Sprintf(to.down, size.bytes), zeros: size.bytes, connections: size.connections, contestants: to.servers}
			if size.bytes > mib {
				down.unit, down.load = "MB/s", loadBytes
			}
			up := benchCase{name: to.name + "-up-" + size.name, what: spaced(size.name) + " uploads to " + to.what, unit: "MB/s", load: loadBytes,
				path: to.up, upload: size.bytes, connections: size.connections, contestants: to.takers}
			cases = append(cases, down, up)
		}
	}
	return cases
}

// fileCases are static files.
func fileCases() []benchCase {
	var cases []benchCase
	for _, n := range []int{16, 256} {
		for _, f := range []struct {
			name  string
			bytes int64
		}{{"1KiB", kib}, {"100KiB", 100 * kib}, {"100MiB", 100 * mib}} {
			c := benchCase{name: fmt.Sprintf("static-%s-%d", f.name, n), what: "a file of " + spaced(f.name), path: "/" + f.name + ".bin",
				zeros: f.bytes, connections: n, contestants: fileServers(), quick: n == 16 && f.bytes < mib}
			if f.bytes > mib {
				c.unit, c.load = "MB/s", loadBytes
			}
			cases = append(cases, c)
		}
	}
	return append(cases, benchCase{name: "static-1KiB-h2c", what: "a file of 1 KiB by HTTP/2, 16 streams on each connection", path: "/1KiB.bin",
		zeros: kib, connections: 8, contestants: fileServers(), load: loadH2, h2: true})
}

// spaced is a size as prose writes it.
func spaced(size string) string {
	return strings.NewReplacer("KiB", " KiB", "MiB", " MiB").Replace(size)
}

func printCases(w io.Writer, cases []benchCase) {
	for _, c := range cases {
		fmt.Fprintf(w, "%-18s %s, %d connections: %s\n", c.name, c.what, c.connections, strings.Join(c.contestants, ", "))
	}
}
