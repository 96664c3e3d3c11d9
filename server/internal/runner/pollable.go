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

// pollable is a connection to a worker, or the pipe of its answers. What is
// there to read is read without a look at any clock; the deadline is for the waiting, and is moved once a
// second at the most: it costs a system timer.
type pollable struct {
	f   *os.File // closed while fd is used in its place
	raw syscall.RawConn
	fd  int // the connection while the runtime does not poll it, else -1

	mu     sync.Mutex
	armed  time.Time // the deadline
	over   bool      // the process has ended: whoever holds the other end, it is not the worker
	lent   bool      // somebody uses fd
	closed bool
	poller Poller // that fd is registered with, nil for none

	turn func(fd uintptr) bool // of ask; made once
	asks asking
}

// asking is what ask has to do.
type asking struct {
	to  *requests
	out *parcel
	in  []byte
	n   int
	err error
}

// init takes over a descriptor.
func (c *pollable) init(fd int) error {
	c.fd, c.turn = -1, c.takeTurn
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return os.NewSyscallError("fcntl", err)
	}
	return c.open(fd)
}

func (c *pollable) open(fd int) (err error) {
	c.f = os.NewFile(uintptr(fd), "worker")
	if c.raw, err = c.f.SyscallConn(); err != nil {
		c.f.Close()
	}
	return err
}

// lend gives the connection to a caller that polls it with poller, and waits
// for nothing. It is not closed before it is taken back.
func (c *pollable) lend(poller Poller, src Source) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.over {
		return false
	}
	if c.fd < 0 {
		if c.raw.Control(func(fd uintptr) { c.fd, _ = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 3) }) != nil || c.fd < 0 {
			return false
		}
		c.f.Close() // the runtime would wake up for what comes, too
	}
	if c.poller != poller {
		if c.poller != nil {
			c.poller.Remove(c.fd)
		}
		if c.poller = nil; poller.Add(c.fd, src) != nil {
			return false
		}
		c.poller = poller
	}
	c.lent = true
	return true
}

// takeBack ends that. Whoever is to wait for the connection next attaches it.
func (c *pollable) takeBack() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lent = false; c.closed {
		unix.Close(c.fd)
	}
}

// attach has the runtime poll the connection again.
func (c *pollable) attach() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return errLost
	case c.fd < 0:
		return nil
	}
	if c.poller != nil {
		c.poller.Remove(c.fd)
		c.poller = nil
	}
	fd := c.fd
	c.fd, c.armed = -1, time.Time{}
	if err := c.open(fd); err != nil {
		c.closed = true
		return err
	}
	if c.over {
		c.f.SetDeadline(time.Unix(1, 0))
	}
	return nil
}

// ask sends out, and then reads into p, once there is something. It looks right
// behind the writing, though no answer can be there yet: of a worker that has
// closed its connection while it was at nothing, the runtime was told then, and
// nothing more comes.
func (c *pollable) ask(to *requests, out *parcel, p []byte, block func()) (n int, err error) {
	if block != nil {
		block()
	}
	c.asks = asking{to: to, out: out, in: p}
	werr := c.raw.Read(c.turn)
	n, err = c.asks.n, c.asks.err
	c.asks = asking{}
	switch {
	case werr != nil && out.whole():
		return c.read(p, block) // the deadline, or the process's end: there may be something for all that
	case werr != nil:
		return 0, c.trouble(werr)
	case !out.whole() && err == syscall.EAGAIN:
		if err := to.writeAll(out, c.deadline()); err != nil {
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
	if !a.out.whole() {
		if a.err = a.to.write(a.out); a.err != nil {
			return true
		}
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

func (c *pollable) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
	case c.lent:
		unix.Shutdown(c.fd, unix.SHUT_RDWR) // whoever uses it is told so, and closes it
	case c.fd >= 0:
		unix.Close(c.fd)
	default:
		c.f.Close()
	}
	c.closed = true
}

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
	if c.over || c.fd >= 0 || c.armed.Sub(now) > lookAround/2 && !c.armed.After(limit) {
		return
	}
	c.set(limit)
}

// exactly has nothing wait beyond t; zero is for ever.
func (c *pollable) exactly(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over && c.fd < 0 {
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
	if c.fd < 0 {
		c.f.SetDeadline(time.Unix(1, 0))
	}
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

// deadline is what bounds the waiting.
func (c *pollable) deadline() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.armed
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
	if !c.over && c.fd < 0 {
		c.f.SetWriteDeadline(c.armed)
	}
	c.mu.Unlock()
	return c.raw.Write(attempt)
}

// trouble tells a deadline, after which everything may be tried again, from
// the end of the connection.
func (c *pollable) trouble(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) && !c.abandoned() {
		return os.ErrDeadlineExceeded
	}
	return errLost
}
