package process

import (
	"syscall"
	"time"
)

// life is how the end of a process is waited for. The calls come in this
// order, each once unless it says otherwise.
type life interface {
	// exitedWithin waits for the end of a process whose start was not waited
	// for, and fails when it could not be started. Others are waited for by
	// untilExited alone.
	exitedWithin(patience *Patience) (exited bool, err error)
	// untilExited returns when the process has ended.
	untilExited()
	// holds reports whether the number still is the process's; it may be
	// called at any time before reap.
	holds() bool
	// killGroup ends what the process has left in its group.
	killGroup()
	reap() Exit
}

// ownChild is the life of a process that is this program's own child.
type ownChild struct {
	pid    int
	waiter waiter
}

func (c *ownChild) exitedWithin(patience *Patience) (bool, error) {
	return c.waiter.exitedWithin(patience, c.pid)
}

func (c *ownChild) untilExited() { c.waiter.untilExited(c.pid) }

func (c *ownChild) holds() bool { return true } // who else should reap it?

// killGroup kills the group while its leader is a zombie: until that is
// reaped, its number cannot belong to anybody else.
func (c *ownChild) killGroup() { syscall.Kill(-c.pid, syscall.SIGKILL) }

func (c *ownChild) reap() Exit {
	defer c.waiter.close()
	return reap(c.pid)
}

func exitOf(status syscall.WaitStatus, usage *syscall.Rusage) Exit {
	e := ExitOf(status)
	e.CPU = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	e.MaxRSSKiB = maxRSSKiB(usage)
	return e
}

// ExitOf is the exit that a wait status tells of.
func ExitOf(status syscall.WaitStatus) Exit {
	e := Exit{Code: status.ExitStatus()} // -1 unless it exited
	if status.Signaled() {
		e.Signal = status.Signal()
	}
	return e
}

// reap takes the status of a process that has ended.
func reap(pid int) Exit {
	var status syscall.WaitStatus
	var usage syscall.Rusage
	for {
		_, err := syscall.Wait4(pid, &status, 0, &usage)
		switch err {
		case nil:
			return exitOf(status, &usage)
		case syscall.EINTR:
		default:
			return Exit{Code: -1} // somebody else took the status
		}
	}
}
