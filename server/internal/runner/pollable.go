package runner

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pollable is a socket to a worker. What is there to read is read without a
// look at any clock; the deadline is for the waiting, and is moved once a
// second at the most: it costs a system timer.
type pollable struct {
	f   *os.File
	raw syscall.RawConn

	mu    sync.Mutex
	armed time.Time // the deadline
	over  bool      // the process has ended: whoever holds the other end, it is not the worker

	turn func(fd uintptr) bool // of ask; made once
	asks asking
}

// asking is what ask has to do.
type asking struct {
	out     []byte
	written int
	in      []byte
	n       int
	err     error
}

// init takes over a descriptor.
func (c *pollable) init(fd int) error {
	err := unix.SetNonblock(fd, true)
	if err != nil {
		unix.Close(fd)
		return os.NewSyscallError("fcntl", err)
	}
	c.f = os.NewFile(uintptr(fd), "worker")
	if c.raw, err = c.f.SyscallConn(); err != nil {
		c.f.Close()
	}
	c.turn = c.takeTurn
	return err
}

// ask writes out and then reads into p, once there is something: what both
// come to in one. It waits right behind the writing, without a look whether the
// answer is there already: it is not.
func (c *pollable) ask(out []byte, written *int, p []byte, block func()) (n int, err error) {
	if block != nil {
		block()
	}
	c.asks = asking{out: out, written: *written, in: p}
	werr := c.raw.Read(c.turn)
	*written = c.asks.written
	n, err = c.asks.n, c.asks.err
	c.asks = asking{}
	switch {
	case werr != nil && *written == len(out):
		return c.read(p, block) // the deadline, or the process's end: there may be something for all that
	case werr != nil:
		return 0, c.trouble(werr)
	case *written < len(out) && err == syscall.EAGAIN:
		if err := c.write(out, written, block); err != nil {
			return 0, err
		}
		return c.read(p, block)
	}
	return readResult(n, err)
}

// takeTurn is called when the runtime is ready to note that there is something
// to read: nothing that comes from here on is missed.
func (c *pollable) takeTurn(fd uintptr) bool {
	a := &c.asks
	if a.written < len(a.out) {
		for a.written < len(a.out) {
			n, err := syscall.Write(int(fd), a.out[a.written:])
			if n > 0 {
				a.written += n
			}
			if err != nil && err != syscall.EINTR {
				a.err = err
				return true
			}
		}
		return false
	}
	for {
		if a.n, a.err = syscall.Read(int(fd), a.in); a.err != syscall.EINTR {
			return a.err != syscall.EAGAIN
		}
	}
}

func readResult(n int, err error) (int, error) {
	switch {
	case err != nil:
		return 0, fmt.Errorf("%w: %w", errLost, err)
	case n <= 0:
		return 0, errEnd
	}
	return n, nil
}

func (c *pollable) close() { c.f.Close() }

// bound has nothing wait beyond t, nor for longer than its caller may go without
// a look around.
func (c *pollable) bound(t time.Time) {
	now := time.Now()
	limit := now.Add(lookAround)
	if !t.IsZero() && t.Before(limit) {
		limit = t
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.armed.Sub(now) > lookAround/2 && !c.armed.After(limit) {
		return
	}
	c.set(limit)
}

// exactly has nothing wait beyond t; zero is for ever.
func (c *pollable) exactly(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.set(t)
	}
}

// set leaves writes alone: a body may be fed meanwhile, at the pace of the worker.
func (c *pollable) set(t time.Time) {
	c.armed = t
	c.f.SetReadDeadline(t)
}

// abandon has what is there still be read, and nothing be waited for.
func (c *pollable) abandon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	c.f.SetDeadline(time.Unix(1, 0))
}

func (c *pollable) abandoned() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over
}

// errEnd is the end of what the other side says; it may still listen.
var errEnd = errors.New("the connection has ended")

// read reads once.
func (c *pollable) read(p []byte, block func()) (n int, err error) {
	attempt := func(fd uintptr) bool {
		for {
			if n, err = syscall.Read(int(fd), p); err != syscall.EINTR {
				return err != syscall.EAGAIN
			}
		}
	}
	if cerr := c.raw.Control(func(fd uintptr) { attempt(fd) }); cerr != nil {
		return 0, errLost
	}
	if err == syscall.EAGAIN {
		if block != nil {
			block()
		}
		werr := c.raw.Read(attempt)
		if errors.Is(werr, os.ErrDeadlineExceeded) && c.abandoned() {
			werr = nil
			if c.raw.Control(func(fd uintptr) { attempt(fd) }) != nil || err == syscall.EAGAIN {
				return 0, errLost
			}
		}
		if werr != nil {
			return 0, c.trouble(werr)
		}
	}
	return readResult(n, err)
}

// write writes what is left of p, and counts it.
func (c *pollable) write(p []byte, written *int, block func()) error {
	var err error
	attempt := func(fd uintptr) bool {
		for *written < len(p) {
			var n int
			n, err = syscall.Write(int(fd), p[*written:])
			if n > 0 {
				*written += n
			}
			if err == syscall.EAGAIN {
				return false
			}
			if err != nil && err != syscall.EINTR {
				break
			}
		}
		return true
	}
	if c.raw.Control(func(fd uintptr) { attempt(fd) }) != nil {
		return errLost
	}
	if err == syscall.EAGAIN {
		if block != nil {
			block()
		}
		if werr := c.writeBounded(attempt); werr != nil {
			return c.trouble(werr)
		}
	}
	if *written < len(p) {
		return errLost
	}
	return nil
}

// writeBounded waits with the deadline that reads have.
func (c *pollable) writeBounded(attempt func(uintptr) bool) error {
	c.mu.Lock()
	if !c.over {
		c.f.SetWriteDeadline(c.armed)
	}
	c.mu.Unlock()
	return c.raw.Write(attempt)
}

// sendFile hands a descriptor over, with a byte that is 0.
func (c *pollable) sendFile(f *os.File) error {
	rights := unix.UnixRights(int(f.Fd()))
	var err error
	attempt := func(fd uintptr) bool {
		err = unix.Sendmsg(int(fd), []byte{0}, rights, nil, 0)
		return err != unix.EAGAIN
	}
	// Not by way of the deadline first: it may be an old one, of a read that
	// did not have to wait, and the worker asks once.
	werr := c.raw.Control(func(fd uintptr) { attempt(fd) })
	if err == unix.EAGAIN {
		werr = c.writeBounded(attempt)
	}
	switch {
	case werr != nil:
		return c.trouble(werr)
	case err != nil:
		return errLost
	}
	return nil
}

// trouble tells a deadline, after which everything may be tried again, from
// the end of the connection.
func (c *pollable) trouble(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) && !c.abandoned() {
		return os.ErrDeadlineExceeded
	}
	return errLost
}
