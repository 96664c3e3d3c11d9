package process

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"framegate/server/internal/testframe"
)

// listed counts what a Watcher is told.
type listed struct {
	t              *testing.T
	started, ended atomic.Int32
}

func (l *listed) Starting() *int32 { return new(int32) }

func (l *listed) Started(_ *int32, pid int) {
	if pid != 0 {
		l.started.Add(1)
	}
}

func (l *listed) Ended(pid int) {
	if err := syscall.Kill(pid, 0); err != nil {
		l.t.Errorf("process %d is told of when its number is not its own any more: %v", pid, err)
	}
	l.ended.Add(1)
}

// briefSpec is a frame that does steps and is expected to end at once.
func briefSpec(t *testing.T, limit time.Duration, steps ...testframe.Step) (*Spec, *listed) {
	spec, watcher := frameSpec(steps...), &listed{t: t}
	spec.Brief, spec.Watcher = &Patience{Limit: limit}, watcher
	return spec, watcher
}

// enough is more than any test's process takes.
const enough = 20 * time.Second

// What has ended before Start returns is like what has ended after.
func TestBrief(t *testing.T) {
	large := strings.Repeat("a", 60<<10) // less than a pipe holds
	tests := []struct {
		name     string
		steps    []testframe.Step
		feed     string
		out, err string
		exit     string
	}{
		{"nothing", nil, "", "", "", "exited with status 0"},
		{"output", []testframe.Step{testframe.Print("a"), testframe.Print("b")}, "", "ab", "", "exited with status 0"},
		{"much output", []testframe.Step{testframe.Print(large)}, "", large, "", "exited with status 0"},
		{"status", []testframe.Step{testframe.Print("a"), testframe.Exit(3)}, "", "a", "", "exited with status 3"},
		{"signal", []testframe.Step{testframe.Print("a"), testframe.Kill(syscall.SIGSEGV)}, "", "a", "", "killed by SIGSEGV"},
		{"stderr", []testframe.Step{testframe.PrintErr("one\r\ntwo\nthree"), testframe.Print("a")}, "", "a", "one|two|three|", "exited with status 0"},
		{"much stderr", []testframe.Step{testframe.PrintErr(strings.Repeat("line\n", 3000))}, "", "", strings.Repeat("line|", 3000), "exited with status 0"},
		{"stdin", []testframe.Step{testframe.Echo()}, "body", "body", "", "exited with status 0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spec, watcher := briefSpec(t, enough, test.steps...)
			spec.CountStdin = true
			if test.feed != "" {
				spec.Feed = bytes.NewReader([]byte(test.feed))
			}
			var lines strings.Builder
			spec.StderrLine = func(line []byte) { lines.Write(append(line, '|')) }
			p := start(t, spec)
			if !p.WasBrief() || !p.Dying() {
				t.Errorf("it has not ended: brief %v, dying %v", p.WasBrief(), p.Dying())
			}
			if lines.String() != test.err {
				t.Errorf("stderr: got %q; want %q", lines.String(), test.err)
			}
			p.Stop(0) // whom should it reach?
			p.Signal(syscall.SIGKILL)
			if got := output(t, p); got != test.out {
				t.Errorf("stdout: got %q; want %q", got, test.out)
			}
			exit := p.Wait()
			if exit.String() != test.exit || exit.CPU <= 0 || exit.MaxRSSKiB <= 0 {
				t.Errorf("got %v after %v of processor time with %d KiB; want %s", exit, exit.CPU, exit.MaxRSSKiB, test.exit)
			}
			if want := int64(len(test.feed)); test.feed != "" && exit.StdinRead != want {
				t.Errorf("stdin: %d bytes were read; want %d", exit.StdinRead, want)
			}
			if s, e := watcher.started.Load(), watcher.ended.Load(); s != 1 || e != 1 {
				t.Errorf("the watcher was told of %d starts and %d ends; want one of each", s, e)
			}
			gone(t, p.Pid())
		})
	}
}

