package gateway

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"framegate/server/internal/config"
)

// gate admits a bounded number of exchanges to one frame; a bounded number
// more wait their turn, in order of arrival, for a bounded time.
type gate struct {
	mu       sync.Mutex
	free     int
	first    *ticket // of those that wait
	last     *ticket
	waiting  atomic.Int64
	maxQueue int64
	timeout  time.Duration // 0 waits for ever
}

// ticket is a place in the queue.
type ticket struct {
	granted func() // called when the exchange may begin, by whoever has left
	ride    *ride  // the request of a loop that it is for instead, nil for others
	number  int    // of the use: a ride's ticket is used again

	queued     bool
	ahead      bool // a worker has the request already, behind another
	prev, next *ticket
}

func newGate(s *config.Settings) gate {
	return gate{free: max(s.MaxConcurrent, 1), maxQueue: int64(s.MaxQueue), timeout: s.QueueTimeout}
}

// enter returns nil when the exchange may begin; it calls leave at its end.
func (g *gate) enter(ctx context.Context) error {
	ready := make(chan struct{}, 1)
	t := &ticket{granted: func() { ready <- struct{}{} }}
	switch admitted, err := g.try(t); {
	case err != nil:
		return err
	case admitted:
		return nil
	}
	return g.wait(ctx, t, ready, g.timeout)
}

// wait returns when t, whose granted is told to ready, has its turn.
func (g *gate) wait(ctx context.Context, t *ticket, ready <-chan struct{}, limit time.Duration) error {
	var expired <-chan time.Time
	if g.timeout > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		expired = timer.C
	}
	var err error
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		err = ended(ctx)
	case <-expired:
		err = g.busy("queue-timeout is over")
	}
	if !g.withdraw(t) {
		g.leave() // it has just been its turn
	}
	return err
}

// try admits at once, or else has t wait. It fails when there is no room.
func (g *gate) try(t *ticket) (admitted bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.free > 0 {
		g.free--
		return true, nil
	}
	if g.waiting.Load() >= g.maxQueue {
		return false, g.busy("the queue is full")
	}
	g.waiting.Add(1)
	t.number++
	t.ahead = false
	t.queued, t.prev = true, g.last
	if g.last != nil {
		g.last.next = t
	} else {
		g.first = t
	}
	g.last = t
	return false, nil
}

// withdraw gives up t's place. It reports false when t has been granted.
func (g *gate) withdraw(t *ticket) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !t.queued {
		return false
	}
	g.remove(t)
	return true
}

// convert has somebody else be told of t's turn. It reports false when it has
// come already.
func (g *gate) convert(t *ticket, granted func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t.queued {
		t.granted, t.ride = granted, nil
	}
	return t.queued
}

func (g *gate) remove(t *ticket) {
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		g.first = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	} else {
		g.last = t.prev
	}
	t.queued, t.prev, t.next = false, nil, nil
	g.waiting.Add(-1)
}

// handOn gives the slot of an exchange that is over to t, ahead of its turn.
// It reports false when t has one by now.
func (g *gate) handOn(t *ticket) bool { return g.withdraw(t) }

// nextRide is the first of those that wait whose request no worker has, if it
// is on that lane: nobody who came before is passed by.
func (g *gate) nextRide(n *lane) *ride {
	g.mu.Lock()
	defer g.mu.Unlock()
	for t := g.first; t != nil; t = t.next {
		if !t.ahead {
			if t.ride != nil && t.ride.lane == n {
				return t.ride
			}
			return nil
		}
	}
	return nil
}

// sent notes whether a worker has t's request already.
func (g *gate) sent(t *ticket, ahead bool) {
	g.mu.Lock()
	t.ahead = ahead
	g.mu.Unlock()
}

// over admits an exchange beyond the bound: one that has no process any more.
func (g *gate) over() {
	g.mu.Lock()
	g.free--
	g.mu.Unlock()
}

// leave lets the next one in.
func (g *gate) leave() {
	if t := g.pop(); t != (turn{}) {
		t.call()
	}
}

// turn is somebody's turn to begin.
type turn struct {
	t      *ticket
	ride   *ride
	number int
}

func (t turn) call() {
	if t.ride != nil {
		t.ride.lane.loop.Post(func() { t.ride.turn(t.number) })
		return
	}
	t.t.granted()
}

// pop is leave for a caller that sees itself to whoever is next, if anybody is.
func (g *gate) pop() turn {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.first
	if t == nil || g.free < 0 {
		g.free++
		return turn{}
	}
	g.remove(t)
	return turn{t, t.ride, t.number}
}

func (g *gate) busy(why string) error {
	return &failure{
		status: http.StatusServiceUnavailable, sentence: "The program is busy; try again in a moment.",
		cause: busyError(why), retryAfter: 1 + int(g.timeout.Seconds())/2,
	}
}

type busyError string

func (e busyError) Error() string { return "no free process: " + string(e) }
