package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"framegate/server/internal/process"
)

// worker is one process. Its fields belong to whoever has it, the pool or an
// exchange, but for those that say otherwise.
type worker struct {
	pool *Workers
	link link
	proc *process.Process // set once it runs, under the pool's lock

	launched time.Time
	requests atomic.Int64 // answered
	most     int64        // of them, 0 for no end
	since    time.Time    // it has been idle
	weighed  time.Time    // its memory was last looked at

	taken   bool // a request has it; the pool's
	gone    bool // it has ended; the pool's
	retired bool // the pool does not count on it any more; the pool's
	doomed  bool // it is being stopped; the pool's

	mu    sync.Mutex
	spec  *process.Spec   // of the request that it is at, nil at none
	after []*process.Spec // of those that are behind that, in their order
	ready bool
	first []string // the last lines of stderr ahead of that
}

// at says which request the worker's stderr belongs to from now on. No line is
// still under way to the one before when it returns.
func (w *worker) at(spec *process.Spec) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spec, w.after = spec, nil
}

// follows says which request the worker turns to by itself, behind the others.
func (w *worker) follows(spec *process.Spec) {
	w.mu.Lock()
	w.after = append(w.after, spec)
	w.mu.Unlock()
}

// followsNot says that it does not.
func (w *worker) followsNot(spec *process.Spec) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i := slices.Index(w.after, spec); i >= 0 {
		w.after = slices.Delete(w.after, i, i+1)
	}
}

// turns says that the worker is at spec's by now, or further: what it has
// printed may have told that already.
func (w *worker) turns(spec *process.Spec) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turnTo(spec.ID)
}

// turnTo has the worker be at the request with that id, if that is one of those
// that it turns to by itself. The lock is held.
func (w *worker) turnTo(id string) {
	for i, spec := range w.after {
		if spec.ID == id {
			w.spec = spec
			w.after = slices.Delete(w.after, 0, i+1)
			return
		}
	}
}

// turnLine is ahead of what a bridge's worker prints first in a request that
// was behind another, with that request's id.
var turnLine = []byte("\x00framegate: request ")

// StartError is a worker that has ended ahead of its being ready, or was not
// ready in time.
type StartError struct {
	Why    string
	Stderr []string // the last lines of it
}

func (e *StartError) Error() string {
	if said := e.verdict(); said != "" {
		return e.Why + ": " + said
	}
	return e.Why
}

// verdict is what a bridge has said to explain itself, or else the last line.
func (e *StartError) verdict() string {
	for _, line := range slices.Backward(e.Stderr) {
		if said, ok := strings.CutPrefix(line, "framegate: "); ok {
			return said
		}
	}
	if len(e.Stderr) > 0 {
		return e.Stderr[len(e.Stderr)-1]
	}
	return ""
}

// launch starts a worker and sees to it until it has ended. Without old it is
// live from now on; else it takes old's place when it is ready. The lock is held.
func (p *Workers) launch(old *worker) *worker {
	w := &worker{pool: p, launched: time.Now()}
	if n := p.o.MaxRequests; n > 0 {
		w.most = int64(max(1, n-n/10+rand.IntN(n/5+1)))
	}
	p.all[w] = struct{}{}
	p.running.Go(func() {
		if err := p.start(w); err != nil {
			p.startFailed(w, old, err)
			return
		}
		p.started(w, old)
		<-w.proc.Done()
		w.proc.Wait()
		p.ended(w)
	})
	return w
}

// start returns when the worker is ready; after an error nothing is left of it.
func (p *Workers) start(w *worker) error {
	l, err := p.open()
	if err != nil {
		return fmt.Errorf("start a worker: %w", err)
	}
	if f, ok := l.(*fcgi); ok {
		f.line = w.line // stderr comes two ways, and is told by turns
	}
	child := l.child()
	spec := p.o.Spec
	p.mu.Lock()
	spec.Stdin, spec.Watcher, spec.StderrLine = child, p.watcher, w.line
	p.mu.Unlock()
	proc, err := startProcess(context.Background(), &spec)
	child.Close()
	if err != nil {
		l.close()
		return err
	}
	p.running.Go(func() {
		<-proc.Done()
		l.gone()
	})
	p.mu.Lock()
	w.link, w.proc = l, proc
	if w.doomed || p.closed {
		p.stop(w, p.o.Grace)
	}
	p.mu.Unlock()

	var until time.Time
	if p.o.Ready > 0 {
		until = time.Now().Add(p.o.Ready)
	}
	if err = l.ready(until); err == nil {
		proc.FlushStderr() // what it has said so far is no request's
		w.mu.Lock()
		w.ready, w.first = true, nil
		w.mu.Unlock()
		return nil
	}
	return p.notReady(w, err)
}

