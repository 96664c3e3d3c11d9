package gateway

import (
	"bytes"
	"net/http"
	"slices"
	"time"
)

// train is the rides that one worker has: it is at the first, and the others
// wait in its socket, so that it need not sleep in between, and answers come
// several at a time.
type train struct {
	frame  *frame
	first  *ride
	last   *ride
	behind int       // so many of them wait
	closed bool      // nobody else may
	since  time.Time // the first answer that is still to come could have come
}

const (
	longestTrain = 8                    // requests that wait behind one
	trainTime    = time.Millisecond     // that they may take, all together
	stuckAfter   = 2 * time.Millisecond // those that wait are better off with another worker
)

// depart begins a train.
func (r *ride) depart() {
	r.train = &train{frame: r.frame, first: r, last: r, since: r.started}
	r.frame.trains = append(r.frame.trains, r.train)
}

// end is that of a train of one.
func (t *train) end() {
	f := t.frame
	t.first.train = nil
	t.first, t.last = nil, nil
	if i := slices.Index(f.trains, t); i >= 0 {
		f.trains = slices.Delete(f.trains, i, i+1)
	}
}

// answered takes r off, which is the first.
func (t *train) answered(r *ride) {
	now := r.lane.loop.Now()
	t.frame.pace += (now.Sub(t.since) - t.frame.pace) / 8
	t.since = now
	if t.behind == 0 {
		t.end()
		return
	}
	t.first, r.behind, r.train = r.behind, nil, nil
	t.behind--
}

// room is how many may wait behind one: as many as are soon over.
func (f *frame) room() int {
	return min(max(int(trainTime/max(f.pace, 1)), 1), longestTrain)
}

// follow puts those that wait behind those that run, in their order.
func (n *lane) follow(f *frame) {
	room := f.room()
	if len(f.trains) > 1 {
		for _, t := range f.trains {
			if t.behind > 0 && n.loop.Now().Sub(t.since) > stuckAfter {
				t.empty()
			}
		}
	}
	for {
		t := f.shortest(n.loop.Now())
		if t == nil || t.behind >= room {
			return
		}
		r := f.gate.nextRide(n)
		if r == nil || r.rec.method != http.MethodGet {
			return // that may reach no second worker: it waits for one that is at nothing
		}
		t.board(r)
		n.bePatient()
	}
}

// bePatient has the loop not interrupt workers that have more to do anyway.
func (n *lane) bePatient() {
	n.boarded = n.loop.Now()
	if !n.patient {
		n.patient = true
		n.loop.Patient(true)
	}
}

// shortest is the train that the next ride is for: one that moves, if any does.
func (f *frame) shortest(now time.Time) (best *train) {
	for _, t := range f.trains {
		switch {
		case t.closed, len(f.trains) > 1 && now.Sub(t.since) > stuckAfter:
		case best == nil, t.behind < best.behind:
			best = t
		}
	}
	return best
}

// board puts r behind the others.
func (t *train) board(r *ride) {
	r.prepare()
	var ok bool
	if r.out, ok = t.first.direct.Behind(&r.direct, &r.spec, t.behind+1, r.out); !ok {
		t.closed = true
		return
	}
	r.stage, r.train = behind, t
	t.last.behind, t.last = r, r
	t.behind++
	t.frame.gate.sent(&r.ticket, true)
}

// withdraw takes r back, and those that are between it and the first. It
// reports false when the worker has r, or has taken it already.
func (t *train) withdraw(r *ride) bool {
	for r.stage == behind && t.takeBack() {
	}
	return r.stage == queued
}

// empty takes back all that wait. It reports false when the worker has one of
// them: then all of the answer to the first is there.
func (t *train) empty() bool {
	for t.behind > 0 && t.takeBack() {
	}
	return t.behind == 0
}

// takeBack takes one back. It reports false when there is none.
func (t *train) takeBack() bool {
	r := t.first.behind
	if r == nil {
		return false
	}
	message := r.direct.Withdraw(r.out)
	before := t.first
	for r != nil && !bytes.Equal(r.out, message) { // the worker was faster
		before, r = r, r.behind
	}
	if message == nil || r == nil {
		return false
	}
	if before.behind = r.behind; t.last == r {
		t.last = before
	}
	t.behind--
	r.alight()
	return true
}

// alight has r wait in the queue again.
func (r *ride) alight() {
	r.direct.Withdrawn()
	r.frame.gate.sent(&r.ticket, false)
	r.stage, r.train, r.behind = queued, nil, nil
}

// giveUp ends the train of a worker that is not to be trusted.
func (t *train) giveUp() {
	for r := t.first.behind; r != nil; {
		next := r.behind
		r.alight()
		r = next
	}
	t.first.behind, t.last, t.behind = nil, t.first, 0
	t.end()
}
