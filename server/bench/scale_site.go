package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// scaleHead begins the configuration of each gateway; frames follow it.
const scaleHead = `
listen = "127.0.0.1:PORT"

[static]
path = "DIR/static"

[capture]
path = "DIR/captures"
on = "failure"

`

// layScale writes the files that the parts ask for, and builds the programs.
func layScale(ctx context.Context, framegate string) (*site, error) {
	dir, err := os.MkdirTemp("", "framegate-scale-")
	if err != nil {
		return nil, err
	}
	s := &site{dir: dir, framegate: framegate, python: "/usr/bin/python3"}
	if err := s.layScale(ctx); err != nil {
		s.remove()
		return nil, err
	}
	return s, nil
}

func (s *site) layScale(ctx context.Context) error {
	progress("building the programs")
	defer clearProgress()
	for _, d := range []string{"cgi-bin", "app", "static"} {
		if err := os.Mkdir(s.path(d), 0o755); err != nil {
			return err
		}
	}
	for from, to := range map[string]string{"hello.c": "hello.c", "work.c": "work.c", "wsgi_hello.py": "app/wsgi_hello.py"} {
		data, err := sources.ReadFile("site/" + from)
		if err != nil {
			return err
		}
		if err := os.WriteFile(s.path(to), data, 0o644); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{"hello.txt": hello, "1KiB.bin": strings.Repeat("\x00", kib)} {
		if err := os.WriteFile(s.path("static", name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return s.build(ctx, [][]string{
		{"cc", "-O2", "-static", "-o", s.path("cgi-bin/hello"), s.path("hello.c")},
		{"cc", "-O2", "-static", "-o", s.path("cgi-bin/body"), s.path("hello.c")},
		{"cc", "-O2", "-static", "-o", s.path("cgi-bin/work"), s.path("work.c")},
	})
}

// script is a program of site/work.c's with its arguments, for a server that
// gives it none.
func (s *site) script(name, args string) error {
	return os.WriteFile(s.path("cgi-bin", name), fmt.Appendf(nil, "#!/bin/sh\nexec %s %s\n", s.path("cgi-bin/work"), args), 0o755)
}

// running is a gateway, or another server, that answers.
type running struct {
	*server
	address string
	took    time.Duration // until it answered
}

func (r *running) url(path string) string { return "http://" + r.address + path }

// startGateway starts a gateway with these frames, and waits until the file
// hello.txt is answered.
func (s *site) startGateway(ctx context.Context, frames string) (*running, error) {
	return s.startServer(ctx, "/hello.txt", scaleHead+frames, func(file string) []string {
		return []string{s.framegate, "serve", "-c", file}
	})
}

// startServer starts a server with this configuration, and waits until path is
// answered by hello.
func (s *site) startServer(ctx context.Context, path, conf string, argv func(file string) []string) (*running, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	w := writer{site: s, port: port}
	r := &running{server: &server{}, address: fmt.Sprintf("127.0.0.1:%d", port)}
	file := w.conf(conf)
	if w.err != nil {
		return nil, w.err
	}
	if r.log, err = os.CreateTemp(s.dir, "log-"); err != nil {
		return nil, err
	}
	begun := time.Now()
	if err = r.run(s.path("app"), command{argv: argv(file)}); err == nil {
		_, err = r.ready(ctx, r.url(path), benchCase{connections: 1, answer: hello})
	}
	if err != nil {
		r.stop()
		return nil, err
	}
	r.took = time.Since(begun)
	return r, nil
}

// milliseconds are the same durations as numbers.
func milliseconds(d []time.Duration) []float64 {
	return column(d, func(d time.Duration) float64 { return d.Seconds() * 1000 })
}

// ms is a quantile of the durations in milliseconds.
func ms(d []time.Duration, q float64) string {
	if len(d) == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f", quantile(milliseconds(d), q))
}
