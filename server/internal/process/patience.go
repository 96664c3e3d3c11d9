package process

import (
	"os"
	"sync"
	"time"
)

// Patience bounds how long the starts of programs wait for their end that are
// expected to end soon. One clock is for all of them, and runs only while
// somebody waits: a timer of each one's own would wake the runtime's poller,
// which costs more than all the rest of the wait.
type Patience struct {
	Limit time.Duration // roughly, a quarter more at the most

	mu    sync.Mutex
	waits map[*os.File]time.Time // what is waited for, and since when
	ticks bool                   // the clock runs
}

// wait has reads of f fail with os.ErrDeadlineExceeded once the limit is over.
func (p *Patience) wait(f *os.File) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waits == nil {
		p.waits = map[*os.File]time.Time{}
	}
	p.waits[f] = time.Now()
	if !p.ticks {
		p.ticks = true
		time.AfterFunc(p.Limit/4, p.tick)
	}
}

// done ends the wait for f, and leaves f without a deadline.
func (p *Patience) done(f *os.File) {
	p.mu.Lock()
	_, waits := p.waits[f]
	delete(p.waits, f)
	p.mu.Unlock()
	if !waits {
		f.SetReadDeadline(time.Time{})
	}
}

func (p *Patience) tick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for f, since := range p.waits {
		if now.Sub(since) >= p.Limit {
			delete(p.waits, f)
			f.SetReadDeadline(now)
		}
	}
	if p.ticks = len(p.waits) > 0; p.ticks {
		time.AfterFunc(p.Limit/4, p.tick)
	}
}
