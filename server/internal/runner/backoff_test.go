package runner

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"framegate/server/internal/testframe"
)

// killIdle kills all workers, which are at nothing, and waits until the pool
// knows.
func (p *pool) killIdle() {
	p.t.Helper()
	before := len(p.noted())
	p.Workers.mu.Lock()
	killed := len(p.idle)
	for _, w := range p.idle {
		syscall.Kill(w.proc.Pid(), syscall.SIGKILL)
	}
	p.Workers.mu.Unlock()
	await(p.t, "notes of all", func() bool { return len(p.noted()) == before+killed })
}

// Workers that are killed ahead of their first request are no failed start:
// requests wait for the next ones.
func TestPoolKilledUnused(t *testing.T) {
	protocols(t, func(t *testing.T, protocol string) {
		const workers = 4
		p := openPool(t, WorkerOptions{Protocol: protocol, Min: workers, Max: workers})
		p.Warm(nil)
		for failures := range 3 {
			p.awaitState(workers, workers, 0, workers)
			p.killIdle()
			// The first time others are started at once. The pause grows with each
			// further time, however many have been killed.
			p.Workers.mu.Lock()
			if p.failures != failures {
				t.Errorf("got %d failures; want %d", p.failures, failures)
			}
			p.Workers.mu.Unlock()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			if err := p.Await(ctx); err != nil {
				t.Errorf("got %v; want a worker", err)
			}
			cancel()
		}
		p.want("1", testframe.Serial())
		for i, note := range p.noted() {
			if want := "a worker has ended by itself: killed by SIGKILL"; note != want {
				t.Errorf("note %d: got %q; want %q", i, note, want)
			}
		}
	})
}

// A request does not wait for the next try that is due when workers have been
// ready, and have ended at nothing: it has one begun within a second.
func TestPoolRequestHastensRetry(t *testing.T) {
	p := openPool(t, WorkerOptions{Min: 1, Max: 1})
	p.Workers.mu.Lock()
	for range 20 {
		p.fail(time.Now(), nil)
	}
	p.Workers.mu.Unlock()
	p.Warm(nil)
	ctx, cancel := context.WithTimeout(t.Context(), longestBackOff/2)
	defer cancel()
	if err := p.Await(ctx); err != nil {
		t.Errorf("got %v; want a worker", err)
	}
	p.want("1", testframe.Serial())
	p.Workers.mu.Lock()
	defer p.Workers.mu.Unlock()
	if p.failures != 0 {
		t.Errorf("got %d failures behind an answer; want none", p.failures)
	}
}

// A worker that says nothing when it is ready, and ends by itself ahead of its
// first request, has not been started: requests are told so at once.
func TestPoolEndsUnasked(t *testing.T) {
	for _, status := range []int{0, 1} {
		p := openPool(t, WorkerOptions{Protocol: SCGI, Min: 1, Max: 1}, testframe.Exit(status))
		p.Warm(nil)
		var err error
		await(t, "its end", func() bool {
			p.Workers.mu.Lock()
			defer p.Workers.mu.Unlock()
			err = p.hopeless(time.Now())
			return err != nil
		})
		if want := fmt.Sprintf("no process is ready: a worker ended before its first request: exited with status %d", status); err.Error() != want {
			t.Errorf("got %q; want %q", err, want)
		}
	}
}
