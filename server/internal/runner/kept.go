package runner

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"framegate/server/internal/process"
)

// Kept is a Run whose process outlives it. Stop is then for a process that
// hangs, and costs it; an answer that nobody wants is read to its end instead.
type Kept interface {
	Run
	// Ending is how the answer has ended, once Output is at its end.
	Ending() Ending
	// Buffered reports whether Output has more, or its end, without waiting.
	Buffered() bool
}

// Ending is how an answer has ended that a process has given without ending
// itself. The zero value is an answer that is whole.
type Ending struct {
	Failed bool         // the application has failed, and the answer says so
	Cut    bool         // it has failed in the middle of the answer
	Lost   error        // the process has ended, or said something else, in the middle of it
	Exit   process.Exit // of a process that has ended with its answer, which may have been cut by that

	byConn bool // the end of its connection, which may be that of the process
}

// KeptOf is the Kept that r is or wraps, nil when r's process ends with it.
func KeptOf(r Run) Kept {
	for {
		if k, ok := r.(Kept); ok {
			return k
		}
		u, ok := r.(interface{ Unwrap() Run })
		if !ok {
			return nil
		}
		r = u.Unwrap()
	}
}

// errLost: the worker is gone, or speaks no more.
var errLost = errors.New("the worker has ended")

// brokenError is a worker that does not keep to its protocol.
type brokenError struct{ what string }

func (e *brokenError) Error() string { return "does not speak its protocol: " + e.what }

// kept is one exchange of a worker.
type kept struct {
	pool  *Workers
	spec  *process.Spec
	block func()
	at    time.Time // when the clock rings

	mu     sync.Mutex
	w      *worker
	over   bool // the answer has ended, and w is somebody else's
	begun  bool // some of the answer has come
	second bool // w is the second worker that was asked
	end    Ending
	feed   *bodyFeed // of the body, that is to be waited for
}

func (p *Workers) begin(w *worker, spec *process.Spec) *kept {
	k := &kept{pool: p, w: w, spec: spec}
	w.at(spec)
	w.link.put(spec)
	return k
}

// Pid is the worker's.
func (k *kept) Pid() int { return k.process().Pid() }

func (k *kept) process() *process.Process {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.w.proc
}

// Output is the answer.
func (k *kept) Output() process.Output { return k }

// WhenBlocked has f called when Read is about to wait.
func (k *kept) WhenBlocked(f func()) { k.block = f }

// lookAround is how long a read waits before its caller looks whether anybody
// still waits for the answer.
const lookAround = 2 * time.Second

// SetReadDeadline bounds the waiting of Read.
func (k *kept) SetReadDeadline(t time.Time) {
	k.at = t
	k.w.link.bound(t)
}

// Read reads some of the answer.
func (k *kept) Read(p []byte) (int, error) {
	if k.over {
		return 0, io.EOF
	}
	for {
		n, err := k.w.link.read(p, k.blocked)
		if n > 0 {
			k.begun = true
			return n, nil
		}
		switch {
		case err == nil:
		case err == io.EOF:
			if err := k.finish(); err != nil {
				return 0, err
			}
		case errors.Is(err, os.ErrDeadlineExceeded):
			return 0, err
		default:
			if err := k.lose(err); err != nil {
				return 0, err
			}
		}
	}
}

func (k *kept) blocked() {
	if k.block != nil {
		k.block()
	}
}

// finish is the end of the answer. It returns nil when there is to be another.
func (k *kept) finish() error {
	w := k.w
	end := w.link.ending()
	if end.byConn && w.proc.Dying() {
		if !k.begun {
			return k.lose(errLost)
		}
		if ended(w.proc, time.Second) {
			end.Exit = w.proc.Exit()
		}
	}
	k.mu.Lock()
	k.over, k.end = true, end
	k.mu.Unlock()
	k.feed = w.link.finish()
	k.feed.stop()
	w.proc.FlushStderr()
	w.at(nil)
	if end.Exit.Ended.IsZero() {
		k.pool.release(w)
	} else {
		k.pool.end(w, k.pool.o.Grace)
	}
	return io.EOF
}

