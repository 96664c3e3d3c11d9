package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"framegate/server/internal/bridge"
	"framegate/server/internal/config"
	"framegate/server/internal/process"
	"framegate/server/internal/servertest"
)

// forkApp does what a request says.
const forkApp = `import os, signal, subprocess, sys, time
def application(environ, start_response):
    names = {"answer": b"", "environ": environ}
    exec(environ["HTTP_DO"], globals(), names)
    start_response("200 OK", [])
    return [names["answer"]]
`

// forks is a Forks under test.
type forks struct {
	*Forks
	t   *testing.T
	dir string

	mu    sync.Mutex
	lines []string // of the loaded process's stderr
	notes []string
}

func openForks(t *testing.T, source string, change ...func(*ForkOptions)) *forks {
	t.Helper()
	servertest.Require(t, "apt-get install python3", "python3")
	f := &forks{t: t, dir: t.TempDir()}
	f.write(source)
	b, err := bridge.Open(t.Context(), bridge.Options{
		Frame: &config.Frame{App: "web:application", Mode: config.Fork, Settings: config.Settings{PathInfo: "text"}},
		Dir:   f.dir,
	})
	if err != nil {
		t.Fatal(err)
	}
	o := ForkOptions{Standing{
		Spec: process.Spec{
			Path: b.Path, Argv: b.Standing, Dir: f.dir,
			Env:        []string{"PATH=" + os.Getenv("PATH"), "PYTHONDONTWRITEBYTECODE=1"},
			StderrLine: f.line,
		},
		Grace: 5 * time.Second, Ready: 30 * time.Second, Note: f.note,
	}}
	for _, c := range change {
		c(&o)
	}
	r, err := OpenFork(o)
	if err != nil {
		t.Fatal(err)
	}
	f.Forks = r.(*Forks)
	t.Cleanup(func() {
		if err := errors.Join(f.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *forks) write(source string) {
	if err := os.WriteFile(filepath.Join(f.dir, "web.py"), []byte(source), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

func (f *forks) line(line []byte) {
	f.mu.Lock()
	f.lines = append(f.lines, string(line))
	f.mu.Unlock()
}

func (f *forks) note(n Note) {
	f.mu.Lock()
	f.notes = append(f.notes, fmt.Sprintf("%s: %v", n.What, n.Err))
	f.mu.Unlock()
}

func (f *forks) noted() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.notes, "\n")
}

func (f *forks) logged() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.lines, "\n")
}

// loadedPid is the number of the process that is forked.
func (f *forks) loadedPid() int {
	f.Forks.mu.Lock()
	defer f.Forks.mu.Unlock()
	if f.current == nil {
		return 0
	}
	return f.current.pid()
}

// doing is the spec of a request that has the app do that.
func (f *forks) doing(do string, env ...string) *process.Spec {
	return &process.Spec{
		Path: "/nobody/looks", Dir: f.dir,
		Env: append([]string{"REQUEST_METHOD=GET", "SCRIPT_NAME=", "PATH_INFO=/", "HTTP_DO=" + do}, env...),
	}
}

func (f *forks) start(spec *process.Spec) Run {
	f.t.Helper()
	run, err := f.Start(f.t.Context(), spec)
	if err != nil {
		f.t.Fatal(err)
	}
	return run
}

// ask has the app do that, and returns the body of its answer.
func (f *forks) ask(spec *process.Spec) (string, process.Exit) {
	f.t.Helper()
	run := f.start(spec)
	data, err := io.ReadAll(run.Output())
	if err != nil {
		f.t.Error(err)
	}
	_, body, _ := strings.Cut(string(data), "\r\n\r\n")
	return body, run.Wait()
}

func TestForkExchange(t *testing.T) {
	f := openForks(t, forkApp)
	var stderr []string
	spec := f.doing("print('to the log'); answer = environ['wsgi.input'].read() + environ['HTTP_X'].encode('latin-1')", "CONTENT_LENGTH=4", "HTTP_X=\xe4\xb8\xad")
	spec.Feed = bytes.NewReader([]byte("body"))
	spec.StderrLine = func(line []byte) { stderr = append(stderr, string(line)) }
	spec.CountStdin = true
	run := f.start(spec)
	pid := run.Pid()
	data, err := io.ReadAll(run.Output())
	if want := "Status: 200 OK\r\nContent-Length: 7\r\n\r\nbody中"; err != nil || string(data) != want {
		t.Errorf("got %q, %v; want %q", data, err, want)
	}
	exit := run.Wait()
	if !exit.Clean() || exit.CPU <= 0 || exit.MaxRSSKiB < 1000 || exit.StdinRead != 4 || exit.Ended.IsZero() {
		t.Errorf("got %+v; want a clean end that has cost something", exit)
	}
	if want := []string{"to the log"}; !slices.Equal(stderr, want) {
		t.Errorf("stderr: got %q; want %q", stderr, want)
	}
	if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
		t.Errorf("process %d: kill 0 says %v; want %v", pid, err, syscall.ESRCH)
	}
	if got := f.logged() + f.noted(); got != "" {
		t.Errorf("the loaded process has said %q", got)
	}
}

