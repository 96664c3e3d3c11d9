package gateway

import (
	"context"
	"net/http"
	"time"

	"framegate/server/internal/httpguard"
	"framegate/server/internal/process"
	"framegate/server/internal/runner"
)

// begun is a request that has left the lane, with what it has so far.
type begun struct {
	tenant  *tenant
	frame   *frame
	ride    *ride
	id      string
	arrived time.Time

	admitted bool          // it has a slot
	ticket   *ticket       // else it has a place in the queue
	ready    chan struct{} // told when it is its turn
	queued   time.Duration

	odd bool // its answer is not for the lane, and the next is not likely to be

	started time.Time
	spawned time.Duration
	run     runner.Run // nil ahead of that
}

// runs reports whether a worker is at it already.
func (b *begun) runs() bool { return b != nil && b.run != nil }

// since is when the process was about to be started: on the lane, or now. The
// clocks count from there, and so does what a capture tells.
func (b *begun) since() time.Time {
	if b.runs() {
		return b.started
	}
	return time.Now()
}

// launched is when the worker of what runs was had.
func (b *begun) launched() time.Time { return b.started.Add(b.spawned) }

// begunOn is what has left the lane for r, nil when nothing has.
func begunOn(r *http.Request) *begun {
	conn := httpguard.FromRequest(r)
	if conn == nil {
		return nil
	}
	b, _ := conn.TakeKept().(*begun)
	return b
}

// admit returns when the exchange may begin.
func (x *exchange) admit(ctx context.Context) error {
	b, gate := x.ans.begun, &x.frame.gate
	var err error
	switch {
	case b == nil:
		arrived := time.Now()
		err = gate.enter(ctx)
		x.rec.queued = time.Since(arrived)
	case b.admitted:
		x.rec.queued = b.queued
		return nil
	default:
		err = gate.wait(ctx, b.ticket, b.ready, gate.timeout-time.Since(b.arrived))
		x.rec.queued = time.Since(b.arrived)
		if b.admitted = err == nil; err != nil {
			x.ans.begun = nil // it has no place any more
		}
	}
	if err == nil {
		x.frame.running.RLock()
	}
	return err
}

// obtain has a process, or what was begun with one on the lane.
func (x *exchange) obtain(ctx context.Context, spec *process.Spec) (runner.Run, error) {
	b := x.ans.begun
	x.ans.begun = nil
	if !b.runs() {
		return x.frame.runner.Start(ctx, spec)
	}
	if body := x.body.memory; x.sight != nil && len(body) > 0 {
		x.sight.fedAt(b.launched(), body) // it has been sent
		x.sight.fedAt(b.launched(), nil)
	}
	x.stderr.recall(b.ride.pass(&x.stderr))
	return b.run, nil
}

// pass has lines go to another log from now on, and returns those that have
// come so far: they are written down already.
func (r *ride) pass(to *stderrLog) []string {
	r.mu.Lock()
	r.sink = to
	r.mu.Unlock()
	return r.stderr.tail().Last
}

// Returns has the connection come back at once.
func (b *begun) Returns() bool { return !b.odd && !b.frame.odd.Load() }

// Drop ends what nobody has taken over.
func (b *begun) Drop() {
	b.abandon()
	b.tenant.leave()
	b.ride.lane.site.running.Done()
}

// abandon gives the slot back, or the place in the queue.
func (b *begun) abandon() {
	gate := &b.frame.gate
	switch {
	case b.run != nil:
		b.run.Stop(b.frame.cfg.StopGrace)
		b.run.Wait()
	case !b.admitted:
		if !gate.withdraw(b.ticket) {
			gate.leave()
		}
		return
	}
	b.frame.running.RUnlock()
	gate.leave()
}