// A process that goes on is watched from then on like any other.
func TestBriefIsNot(t *testing.T) {
	t.Run("stopped", func(t *testing.T) {
		spec, _ := briefSpec(t, time.Millisecond, testframe.Print("up\n"), testframe.Hang())
		p := start(t, spec)
		if p.WasBrief() {
			t.Fatal("it has ended")
		}
		readLine(t, p)
		p.Stop(time.Hour)
		if exit := p.Wait(); exit.Signal != syscall.SIGTERM {
			t.Errorf("got %v; want %v", exit, syscall.SIGTERM)
		}
		gone(t, p.Pid())
	})
	t.Run("more than a pipe holds", func(t *testing.T) {
		const size = 4 << 20
		spec, _ := briefSpec(t, time.Millisecond, testframe.Fill(size), testframe.Exit(2))
		p := start(t, spec)
		if p.WasBrief() {
			t.Fatal("it has ended")
		}
		if got := len(output(t, p)); got != size {
			t.Errorf("got %d bytes; want %d", got, size)
		}
		if exit := p.Wait(); exit.Code != 2 || p.Printed() != size {
			t.Errorf("got %v, %d bytes printed; want status 2, %d", exit, p.Printed(), size)
		}
	})
	t.Run("more stderr than a pipe holds", func(t *testing.T) {
		spec, _ := briefSpec(t, time.Millisecond, testframe.Noise(4<<20, 100), testframe.Print("done"))
		p := start(t, spec)
		if got := output(t, p); got != "done" {
			t.Errorf("got %q; want %q", got, "done")
		}
		p.Wait()
	})
	t.Run("a stream of stdin", func(t *testing.T) {
		spec, _ := briefSpec(t, enough, testframe.Echo())
		spec.Feed = strings.NewReader("body") // not in memory, for all that Start knows
		p := start(t, spec)
		if got := output(t, p); got != "body" || p.WasBrief() {
			t.Errorf("got %q, brief %v; want %q, and nothing waited for", got, p.WasBrief(), "body")
		}
	})
}

// Whoever holds the pipes of a process that has ended is read for the grace.
func TestBriefLeavesSomebody(t *testing.T) {
	path := fifo(t)
	spec, _ := briefSpec(t, enough,
		testframe.Grandchild(true, testframe.PrintPID(), testframe.Ready(), testframe.Await(path), testframe.Print("late"), testframe.PrintErr("late\n")),
		testframe.Print("early"))
	lines := make(chan string, 1)
	spec.StderrLine = func(line []byte) { lines <- string(line) }
	p := start(t, spec)
	if !p.WasBrief() {
		t.Fatal("it has not ended")
	}
	readPID(t, p)
	open(t, path, os.O_WRONLY)
	if got := output(t, p); got != "earlylate" {
		t.Errorf("got %q; want %q", got, "earlylate")
	}
	p.Wait()
	if got := <-lines; got != "late" {
		t.Errorf("stderr: got %q; want %q", got, "late")
	}
}

// A program that cannot be run is Start's error, waited for or not.
func TestBriefCannotBeRun(t *testing.T) {
	dir := t.TempDir()
	script := dir + "/script"
	if err := os.WriteFile(script, []byte("no program\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		path, dir string
		want      error
	}{
		{dir + "/missing", "/", syscall.ENOENT},
		{dir, "/", syscall.EACCES},
		{script, "/", syscall.ENOEXEC},
		{"/bin/true", dir + "/missing", syscall.ENOENT},
	} {
		watcher := &listed{t: t}
		feed := bytes.NewReader([]byte("whole"))
		p, err := Start(&Spec{Path: test.path, Argv: []string{"x"}, Dir: test.dir, Feed: feed, Watcher: watcher, Brief: &Patience{Limit: enough}})
		if !errors.Is(err, test.want) {
			t.Errorf("%s in %s: got %v, %v; want %v", test.path, test.dir, p, err, test.want)
		}
		if s, e := watcher.started.Load(), watcher.ended.Load(); s != e {
			t.Errorf("the watcher was told of %d starts and %d ends", s, e)
		}
		if body, _ := io.ReadAll(feed); string(body) != "whole" {
			t.Errorf("the body is %q after a failed start", body)
		}
	}
}
