package runner

import (
	"fmt"
	"syscall"
	"time"

	"framegate/server/internal/process"
)

// patience is how long requests are told at once why no worker could be
// started, before one has that tried again.
const patience = time.Second

// longestBackOff is how long the next try waits at the most.
const longestBackOff = 30 * time.Second

// fail notes that a worker could not be started.
func (p *Workers) fail(now time.Time, err error) {
	p.failures++
	p.failed, p.failure = now, err
}

// unused is the end of a worker that was ready, and gone ahead of its first
// request. Somebody has killed it, as a rule, and others with it: the next ones
// are started at once, and requests wait for them. Of those that end like that
// again, one after the other, each try waits longer: it could go on for ever.
func (p *Workers) unused(w *worker, now time.Time) {
	exit := w.proc.Exit()
	if p.o.Protocol != Bridge && !fromOutside(exit) {
		// It has never said that it is ready: this is how a start fails.
		p.fail(now, fmt.Errorf("a worker ended before its first request: %s", exit))
		return
	}
	if !w.launched.After(p.lapsed) {
		return // it was there when the last one ended: they go together
	}
	again := !p.lapsed.IsZero() && now.Sub(w.launched) < longestBackOff
	p.lapsed = now
	if again {
		p.fail(now, nil)
	}
}

// fromOutside reports whether a process has ended by a signal that programs do
// not cause themselves.
func fromOutside(exit process.Exit) bool {
	switch exit.Signal {
	case syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP:
		return true
	}
	return false
}

// hopeless is why a request need not wait for a worker, nil when it may.
func (p *Workers) hopeless(now time.Time) error {
	if p.live == 0 && p.failures > 0 && p.failure != nil && now.Sub(p.failed) < patience {
		return fmt.Errorf("%w: %w", ErrNotReady, p.failure)
	}
	return nil
}

// backOff is how long the next try waits after so many failures.
func (p *Workers) backOff() time.Duration {
	const first = 100 * time.Millisecond
	return min(first<<min(p.failures-1, 10), longestBackOff)
}

func (p *Workers) backingOff(now time.Time) bool {
	return p.failures > 0 && now.Sub(p.failed) < p.backOff()
}

// due is when the next try may be; zero is at any time.
func (p *Workers) due(asked bool) time.Time {
	if p.failures == 0 {
		return time.Time{}
	}
	pause := p.backOff()
	if asked {
		pause = min(pause, patience)
	}
	return p.failed.Add(pause)
}

// retryAt has it tried then, if not earlier.
func (p *Workers) retryAt(due, now time.Time) {
	switch {
	case p.retry == nil:
	case due.Before(p.retryDue):
		p.retry.Stop() // should it be under way, it is one try more that finds nothing due
	default:
		return
	}
	p.retry, p.retryDue = time.AfterFunc(due.Sub(now), p.tryAgain), due
}

func (p *Workers) tryAgain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retry = nil
	p.fill(time.Now(), len(p.waiters) > 0)
}
