package gateway

import (
	"syscall"
	"time"

	"framegate/server/internal/process"
)

// closeWait is how long a process that has closed its stdout may take to
// end: its exit status decides whether the answer was whole.
const closeWait = 3 * time.Second

// dyingWait is the same for one that the system says is dying: a busy machine
// may take its time, and only a process whose first thread alone is gone takes
// for ever.
const dyingWait = 10 * time.Second

// awaitExit waits for the process whose stdout has ended. It reports false
// when the process lives on.
func (x *exchange) awaitExit() (process.Exit, bool) { return x.exitWithin(closeWait) }

func (x *exchange) exitWithin(limit time.Duration) (process.Exit, bool) {
	if isDone(x.run.Done()) {
		return x.run.Exit(), true
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-x.run.Done():
		return x.run.Exit(), true
	case <-timer.C:
		return process.Exit{}, false
	}
}

// ending is how the process ended whose output was read to its end.
type ending struct {
	exit    process.Exit
	livedOn bool // it was stopped, because it had closed its stdout and not ended

	// of a process that outlives the exchange
	failed bool  // the application has failed, and the answer says so
	cut    error // the answer is not whole
}

// judgeEnding waits for the process whose stdout has ended, and stops one that
// lives on. On a busy machine a process that dies can be longer in ending than
// anybody waits: the system may know that it does, and otherwise the signal
// tells, because a process dies of the first one: unless that came from the
// ladder, the answer was cut.
func (x *exchange) judgeEnding() ending {
	if x.kept != nil {
		return x.judgeKept()
	}
	if exit, ended := x.awaitExit(); ended {
		return ending{exit: exit}
	}
	if x.run.Dying() {
		if exit, ended := x.exitWithin(dyingWait); ended {
			return ending{exit: exit}
		}
	}
	grace, stopped := x.frame.cfg.StopGrace, time.Now()
	x.run.Stop(grace)
	exit := x.run.Exit()
	switch exit.Signal {
	case 0, syscall.SIGTERM:
		return ending{exit: exit, livedOn: true}
	case syscall.SIGKILL:
		return ending{exit: exit, livedOn: time.Since(stopped) >= grace}
	}
	return ending{exit: exit}
}
