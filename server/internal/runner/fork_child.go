package runner

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"syscall"
	"time"

	"framegate/server/internal/process"
)

// errUnseen is a request that was put to no process, so that another may have it.
var errUnseen = errors.New("the loaded process has ended")

// errForkLost is one that may have been.
var errForkLost = errors.New("the loaded process has ended while it forked")

// forker is the process.Parent of one request.
type forker struct {
	loaded *loaded
	ctx    context.Context
}

// forked is a process that was forked, or is about to be.
type forked struct {
	loaded *loaded
	number uint32

	started chan error    // gets nil or why not, once
	exited  chan struct{} // closed when it has and was reaped, or is forsaken

	mu        sync.Mutex
	pid       int  // 0 until it runs
	told      bool // started got what it gets
	handle    *process.Handle
	abandoned bool // nobody waits for it to run
	gone      bool // it has ended, or its parent is lost
	exit      process.Exit
}

// Fork has the loaded process fork, and waits for that.
func (f *forker) Fork(spec *process.Spec, fds [3]uintptr) (process.Forked, error) {
	c, err := f.loaded.newFork()
	if err != nil {
		return nil, err
	}
	message := forkMessage(c.number, spec.Env)
	if err := f.loaded.send(message, int(fds[0]), int(fds[1]), int(fds[2])); err != nil {
		f.loaded.forget(c)
		return nil, errUnseen // a process that got no more than a part of it forks nobody
	}
	var late <-chan time.Time
	if limit := f.loaded.o.Ready; limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case err := <-c.started:
		if err == nil {
			return c, nil
		}
		return nil, err
	case <-f.ctx.Done():
		c.abandon()
		return nil, f.ctx.Err()
	case <-late:
		c.abandon()
		f.loaded.stopHung()
		return nil, fmt.Errorf("the loaded process did not fork within %s: it was killed", f.loaded.o.Ready)
	}
}

// newFork gives a process to be its number.
func (l *loaded) newFork() (*forked, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost {
		return nil, errUnseen
	}
	l.next++
	c := &forked{
		loaded: l, number: l.next,
		started: make(chan error, 1), exited: make(chan struct{}),
	}
	l.forks[c.number] = c
	l.users++
	return c, nil
}

// forget is the end of a fork, whatever has become of it.
func (l *loaded) forget(c *forked) {
	l.mu.Lock()
	_, there := l.forks[c.number]
	delete(l.forks, c.number)
	l.mu.Unlock()
	if there {
		l.release()
	}
}

// Pid is the process's number and its group's.
func (c *forked) Pid() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pid
}

// Holds reports whether the number still is the process's.
func (c *forked) Holds() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.gone && c.handle.Holds()
}

// Ended returns when the process has ended.
func (c *forked) Ended() { <-c.exited }

// Exit is how the process has ended.
func (c *forked) Exit() process.Exit {
	<-c.exited
	return c.exit
}

// abandon has a process that nobody waits for killed as soon as it runs.
func (c *forked) abandon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.abandoned = true
	if !c.gone && c.handle.Holds() {
		syscall.Kill(-c.pid, syscall.SIGKILL)
	}
}

// runs is the news that the process does.
func (c *forked) runs(pid int) error {
	if pid <= 1 || pid > math.MaxInt32 {
		return errNoSense // to signal the group of number 1 is to signal everybody
	}
	handle, err := process.OpenHandle(pid, c.loaded.pid())
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pid, c.handle = pid, handle
	switch {
	case handle == nil: // nobody notes its number before the news that it has ended
	case c.abandoned && handle.Holds():
		syscall.Kill(-pid, syscall.SIGKILL)
		fallthrough
	default:
		c.tell(nil)
	}
	return nil
}

// fails is the news that it will not run.
func (c *forked) fails(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tell(err)
}

// tell tells who waits for the process to run; the lock is held.
func (c *forked) tell(err error) {
	if !c.told {
		c.told = true
		c.started <- err
	}
}

// ends is the news that the process has, and was reaped.
func (c *forked) ends(exit process.Exit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone, c.exit = true, exit
	c.handle.Close()
	close(c.exited)
	c.tell(nil)
}

// forsake is the end of the process's parent. The kernel kills the process,
// where that could be asked for; its group is for us to kill, now, while the
// number is not long free.
func (c *forked) forsake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	c.tell(errForkLost)
	if c.pid == 0 {
		return
	}
	if c.handle != nil {
		syscall.Kill(-c.pid, syscall.SIGKILL)
		c.handle.Close()
	}
	c.exit = process.Exit{Code: -1, Signal: syscall.SIGKILL}
	close(c.exited)
}
