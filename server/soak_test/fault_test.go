package soak_test

import (
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"framegate/server/internal/testframe"
)

// faulty is a frame that misbehaves, and how its exchange is to end.
type faulty struct {
	name     string
	command  []string
	settings string // further keys of its table
	weight   int
	body     int // of the request: that many bytes, 0 is a GET

	status  int    // an error page, or
	answer  string // the whole answer all the same, or
	printed string // the start of a cut one
	some    bool   // how much of printed arrives depends on the machine
	busy    bool   // or 503
}

const (
	textHeader = "Content-Type: text/plain\n\n"
	part       = "part of it\n"
	all        = "all of it\n"
)

func steps(s ...testframe.Step) []string { return testframe.Command(s...) }

func sh(script string) []string { return []string{"/bin/sh", "-c", script} }

// faultyFrames are what a frame can do wrong, as CONTRACT.md lists it.
func faultyFrames() []faulty {
	return append(append(dying(), hanging()...), disobeying()...)
}

// dying frames end too early, or never begin.
func dying() []faulty {
	kill, segv := testframe.Kill(syscall.SIGKILL), testframe.Kill(syscall.SIGSEGV)
	header := testframe.Print(textHeader + part)
	return []faulty{
		{name: "crash-before", command: steps(testframe.Exit(1)), weight: 8, status: 502},
		{name: "crash-in-header", command: steps(testframe.Print("Content-Type: text/pl"), testframe.Exit(3)), weight: 8, status: 502},
		{name: "crash-after", command: steps(header, kill), weight: 8, printed: part},
		{name: "short-body", command: steps(testframe.Print("Content-Length: 100\n" + textHeader + part)), weight: 8, printed: part},
		{name: "exit-status", command: steps(testframe.Print(textHeader+all), testframe.Exit(7)), weight: 4, answer: all},
		{name: "segfault-before", command: steps(segv), weight: 8, status: 502},
		{name: "segfault-after", command: steps(header, segv), weight: 8, printed: part},
		{name: "exec-format", command: []string{"bad/no-format"}, weight: 8, status: 500},
		{name: "no-interpreter", command: []string{"bad/no-interpreter"}, weight: 8, status: 500},
		{name: "no-program", command: []string{"bad/no-program"}, weight: 8, status: 500},
		{name: "te-header", command: sh(`printf 'Transfer-Encoding: chunked\n\n'`), weight: 8, status: 502},
		{name: "two-statuses", command: sh(`printf 'Status: 200\nStatus: 404\n\n'`), weight: 8, status: 502},
	}
}

// hanging frames are stopped by one of the clocks.
func hanging() []faulty {
	header := testframe.Print(textHeader + part)
	dripped := strings.Repeat("drip ", 100)
	return []faulty{
		{name: "hang", command: steps(testframe.Hang()), settings: `first-byte-timeout = "300ms"`, weight: 6, status: 504},
		{name: "hang-ignores-term", command: steps(testframe.Ignore(syscall.SIGTERM), testframe.Hang()),
			settings: `first-byte-timeout = "300ms"`, weight: 4, status: 504},
		{name: "hang-after", command: steps(header, testframe.Hang()), settings: `idle-timeout = "1s"`, weight: 4, printed: part},
		{name: "drip-header", command: steps(testframe.Drip("Content-Type: text/plain\nX-Drip: "+dripped, 20*time.Millisecond)),
			settings: `total-timeout = "1s"`, weight: 4, status: 504},
		{name: "drip-body", command: steps(testframe.Print(textHeader), testframe.Drip(dripped, 20*time.Millisecond)),
			settings: "first-byte-timeout = \"30s\"\ntotal-timeout = \"4s\"", weight: 2, printed: dripped, some: true},
		{name: "busy", command: sh(`sleep 0.05; printf 'Content-Type: text/plain\n\nall of it\n'`),
			settings: "max-concurrent = 1\nmax-queue = 1\nqueue-timeout = \"200ms\"", weight: 10, answer: all, busy: true},
	}
}

