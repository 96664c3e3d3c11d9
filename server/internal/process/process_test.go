package process

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"framegate/server/internal/testframe"
)

func TestMain(m *testing.M) {
	testframe.Main(os.Args)
	if os.Getenv(sealVariable) != "" {
		sealedMain()
	}
	if err := SealInherited(); err != nil { // of whatever has started the tests
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// frameSpec is a frame that does steps.
func frameSpec(steps ...testframe.Step) *Spec {
	argv := testframe.Command(steps...)
	return &Spec{Path: argv[0], Argv: argv, Env: []string{"LC_ALL=C.UTF-8"}, Dir: "/"}
}

func start(t *testing.T, spec *Spec) *Process {
	t.Helper()
	p, err := Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Signal(syscall.SIGKILL); p.Wait() })
	return p
}

// output reads the process's stdout to its end.
func output(t *testing.T, p *Process) string {
	t.Helper()
	data, err := io.ReadAll(p.Output())
	if err != nil {
		t.Fatalf("stdout after %q: %v", data, err)
	}
	return string(data)
}

// gone fails the test when there is a process of that number.
func gone(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
		t.Errorf("process %d: kill 0 says %v; want %v", pid, err, syscall.ESRCH)
	}
}

// fifo makes a FIFO by which a frame and its test wait for each other.
func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// open opens one end of a FIFO and closes it: both sides have come to it then.
func open(t *testing.T, path string, flag int) {
	t.Helper()
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

func TestExit(t *testing.T) {
	tests := []struct {
		name   string
		step   testframe.Step
		code   int
		signal syscall.Signal
	}{
		{"0", testframe.Exit(0), 0, 0},
		{"7", testframe.Exit(7), 7, 0},
		{"255", testframe.Exit(255), 255, 0},
		{"SIGKILL", testframe.Kill(syscall.SIGKILL), -1, syscall.SIGKILL},
		{"SIGTERM", testframe.Kill(syscall.SIGTERM), -1, syscall.SIGTERM},
		{"SIGSEGV", testframe.Kill(syscall.SIGSEGV), -1, syscall.SIGSEGV},
		{"SIGPIPE", testframe.Kill(syscall.SIGPIPE), -1, syscall.SIGPIPE},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, frameSpec(testframe.Print("said"), test.step))
			if got := output(t, p); got != "said" {
				t.Errorf("stdout: got %q; want %q", got, "said")
			}
			exit := p.Wait()
			if exit.Code != test.code || exit.Signal != test.signal || exit.Clean() != (test.code == 0) {
				t.Errorf("got code %d, signal %v, clean %v; want %d, %v, %v", exit.Code, exit.Signal, exit.Clean(), test.code, test.signal, test.code == 0)
			}
			if exit.MaxRSSKiB < 100 || exit.CPU <= 0 {
				t.Errorf("rusage: got %d KiB and %v; want what a process needs", exit.MaxRSSKiB, exit.CPU)
			}
			gone(t, p.Pid())
		})
	}
}

func TestStartErrors(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no program\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		spec Spec
		want error
	}{
		{"no program", Spec{Path: "/nonexistent", Argv: []string{"x"}, Dir: "/"}, syscall.ENOENT},
		{"a directory", Spec{Path: "/", Argv: []string{"x"}, Dir: "/"}, syscall.EACCES},
		{"no directory", Spec{Path: "/bin/sh", Argv: []string{"sh"}, Dir: "/nonexistent"}, syscall.ENOENT},
		{"no format", Spec{Path: text, Argv: []string{"x"}, Dir: "/"}, syscall.ENOEXEC},
		{"environ too large", Spec{Path: "/bin/sh", Argv: []string{"sh"}, Dir: "/", Env: []string{"A=" + strings.Repeat("a", 128<<10)}}, syscall.E2BIG},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := descriptors(t)
			feed := bytes.NewReader([]byte("body"))
			test.spec.Feed = feed
			if _, err := Start(&test.spec); !errors.Is(err, test.want) {
				t.Errorf("got %v; want %v", err, test.want)
			}
			if feed.Len() != 4 {
				t.Errorf("%d bytes of the body are left; want all 4, for another try", feed.Len())
			}
			if after := descriptors(t); after != before {
				t.Errorf("%d descriptors are open; want %d as before", after, before)
			}
		})
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// Nothing of an exchange stays open once it is over.
func TestNoDescriptorStays(t *testing.T) {
	run := func() {
		spec := frameSpec(testframe.Count())
		spec.Feed = strings.NewReader(strings.Repeat("x", 100_000))
		p := start(t, spec)
		output(t, p)
		p.Wait()
	}
	run() // the runtime opens its poller with the first pipe
	before := descriptors(t)
	run()
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors are open; want %d as before", after, before)
	}
}

func TestSpecIsTakenAsItIs(t *testing.T) {
	dir := t.TempDir()
	spec := frameSpec(testframe.PrintDir(), testframe.Print("\n"), testframe.PrintArgv(), testframe.PrintEnviron())
	spec.Dir, spec.Env = dir, []string{"A=1", "A=2", "B=$A `id`", "odd"}
	p := start(t, spec)
	want := dir + "\n"
	for _, s := range append(spec.Argv, spec.Env...) {
		want += strconv.Quote(s) + "\n"
	}
	if got := output(t, p); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Many at once: no descriptor of one leaks into another, each gets its own
// exit status, and none is mistaken for another's.
func TestConcurrent(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			p, err := Start(frameSpec(testframe.PrintFDs(), testframe.Exit(i)))
			if err != nil {
				t.Error(err)
				return
			}
			data, _ := io.ReadAll(p.Output())
			if lines := strings.Count(string(data), "\n"); lines != 3 {
				t.Errorf("process %d has %d descriptors; want 3:\n%s", i, lines, data)
			}
			if exit := p.Wait(); exit.Code != i {
				t.Errorf("process %d exited with %d", i, exit.Code)
			}
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		t.Error("16 processes took more than a minute")
	}
}
