package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"framegate/server/internal/process"
)

// Protocols of a worker.
const (
	Bridge  = "bridge"  // docs/wire.md's second section, on a connected socket at descriptor 0
	SCGI    = "scgi"    // a connection for each request, on a listening socket at descriptor 0
	FastCGI = "fastcgi" // likewise
)

// WorkerOptions are what the mode "worker" needs to know of its frame.
type WorkerOptions struct {
	Standing

	Protocol    string
	Min, Max    int           // how many there are when there is nothing to do, and at the most
	Idle        time.Duration // after which one that is more than Min ends; 0 is never
	MaxRequests int           // after which one is replaced, give or take a tenth; 0 is never
	MaxRSS      int64         // bytes of memory at which one is replaced; 0 is no limit
	CPUTime     time.Duration // that one may take in its life; 0 is no limit
	Sockets     string        // directory for the sockets of SCGI and FastCGI
}

// Workers is the mode "worker": long-lived processes, each of which answers one
// request at a time. Who starts, ends and replaces them is in pool.go.
type Workers struct {
	o    WorkerOptions
	open func() (l link, err error) // makes descriptor 0 of a worker to be

	mu       sync.Mutex
	watcher  process.Watcher
	warm     bool // Min is to be kept: somebody serves
	closed   bool
	all      map[*worker]struct{}
	idle     []*worker // the one that was used last comes last, and is used next
	waiters  []*waiter // for a worker, in order of arrival
	live     int       // workers that requests can count on: those that are being started, idle and at work
	starting int       // of them, those that are not ready yet
	replacer *worker   // that is being started to take another's place; it is not live yet
	shrink   *time.Timer

	failures int       // of starting, since a worker has answered
	failed   time.Time // the last of them, unless one was ready since then
	failure  error     // nil where a worker was ready, and ended at nothing
	lapsed   time.Time // when one has done so last
	retry    *time.Timer
	retryDue time.Time // of retry

	running sync.WaitGroup
}

// link is how requests are put to one worker. It is used by one goroutine at a
// time, except for gone and close.
type link interface {
	// ready waits until the worker can take its first request.
	ready(until time.Time) error
	// put takes a request, which is sent ahead of the first read.
	put(spec *process.Spec)
	// read reads some of the answer; block is called when it is about to wait.
	// io.EOF is the answer's end, os.ErrDeadlineExceeded may be tried again,
	// and any other error is the worker's end.
	read(p []byte, block func()) (int, error)
	// bound has read not wait beyond t. A little more or less is no matter.
	bound(t time.Time)
	// sent reports whether the worker may have seen some of the request.
	sent() bool
	// ending is how the answer has ended, once read has said so.
	ending() Ending
	// finish makes ready for the next request. It returns what is still fed of
	// the body, nil when nothing is.
	finish() *bodyFeed
	// child is descriptor 0 of the process, to be closed when it runs.
	child() *os.File
	// gone tells that the process has ended: nothing more will come.
	gone()
	close()
}

// OpenWorkers is the mode "worker". Nothing is started yet.
func OpenWorkers(o WorkerOptions) (Runner, error) {
	p := &Workers{o: o, all: map[*worker]struct{}{}}
	switch o.Protocol {
	case Bridge:
		p.open = openSocket
	case SCGI:
		paths := &socketPaths{dir: o.Sockets}
		p.open = func() (link, error) { return openSCGI(paths) }
	case FastCGI:
		p.o.Spec.Env = withoutRecycling(p.o.Spec.Env)
		paths := &socketPaths{dir: o.Sockets}
		p.open = func() (link, error) { return openFCGI(paths) }
	default:
		return nil, fmt.Errorf(`mode "worker" with protocol %q: %w`, o.Protocol, errNotBuilt)
	}
	return p, nil
}

// Warm starts as many as there are to be always.
func (p *Workers) Warm(w process.Watcher) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watcher = w
	if p.o.Spec.Path != "" { // else it was not found, which each request is told
		p.warm = true
		p.fill(time.Now(), false)
	}
}

// Start puts the request of spec to a worker, once one is free.
func (p *Workers) Start(ctx context.Context, spec *process.Spec) (Run, error) {
	w, err := p.acquire(ctx)
	if err != nil {
		return nil, err
	}
	return p.begin(w, spec), nil
}

// Await returns when a worker is ready, or why none will be.
func (p *Workers) Await(ctx context.Context) error {
	w, err := p.acquire(ctx)
	if err == nil {
		p.giveBack(w)
	}
	return err
}

// Close ends all workers and waits for them.
func (p *Workers) Close() error {
	p.mu.Lock()
	p.closed = true
	for _, t := range []*time.Timer{p.shrink, p.retry} {
		if t != nil {
			t.Stop()
		}
	}
	for w := range p.all {
		p.stop(w, p.o.Grace)
	}
	waiters := p.waiters
	p.waiters = nil
	p.mu.Unlock()
	for _, wait := range waiters {
		wait.got <- handed{err: errClosed}
	}
	p.running.Wait()
	return nil
}

var errClosed = errors.New("the workers are being stopped")