// disobeying frames say too much, in the wrong place, or will not end.
func disobeying() []faulty {
	printAll := testframe.Print(textHeader + all)
	return []faulty{
		{name: "endless-header", command: steps(testframe.EndlessHeader()), weight: 4, status: 502},
		{name: "endless-beyond-length", command: steps(testframe.Print("Content-Length: "+strconv.Itoa(len(all))+"\n"+textHeader+all), testframe.EndlessBody("more")),
			settings: `total-timeout = "3s"`, weight: 1, answer: all},
		{name: "noise", command: steps(testframe.Noise(8<<20, 100), printAll), weight: 1, answer: all},
		{name: "noise-one-line", command: steps(testframe.Noise(8<<20, 0), printAll), weight: 1, answer: all},
		{name: "closes-stdout-before", command: steps(testframe.CloseStdout(), testframe.Hang()), weight: 4, status: 502},
		{name: "closes-stdout-after", command: steps(printAll, testframe.CloseStdout(), testframe.Hang()), weight: 4, answer: all},
		{name: "never-reads", command: steps(printAll), weight: 8, body: 512 << 10, answer: all},
		{name: "never-reads-streamed", command: steps(printAll), settings: "stream-body = true", weight: 4, body: 512 << 10, answer: all},
		{name: "reads-after", command: steps(printAll, testframe.ReadAll()), weight: 4, body: 256 << 10, answer: all},
		{name: "closes-stdin", command: steps(testframe.CloseStdin(), printAll), weight: 4, body: 256 << 10, answer: all},
		{name: "grandchild", command: steps(testframe.Grandchild(false, testframe.Ignore(syscall.SIGTERM), testframe.Ready(), testframe.Hang()), printAll),
			weight: 4, answer: all},
		// It leaves the group, holds stdout, and ends by itself: where no
		// cgroup can be written to, nothing else would end it.
		{name: "grandchild-session", command: sh(`setsid sleep 2 & printf 'Content-Type: text/plain\n\nall of it\n'`), weight: 2, answer: all},
		{name: "max-body", command: steps(printAll), settings: `max-body = "1KiB"`, weight: 8, body: 4 << 10, status: 413},
	}
}

// faultClasses are one class for each faulty frame, and what scripts and
// routes can lack.
func faultClasses() []class {
	missing := func(target string, status int) func(w *worker) error {
		return func(w *worker) error {
			a, err := w.ask(request{method: "GET", target: target})
			return refused(a, err, status)
		}
	}
	list := []class{
		{name: "no such script", want: "404", weight: 8, run: missing("/cgi/nothing", 404)},
		{name: "script not executable", want: "403", weight: 8, run: missing("/cgi/not-executed", 403)},
		{name: "no such file", want: "404", weight: 8, run: missing("/nothing", 404)},
		{name: "a path that leaves", want: "404", weight: 8, run: missing("/%2e%2e/gateway.toml", 404)},
	}
	for _, f := range faultyFrames() {
		list = append(list, class{name: f.name, want: f.want(), weight: f.weight, run: f.run})
	}
	return list
}

func (f *faulty) want() string {
	switch {
	case f.busy:
		return "200 or 503"
	case f.status != 0:
		return strconv.Itoa(f.status)
	case f.answer != "":
		return "200"
	}
	return "200, cut"
}

func (f *faulty) run(w *worker) error {
	r := request{method: "GET", target: "/" + f.name}
	if f.body > 0 {
		r.method, r.body = "POST", w.body(f.body)
		r.chunked = w.rnd.IntN(4) == 0
	}
	a, err := w.ask(r)
	switch {
	case f.busy && err == nil && a.status == http.StatusServiceUnavailable:
		return refused(a, err, a.status)
	case f.status != 0:
		return refused(a, err, f.status)
	case f.answer != "":
		return whole(a, err, []byte(f.answer))
	}
	return cut(a, err, f.printed, !f.some)
}
