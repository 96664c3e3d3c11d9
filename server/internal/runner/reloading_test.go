package runner

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"framegate/server/internal/process"
)

// version is a Runner whose runs do nothing but tell which version they are.
type version struct {
	number int
	closed chan struct{}
}

func newVersion(n int) *version { return &version{number: n, closed: make(chan struct{})} }

func (v *version) Start(context.Context, *process.Spec) (Run, error) {
	select {
	case <-v.closed:
		return nil, errors.New("started after it was closed")
	default:
		return versionRun{v: v}, nil
	}
}

func (v *version) Warm(process.Watcher) {}

func (v *version) Close() error {
	close(v.closed)
	return nil
}

type versionRun struct {
	Run
	v *version
}

func (r versionRun) Pid() int           { return r.v.number }
func (r versionRun) Wait() process.Exit { return process.Exit{} }

func start(t *testing.T, r *Reloading) Run {
	t.Helper()
	run, err := r.Start(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func isClosed(v *version) bool {
	select {
	case <-v.closed:
		return true
	default:
		return false
	}
}

func TestReloading(t *testing.T) {
	versions := []*version{newVersion(0), newVersion(1), newVersion(2)}
	var opened atomic.Int32
	r := &Reloading{Open: func(context.Context, process.Watcher) (Runner, error) { return versions[opened.Add(1)], nil }}
	r.Use(versions[0])

	old := start(t, r)
	r.Changed()
	r.Changed() // two files are saved: one new version
	if got := start(t, r).Pid(); got != 1 {
		t.Errorf("behind a change version %d answers; want 1", got)
	}
	if isClosed(versions[0]) {
		t.Error("the old version was closed while it answered")
	}
	old.Wait()
	old.Wait() // as the gateway may
	<-versions[0].closed

	r.Changed()
	run := start(t, r)
	if got := run.Pid(); got != 2 {
		t.Errorf("behind a change version %d answers; want 2", got)
	}
	run.Wait()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if !isClosed(versions[2]) {
		t.Error("Close has left the current version open")
	}
}

func TestReloadingFails(t *testing.T) {
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprintf("keep good %t", keep), func(t *testing.T) {
			broken := errors.New("SyntaxError")
			var next atomic.Pointer[version] // nil cannot be loaded
			var told []error
			r := &Reloading{KeepGood: keep, Told: func(err error, _ time.Duration) { told = append(told, err) },
				Open: func(context.Context, process.Watcher) (Runner, error) {
					if v := next.Load(); v != nil {
						return v, nil
					}
					return nil, broken
				}}
			r.Use(newVersion(0))
			r.Changed()
			for range 2 { // the second time without another attempt
				run, err := r.Start(t.Context(), nil)
				switch {
				case keep && (err != nil || run.Pid() != 0):
					t.Errorf("got %v, %v; want the last good version", run, err)
				case !keep && !errors.Is(err, broken):
					t.Errorf("got %v; want the reason", err)
				}
				if run != nil {
					run.Wait()
				}
			}
			mended := newVersion(1)
			next.Store(mended)
			r.Changed()
			run := start(t, r)
			if run.Pid() != 1 {
				t.Errorf("mended, version %d answers; want 1", run.Pid())
			}
			run.Wait()
			r.Close()
			if len(told) != 2 || told[0] != broken || told[1] != nil {
				t.Errorf("told of %v; want one failure and one success", told)
			}
		})
	}
}

// Whoever waits for a version may go away, and Close may come, while it is
// being loaded.
func TestReloadingGivenUp(t *testing.T) {
	loading := make(chan struct{})
	r := &Reloading{Open: func(ctx context.Context, _ process.Watcher) (Runner, error) {
		close(loading)
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	first := newVersion(0)
	r.Use(first)
	r.Changed()
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := r.Start(ctx, nil)
		gone <- err
	}()
	<-loading
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v; want the context's end", err)
	}
	r.Close()
	if !isClosed(first) {
		t.Error("Close has left the version open that was to be replaced")
	}
}
