package timeline

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"framegate/server/internal/capture"
)

var update = flag.Bool("update", false, "write testdata/*.txt anew")

const ms = time.Millisecond

// exchange is one that went well: a form was posted, and echoed.
func exchange() *capture.Exchange {
	head := "Content-Type: text/plain; charset=utf-8\n\n"
	return &capture.Exchange{
		ID: "1f2e3d4c5b6a7988", Time: time.Date(2026, 11, 22, 15, 4, 5, 123e6, time.UTC), Frame: "echo", Mode: "exec", Pid: 4711,
		Request: capture.Request{Method: "POST", Target: "/echo/a%20b?x=1", Proto: "HTTP/1.1"},
		Program: capture.Program{
			Path: "/bin/sh", Argv: []string{"sh", "-c", "cat; it's"}, Dir: "/srv/site",
			Env: []string{"PATH=/bin", "REQUEST_METHOD=POST", "QUERY_STRING=x=1", "SCRIPT_NAME=/echo", "PATH_INFO=/a b/中文\\", "CONTENT_LENGTH=8", "A"},
		},
		Stdin:  capture.Stream{Head: []byte("name=Ada"), Size: 8, Read: 8},
		Stdout: capture.Stream{Head: []byte(head + "name=Ada 中文\r\n\x00\xff\\n"), Size: int64(len(head)) + 23, Read: -1},
		Stderr: capture.Lines{Last: []string{"looking for /a b", "a\ttab and \x1b[31mred"}, Dropped: 2},
		Exit:   &capture.Exit{CPU: 12*ms + 3456, MaxRSSKiB: 14233},
		Answer: capture.Answer{Status: 200, Body: capture.Stream{Size: 23}},
		Events: []capture.Event{
			{At: 9000, Kind: capture.Started},
			{At: 812 * time.Microsecond, Kind: capture.Spawned},
			{At: 901 * time.Microsecond, Kind: capture.StdinData, Bytes: 8},
			{At: 910 * time.Microsecond, Kind: capture.StdinEnd, Offset: 8},
			{At: 23*ms + 310000, Kind: capture.StdoutPut, Bytes: int64(len(head))},
			{At: 23*ms + 320000, Kind: capture.HeaderEnd, Offset: int64(len(head))},
			{At: 23*ms + 400000, Kind: capture.StderrPut, Offset: 2, Bytes: 16},
			{At: 23*ms + 401000, Kind: capture.StderrPut, Offset: 3, Bytes: 16},
			{At: 24 * ms, Kind: capture.StdoutPut, Offset: int64(len(head)), Bytes: 23},
			{At: 24*ms + 100000, Kind: capture.StdoutEnd, Offset: int64(len(head)) + 23},
			{At: 24*ms + 600000, Kind: capture.Exited},
			{At: 24*ms + 912345, Kind: capture.Answered, Offset: 23},
		},
	}
}

// documented is what docs/run.md shows.
func documented() *capture.Exchange {
	head := "Content-Type: text/html; charset=utf-8\n\n"
	body := "<!doctype html><p>Thank you, Ada.</p>\n"
	at := func(us int, e capture.Event) capture.Event { e.At = time.Duration(us) * time.Microsecond; return e }
	return &capture.Exchange{
		ID: "5c0e8f3aa1d94b27", Time: time.Date(2026, 11, 22, 15, 4, 5, 123e6, time.UTC), Frame: "shop", Mode: "exec", Pid: 4711,
		Request: capture.Request{Method: "POST", Target: "/shop/order"},
		Program: capture.Program{Argv: []string{"python3", "shop.py"}, Dir: "/srv/site", Env: append([]string{
			"REQUEST_METHOD=POST", "SCRIPT_NAME=/shop", "PATH_INFO=/order", "QUERY_STRING=", "CONTENT_TYPE=application/x-www-form-urlencoded",
			"CONTENT_LENGTH=23", "HTTP_HOST=127.0.0.1:7890", "SCRIPT_FILENAME=/usr/bin/python3"}, make([]string, 14)...)},
		Stdin:  capture.Stream{Head: []byte("name=Ada&book=Notes&n=1"), Size: 23, Read: 23},
		Stdout: capture.Stream{Head: []byte(head + body), Size: int64(len(head + body))},
		Stderr: capture.Lines{Last: []string{"order 17 is stored"}},
		Exit:   &capture.Exit{CPU: 31402 * time.Microsecond, MaxRSSKiB: 14400},
		Answer: capture.Answer{Status: 200, Body: capture.Stream{Size: int64(len(body))}},
		Events: []capture.Event{
			at(9, capture.Event{Kind: capture.Started}), at(31, capture.Event{Kind: capture.StdinData, Bytes: 23}),
			at(33, capture.Event{Kind: capture.StdinEnd, Offset: 23}), at(1204, capture.Event{Kind: capture.Spawned}),
			at(28790, capture.Event{Kind: capture.StdoutPut, Bytes: int64(len(head))}), at(28802, capture.Event{Kind: capture.HeaderEnd, Offset: int64(len(head))}),
			at(139466, capture.Event{Kind: capture.StderrPut}), at(139712, capture.Event{Kind: capture.StdoutPut, Offset: int64(len(head)), Bytes: int64(len(body))}),
			at(142015, capture.Event{Kind: capture.StdoutEnd, Offset: int64(len(head + body))}), at(142530, capture.Event{Kind: capture.Exited}),
			at(142744, capture.Event{Kind: capture.Answered}),
		},
	}
}

