package runner

import (
	"context"
	"sync"
	"time"

	"framegate/server/internal/process"
)

// Reloading is a Runner of loaded processes that are replaced when their
// source has changed: the next request is answered by the new version, and
// what the old one is answering goes on.
type Reloading struct {
	// Open loads the app, and returns when it is ready to answer. w is what
	// Warm was given, nil without it.
	Open func(ctx context.Context, w process.Watcher) (Runner, error)
	// KeepGood has the last good version serve on when the new one cannot be
	// loaded; otherwise requests fail with the reason until it can.
	KeepGood bool
	// Told hears how each loading has ended, and how long it took.
	Told func(err error, took time.Duration)

	mu      sync.Mutex
	watcher process.Watcher
	current *generation
	failed  error // why there is no current version
	changed time.Time
	loading *loading // under way, else nil
	closed  bool
	done    sync.WaitGroup // loadings, and generations that end
}

// Awaiter is a Runner that can tell when it is ready to answer.
type Awaiter interface {
	// Await returns when a request would be answered at once, or why none would.
	Await(ctx context.Context) error
}

// generation is one loaded version and what it is answering.
type generation struct {
	Runner
	users    int
	replaced bool
}

// loading is a version that is being loaded.
type loading struct {
	ready  chan struct{} // closed when it is over
	cancel context.CancelFunc
}

// Use puts the first version in, which is already loaded.
func (r *Reloading) Use(first Runner) { r.current = &generation{Runner: first} }

// Warm warms the first version; those that follow are warm when they are used.
func (r *Reloading) Warm(w process.Watcher) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watcher = w
	if r.current != nil {
		r.current.Warm(w)
	}
}

// settle is how long source files must have been left alone: editors write a
// file in several steps, and save several files at once.
const settle = 5 * time.Millisecond

// Changed has the next request answered by a new version.
func (r *Reloading) Changed() {
	r.mu.Lock()
	r.changed = time.Now()
	r.mu.Unlock()
}

// Start has the version that is new by now answer.
func (r *Reloading) Start(ctx context.Context, spec *process.Spec) (Run, error) {
	g, err := r.fresh(ctx)
	if err != nil {
		return nil, err
	}
	run, err := g.Start(ctx, spec)
	if err != nil {
		r.leave(g)
		return nil, err
	}
	return &reloadingRun{Run: run, left: func() { r.leave(g) }}, nil
}

// Await returns when a request would be answered at once, or why none would.
func (r *Reloading) Await(ctx context.Context) error {
	g, err := r.fresh(ctx)
	if err != nil {
		return err
	}
	defer r.leave(g)
	if a, ok := g.Runner.(Awaiter); ok {
		return a.Await(ctx)
	}
	return nil
}

// fresh waits for a version that is being loaded, and loads one that is not.
func (r *Reloading) fresh(ctx context.Context) (*generation, error) {
	for {
		r.mu.Lock()
		if !r.changed.IsZero() && r.loading == nil && !r.closed {
			r.load()
		}
		l := r.loading
		if l == nil {
			g, err := r.current, r.failed
			if err == nil {
				g.users++
			}
			r.mu.Unlock()
			return g, err
		}
		r.mu.Unlock()
		select {
		case <-l.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// load begins to load the next version; the lock is held.
func (r *Reloading) load() {
	ctx, cancel := context.WithCancel(context.Background())
	l := &loading{ready: make(chan struct{}), cancel: cancel}
	r.loading = l
	watcher := r.watcher
	r.done.Go(func() {
		defer cancel()
		since := r.settled(ctx)
		begun := time.Now()
		next, err := r.Open(ctx, watcher)
		if r.Told != nil && ctx.Err() == nil {
			r.Told(err, time.Since(begun))
		}
		r.loaded(next, err, since)
		close(l.ready)
	})
}

// settled waits until nothing changes any more, and answers when the last
// change was.
func (r *Reloading) settled(ctx context.Context) time.Time {
	for {
		r.mu.Lock()
		last := r.changed
		r.mu.Unlock()
		left := settle - time.Since(last)
		if left <= 0 {
			return last
		}
		select {
		case <-time.After(left):
		case <-ctx.Done():
			return last
		}
	}
}

func (r *Reloading) loaded(next Runner, err error, since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loading = nil
	if r.changed.Equal(since) {
		r.changed = time.Time{}
	} // else it has changed again meanwhile
	switch {
	case err == nil:
		r.retire()
		r.current, r.failed = &generation{Runner: next}, nil
	case !r.KeepGood || r.current == nil:
		r.failed = err
	}
	if r.closed {
		r.retire()
	}
}

// retire ends the current version once it has answered what it has; the lock
// is held.
func (r *Reloading) retire() {
	g := r.current
	if g == nil || g.replaced {
		return
	}
	g.replaced = true
	if g.users == 0 {
		r.done.Go(func() { g.Close() })
	}
}

func (r *Reloading) leave(g *generation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g.users--
	if g.users == 0 && g.replaced {
		r.done.Go(func() { g.Close() })
	}
}

// Close ends all versions. It is called when nothing runs any more.
func (r *Reloading) Close() error {
	r.mu.Lock()
	r.closed = true
	if r.loading != nil {
		r.loading.cancel()
	} else {
		r.retire()
	}
	r.mu.Unlock()
	r.done.Wait()
	return nil
}

// reloadingRun gives its version back when it is waited for.
type reloadingRun struct {
	Run
	once sync.Once
	left func()
}

func (r *reloadingRun) Wait() process.Exit {
	exit := r.Run.Wait()
	r.once.Do(r.left)
	return exit
}

// Unwrap is the Run of the version.
func (r *reloadingRun) Unwrap() Run { return r.Run }
