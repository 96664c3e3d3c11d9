package process

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"framegate/server/internal/testframe"
)

func TestStdin(t *testing.T) {
	const pipe = 64 << 10
	for _, size := range []int{0, 1, pipe - 1, pipe, pipe + 1, 1 << 20} {
		for _, memory := range []bool{true, false} {
			t.Run(fmt.Sprintf("%d bytes, memory %v", size, memory), func(t *testing.T) {
				spec := frameSpec(testframe.Count())
				data := bytes.NewReader(make([]byte, size))
				spec.Feed = data
				if !memory {
					spec.Feed = struct{ io.Reader }{data}
				}
				p := start(t, spec)
				if got := output(t, p); got != strconv.Itoa(size) {
					t.Errorf("the process has read %s bytes; want %d", got, size)
				}
				if exit := p.Wait(); !exit.Clean() {
					t.Errorf("got %+v; want a clean exit", exit)
				}
			})
		}
	}
}

// A body that fits into the pipe costs no goroutine.
func TestSmallStdinIsPrefilled(t *testing.T) {
	gate := fifo(t)
	spec := frameSpec(testframe.Await(gate), testframe.Count())
	body := bytes.NewReader(make([]byte, 64<<10))
	spec.Feed = body
	p := start(t, spec)
	if body.Len() != 0 || p.stdin != nil {
		t.Errorf("%d bytes are left to feed; want none", body.Len())
	}
	open(t, gate, os.O_WRONLY)
	if got := output(t, p); got != "65536" {
		t.Errorf("the process has read %s bytes; want 65536", got)
	}
}

func TestStdinFileAndNone(t *testing.T) {
	f, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	spec := frameSpec(testframe.Count())
	spec.Stdin = f
	if got, want := output(t, start(t, spec)), fmt.Sprint(info.Size()); got != want {
		t.Errorf("a file as stdin: got %s bytes; want %s", got, want)
	}
	if got := output(t, start(t, frameSpec(testframe.Count()))); got != "0" {
		t.Errorf("no stdin: got %s bytes; want 0", got)
	}
}

// §4.2: a process that does not read its stdin is normal.
func TestUnreadStdin(t *testing.T) {
	for name, steps := range map[string][]testframe.Step{
		"exits":  {testframe.Print("done")},
		"closes": {testframe.CloseStdin(), testframe.Print("done")},
	} {
		t.Run(name, func(t *testing.T) {
			spec := frameSpec(steps...)
			spec.Feed = bytes.NewReader(make([]byte, 8<<20))
			spec.FeedFailed = func(err error) { t.Errorf("the feed is said to have failed: %v", err) }
			p := start(t, spec)
			if got := output(t, p); got != "done" {
				t.Errorf("got %q; want %q", got, "done")
			}
			if exit := p.Wait(); !exit.Clean() {
				t.Errorf("got %+v; want a clean exit", exit)
			}
		})
	}
}

// A stray that holds stdin open without reading it must not hold the feeder.
func TestStrayHoldsStdin(t *testing.T) {
	spec := &Spec{Path: "/bin/sh", Argv: []string{"sh", "-c", "exec 3<&0; setsid sleep 1000 <&3 & echo $!"}, Env: []string{"PATH=/usr/bin:/bin"}, Dir: "/"}
	spec.Feed = bytes.NewReader(make([]byte, 8<<20))
	p := start(t, spec)
	stray := readPID(t, p)
	defer syscall.Kill(stray, syscall.SIGKILL)
	output(t, p)
	p.Wait() // a feeder that still writes would hold it
}

func TestFeedFailure(t *testing.T) {
	broken := errors.New("the client went away")
	spec := frameSpec(testframe.Count())
	spec.Feed = io.MultiReader(strings.NewReader("abc"), iotest{broken})
	var failed error
	spec.FeedFailed = func(err error) { failed = err }
	p := start(t, spec)
	if got := output(t, p); got != "3" {
		t.Errorf("the process has read %s bytes; want 3", got)
	}
	p.Wait()
	if failed != broken {
		t.Errorf("got %v; want %v", failed, broken)
	}
}

type iotest struct{ err error }

func (r iotest) Read([]byte) (int, error) { return 0, r.err }

// Apache and fcgiwrap deadlock here: 8 MiB go in and out at the same time.
func TestAnswerWhileReading(t *testing.T) {
	const size = 8 << 20
	spec := frameSpec(testframe.Echo())
	spec.Feed = bytes.NewReader(make([]byte, size))
	p := start(t, spec)
	if got := output(t, p); len(got) != size {
		t.Errorf("got %d bytes; want %d", len(got), size)
	}
}
