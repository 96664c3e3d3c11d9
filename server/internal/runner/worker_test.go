package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"framegate/server/internal/process"
	"framegate/server/internal/testframe"
)

// pool is a Workers under test.
type pool struct {
	*Workers
	t *testing.T

	mu    sync.Mutex
	lines []string // of stderr, while it is at no request
	notes []string
}

func openPool(t *testing.T, o WorkerOptions, first ...testframe.Step) *pool {
	t.Helper()
	p := &pool{t: t}
	if o.Protocol == "" {
		o.Protocol = Bridge
	}
	argv := testframe.Worker(o.Protocol, first...)
	o.Spec = process.Spec{Path: argv[0], Argv: argv, Env: []string{"FIXED=yes"}, Dir: "/", NoOutput: true, StderrLine: func(line []byte) {
		p.mu.Lock()
		p.lines = append(p.lines, string(line))
		p.mu.Unlock()
	}}
	o.Note = func(n Note) {
		p.mu.Lock()
		p.notes = append(p.notes, fmt.Sprintf("%s: %v", n.What, n.Err))
		p.mu.Unlock()
	}
	if o.Max == 0 {
		o.Max = 1
	}
	if o.Grace == 0 {
		o.Grace = 5 * time.Second
	}
	if o.Ready == 0 {
		o.Ready = 30 * time.Second
	}
	o.Sockets = t.TempDir()
	r, err := OpenWorkers(o)
	if err != nil {
		t.Fatal(err)
	}
	p.Workers = r.(*Workers)
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *pool) noted() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.notes)
}

func (p *pool) logged() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.lines)
}

// await waits until ok, which something else than this goroutine makes true.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for limit := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("%s: not within 30 seconds", what)
		}
	}
}

// request is the spec of a request that has a worker do steps.
func request(steps ...testframe.Step) *process.Spec {
	query := testframe.Query(steps...)
	return &process.Spec{
		Vars:  []byte("QUERY_STRING\x00" + query + "\x00"),
		Env:   []string{"QUERY_STRING=" + query},
		Again: true,
	}
}

func withBody(spec *process.Spec, body io.Reader, size int) *process.Spec {
	spec.Feed = body
	spec.Vars = fmt.Appendf(spec.Vars, "CONTENT_LENGTH\x00%d\x00", size)
	spec.Env = append(spec.Env, fmt.Sprintf("CONTENT_LENGTH=%d", size))
	return spec
}

// ask has a worker do steps, and returns what it printed.
func (p *pool) ask(spec *process.Spec) (string, Kept) {
	p.t.Helper()
	run, err := p.Start(p.t.Context(), spec)
	if err != nil {
		p.t.Fatal(err)
	}
	k := KeptOf(run)
	run.Output().WhenBlocked(func() { run.Output().SetReadDeadline(time.Now().Add(30 * time.Second)) })
	data, err := io.ReadAll(run.Output())
	if err != nil {
		p.t.Errorf("output: %v", err)
	}
	return string(data), k
}

func (p *pool) want(want string, steps ...testframe.Step) Kept {
	p.t.Helper()
	got, k := p.ask(request(steps...))
	if end := k.Ending(); got != want || end.Lost != nil || end.Cut || end.Failed {
		p.t.Errorf("got %q, ending %+v; want %q", got, end, want)
	}
	if exit := k.Wait(); exit != (process.Exit{}) {
		p.t.Errorf("got exit %+v of a worker that lives", exit)
	}
	return k
}

// protocols are those that a worker of the tests can speak.
func protocols(t *testing.T, f func(t *testing.T, protocol string)) {
	for _, protocol := range []string{Bridge, SCGI} {
		t.Run(protocol, func(t *testing.T) { f(t, protocol) })
	}
}

