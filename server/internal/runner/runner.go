// Package runner is how a frame's processes are had. A mode is one file; what
// they share is the small interface that the gateway sees.
package runner

import (
	"context"
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
	Start(ctx context.Context, spec *process.Spec) (Run, error)
	Close() error
}