func TestForkExits(t *testing.T) {
	f := openForks(t, forkApp)
	for _, tt := range []struct {
		name, do string
		code     int
		signal   syscall.Signal
	}{
		{"well", "answer = b'x'", 0, 0},
		{"the app fails", "1/0", 1, 0},
		{"cut", "answer = [b'x', 1]; environ['QUERY_STRING'] = ''; raise SystemExit", 1, 0},
		{"os._exit", "os._exit(7)", 7, 0},
		{"a signal", "os.kill(os.getpid(), signal.SIGSEGV)", -1, syscall.SIGSEGV},
		{"SIGINT", "os.kill(os.getpid(), signal.SIGINT)", -1, syscall.SIGINT},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, exit := f.ask(f.doing(tt.do)); exit.Code != tt.code || exit.Signal != tt.signal {
				t.Errorf("got %s; want %d, %v", exit, tt.code, tt.signal)
			}
		})
	}
}

// One process answers them all, and leaves neither zombies nor descriptors.
func TestForkManyAtOnce(t *testing.T) {
	f := openForks(t, forkApp)
	f.ask(f.doing("0"))
	pid := f.loadedPid()
	fds := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(entries)
	}
	before := fds()
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			want := strings.Repeat(fmt.Sprint(i), 30_000)
			if got, exit := f.ask(f.doing(fmt.Sprintf("answer = b'%d' * 30000", i))); got != want || !exit.Clean() {
				t.Errorf("request %d: got %.20q… of %d bytes, %s", i, got, len(got), exit)
			}
		})
	}
	all.Wait()
	if got := f.loadedPid(); got != pid {
		t.Errorf("got process %d; want %d still", got, pid)
	}
	await(t, "descriptors are given back", func() bool { return fds() <= before })
	if got, _ := f.ask(f.doing(fmt.Sprintf("answer = open('/proc/%d/task/%d/children').read().strip().encode()", pid, pid))); len(strings.Fields(got)) != 1 {
		t.Errorf("children of the loaded process: got %q; want the one that asks", got)
	}
}

// A watcher notes the numbers that are looked after.
type watchedGroups struct {
	t  *testing.T
	mu sync.Mutex
	on map[int]bool
}

func (w *watchedGroups) Starting() *int32 { return nil }
func (w *watchedGroups) Started(_ *int32, pid int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if pid != 0 {
		w.on[pid] = true
	}
}

func (w *watchedGroups) Ended(pid int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.on[pid] {
		w.t.Errorf("process %d has ended, and was not noted", pid)
	}
	delete(w.on, pid)
}

func TestForkIsWatched(t *testing.T) {
	f := openForks(t, forkApp)
	w := &watchedGroups{t: t, on: map[int]bool{}}
	f.Warm(w)
	for range 5 {
		spec := f.doing("answer = b'x'")
		spec.Watcher = w
		f.ask(spec)
	}
	f.Close()
	if len(w.on) != 0 {
		t.Errorf("still noted: %v", w.on)
	}
}

