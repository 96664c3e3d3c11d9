package gateway

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"framegate/server/internal/config"
)

// queue is a gate with one slot, which the test itself holds, and what becomes
// of those that wait.
type queue struct {
	t      *testing.T
	gate   gate
	mu     sync.Mutex
	served []int // in order
	failed map[int]error
}

// inQueue runs test in a bubble: there, it can tell when a goroutine waits.
func inQueue(t *testing.T, settings config.Settings, test func(q *queue)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		settings.MaxConcurrent = 1
		q := &queue{t: t, gate: newGate(&settings), failed: map[int]error{}}
		if err := q.gate.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		test(q)
		synctest.Wait()
		if n := q.gate.waiting.Load(); n != 0 {
			t.Errorf("at the end: got %d in the queue; want none", n)
		}
	})
}

// arrive has one more come, and returns when it waits or is refused. One that
// is served stays until the test calls leave.
func (q *queue) arrive(ctx context.Context, number int) {
	go func() {
		err := q.gate.enter(ctx)
		q.mu.Lock()
		defer q.mu.Unlock()
		if err != nil {
			q.failed[number] = err
			return
		}
		q.served = append(q.served, number)
	}()
	synctest.Wait()
}

// refusal is what one that came was told in place of being served, and order
// those that were, so far.
func (q *queue) refusal(number int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.failed[number]
}

func (q *queue) order() []int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.served)
}

// drain serves who waits, one after the other, and holds their order to want.
func (q *queue) drain(want ...int) {
	q.t.Helper()
	for range want {
		q.gate.leave()
		synctest.Wait()
	}
	if got := q.order(); !slices.Equal(got, want) {
		q.t.Errorf("served: got %v; want %v", got, want)
	}
	q.gate.leave()
}

// wantBusy holds a refusal to what the client is to see of it.
func (q *queue) wantBusy(number int, text string) {
	q.t.Helper()
	var f *failure
	if err := q.refusal(number); !errors.As(err, &f) {
		q.t.Fatalf("%d: got %v; want a failure", number, err)
	}
	if f.status != http.StatusServiceUnavailable || f.retryAfter < 1 || f.Error() != "no free process: "+text {
		q.t.Errorf("%d: got %d, %q, Retry-After %d; want 503, %q and some seconds", number, f.status, f, f.retryAfter, text)
	}
}

func TestQueueServesInOrderOfArrival(t *testing.T) {
	inQueue(t, config.Settings{MaxQueue: 100}, func(q *queue) {
		var want []int
		for i := range 100 {
			q.arrive(q.t.Context(), i)
			want = append(want, i)
		}
		q.drain(want...)
	})
}

// Who comes while one leaves does not push in ahead of those that wait.
func TestQueueIsNotOvertaken(t *testing.T) {
	inQueue(t, config.Settings{MaxQueue: 100}, func(q *queue) {
		for i := range 10 {
			q.arrive(q.t.Context(), i)
		}
		for i := range 10 {
			q.gate.leave() // and before anybody has had the time to notice
			q.arrive(q.t.Context(), 100+i)
		}
		q.gate.leave()
		for range 10 {
			synctest.Wait()
			q.gate.leave()
		}
		want := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109}
		if got := q.order(); !slices.Equal(got, want) {
			q.t.Errorf("served: got %v; want %v", got, want)
		}
	})
}

func TestQueueFull(t *testing.T) {
	inQueue(t, config.Settings{MaxQueue: 2, QueueTimeout: 30 * time.Second}, func(q *queue) {
		for i := range 4 {
			q.arrive(q.t.Context(), i)
		}
		q.wantBusy(2, "the queue is full")
		q.wantBusy(3, "the queue is full")
		q.drain(0, 1)
	})
}

func TestQueueOfNone(t *testing.T) {
	inQueue(t, config.Settings{MaxQueue: 0}, func(q *queue) {
		q.arrive(q.t.Context(), 0)
		q.wantBusy(0, "the queue is full")
		q.drain()
	})
}

func TestQueueTimeout(t *testing.T) {
	inQueue(t, config.Settings{MaxQueue: 2, QueueTimeout: 30 * time.Second}, func(q *queue) {
		q.arrive(q.t.Context(), 0)
		time.Sleep(10 * time.Second)
		q.arrive(q.t.Context(), 1)
		time.Sleep(20*time.Second - 1)
		synctest.Wait()
		if err := q.refusal(0); err != nil {
			q.t.Errorf("before its time: got %v", err)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		q.wantBusy(0, "queue-timeout is over")
		q.arrive(q.t.Context(), 2) // into the place that has become free
		q.drain(1, 2)
	})
}

func TestQueueWithoutTimeout(t *testing.T) {
	inQueue(t, config.Settings{MaxQueue: 1}, func(q *queue) {
		q.arrive(q.t.Context(), 0)
		time.Sleep(1000 * time.Hour)
		q.drain(0)
	})
}

// A client that goes away leaves the queue, and the others keep their order.
func TestQueueIsLeft(t *testing.T) {
	inQueue(t, config.Settings{MaxQueue: 3}, func(q *queue) {
		gone, goAway := context.WithCancel(q.t.Context())
		stopped, stop := context.WithCancelCause(q.t.Context())
		q.arrive(gone, 0)
		q.arrive(q.t.Context(), 1)
		q.arrive(stopped, 2)
		q.arrive(q.t.Context(), 3)
		q.wantBusy(3, "the queue is full")
		goAway()
		stop(errShutdown)
		synctest.Wait()
		for number, want := range map[int]error{0: errClientGone, 2: errShutdown} {
			if got := q.refusal(number); got != want {
				q.t.Errorf("%d: got %v; want %v", number, got, want)
			}
		}
		q.arrive(q.t.Context(), 4)
		q.arrive(q.t.Context(), 5)
		q.drain(1, 4, 5)
	})
}

// Whatever comes, waits, gives up and leaves when: never are more inside than
// there are slots, and in the end all slots are free.
func TestGateHoldsItsNumber(t *testing.T) {
	const slots, arrivals = 4, 2000
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	settings := config.Settings{MaxConcurrent: slots, MaxQueue: 8, QueueTimeout: 200 * time.Microsecond}
	g := newGate(&settings)
	var inside, served, refused atomic.Int64
	var all sync.WaitGroup
	limit := make(chan struct{}, 32)
	for i := range arrivals {
		limit <- struct{}{}
		all.Go(func() {
			defer func() { <-limit }()
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.IntN(500))*time.Microsecond)
			defer cancel()
			if g.enter(ctx) != nil {
				refused.Add(1)
				return
			}
			served.Add(1)
			if n := inside.Add(1); n > slots {
				t.Errorf("got %d inside; want %d at the most", n, slots)
			}
			time.Sleep(time.Duration(rng.IntN(100)) * time.Microsecond)
			inside.Add(-1)
			g.leave()
		})
	}
	all.Wait()
	if served.Load() == 0 || refused.Load() == 0 {
		t.Errorf("%d were served and %d were not: this shows nothing", served.Load(), refused.Load())
	}
	if g.free != slots || g.waiting.Load() != 0 {
		t.Errorf("at the end: got %d slots free, %d in the queue; want %d and none", g.free, g.waiting.Load(), slots)
	}
}