// notReady ends a worker that will not be ready, and says why.
func (p *Workers) notReady(w *worker, err error) error {
	why := "a worker ended before it was ready: "
	broken := (*brokenError)(nil)
	switch {
	case errors.As(err, &broken):
		why = "a worker " + broken.Error()
	case errors.Is(err, os.ErrDeadlineExceeded):
		why = fmt.Sprintf("a worker was not ready within %s", p.o.Ready)
	case !ended(w.proc, time.Second):
		why = "a worker closed its connection before it was ready"
	}
	w.proc.Stop(p.o.Grace)
	exit := w.proc.Wait()
	w.link.close()
	if strings.HasSuffix(why, ": ") {
		why += exit.String()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return &StartError{Why: why, Stderr: w.first}
}

// afterwards is how long a process may outlive its connection and still be
// taken for one that ends: the connection may be that of a child of its own.
const afterwards = 50 * time.Millisecond

// ends reports whether a process whose connection has ended is at its end, too,
// and waits for that. One that lives on costs a moment.
func ends(proc *process.Process) bool {
	if proc.Dying() {
		return ended(proc, time.Second)
	}
	return ended(proc, afterwards)
}

// ended waits a moment for a process to end, or just looks.
func ended(proc *process.Process, limit time.Duration) bool {
	select {
	case <-proc.Done():
		return true
	default:
		if limit <= 0 {
			return false
		}
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-proc.Done():
		return true
	case <-timer.C:
		return false
	}
}

func (p *Workers) startFailed(w, old *worker, err error) {
	pid := 0
	if w.proc != nil {
		pid = w.proc.Pid()
	}
	p.mu.Lock()
	delete(p.all, w)
	if old != nil {
		p.replacer = nil // the old one goes on
	} else {
		p.starting--
		if !w.retired {
			p.live--
		}
	}
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.fail(time.Now(), err)
	var waiters []*waiter
	if p.live == 0 {
		waiters, p.waiters = p.waiters, nil
	}
	p.fill(p.failed, false)
	p.mu.Unlock()
	for _, wait := range waiters {
		wait.got <- handed{err: err}
	}
	p.o.note(Note{Pid: pid, What: "a worker could not be started", Err: err})
}

func (p *Workers) started(w, old *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = time.Time{}
	if old == nil {
		p.starting--
	} else {
		p.replacer = nil
		p.live++
		p.retire(old)
		if p.live > p.o.Max { // the old one has ended meanwhile, and was replaced
			p.stop(w, p.o.Grace)
			return
		}
	}
	p.give(w)
	p.fill(time.Now(), false) // those that a failure has kept waiting
}

// ended is the end of a worker that was ready once.
func (p *Workers) ended(w *worker) {
	p.mu.Lock()
	if !w.taken || w.doomed {
		w.link.close()
	} // else a request has yet to read what it has said last, and closes it by stop
	delete(p.all, w)
	if i := slices.Index(p.idle, w); i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
	}
	// Not whether it is at one: a request that has it is the one that fails, also
	// ahead of that and behind it. One that does not fail tells of it: lose and
	// giveBack see to that.
	unexpected := !w.doomed && !w.taken
	w.gone = true
	if !w.retired {
		w.retired = true
		p.live--
	}
	now := time.Now()
	if unexpected && w.requests.Load() == 0 {
		p.unused(w, now)
	}
	p.fill(now, len(p.waiters) > 0)
	p.mu.Unlock()
	if unexpected {
		p.endedByItself(w)
	}
}

// endedByItself tells of a worker whose end no request's record tells.
func (p *Workers) endedByItself(w *worker) {
	p.o.note(Note{Pid: w.proc.Pid(), What: "a worker has ended by itself", Err: errors.New(w.proc.Exit().String())})
}

// closedByItself tells of one that had to be ended, because it speaks no more.
func (p *Workers) closedByItself(w *worker) {
	p.o.note(Note{Pid: w.proc.Pid(), What: "a worker was lost", Err: errors.New("closed its connection")})
}

// line is a line of the worker's stderr. It belongs to the request that the
// worker is at, if there is one.
func (w *worker) line(line []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if before, id, ok := bytes.Cut(line, turnLine); ok {
		if len(before) > 0 {
			w.tell(before)
		}
		w.turnTo(string(id))
		return
	}
	w.tell(line)
}

func (w *worker) tell(line []byte) {
	tell := w.pool.o.Spec.StderrLine
	if w.spec != nil {
		tell = w.spec.StderrLine
	} else if !w.ready {
		const kept = 50
		if len(w.first) == kept {
			w.first = append(w.first[:0], w.first[1:]...)
		}
		w.first = append(w.first, string(line))
	}
	if tell != nil {
		tell(line)
	}
}

// weighing is how often a worker's memory and processor time are looked at.
const weighing = time.Second

// dueForWeighing reports whether its memory and processor time are to be looked
// at, which is when it is at nothing.
func (w *worker) dueForWeighing(o *WorkerOptions) bool {
	return (o.MaxRSS > 0 || o.CPUTime > 0) && time.Since(w.weighed) >= weighing
}

// isSpent reports whether another worker should take this one's place.
func (w *worker) isSpent(o *WorkerOptions) bool {
	if w.most > 0 && w.requests.Load() >= w.most {
		return true
	}
	if !w.dueForWeighing(o) {
		return false
	}
	w.weighed = time.Now()
	// The kernel ends a process that has used its processor time, at whatever
	// request that is: each shall have half of it before it.
	return o.MaxRSS > 0 && w.proc.RSS() >= o.MaxRSS || o.CPUTime > 0 && w.proc.CPU() >= o.CPUTime/2
}
