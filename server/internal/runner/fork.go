package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"framegate/server/internal/process"
)

// ForkOptions are what the mode "fork" needs to know of its frame.
type ForkOptions struct {
	Standing // the process that has the application loaded and is forked
}

// Forks is the mode "fork": each request is answered by a fresh fork of a
// process that has the application loaded. That process is started again when
// it ends; the connection to it is in fork_process.go.
type Forks struct {
	o ForkOptions

	mu      sync.Mutex
	watcher process.Watcher
	warm    bool // somebody serves: a process is to be there
	closed  bool
	current *loaded // is forked; nil while there is none
	coming  *loaded // is loading
	told    map[string]bool

	failures int // of loading, since one has succeeded
	failed   time.Time
	failure  error
	retry    *time.Timer

	running sync.WaitGroup
}

// OpenFork is the mode "fork". Nothing is started yet.
func OpenFork(o ForkOptions) (Runner, error) {
	o.Spec.NoOutput = true
	if c := o.Spec.Confinement; c != nil {
		// It outlives any number of requests; each fork bounds its own time.
		o.Spec.Confinement = c.WithoutCPUTime()
	}
	return &Forks{o: o, told: map[string]bool{}}, nil
}

// Warm has the application loaded.
func (f *Forks) Warm(w process.Watcher) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watcher, f.warm = w, true
	f.load()
}

// Start has a process forked for the request of spec. One whose parent ends
// before anybody can have seen the request is forked from the next.
func (f *Forks) Start(ctx context.Context, spec *process.Spec) (Run, error) {
	for try := 1; ; try++ {
		l, err := f.acquire(ctx)
		if err != nil {
			return nil, err
		}
		p, err := process.Fork(&forker{l, ctx}, spec)
		l.release()
		switch {
		case err == nil:
			return p, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case try == 3 || !errors.Is(err, errUnseen) && !(errors.Is(err, errForkLost) && spec.Again):
			return nil, err
		}
		if spec.Stdin != nil {
			spec.Stdin.Seek(0, io.SeekStart)
		}
	}
}

// Await returns when a process has the application loaded, or why none has.
func (f *Forks) Await(ctx context.Context) error {
	l, err := f.acquire(ctx)
	if err != nil {
		return err
	}
	defer l.release()
	if l.fault != "" {
		return &StartError{Why: l.fault, Stderr: l.said()}
	}
	return nil
}

// Close ends the process. Nothing that was forked runs any more.
func (f *Forks) Close() error {
	f.mu.Lock()
	f.closed = true
	if f.retry != nil {
		f.retry.Stop()
	}
	for _, l := range []*loaded{f.current, f.coming} {
		if l != nil {
			defer l.endBy(f.o.Grace).Stop()
		}
	}
	f.mu.Unlock()
	f.running.Wait()
	return nil
}

// acquire returns a process that can be forked; whoever has it releases it.
func (f *Forks) acquire(ctx context.Context) (*loaded, error) {
	for {
		f.mu.Lock()
		now := time.Now()
		switch l := f.current; {
		case f.closed:
			f.mu.Unlock()
			return nil, errForksClosed
		case l != nil && l.acquire():
			if l.fault != "" && !f.backingOff(now) {
				f.load() // it may have been mended
			}
			f.mu.Unlock()
			return l, nil
		case f.coming == nil && f.failures > 0 && now.Sub(f.failed) < min(patience, f.backOff()):
			err := fmt.Errorf("%w: %w", ErrNotReady, f.failure)
			f.mu.Unlock()
			return nil, err
		}
		f.load()
		l := f.coming
		f.mu.Unlock()
		select {
		case <-l.ready:
			if l.err != nil {
				return nil, fmt.Errorf("%w: %w", ErrNotReady, l.err)
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

var errForksClosed = errors.New("the loaded process is being stopped")

// load starts the process that is forked next, unless one is coming. The lock is held.
func (f *Forks) load() {
	if f.coming != nil || f.closed {
		return
	}
	l := &loaded{o: &f.o, ready: make(chan struct{}), forks: map[uint32]*forked{}}
	f.coming = l
	watcher := f.watcher
	f.running.Go(func() {
		err := l.start(watcher)
		f.loaded(l, err)
		if err == nil {
			l.listen(l.news)
			l.end()
			f.ended(l)
		}
	})
}

// loaded takes in a process that is ready, or that has failed to be.
func (f *Forks) loaded(l *loaded, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l.err = err
	f.coming = nil
	defer close(l.ready)
	if f.closed {
		if err == nil {
			l.retire()
		}
		return
	}
	if err != nil {
		f.fail(err)
		f.o.note(Note{Pid: l.pid(), What: "the application could not be loaded", Err: err})
		return
	}
	old := f.current
	f.current = l
	if old != nil {
		old.retire()
	}
	switch {
	case l.fault != "":
		f.failures++
		f.failed = time.Now()
	default:
		f.failures = 0
	}
	f.tell(l)
}

// tell says what forked processes will be surprised by. Once: what was said
// of one process is true of the next.
func (f *Forks) tell(l *loaded) {
	for _, w := range l.warnings {
		if key := w.What + w.Err.Error(); !f.told[key] {
			f.told[key] = true
			f.o.note(w)
		}
	}
}

// ended is the end of a process that was ready once.
func (f *Forks) ended(l *loaded) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current == l {
		f.current = nil
	}
	if f.closed || l.isRetired() {
		return
	}
	err := errors.New(l.proc.Exit().String())
	f.o.note(Note{Pid: l.pid(), What: "the process that has the application loaded has ended", Err: err})
	if l.hasForked() {
		if f.warm {
			f.load()
		}
		return
	}
	// To start the next at once could go on for ever.
	f.fail(fmt.Errorf("the loaded process ended before its first request: %w", err))
}

// fail notes a failure, and has it tried again later if somebody serves.
func (f *Forks) fail(err error) {
	f.failures++
	f.failed, f.failure = time.Now(), err
	if f.warm && f.retry == nil {
		f.retry = time.AfterFunc(f.backOff(), func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.retry = nil
			if f.current == nil {
				f.load()
			}
		})
	}
}

// backOff is how long the next try waits after so many failures.
func (f *Forks) backOff() time.Duration {
	const first, longest = 100 * time.Millisecond, 30 * time.Second
	return min(first<<min(max(f.failures-1, 0), 10), longest)
}

func (f *Forks) backingOff(now time.Time) bool {
	return f.failures > 0 && now.Sub(f.failed) < f.backOff()
}
