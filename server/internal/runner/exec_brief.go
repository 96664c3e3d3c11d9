package runner

import (
	"sync"
	"sync/atomic"
	"time"

	"framegate/server/internal/process"
)

// habits knows, by their paths, which programs end soon and print little. The
// start of such a one waits for its end: then nothing of it has to be watched.
// A program whose habits change is held up by that once, and not again for long.
type habits struct{ programs sync.Map } // path → *habit

// habit is above zero for a program that is expected to be brief.
type habit struct{ score atomic.Int32 }

const (
	surest  = 8   // of a program that was always brief
	slowest = -8  // of one that takes long, but is not held up by being waited for
	hasty   = -64 // of one that was: it has printed more than a pipe holds, or before it went on

	// A program that prints more may have to wait for its reader.
	briefOutput = 32 << 10
)

func (h *habits) of(path string) *habit {
	if known, ok := h.programs.Load(path); ok {
		return known.(*habit)
	}
	known, _ := h.programs.LoadOrStore(path, new(habit))
	return known.(*habit)
}

func (h *habit) brief() bool { return h.score.Load() > 0 }

// heldUp notes that the program was waited for, and had something to tell.
func (h *habit) heldUp() { h.score.Store(hasty) }

// ended notes how long the program took, and how much it has printed.
func (h *habit) ended(took, limit time.Duration, printed int64) {
	score := h.score.Load()
	switch {
	case printed > briefOutput:
		h.score.Store(hasty)
	case took < limit:
		h.score.Store(min(score+1, surest))
	case score > slowest:
		h.score.Store(score - 1)
	}
}

// execRun is a process whose habits are being learned.
type execRun struct {
	*process.Process
	habit *habit
	limit time.Duration
}

func (r *execRun) Wait() process.Exit {
	exit := r.Process.Wait()
	r.habit.ended(exit.Ended.Sub(r.Launched()), r.limit, r.Printed())
	return exit
}

// Launched is when the process of run was started, which may have been long
// before Start returned; zero where that is not known.
func Launched(run Run) time.Time {
	if p, ok := run.(interface{ Launched() time.Time }); ok {
		return p.Launched()
	}
	return time.Time{}
}

// WasBrief reports whether run had ended before its output was read.
func WasBrief(run Run) bool {
	p, ok := run.(*execRun)
	return ok && p.WasBrief()
}