func TestWorkerAnswersOneAfterTheOther(t *testing.T) {
	protocols(t, func(t *testing.T, protocol string) {
		p := openPool(t, WorkerOptions{Protocol: protocol})
		first := p.want("one 1", testframe.Print("one "), testframe.Serial())
		second := p.want("two 2", testframe.Print("two "), testframe.Serial())
		if first.Pid() != second.Pid() || syscall.Kill(first.Pid(), 0) != nil {
			t.Errorf("got workers %d and %d; want one, that lives", first.Pid(), second.Pid())
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if err := syscall.Kill(first.Pid(), 0); err != syscall.ESRCH {
			t.Errorf("behind Close: kill 0 says %v; want %v", err, syscall.ESRCH)
		}
		if files, _ := os.ReadDir(p.o.Sockets); len(files) != 0 {
			t.Errorf("sockets are left: %v", files)
		}
	})
}

// However long an answer is and however it comes, it is the same.
func TestWorkerAnswerSizes(t *testing.T) {
	protocols(t, func(t *testing.T, protocol string) {
		p := openPool(t, WorkerOptions{Protocol: protocol})
		p.want("")
		for _, n := range []int{1, readAhead - 9, readAhead - 8, readAhead - 4, readAhead, readAhead + 1, 3 * readAhead, 1 << 20} {
			p.want(strings.Repeat("x", n)+"end", testframe.Fill(n), testframe.Print("end"))
		}
		p.want("dripping", testframe.Drip("dripping", 0))
	})
}

func TestWorkerBody(t *testing.T) {
	protocols(t, func(t *testing.T, protocol string) {
		p := openPool(t, WorkerOptions{Protocol: protocol})
		for _, n := range []int{0, 1, 100, inlineBody, inlineBody + 1, 1 << 20} {
			body := strings.Repeat("b", n)
			want := fmt.Sprint(n)
			file, err := os.CreateTemp(t.TempDir(), "")
			if err != nil {
				t.Fatal(err)
			}
			file.WriteString(body)
			defer file.Close()
			onDisk := withBody(request(testframe.Count()), nil, n)
			onDisk.Feed, onDisk.Stdin = nil, file
			for what, spec := range map[string]*process.Spec{
				"memory": withBody(request(testframe.Count()), bytes.NewReader([]byte(body)), n),
				"stream": withBody(request(testframe.Count()), io.MultiReader(strings.NewReader(body)), n),
				"file":   onDisk,
			} {
				var fed int
				var mu sync.Mutex
				spec.Fed = func(p []byte) { mu.Lock(); fed += len(p); mu.Unlock() }
				got, k := p.ask(spec)
				if k.Wait(); got != want {
					t.Errorf("%d bytes of %s: got %q (%+v); want %q", n, what, got, k.Ending(), want)
				}
				if mu.Lock(); what != "file" && fed != n {
					t.Errorf("%d bytes of %s: %d were told of", n, what, fed)
				}
				mu.Unlock()
			}
		}
		// One that does not read its body is ready for the next request.
		long := strings.Repeat("b", 300<<10)
		p.ask(withBody(request(testframe.Print("no, thanks")), io.MultiReader(strings.NewReader(long)), len(long)))
		p.want("next", testframe.Print("next"))
	})
}

func TestWorkerEnviron(t *testing.T) {
	p := openPool(t, WorkerOptions{})
	spec := request(testframe.Var("FIXED"), testframe.Print(" "), testframe.Var("VARIES"))
	spec.Vars = append(spec.Vars, "VARIES\x00äöü\x00"...)
	if got, _ := p.ask(spec); got != "yes äöü" {
		t.Errorf("got %q; want %q", got, "yes äöü")
	}
	p.want("yes ", testframe.Var("FIXED"), testframe.Print(" "), testframe.Var("VARIES"))
}

func TestWorkerStatus(t *testing.T) {
	p := openPool(t, WorkerOptions{})
	for status, want := range []Ending{{}, {Failed: true}, {Cut: true}} {
		got, k := p.ask(request(testframe.Print("said"), testframe.Over(status)))
		if k.Ending() != want || got != "said" {
			t.Errorf("status %d: got %q, %+v; want %+v", status, got, k.Ending(), want)
		}
	}
	p.want("4", testframe.Serial())
}

// What a worker prints on stderr and, as nobody reads it, on stdout is the
// request's that it is at. Between requests it is nobody's.
func TestWorkerStderr(t *testing.T) {
	protocols(t, func(t *testing.T, protocol string) {
		p := openPool(t, WorkerOptions{Protocol: protocol}, testframe.PrintErr("at start\n"), testframe.Print("on stdout\n"))
		for i := range 20 {
			spec := request(testframe.PrintErr(fmt.Sprintf("in %d\nand not ended", i)))
			var lines []string
			spec.StderrLine = func(line []byte) { lines = append(lines, string(line)) }
			_, k := p.ask(spec)
			k.Wait()
			// Not synchronised: that it is complete is what is tested.
			if want := []string{fmt.Sprint("in ", i), "and not ended"}; protocol == Bridge && !slices.Equal(lines, want) {
				t.Fatalf("request %d: got %q; want %q", i, lines, want)
			}
		}
		if protocol == SCGI {
			return // its first request has come before its start
		}
		await(t, "stderr at the start", func() bool { return len(p.logged()) >= 2 })
		if got := p.logged()[:2]; !slices.Equal(got, []string{"at start", "on stdout"}) {
			t.Errorf("at the start: got %q", got)
		}
	})
}

// Every way for a worker to be lost costs the request that it is at, and no
// other.
func TestWorkerLost(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []testframe.Step
		want  string // what it printed
		lost  string
	}{
		{"exit", []testframe.Step{testframe.Exit(3)}, "", "exited with status 3"},
		{"exit 0", []testframe.Step{testframe.Exit(0)}, "", "exited with status 0"},
		{"SIGKILL", []testframe.Step{testframe.Kill(syscall.SIGKILL)}, "", "was killed by SIGKILL"},
		{"SIGSEGV", []testframe.Step{testframe.Kill(syscall.SIGSEGV)}, "", "was killed by SIGSEGV"},
		{"exit in the middle", []testframe.Step{testframe.Print("some"), testframe.Exit(3)}, "some", "exited with status 3"},
		{"SIGKILL in the middle", []testframe.Step{testframe.Print("some"), testframe.Kill(syscall.SIGKILL)}, "some", "was killed by SIGKILL"},
		{"in a piece", []testframe.Step{testframe.Raw("\x00\x00\x00\x09some"), testframe.Exit(0)}, "some", "exited with status 0"},
		{"in a word", []testframe.Step{testframe.Raw("\x00\x00"), testframe.Exit(0)}, "", "exited with status 0"},
		{"closes the connection", []testframe.Step{testframe.Print("some"), testframe.CloseConn(), testframe.Hang()}, "some", "closed its connection"},
		{"garbage", []testframe.Step{testframe.Raw("HTTP/1.1 200 OK\r\n\r\n"), testframe.Hang()}, "", "does not speak its protocol: 0x48545450 is no word of an answer"},
		{"zeros", []testframe.Step{testframe.Print("some"), testframe.Raw("\x00\x00\x00\x00"), testframe.Hang()}, "some", "does not speak its protocol: 0x0 is no word of an answer"},
		{"unknown status", []testframe.Step{testframe.Raw("\x80\x00\x00\x03"), testframe.Hang()}, "", "does not speak its protocol: 0x80000003 is no word of an answer"},
		{"goes on behind the end", []testframe.Step{testframe.Raw("\x00\x00\x00\x01a\x80\x00\x00\x00more"), testframe.Hang()}, "a", "does not speak its protocol: it goes on behind the end of an answer"},
		{"asks for a body twice", []testframe.Step{testframe.Raw("\xc0\x00\x00\x00\xc0\x00\x00\x00"), testframe.Hang()}, "", "does not speak its protocol: it asks for a body twice"},
		{"a grandchild holds the connection", []testframe.Step{testframe.Print("some"), testframe.Grandchild(true, testframe.Ready(), testframe.ReadAll()), testframe.Exit(4)}, "some", "exited with status 4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := openPool(t, WorkerOptions{Standing: Standing{Grace: 50 * time.Millisecond}})
			p.want("1", testframe.Serial())
			spec := request(tt.steps...)
			spec.Again = false
			if tt.name == "asks for a body twice" {
				withBody(spec, io.MultiReader(strings.NewReader("x")), 1)
			}
			got, k := p.ask(spec)
			if end := k.Ending(); end.Lost == nil || end.Lost.Error() != tt.lost || got != tt.want {
				t.Errorf("got %q, lost %v; want %q, %q", got, end.Lost, tt.want, tt.lost)
			}
			if exit := k.Wait(); exit.Ended.IsZero() {
				t.Errorf("got %+v for a worker that has ended", exit)
			}
			p.want("1", testframe.Serial())
		})
	}
}

