package process

import (
	"context"
	"sync"
	"time"
)

// Orphans reaps what a gateway that is PID 1 of a container inherits: the
// children of frames that did not wait for them. It is a Watcher, so that it
// knows the gateway's own children, whose statuses it must not take.
type Orphans struct {
	Next Watcher // is told as well; nil is nobody

	mu  sync.Mutex
	own map[int]struct{}
}

// Starting is Next's to answer.
func (o *Orphans) Starting() *int32 {
	if o.Next == nil {
		return nil
	}
	return o.Next.Starting()
}

// Started notes a child of the gateway's own.
func (o *Orphans) Started(starting *int32, pid int) {
	o.mu.Lock()
	if o.own == nil {
		o.own = map[int]struct{}{}
	}
	if pid != 0 {
		o.own[pid] = struct{}{}
	}
	o.mu.Unlock()
	if o.Next != nil {
		o.Next.Started(starting, pid)
	}
}

// Ended forgets it, before it is reaped.
func (o *Orphans) Ended(pid int) {
	if o.Next != nil {
		o.Next.Ended(pid)
	}
	o.mu.Lock()
	delete(o.own, pid)
	o.mu.Unlock()
}

// orphanInterval is how often zombies are looked for.
const orphanInterval = time.Second

// Reap reaps orphans until ctx ends. A zombie is taken once it has been seen
// twice and is nobody's: a child of our own is gone from the list for the
// moment between Ended and its reaping, and not yet on it just after its
// start, but never for a whole interval.
func (o *Orphans) Reap(ctx context.Context) {
	ticker := time.NewTicker(orphanInterval)
	defer ticker.Stop()
	seen := map[int]uint64{} // zombies of the last look, by pid: when they were started
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		next := map[int]uint64{}
		for _, z := range zombies() {
			o.mu.Lock()
			_, own := o.own[z.pid]
			o.mu.Unlock()
			if own {
				continue
			}
			if start, ok := seen[z.pid]; ok && start == z.start {
				reap(z.pid)
				continue
			}
			next[z.pid] = z.start
		}
		seen = next
	}
}

// zombie is a child that has ended and was not waited for.
type zombie struct {
	pid   int
	start uint64 // tells it from another process of the same number
}