// lose is the end of a worker in the middle of this exchange. It returns nil
// when another worker has been given the request, and otherwise the end of the
// answer.
func (k *kept) lose(err error) error {
	w := k.w
	again := !k.begun && !k.second && (k.spec.Again || !w.link.sent())
	var broken *brokenError
	tell := k.pool.endedByItself
	if !errors.As(err, &broken) {
		// It says nothing more, and is most likely dead already. How it has
		// ended is to be known before it is sent a signal.
		if ends(w.proc) {
			err = errors.New(w.proc.Exit().Past())
		} else {
			err, tell = errors.New("closed its connection"), k.pool.closedByItself
		}
	}
	byItself := k.pool.end(w, k.pool.o.Grace)
	if broken == nil && again && k.tryAnother() {
		if byItself {
			tell(w) // the request's record will be of the other one
		}
		return nil
	}
	k.feed = w.link.finish()
	k.feed.stop()
	k.mu.Lock()
	k.over, k.end = true, Ending{Lost: err}
	k.mu.Unlock()
	return io.EOF
}

// tryAnother puts the request to a second worker.
func (k *kept) tryAnother() bool {
	// What the first one has said belongs to this request. One that lives on has
	// been sent a signal, and is not waited for.
	if proc := k.w.proc; ended(proc, 0) {
		proc.Wait()
	} else {
		proc.FlushStderr()
	}
	k.w.at(nil)
	next, err := k.pool.another(k.at)
	if err != nil {
		return false
	}
	k.mu.Lock()
	k.w, k.second = next, true
	k.mu.Unlock()
	next.at(k.spec)
	next.link.put(k.spec)
	next.link.bound(k.at)
	return true
}

// Signal sends sig to the worker, while it is at this exchange.
func (k *kept) Signal(sig syscall.Signal) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.over {
		k.w.proc.Signal(sig)
	}
}

// Stop ends the worker, while it is at this exchange; another takes its place.
func (k *kept) Stop(grace time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.over {
		k.pool.end(k.w, grace)
	}
}

// Dying reports whether the worker is on its way out.
func (k *kept) Dying() bool { return k.process().Dying() }

// Done is closed when the worker has ended.
func (k *kept) Done() <-chan struct{} { return k.process().Done() }

// Exit is how the worker has ended.
func (k *kept) Exit() process.Exit { return k.process().Exit() }

// Wait waits until nothing of the exchange is left. Unless the worker was lost
// or stopped that is so when its Output was read to the end; the Exit is then
// nobody's.
func (k *kept) Wait() process.Exit {
	k.mu.Lock()
	lives := k.over && k.end.Lost == nil && k.end.Exit.Ended.IsZero()
	proc := k.w.proc
	k.mu.Unlock()
	k.feed.wait()
	if lives {
		return process.Exit{}
	}
	return proc.Wait()
}

// Buffered reports whether the next Read returns at once, where that is known.
func (k *kept) Buffered() bool {
	l, ok := k.w.link.(interface{ buffered() bool })
	return ok && !k.over && l.buffered()
}

// Ending is how the answer has ended.
func (k *kept) Ending() Ending { return k.end }

// end stops a worker in the middle of an exchange. Another one may be started in its
// place at once. It reports false for one that was being stopped already.
func (p *Workers) end(w *worker, grace time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := !w.doomed
	p.stop(w, grace)
	p.fill(time.Now(), len(p.waiters) > 0)
	return first
}

// another is a second worker for a request that the first one was lost with.
func (p *Workers) another(until time.Time) (*worker, error) {
	ctx := context.Background()
	if !until.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, until)
		defer cancel()
	}
	return p.acquire(ctx)
}