// The ladder, and who is left of the group.
func TestForkStop(t *testing.T) {
	f := openForks(t, forkApp)
	for _, tt := range []struct {
		name, do string
		want     syscall.Signal
	}{
		{"takes SIGTERM", "time.sleep(600)", syscall.SIGTERM},
		{"ignores SIGTERM", "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready'); time.sleep(600)", syscall.SIGKILL},
		{"has children", "subprocess.Popen(['sleep', '600']); print('ready'); time.sleep(600)", syscall.SIGTERM},
	} {
		t.Run(tt.name, func(t *testing.T) {
			said := make(chan string, 10)
			spec := f.doing("print('begun'); " + tt.do)
			spec.StderrLine = func(line []byte) { said <- string(line) }
			run := f.start(spec)
			for line := range said {
				if line == "ready" || !strings.Contains(tt.do, "ready") {
					break
				}
			}
			run.Stop(200 * time.Millisecond)
			if exit := run.Wait(); exit.Signal != tt.want {
				t.Errorf("got %s; want %v", exit, tt.want)
			}
			if err := syscall.Kill(-run.Pid(), 0); err != syscall.ESRCH {
				await(t, "the group is empty", func() bool { return syscall.Kill(-run.Pid(), 0) == syscall.ESRCH })
			}
			run.Signal(syscall.SIGKILL) // to nobody
		})
	}
}

// A loaded process that dies takes what it has forked along; the next request
// has another.
func TestForkOfAProcessThatDies(t *testing.T) {
	f := openForks(t, forkApp)
	said := make(chan bool, 1)
	spec := f.doing("print('begun'); time.sleep(600)")
	spec.StderrLine = func([]byte) { said <- true }
	run := f.start(spec)
	<-said
	first := f.loadedPid()
	syscall.Kill(first, syscall.SIGKILL)
	if exit := run.Wait(); exit.Signal != syscall.SIGKILL {
		t.Errorf("got %s; want killed by SIGKILL", exit)
	}
	if got, exit := f.ask(f.doing("answer = b'again'")); got != "again" || !exit.Clean() {
		t.Errorf("got %q, %s; want %q", got, exit, "again")
	}
	if want := "the process that has the application loaded has ended: killed by SIGKILL"; f.noted() != want {
		t.Errorf("got %q; want %q", f.noted(), want)
	}
	if f.loadedPid() == first {
		t.Errorf("process %d is the loaded one still", first)
	}
}

// SIGTERM is to a loaded process what it is to a worker: what it has begun is
// finished, and what comes is somebody else's.
func TestForkOfAProcessThatIsEnded(t *testing.T) {
	f := openForks(t, forkApp)
	body, feed := io.Pipe()
	spec := f.doing("answer = environ['wsgi.input'].read()", "CONTENT_LENGTH=4")
	spec.Feed = body
	run := f.start(spec)
	first := f.loadedPid()
	syscall.Kill(first, syscall.SIGTERM)
	for range 3 {
		if got, exit := f.ask(f.doing("answer = b'next'")); got != "next" || !exit.Clean() {
			t.Errorf("got %q, %s; want %q", got, exit, "next")
		}
	}
	feed.Write([]byte("late"))
	feed.Close()
	data, err := io.ReadAll(run.Output())
	if exit := run.Wait(); err != nil || !bytes.HasSuffix(data, []byte("late")) || !exit.Clean() {
		t.Errorf("got %q, %v, %s; want the whole answer", data, err, exit)
	}
	await(t, "the first process ends", func() bool { return syscall.Kill(first, 0) == syscall.ESRCH })
}

func TestForkOfAProcessThatHangs(t *testing.T) {
	f := openForks(t, forkApp, func(o *ForkOptions) { o.Ready = 2 * time.Second })
	f.ask(f.doing("0"))
	first := f.loadedPid()
	syscall.Kill(first, syscall.SIGSTOP)
	if run, err := f.Start(t.Context(), f.doing("0")); err == nil || err.Error() != "the loaded process did not fork within 2s: it was killed" {
		t.Errorf("got %v, %v; want an error that says so", run, err)
	}
	if got, _ := f.ask(f.doing("answer = b'next'")); got != "next" {
		t.Errorf("got %q; want %q", got, "next")
	}
}

// Nobody waits for the fork any more: it is not left running, nor as a zombie.
func TestForkThatNobodyWaitsFor(t *testing.T) {
	f := openForks(t, forkApp)
	f.ask(f.doing("0"))
	pid := f.loadedPid()
	syscall.Kill(pid, syscall.SIGSTOP)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := f.Start(ctx, f.doing("time.sleep(600)"))
		done <- err
	}()
	l := f.current
	await(t, "the request is under way", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.forks) == 1
	})
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v; want %v", err, context.Canceled)
	}
	syscall.Kill(pid, syscall.SIGCONT)
	await(t, "the fork is killed and reaped", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.forks) == 0 && l.users == 0
	})
	if got, _ := f.ask(f.doing("answer = b'next'")); got != "next" {
		t.Errorf("got %q; want %q", got, "next")
	}
}