// A request of which nobody has seen an answer is put to another worker, once,
// if it does no harm.
func TestWorkerRetry(t *testing.T) {
	protocols(t, func(t *testing.T, protocol string) {
		dir := t.TempDir()
		// The first worker that comes here dies.
		once := func(then ...testframe.Step) []testframe.Step {
			return append([]testframe.Step{testframe.Once(dir+"/"+t.Name()[len(t.Name())-3:], testframe.Kill(syscall.SIGKILL))}, then...)
		}
		p := openPool(t, WorkerOptions{Protocol: protocol, Max: 2})
		body := strings.Repeat("b", 200<<10)
		spec := withBody(request(once(testframe.Count())...), bytes.NewReader([]byte(body)), len(body))
		if got, k := p.ask(spec); got != fmt.Sprint(len(body)) {
			t.Errorf("got %q (%+v); want the second worker's answer", got, k.Ending())
		}
		got, k := p.ask(request(testframe.Kill(syscall.SIGKILL)))
		if lost := k.Ending().Lost; got != "" || lost == nil {
			t.Errorf("got %q, lost %v of a request that kills every worker", got, lost)
		}
	})
}

// A worker that has died at nothing has not seen the request: every request
// is put to another.
func TestWorkerDeadBeforeRequest(t *testing.T) {
	protocols(t, func(t *testing.T, protocol string) {
		p := openPool(t, WorkerOptions{Protocol: protocol, Max: 3, Min: 0})
		for range 20 {
			pid := p.want("", testframe.Print("")).Pid()
			syscall.Kill(pid, syscall.SIGKILL)
			spec := request(testframe.Print("answered"))
			spec.Again = false
			got, k := p.ask(spec)
			if got != "answered" {
				// The kernel has taken the request for the worker, which was
				// dying: then it may have seen it.
				if lost := k.Ending().Lost; lost == nil || lost.Error() != "was killed by SIGKILL" {
					t.Fatalf("got %q, lost %v; want the answer", got, k.Ending())
				}
			}
			k.Wait()
		}
	})
}

