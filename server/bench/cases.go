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
	upload      int64 // bytes of each request's body
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

func cgiServers() []string { return []string{us, lighttpd, fcgiwrap, busybox, goCGI, apache} }

func allCases() []benchCase {
	var cases []benchCase
	for _, n := range []int{1, 8, 64, 256} {
		cases = append(cases, benchCase{
			name: fmt.Sprintf("c-%d", n), what: "a static C program that prints 13 bytes", path: "/cgi-bin/hello",
			connections: n, contestants: append(cgiServers(), limit), load: loadWrk, quick: n == 8,
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
			connections: 8, contestants: append(cgiServers(), limit), load: loadWrk, quick: p.name == "hello.sh",
		})
	}
	cases = append(cases,
		benchCase{name: "wsgi-exec", what: "a minimal WSGI app, a process for each request", path: "/cgi-bin/wsgi.cgi",
			connections: 8, contestants: []string{us, lighttpd, fcgiwrap, goCGI, limit}, load: loadWrk, quick: true},
		benchCase{name: "flask-exec", what: "Flask, a process for each request", path: "/cgi-bin/flask.cgi",
			connections: 8, contestants: []string{us, lighttpd, fcgiwrap, goCGI}, load: loadWrk},
		benchCase{name: "flask-fork", what: "Flask, a fork for each request, beside CGI", path: "/fork/",
			connections: 8, contestants: []string{us, lighttpd, limit}, load: loadWrk, quick: true},
	)
	for _, app := range []string{"wsgi", "flask"} {
		what := map[string]string{"wsgi": "a minimal WSGI app", "flask": "Flask"}[app]
		for _, n := range []int{1, 16, 64} {
			cases = append(cases, benchCase{
				name: fmt.Sprintf("%s-worker-%d", app, n), what: what + ", two workers", path: "/" + app + "/",
				connections: n, contestants: []string{us, uwsgi, gunicorn, waitress}, load: loadWrk, quick: n == 16,
			})
		}
	}
	cases = append(cases,
		benchCase{name: "worker-1MiB", what: "1 MiB answers of a WSGI app", path: "/wsgi/1048576",
			connections: 8, contestants: []string{us, uwsgi, gunicorn}, load: loadWrk},
		benchCase{name: "worker-100MiB", what: "100 MiB answers of a WSGI app", path: "/wsgi/104857600", unit: "MB/s",
			connections: 2, contestants: []string{us, uwsgi, gunicorn}, load: loadBytes},
		benchCase{name: "worker-up-1MiB", what: "1 MiB uploads to a WSGI app", path: "/wsgi/up", unit: "MB/s", upload: 1 << 20,
			connections: 8, contestants: []string{us, uwsgi, gunicorn}, load: loadBytes},
		benchCase{name: "worker-up-100MiB", what: "100 MiB uploads to a WSGI app", path: "/wsgi/up", unit: "MB/s", upload: 100 << 20,
			connections: 2, contestants: []string{us, uwsgi, gunicorn}, load: loadBytes},
		benchCase{name: "c-100KiB", what: "100 KiB answers of a C program", path: "/cgi-bin/body?102400",
			connections: 8, contestants: []string{us, lighttpd, fcgiwrap, goCGI, apache}, load: loadWrk},
		benchCase{name: "c-100MiB", what: "100 MiB answers of a C program", path: "/cgi-bin/body?104857600", unit: "MB/s",
			connections: 2, contestants: []string{us, lighttpd, fcgiwrap, goCGI, apache}, load: loadBytes},
		benchCase{name: "c-up-100KiB", what: "100 KiB uploads to a C program", path: "/cgi-bin/body", unit: "MB/s", upload: 100 << 10,
			connections: 8, contestants: []string{us, lighttpd, fcgiwrap, goCGI, apache}, load: loadBytes},
		benchCase{name: "c-up-100MiB", what: "100 MiB uploads to a C program", path: "/cgi-bin/body", unit: "MB/s", upload: 100 << 20,
			connections: 2, contestants: []string{us, lighttpd, fcgiwrap, goCGI, apache}, load: loadBytes},
	)
	for _, n := range []int{16, 256} {
		for _, f := range []string{"1KiB", "100KiB"} {
			cases = append(cases, benchCase{
				name: fmt.Sprintf("static-%s-%d", f, n), what: "a file of " + f, path: "/" + f + ".bin",
				connections: n, contestants: []string{us, nginx, lighttpd}, load: loadWrk, quick: n == 16,
			})
		}
	}
	cases = append(cases, benchCase{name: "static-100MiB", what: "a file of 100 MiB", path: "/100MiB.bin", unit: "MB/s",
		connections: 16, contestants: []string{us, nginx, lighttpd}, load: loadBytes})
	for i := range cases {
		if cases[i].unit == "" {
			cases[i].unit = "req/s"
		}
	}
	return cases
}

func quickCases(all []benchCase) []benchCase {
	return slices.DeleteFunc(all, func(c benchCase) bool { return !c.quick })
}

func printCases(w io.Writer, cases []benchCase) {
	for _, c := range cases {
		fmt.Fprintf(w, "%-18s %s, %d connections: %s\n", c.name, c.what, c.connections, strings.Join(c.contestants, ", "))
	}
}
