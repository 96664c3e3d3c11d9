package runner

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"framegate/server/internal/testframe"
)

// state is the pool's bookkeeping, which has to be right whenever nothing runs.
func (p *pool) state() (live, idle, starting, all int) {
	p.Workers.mu.Lock()
	defer p.Workers.mu.Unlock()
	return p.live, len(p.idle), p.starting, len(p.all)
}

func (p *pool) awaitState(live, idle, starting, all int) {
	p.t.Helper()
	want := [4]int{live, idle, starting, all}
	got := [4]int{-1}
	for limit := time.Now().Add(30 * time.Second); got != want; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			p.t.Fatalf("got live, idle, starting, all = %v; want %v", got, want)
		}
		got[0], got[1], got[2], got[3] = p.state()
	}
}

// hold has a worker answer until release is called, and returns its number.
func (p *pool) hold() (pid int, release func()) {
	p.t.Helper()
	run, err := p.Start(p.t.Context(), withBody(request(testframe.Print("begun"), testframe.ReadAll()), &gate{open: make(chan struct{})}, 1))
	if err != nil {
		p.t.Fatal(err)
	}
	k := run.(*kept)
	out := run.Output()
	out.WhenBlocked(func() { out.SetReadDeadline(time.Now().Add(30 * time.Second)) })
	if n, err := io.ReadFull(out, make([]byte, 5)); err != nil {
		p.t.Fatal(n, err)
	}
	return run.Pid(), func() {
		close(k.spec.Feed.(*gate).open)
		if _, err := io.ReadAll(out); err != nil || k.Ending() != (Ending{}) {
			p.t.Errorf("got %v, %+v", err, k.Ending())
		}
		run.Wait()
	}
}

// gate is a body that comes when it is opened.
type gate struct{ open chan struct{} }

func (g *gate) Read([]byte) (int, error) {
	<-g.open
	return 0, io.EOF
}

func TestPoolWarm(t *testing.T) {
	p := openPool(t, WorkerOptions{Min: 3, Max: 3})
	if live, _, _, all := p.state(); live+all != 0 {
		t.Fatalf("got %d workers ahead of Warm; want none", all)
	}
	p.Warm(nil)
	p.awaitState(3, 3, 0, 3)
	// The one that was used last is used next.
	pid := p.want("1", testframe.Serial()).Pid()
	for range 5 {
		if next := p.want("again", testframe.Print("again")).Pid(); next != pid {
			t.Errorf("got worker %d; want %d", next, pid)
		}
	}
	// One that has ended is replaced.
	syscall.Kill(pid, syscall.SIGKILL)
	await(t, "a note", func() bool { return len(p.noted()) > 0 })
	p.awaitState(3, 3, 0, 3)
	if got, want := p.noted(), []string{"a worker has ended by itself: killed by SIGKILL"}; !slices.Equal(got, want) {
		t.Errorf("got %q; want %q", got, want)
	}
}

func TestPoolOnDemand(t *testing.T) {
	p := openPool(t, WorkerOptions{Min: 1, Max: 3, Idle: 50 * time.Millisecond})
	p.Warm(nil)
	p.awaitState(1, 1, 0, 1)
	pids := map[int]bool{}
	var releases []func()
	for range 3 {
		pid, release := p.hold()
		pids[pid] = true
		releases = append(releases, release)
	}
	p.awaitState(3, 0, 0, 3)
	if len(pids) != 3 {
		t.Errorf("got %d workers for 3 requests", len(pids))
	}
	for _, release := range releases {
		release()
	}
	p.awaitState(1, 1, 0, 1) // the others have been idle for long enough
	if notes := p.noted(); len(notes) > 0 {
		t.Errorf("got notes %q", notes)
	}
}

func TestPoolToZero(t *testing.T) {
	p := openPool(t, WorkerOptions{Min: 0, Max: 2, Idle: 10 * time.Millisecond})
	p.Warm(nil)
	for range 3 {
		p.want("1", testframe.Serial())
		p.awaitState(0, 0, 0, 0)
	}
}

// Requests that find all workers busy get them in the order of their arrival.
func TestPoolQueue(t *testing.T) {
	p := openPool(t, WorkerOptions{Max: 1})
	_, release := p.hold()
	var mu sync.Mutex
	var order []int
	var wg sync.WaitGroup
	for i := range 5 {
		wg.Go(func() {
			_, k := p.ask(request(testframe.Print("x")))
			mu.Lock()
			order = append(order, i)
			mu.Unlock()
			k.Wait()
		})
		await(t, "a waiter", func() bool {
			p.Workers.mu.Lock()
			defer p.Workers.mu.Unlock()
			return len(p.waiters) == i+1
		})
	}
	release()
	wg.Wait()
	// Each notes its number behind its answer, when the next has begun: only
	// that all were answered by the one worker is sure.
	if slices.Sort(order); len(order) != 5 {
		t.Errorf("got %v", order)
	}
	p.awaitState(1, 1, 0, 1)
}

// No request is lost to a worker's being replaced.
func TestPoolMaxRequests(t *testing.T) {
	protocols(t, func(t *testing.T, protocol string) {
		p := openPool(t, WorkerOptions{Protocol: protocol, Min: 2, Max: 2, MaxRequests: 10})
		p.Warm(nil)
		var mu sync.Mutex
		served := map[int]bool{}
		enough := func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(served) >= 10 || t.Failed()
		}
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				for !enough() {
					spec := request(testframe.Print("answered"))
					spec.Again = false // so that nothing is mended by a second try
					got, k := p.ask(spec)
					if got != "answered" || k.Ending().Lost != nil {
						t.Errorf("got %q, %+v", got, k.Ending())
					}
					mu.Lock()
					served[k.Pid()] = true
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		p.awaitState(2, 2, 0, 2)
		if notes := p.noted(); len(notes) > 0 {
			t.Errorf("got notes %q", notes)
		}
	})
}