// A worker that hangs is stopped, and another takes its place at once.
func TestWorkerStop(t *testing.T) {
	p := openPool(t, WorkerOptions{Standing: Standing{Grace: time.Hour}})
	run, err := p.Start(t.Context(), request(testframe.Print("some"), testframe.Hang()))
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 10)
	if n, err := run.Output().Read(buf); string(buf[:n]) != "some" {
		t.Fatalf("got %q, %v", buf[:n], err)
	}
	run.Output().SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if _, err := run.Output().Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v; want %v", err, os.ErrDeadlineExceeded)
	}
	run.Stop(0)
	if exit := run.Wait(); exit.Signal != syscall.SIGTERM && exit.Signal != syscall.SIGKILL {
		t.Errorf("got %+v; want a signal", exit)
	}
	k := p.want("1", testframe.Serial())
	k.Stop(0) // its worker is somebody else's by now
	if again := p.want("2", testframe.Serial()); again.Pid() != k.Pid() {
		t.Errorf("got worker %d; want %d, which has answered", again.Pid(), k.Pid())
	}
}

func TestWorkerStartFails(t *testing.T) {
	for _, tt := range []struct {
		name  string
		first []testframe.Step
		want  string
	}{
		{"dies", []testframe.Step{testframe.PrintErr("some\nframegate: the app is broken\nhint: mend it\n"), testframe.Exit(1)},
			"a worker ended before it was ready: exited with status 1: the app is broken"},
		{"dies without a word", []testframe.Step{testframe.Exit(2)}, "a worker ended before it was ready: exited with status 2"},
		{"is killed", []testframe.Step{testframe.PrintErr("last words\n"), testframe.Kill(syscall.SIGSEGV)},
			"a worker ended before it was ready: killed by SIGSEGV: last words"},
		{"hangs", []testframe.Step{testframe.PrintErr("loading\n"), testframe.Unready()}, "a worker was not ready within 200ms: loading"},
		{"speaks first", []testframe.Step{testframe.RawStart("hi, there"), testframe.Hang()}, "a worker does not speak its protocol: its first word is 0x68692c20"},
		{"closes the connection", []testframe.Step{testframe.CloseWire(), testframe.Hang()}, "a worker closed its connection before it was ready"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := openPool(t, WorkerOptions{Max: 2, Standing: Standing{Ready: 200 * time.Millisecond, Grace: 10 * time.Millisecond}}, tt.first...)
			if tt.name != "hangs" {
				p.o.Ready = 30 * time.Second
			}
			_, err := p.Start(t.Context(), request())
			var e *StartError
			if !errors.As(err, &e) || err.Error() != tt.want {
				t.Errorf("got %v; want %s", err, tt.want)
			}
			// Whoever comes next is told at once.
			if _, err := p.Start(t.Context(), request()); !errors.Is(err, ErrNotReady) && !errors.As(err, &e) {
				t.Errorf("got %v; want %v", err, ErrNotReady)
			}
			await(t, "a note", func() bool { return len(p.noted()) > 0 })
			if got, want := p.noted()[0], "a worker could not be started: "+tt.want; got != want {
				t.Errorf("got note %q; want %q", got, want)
			}
		})
	}
}

func TestWorkerNoProgram(t *testing.T) {
	p := openPool(t, WorkerOptions{})
	p.o.Spec.Path = "/none"
	if _, err := p.Start(t.Context(), request()); !errors.Is(err, ErrProgram) {
		t.Errorf("got %v; want %v", err, ErrProgram)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	hang := openPool(t, WorkerOptions{Standing: Standing{Grace: time.Millisecond}}, testframe.Unready())
	if _, err := hang.Start(ctx, request()); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits any more: got %v; want %v", err, context.Canceled)
	}
}

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
}