// What the manual shows is drawn as it says.
func TestDocument(t *testing.T) {
	manual, err := os.ReadFile("../../../docs/run.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := draw(t, documented(), Options{}); !strings.Contains(string(manual), "```text\n"+want+"```\n") {
		t.Errorf("docs/run.md does not show:\n%s", want)
	}
}

// hang is a program that was stopped: it did not read, and said nothing.
func hang() *capture.Exchange {
	x := exchange()
	x.Stdin.Read = 0
	x.Stdout, x.Stderr = capture.Stream{Read: -1}, capture.Lines{}
	x.Exit = &capture.Exit{Code: -1, Signal: "SIGTERM", CPU: 2 * ms, MaxRSSKiB: 900}
	x.Answer = capture.Answer{Status: 504, Body: capture.Stream{Size: 87}}
	x.Failure = "first-byte-timeout: nothing to read from the program 1m0.001s after its start, which is longer than it may take"
	x.Events = append(x.Events[:4:4],
		capture.Event{At: 60*time.Second + ms, Kind: capture.Stopped},
		capture.Event{At: 60*time.Second + 2*ms, Kind: capture.Answered},
		capture.Event{At: 60*time.Second + 3*ms, Kind: capture.Exited})
	return x
}

// stream is one that prints many times, and is cut.
func stream() *capture.Exchange {
	x := exchange()
	x.Events = x.Events[:2:2]
	x.Stdin = capture.Stream{Read: -1}
	x.Stdout = capture.Stream{Head: []byte(strings.Repeat("tick\n", 100)), Size: 80 << 10}
	for i := range 60 {
		x.Events = append(x.Events, capture.Event{At: time.Duration(i+1) * 10 * ms, Kind: capture.StdoutPut, Offset: int64(5 * i), Bytes: 5})
		if i%7 == 0 {
			x.Events = append(x.Events, capture.Event{At: time.Duration(i+1) * 10 * ms, Kind: capture.StderrPut, Offset: int64(2 + i/7)})
		}
	}
	x.Events = append(x.Events, capture.Event{At: 700 * ms, Kind: capture.StdoutPut, Offset: 70 << 10, Bytes: 10 << 10},
		capture.Event{At: 700 * ms, Kind: capture.Exited}, capture.Event{At: 701 * ms, Kind: capture.Answered})
	x.Exit = &capture.Exit{Code: -1, Signal: "SIGSEGV"}
	x.Answer.Cut = true
	x.Warning, x.Failure = "it has printed a warning", "the program was killed by SIGSEGV after its header: the answer was cut"
	return x
}

// running is one that has only begun.
func running() *capture.Exchange {
	x := exchange()
	return &capture.Exchange{ID: x.ID, Time: x.Time, Frame: x.Frame, Mode: "worker", Pid: 4711, Request: x.Request, Program: x.Program}
}

// unstarted is a program that is not there.
func unstarted() *capture.Exchange {
	x := exchange()
	x.Pid, x.Exit, x.Events = 0, nil, []capture.Event{{Kind: capture.Started}, {At: ms, Kind: capture.Answered}}
	x.Stdin, x.Stdout, x.Stderr = capture.Stream{}, capture.Stream{}, capture.Lines{}
	x.Answer = capture.Answer{Status: 500, Body: capture.Stream{Size: 100}}
	x.Failure = "program cannot be run: /srv/site/none.sh: no such file"
	return x
}

