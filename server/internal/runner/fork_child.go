package runner

import (
	"context"
	"errors"
	"fmt"
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
	exited  chan struct{} // closed when it has, or is forsaken
	reaped  chan struct{} // closed when it was, or is forsaken

	mu        sync.Mutex
	pid       int // 0 until it runs
	handle    *process.Handle
	abandoned bool // nobody waits for it to run
	gone      bool // its parent is lost
	zombie    bool
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
		started: make(chan error, 1), exited: make(chan struct{}), reaped: make(chan struct{}),
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

// letGo has a fork reaped that nobody waits for. Not from here: whoever listens
// must not wait for a process that waits to be listened to.
func (l *loaded) letGo(number uint32) {
	l.helpers.Go(func() { l.send(letGo(number)) })
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
	return c.handle.Holds()
}

// Ended returns when the process has ended.
func (c *forked) Ended() { <-c.exited }

// Reap has the process reaped.
func (c *forked) Reap() process.Exit {
	c.mu.Lock()
	zombie := c.zombie && !c.gone
	c.mu.Unlock()
	if zombie {
		c.loaded.send(letGo(c.number)) // what goes wrong is the end of listen, too
	}
	<-c.reaped
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handle.Close()
	return c.exit
}

// abandon has a process that nobody waits for killed as soon as it runs, and
// reaped.
func (c *forked) abandon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.abandoned = true
	switch {
	case c.gone || c.pid == 0:
	case c.zombie:
		c.loaded.letGo(c.number)
	default:
		syscall.Kill(-c.pid, syscall.SIGKILL)
	}
}

// runs is the news that the process does.
func (c *forked) runs(pid int) error {
	handle, err := process.OpenHandle(pid, c.loaded.pid())
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pid, c.handle = pid, handle
	if c.abandoned {
		syscall.Kill(-pid, syscall.SIGKILL)
	}
	c.started <- nil
	return nil
}

// ends is the news that the process has. One that nobody waits for is reaped.
func (c *forked) ends(status syscall.WaitStatus) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.zombie = true
	c.exit = process.ExitOf(status)
	close(c.exited)
	if c.abandoned {
		c.loaded.letGo(c.number)
	}
}

// isReaped is the last of it.
func (c *forked) isReaped(cpu time.Duration, rssKiB int64) {
	c.mu.Lock()
	c.exit.CPU, c.exit.MaxRSSKiB = cpu, rssKiB
	if c.abandoned {
		c.handle.Close()
	}
	c.mu.Unlock()
	close(c.reaped)
}

// forsake is the end of the process's parent. The kernel kills the process,
// where that could be asked for; its group is for us to kill, now, while the
// number is not long free.
func (c *forked) forsake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	if c.abandoned && c.handle != nil {
		defer c.handle.Close()
	}
	switch {
	case c.pid == 0:
		c.started <- errForkLost
	case !c.zombie:
		syscall.Kill(-c.pid, syscall.SIGKILL)
		c.exit = process.Exit{Code: -1, Signal: syscall.SIGKILL}
		close(c.exited)
		close(c.reaped)
	default:
		select {
		case <-c.reaped:
		default:
			close(c.reaped)
		}
	}
}
