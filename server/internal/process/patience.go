package process

import (
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Patience bounds how long the starts of programs wait for their end that are
// expected to end soon. One clock is for all of them, and runs only while
// somebody waits: a timer of each one's own would wake the runtime's poller,
// which costs more than all the rest of the wait. There is no lock for all of
// them: whoever has one may be put to sleep by a busy system, and then nothing
// would be started.
type Patience struct {
	Limit time.Duration // roughly, a quarter more at the most

	waits sync.Map    // *os.File → *awaited
	ticks atomic.Bool // the clock runs
}

// awaited is a wait for a file.
type awaited struct {
	since time.Time

	mu   sync.Mutex // orders the deadline that tick sets and the one that done does
	over bool       // for the limit is
	done bool
}

// wait has reads of f fail with os.ErrDeadlineExceeded once the limit is over.
func (p *Patience) wait(f *os.File) {
	p.waits.Store(f, &awaited{since: time.Now()})
	p.run()
}

// run has the clock run.
func (p *Patience) run() {
	if p.ticks.CompareAndSwap(false, true) {
		time.AfterFunc(p.Limit/4, p.tick)
	}
}

// done ends the wait for f, and leaves f without a deadline.
func (p *Patience) done(f *os.File) {
	known, _ := p.waits.LoadAndDelete(f)
	w := known.(*awaited)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = true
	if w.over {
		f.SetReadDeadline(time.Time{})
	}
}

func (p *Patience) tick() {
	now := time.Now()
	p.waits.Range(func(f, wait any) bool {
		if w := wait.(*awaited); now.Sub(w.since) >= p.Limit {
			w.end(f.(*os.File), now)
		}
		return true
	})
	// Who comes from here on starts the clock again, and who has come before is
	// seen by whoever looks now.
	p.ticks.Store(false)
	p.waits.Range(func(any, any) bool {
		p.run()
		return false
	})
}

func (w *awaited) end(f *os.File, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.over && !w.done {
		w.over = true
		f.SetReadDeadline(now)
	}
}