func TestDraw(t *testing.T) {
	for _, tt := range []struct {
		name string
		x    *capture.Exchange
		o    Options
	}{
		{"good", exchange(), Options{}},
		{"documented", documented(), Options{}},
		{"good-ascii", exchange(), Options{ASCII: true, Env: true}},
		{"good-color", exchange(), Options{Color: true, Width: 100}},
		{"good-narrow", exchange(), Options{Width: 1}},
		{"hang", hang(), Options{}},
		{"stream", stream(), Options{Width: 100}},
		{"running", running(), Options{}},
		{"unstarted", unstarted(), Options{}},
		{"nothing", &capture.Exchange{}, Options{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := draw(t, tt.x, tt.o)
			check(t, got, tt.o)
			file := filepath.Join("testdata", tt.name+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func draw(t *testing.T, x *capture.Exchange, o Options) string {
	t.Helper()
	var b strings.Builder
	if err := Draw(&b, x, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestLine(t *testing.T) {
	long := exchange()
	long.Request.Target = "/" + strings.Repeat("long", 40)
	killed := exchange()
	killed.Request.Target, killed.Answer.Cut, killed.Exit.Signal = long.Request.Target, true, "SIGKILL"
	for _, tt := range []struct {
		x    *capture.Exchange
		o    Options
		want string
	}{
		{exchange(), Options{}, "15:04:05.123  POST /echo/a%20b?x=1 → 200 OK, 23 B in 24.912 ms  echo\n"},
		{hang(), Options{}, "15:04:05.123  POST /echo/a%20b?x=1 → 504 in 60.003000 s, killed by SIGTERM\n"},
		{hang(), Options{Width: 40}, "POST /ech… → 504 in 60.003000 s, SIGTERM\n"},
		{hang(), Options{Width: 120}, "15:04:05.123  POST /echo/a%20b?x=1 → 504 Gateway Timeout, 87 B in 60.003000 s, killed by SIGTERM  echo\n"},
		{long, Options{}, "15:04:05.123  POST /longlonglonglonglonglongl… → 200 OK, 23 B in 24.912 ms  echo\n"},
		{killed, Options{}, "15:04:05.123  POST /longlonglonglong… → 200, cut in 24.912 ms, killed by SIGKILL\n"},
		{killed, Options{Whole: true, Width: 50}, "15:04:05.123  POST " + long.Request.Target + " → 200 OK, cut after 23 B in 24.912 ms, killed by SIGKILL  echo\n"},
		{running(), Options{}, "15:04:05.123  POST /echo/a%20b?x=1 → still running  echo\n"},
	} {
		var b strings.Builder
		if err := Line(&b, tt.x, tt.o); err != nil || b.String() != tt.want {
			t.Errorf("got %q, %v; want %q", b.String(), err, tt.want)
		}
		if !tt.o.Whole {
			check(t, b.String(), tt.o)
		}
	}
}

// What goes by before the start is no start that takes long; what goes by
// behind it is, and a body that was laid ready does not change that.
func TestSilenceAtTheStart(t *testing.T) {
	late := exchange()
	for i := range late.Events {
		late.Events[i].At += 50 * ms
	}
	slow := exchange()
	slow.Events[1].At, slow.Events[2].At, slow.Events[3].At = 20*ms, 2*ms, 3*ms
	for _, tt := range []struct {
		x    *capture.Exchange
		want string
	}{
		{late, "┈  50.009 ms before its start\n50.009  +50.009    start  "},
		{slow, "  → stdin              end of file                     laid ready\n"},
		{slow, "┈  17.000 ms to start it\n20.000  +17.000    spawned  "},
	} {
		if got := draw(t, tt.x, Options{}); !strings.Contains(got, tt.want) {
			t.Errorf("got\n%s\nwant in it %q", got, tt.want)
		}
	}
}

func TestRunning(t *testing.T) {
	x := running()
	got := Running([]*capture.Exchange{x, x}, x.Time.Add(3210*ms), Options{Width: 80})
	if want := "2 exchanges running: POST /echo/a%20b?x=1 for 3.2s, POST /echo/a%20b?x=1 for 3.…"; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
	got = Running([]*capture.Exchange{x, x}, x.Time.Add(3210*ms), Options{Width: 40, Whole: true})
	if want := "2 exchanges running: POST /echo/a%20b?x=1 for 3.2s, POST /echo/a%20b?x=1 for 3.2s"; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
}

// A writer that fails says so.
func TestDrawFails(t *testing.T) {
	if err := Draw(failing{}, exchange(), Options{}); err != os.ErrClosed {
		t.Errorf("got %v; want %v", err, os.ErrClosed)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestSize(t *testing.T) {
	for _, tt := range []struct {
		n    int64
		want string
	}{{0, "0 B"}, {-1, "-1 B"}, {9999, "9999 B"}, {10000, "9.8 KiB"}, {102348, "99.9 KiB"}, {102399, "100 KiB"}, {1 << 20, "1.0 MiB"}, {1 << 62, "4096 PiB"}} {
		if got := size(tt.n); got != tt.want {
			t.Errorf("%d: got %q; want %q", tt.n, got, tt.want)
		}
	}
}

func TestTick(t *testing.T) {
	for total := time.Duration(1); total > 0 && total < 1<<62; total = total*3 + 1 {
		if n := total / tick(total); n > 8 || n < 1 {
			t.Errorf("%v: got %d ticks of %v; want one to eight", total, n, tick(total))
		}
	}
}
