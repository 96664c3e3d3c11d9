package runner

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"framegate/server/internal/testframe"
)

// told is what the log is told of workers, with their pids. It is to be called
// ahead of the first request.
func (p *pool) told() func() []string {
	var mu sync.Mutex
	var notes []string
	p.o.Note = func(n Note) {
		mu.Lock()
		notes = append(notes, fmt.Sprintf("%d: %s: %v", n.Pid, n.What, n.Err))
		mu.Unlock()
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(notes)
	}
}

// The end of a worker is told of by the request that fails of it, or else by
// one line: also where another worker has answered that request.
func TestWorkerLostIsTold(t *testing.T) {
	protocols(t, func(t *testing.T, protocol string) {
		p := openPool(t, WorkerOptions{Protocol: protocol, Max: 1})
		told := p.told()
		died := p.want("1", testframe.Serial()).Pid()
		once := testframe.Once(t.TempDir()+"/died", testframe.Kill(syscall.SIGKILL))
		second := p.want("1", once, testframe.Serial()).Pid()
		want := []string{fmt.Sprintf("%d: a worker has ended by itself: killed by SIGKILL", died)}
		if got := told(); !slices.Equal(got, want) {
			t.Errorf("of a request that was repeated: got %q; want %q", got, want)
		}

		// One that is not repeated says so itself.
		spec := request(testframe.Exit(3))
		spec.Again = false
		if _, k := p.ask(spec); k.Ending().Lost == nil {
			t.Errorf("got %+v of worker %d; want it lost", k.Ending(), second)
		}
		// Of two that die of one request, one line and the request tell.
		died = p.want("1", testframe.Serial()).Pid()
		if _, k := p.ask(request(testframe.Exit(4))); k.Ending().Lost == nil {
			t.Errorf("got %+v of a request that kills every worker", k.Ending())
		}
		p.Close()
		want = append(want, fmt.Sprintf("%d: a worker has ended by itself: exited with status 4", died))
		if got := told(); !slices.Equal(got, want) {
			t.Errorf("got %q; want %q", got, want)
		}
	})
}

// One that has ended while a request had it that does not use it is told of
// when it is given back.
func TestWorkerLostUnused(t *testing.T) {
	p := openPool(t, WorkerOptions{Max: 1})
	told := p.told()
	p.want("1", testframe.Serial())
	for name, take := range map[string]func() *worker{
		"acquire": func() *worker { w, _ := p.acquire(t.Context()); return w },
		"lane":    p.atNothing,
	} {
		if err := p.Await(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := len(told())
		w := take()
		syscall.Kill(w.proc.Pid(), syscall.SIGKILL)
		await(t, "its end", func() bool {
			p.Workers.mu.Lock()
			defer p.Workers.mu.Unlock()
			return w.gone
		})
		p.giveBack(w)
		want := []string{fmt.Sprintf("%d: a worker has ended by itself: killed by SIGKILL", w.proc.Pid())}
		if got := told()[before:]; !slices.Equal(got, want) {
			t.Errorf("%s: got %q; want %q", name, got, want)
		}
	}
	p.Close()
	if got := told(); len(got) != 2 {
		t.Errorf("got %q; want a line for each", got)
	}
}

// What the gateway itself ends is nothing to tell of.
func TestWorkerStoppedIsNotTold(t *testing.T) {
	p := openPool(t, WorkerOptions{Max: 1, MaxRequests: 2})
	told := p.told()
	for range 8 {
		p.want("", testframe.Print("")) // some are replaced
	}
	run, err := p.Start(t.Context(), request(testframe.Once(t.TempDir()+"/hung", testframe.Hang()), testframe.Print("answered")))
	if err != nil {
		t.Fatal(err)
	}
	out := run.Output()
	out.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if _, err := out.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v; want %v", err, os.ErrDeadlineExceeded)
	}
	run.Stop(0)
	out.SetReadDeadline(time.Now().Add(30 * time.Second)) // for another worker, too
	out.WhenBlocked(func() { out.SetReadDeadline(time.Now().Add(30 * time.Second)) })
	if got, err := io.ReadAll(out); err != nil || string(got) != "answered" {
		t.Errorf("got %q, %v; want another worker's answer", got, err)
	}
	run.Wait()
	p.Close()
	if got := told(); len(got) > 0 {
		t.Errorf("got %q; want nothing", got)
	}
}
