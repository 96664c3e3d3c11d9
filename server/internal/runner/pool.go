package runner

import (
	"context"
	"slices"
	"time"
)

// waiter is a request that waits for a worker.
type waiter struct{ got chan handed }

type handed struct {
	w   *worker
	err error
}

// acquire returns a worker that is at nothing. The one that was used last is
// the first: its memory is in the processor's caches, and the others may end.
func (p *Workers) acquire(ctx context.Context) (*worker, error) {
	p.mu.Lock()
	if n := len(p.idle) - 1; n >= 0 {
		w := p.idle[n]
		p.idle = p.idle[:n]
		w.taken = true
		p.mu.Unlock()
		return w, nil
	}
	if p.closed {
		p.mu.Unlock()
		return nil, errClosed
	}
	now := time.Now()
	if err := p.hopeless(now); err != nil {
		p.mu.Unlock()
		return nil, err
	}
	wait := &waiter{got: make(chan handed, 1)}
	p.waiters = append(p.waiters, wait)
	p.fill(now, true)
	p.mu.Unlock()

	select {
	case h := <-wait.got:
		return h.w, h.err
	case <-ctx.Done():
	}
	p.mu.Lock()
	i := slices.Index(p.waiters, wait)
	if i >= 0 {
		p.waiters = slices.Delete(p.waiters, i, i+1)
	}
	p.mu.Unlock()
	if i < 0 { // too late: it was given one
		if h := <-wait.got; h.w != nil {
			p.giveBack(h.w)
		}
	}
	return nil, ctx.Err()
}

// release takes a worker back whose answer has ended.
func (p *Workers) release(w *worker) {
	w.requests.Add(1)
	spent := w.isSpent(&p.o)
	p.mu.Lock()
	p.failures = 0
	if spent && p.replacer == nil && !w.retired && !p.closed && !p.backingOff(time.Now()) {
		p.replace(w) // it goes on until the other is there
	}
	p.mu.Unlock()
	p.giveBack(w)
}

// giveBack is for a worker that a request has had, or has not wanted: nothing of
// that request tells if it has ended meanwhile.
func (p *Workers) giveBack(w *worker) {
	p.mu.Lock()
	unexpected := w.gone && !w.doomed
	p.give(w)
	p.mu.Unlock()
	if unexpected {
		p.endedByItself(w)
	}
}

// give hands a worker to whoever waits, or keeps it.
func (p *Workers) give(w *worker) {
	switch {
	case w.retired || p.closed:
		p.stop(w, p.o.Grace)
	case len(p.waiters) > 0:
		wait := p.waiters[0]
		p.waiters = slices.Delete(p.waiters, 0, 1)
		w.taken = true
		wait.got <- handed{w: w}
	default:
		w.taken = false
		p.idle = append(p.idle, w)
		if p.live > p.o.Min && p.o.Idle > 0 {
			w.since = time.Now()
			if p.shrink == nil {
				p.shrink = time.AfterFunc(p.o.Idle, p.endIdle)
			}
		}
	}
}

// endIdle ends workers that have been idle for long.
func (p *Workers) endIdle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shrink = nil
	if p.closed {
		return
	}
	now := time.Now()
	for len(p.idle) > 0 && p.live > p.o.Min && now.Sub(p.idle[0].since) >= p.o.Idle {
		p.retire(p.idle[0])
	}
	if p.live > p.o.Min {
		next := p.o.Idle
		if len(p.idle) > 0 {
			next -= now.Sub(p.idle[0].since)
		}
		p.shrink = time.AfterFunc(max(next, time.Second), p.endIdle)
	}
}

// fill starts workers as long as there are too few. Asked is when a request
// wants one now: it does not wait for long until the next try.
func (p *Workers) fill(now time.Time, asked bool) {
	if p.closed {
		return
	}
	short := func() bool {
		return p.warm && p.live < p.o.Min || p.starting < len(p.waiters) && p.live < p.o.Max
	}
	for short() {
		if p.failures > 0 && p.starting > 0 {
			return // one try is enough to see
		}
		if due := p.due(asked); now.Before(due) {
			p.retryAt(due, now)
			return
		}
		asked = false
		p.live++
		p.starting++
		p.launch(nil)
	}
}

// replace starts a worker that takes another's place when it is ready.
func (p *Workers) replace(old *worker) {
	p.replacer = p.launch(old)
}

// retire ends a worker that is at nothing, or once it is.
func (p *Workers) retire(w *worker) {
	if w.retired {
		return
	}
	w.retired = true
	p.live--
	if i := slices.Index(p.idle, w); i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
		p.stop(w, p.o.Grace)
	}
}

// stop sends a worker's process down the ladder.
func (p *Workers) stop(w *worker, grace time.Duration) {
	if !w.retired {
		w.retired = true
		p.live--
	}
	w.doomed = true
	if w.proc != nil {
		w.link.close()
		w.proc.Stop(grace)
	} // else launch looks for it
}