func TestPoolMaxRSS(t *testing.T) {
	p := openPool(t, WorkerOptions{Min: 1, Max: 1, MaxRSS: 1}) // any process has more
	p.Warm(nil)
	first := p.want("1", testframe.Serial()).Pid()
	await(t, "another worker", func() bool { return p.want("said", testframe.Print("said")).Pid() != first })
	p.awaitState(1, 1, 0, 1)
}

// While a worker that is spent cannot be replaced, it goes on.
func TestPoolKeepsWhatItCannotReplace(t *testing.T) {
	dir := t.TempDir()
	p := openPool(t, WorkerOptions{Min: 1, Max: 1, MaxRequests: 1},
		testframe.ButFirst(dir+"/started", testframe.Exit(9)))
	p.Warm(nil)
	first := p.want("1", testframe.Serial()).Pid()
	await(t, "a try to replace it", func() bool { return len(p.noted()) > 0 })
	for i := range 3 {
		if k := p.want(fmt.Sprint(i+2), testframe.Serial()); k.Pid() != first {
			t.Errorf("got worker %d; want %d", k.Pid(), first)
		}
	}
}

// A worker that cannot be started is tried again after ever longer pauses,
// and is there soon after it has been mended.
func TestPoolBackOff(t *testing.T) {
	dir := t.TempDir()
	p := openPool(t, WorkerOptions{Min: 2, Max: 2}, testframe.Unless(dir+"/mended", testframe.Exit(1)))
	p.Warm(nil)
	await(t, "three tries", func() bool { return len(p.noted()) >= 3 })
	if _, err := p.Start(t.Context(), request()); !errors.Is(err, ErrNotReady) {
		t.Errorf("got %v; want %v", err, ErrNotReady)
	}
	p.Workers.mu.Lock()
	if pause := p.backOff(); pause < 400*time.Millisecond {
		t.Errorf("got a pause of %s behind %d failures", pause, p.failures)
	}
	p.Workers.mu.Unlock()
	touch(t, dir+"/mended")
	p.awaitState(2, 2, 0, 2)
	p.want("1", testframe.Serial())
}

// A worker that is ready and then ends, over and over, is not started at once.
func TestPoolBackOffAfterReady(t *testing.T) {
	p := openPool(t, WorkerOptions{Min: 1, Max: 1}, testframe.RawStart("\x80\x00\x00\x00"), testframe.Exit(0))
	p.Warm(nil)
	await(t, "four ends", func() bool { return len(p.noted()) >= 4 })
	p.Workers.mu.Lock()
	defer p.Workers.mu.Unlock()
	if p.failures < 3 {
		t.Errorf("got %d failures; want them to count", p.failures)
	}
}

// A worker that dies while a request has it costs that request, and the next
// one gets another at once: also when its death is seen before the request is
// put to it, or behind the answer and before it is given back.
func TestPoolDeathInFirstRequest(t *testing.T) {
	for _, answered := range []bool{false, true} {
		p := openPool(t, WorkerOptions{})
		w, err := p.acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if answered {
			w.at(request())
			w.at(nil)
		}
		w.proc.Signal(syscall.SIGKILL)
		p.awaitState(0, 0, 0, 0)
		p.want("answered", testframe.Print("answered"))
	}
	p := openPool(t, WorkerOptions{})
	for range 20 {
		deadly := request(testframe.Kill(syscall.SIGKILL))
		deadly.Again = false
		if _, k := p.ask(deadly); k.Ending().Lost == nil {
			t.Error("the worker was not lost")
		}
	}
	p.want("answered", testframe.Print("answered"))
}

// Close ends workers in every state.
func TestPoolClose(t *testing.T) {
	for _, tt := range []struct {
		name  string
		first []testframe.Step
	}{
		{"idle", nil},
		{"starting", []testframe.Step{testframe.Unready()}},
		{"deaf", []testframe.Step{testframe.Ignore(syscall.SIGTERM), testframe.Unready()}},
		{"failing", []testframe.Step{testframe.Exit(1)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := openPool(t, WorkerOptions{Min: 2, Max: 4, Standing: Standing{Grace: 20 * time.Millisecond}}, tt.first...)
			p.Warm(nil)
			if tt.name == "idle" {
				p.awaitState(2, 2, 0, 2)
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
			if _, _, _, all := p.state(); all != 0 {
				t.Errorf("%d workers are left", all)
			}
			if _, err := p.Start(t.Context(), request()); err == nil {
				t.Error("a request was taken behind Close")
			}
		})
	}
}

func TestPoolAwait(t *testing.T) {
	p := openPool(t, WorkerOptions{Max: 1})
	if err := p.Await(t.Context()); err != nil {
		t.Error(err)
	}
	p.awaitState(1, 1, 0, 1)
	broken := openPool(t, WorkerOptions{Max: 1}, testframe.Exit(1))
	var e *StartError
	if err := broken.Await(t.Context()); !errors.As(err, &e) {
		t.Errorf("got %v; want a %T", err, e)
	}
}
