package gateway

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"framegate/server/internal/config"
)

// gate admits a bounded number of exchanges to one frame; a bounded number
// more wait their turn, in order of arrival, for a bounded time.
type gate struct {
	slots    chan struct{}
	waiting  atomic.Int64
	maxQueue int64
	timeout  time.Duration // 0 waits for ever
}

func newGate(s *config.Settings) gate {
	return gate{slots: make(chan struct{}, max(s.MaxConcurrent, 1)), maxQueue: int64(s.MaxQueue), timeout: s.QueueTimeout}
}

// enter returns nil when the exchange may begin; it calls leave at its end.
func (g *gate) enter(ctx context.Context) error {
	select {
	case g.slots <- struct{}{}:
		return nil
	default:
	}
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > g.maxQueue {
		return g.busy("the queue is full")
	}
	var expired <-chan time.Time
	if g.timeout > 0 {
		timer := time.NewTimer(g.timeout)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ended(ctx)
	case <-expired:
		return g.busy("queue-timeout is over")
	}
}

func (g *gate) leave() { <-g.slots }

func (g *gate) busy(why string) error {
	return &failure{
		status: http.StatusServiceUnavailable, sentence: "The program is busy; try again in a moment.",
		cause: busyError(why), retryAfter: 1 + int(g.timeout.Seconds())/2,
	}
}

type busyError string

func (e busyError) Error() string { return "no free process: " + string(e) }
