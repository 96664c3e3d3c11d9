// Package runner is how a frame's processes are had. A mode is one file; what
// they share is the small interface that the gateway sees.
package runner

import (
	"context"
	"errors"
	"syscall"
	"time"

	"framegate/server/internal/process"
)

// Run is one exchange under way. Its Output is read to the end or it is
// stopped; Wait ends it either way.
type Run interface {
	Pid() int
	Output() process.Output
	Signal(sig syscall.Signal)
	Stop(grace time.Duration)
	Dying() bool
	Done() <-chan struct{}
	Exit() process.Exit // once Done is closed
	Wait() process.Exit
}

// Runner starts the exchanges of one frame.
type Runner interface {
	// Warm starts what is to be there ahead of requests, and does not wait for
	// it. w is told of process groups from then on; before, nobody is. Nothing
	// is lost without a call of Warm: then the first request starts what it needs.
	Warm(w process.Watcher)
	Start(ctx context.Context, spec *process.Spec) (Run, error)
	// Close ends what has outlived its requests. No exchange runs any more.
	Close() error
}

// Standing is a program whose processes outlive a request, and how they are kept.
type Standing struct {
	// Spec is the program with its environ, directory and confinement.
	// StderrLine is given what it prints while it is at no request.
	Spec  process.Spec
	Grace time.Duration // between SIGTERM and SIGKILL
	Ready time.Duration // how long it may take until it can answer; 0 is no limit
	// Note is told what happens to the processes, for the log; nil is nobody.
	Note func(Note)
}

// Note is something that has happened to a process that outlives requests.
type Note struct {
	Pid  int // 0: it could not be started
	What string
	Err  error // nil where all is as it should be
}

// ErrNotReady: no process is there, and it is not known when there will be one.
var ErrNotReady = errors.New("no process is ready")

// errNotBuilt is what a mode says that this version does not have yet.
var errNotBuilt = errors.New("not built yet")

func (s *Standing) note(n Note) {
	if s.Note != nil {
		s.Note(n)
	}
}
