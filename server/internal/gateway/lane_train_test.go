package gateway

import (
	"testing"
	"time"

	"framegate/server/internal/config"
)

// A place in the queue says of its request at hand whether a worker has it, and
// nothing of the one before.
func TestTicketIsUsedAgain(t *testing.T) {
	g := newGate(&config.Settings{MaxConcurrent: 1, MaxQueue: 10})
	n := &lane{}
	r := &ride{lane: n}
	r.ticket.ride = r
	if admitted, err := g.try(&ticket{}); !admitted || err != nil {
		t.Fatalf("got %v, %v; want to be admitted", admitted, err)
	}
	for i := range 3 {
		if admitted, err := g.try(&r.ticket); admitted || err != nil {
			t.Fatalf("use %d: got %v, %v; want to wait", i, admitted, err)
		}
		if got := g.nextRide(n); got != r {
			t.Fatalf("use %d: got %p, want %p", i, got, r)
		}
		g.sent(&r.ticket, true)
		if got := g.nextRide(n); got != nil {
			t.Fatalf("use %d: got one that a worker has", i)
		}
		if !g.handOn(&r.ticket) {
			t.Fatalf("use %d: it was granted meanwhile", i)
		}
	}
}

// As many wait behind one as are over in a moment.
func TestRoomOnATrain(t *testing.T) {
	for pace, want := range map[time.Duration]int{
		0: longestTrain, 20 * time.Microsecond: longestTrain, 300 * time.Microsecond: 3, time.Millisecond: 1, time.Second: 1, -time.Second: longestTrain,
	} {
		if got := (&frame{pace: pace}).room(); got != want {
			t.Errorf("%v: got %d, want %d", pace, got, want)
		}
	}
}
