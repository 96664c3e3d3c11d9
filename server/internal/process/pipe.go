package process

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"framegate/server/internal/nowait"
)

// Output is what a process prints, as it is read.
type Output interface {
	Read(p []byte) (n int, err error)
	// WhenBlocked has f called when nothing is there to read and Read is about
	// to wait: the moment to flush what was read so far, and to set a deadline.
	WhenBlocked(f func())
	// SetReadDeadline bounds the waiting of Read, but not the reading.
	SetReadDeadline(t time.Time)
}

// Pipe is the gateway's end of a process's stdout or stderr. The runtime's
// poller has it only once somebody had to wait for it: what a process that has
// ended has left is read without.
type Pipe struct {
	onBlock func()

	mu       sync.Mutex // holds a close back from a read, and a later deadline from limit's place
	fd       int        // -1 once the poller has it, or nobody
	raw      syscall.RawConn
	f        *os.File
	deadline time.Time                 // of f, for when it comes to be
	limit    atomic.Pointer[time.Time] // set once the process is gone: when waiting for the other end is over
	late     int                       // bytes that were read since limit was set
	total    atomic.Int64              // bytes that were read
}

// outputPipe makes a pipe and returns its write end, too, which stays in
// blocking mode: programs do not expect EAGAIN on their stdout.
func outputPipe() (*Pipe, int, error) {
	var fds [2]int
	if err := pipeCloseOnExec(&fds); err != nil {
		return nil, -1, os.NewSyscallError("pipe", err)
	}
	if err := setNonblock(fds[0]); err != nil {
		syscall.Close(fds[0])
		syscall.Close(fds[1])
		return nil, -1, os.NewSyscallError("fcntl", err)
	}
	return &Pipe{fd: fds[0]}, fds[1], nil
}

// setNonblock is for descriptors that have no other flag yet.
func setNonblock(fd int) error {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_SETFL, unix.O_NONBLOCK)
	return err
}

// control calls f with the descriptor, which is not closed meanwhile.
func (p *Pipe) control(f func(fd uintptr)) error {
	p.mu.Lock()
	if raw := p.raw; raw != nil {
		p.mu.Unlock()
		return raw.Control(f)
	}
	defer p.mu.Unlock()
	if p.fd < 0 {
		return os.ErrClosed
	}
	f(uintptr(p.fd))
	return nil
}

// pollable gives the descriptor to the runtime's poller.
func (p *Pipe) pollable() (syscall.RawConn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.raw != nil {
		return p.raw, nil
	}
	if p.fd < 0 {
		return nil, os.ErrClosed
	}
	p.f = os.NewFile(uintptr(p.fd), "|0")
	p.fd = -1
	if !p.deadline.IsZero() {
		p.f.SetReadDeadline(p.deadline)
	}
	var err error
	p.raw, err = p.f.SyscallConn()
	return p.raw, err
}

// WhenBlocked has f called when Read is about to wait.
func (p *Pipe) WhenBlocked(f func()) { p.onBlock = f }

// Read reads what is there and otherwise waits. A deadline bounds only the
// waiting: what has already arrived is never lost to it.
func (p *Pipe) Read(b []byte) (n int, err error) {
	return p.readBy(func(fd, most int) (int, error) { return readFD(fd, b[:min(len(b), most)]) })
}

// readBy is Read with a read of one's own, of so many bytes at the most.
func (p *Pipe) readBy(read func(fd, most int) (int, error)) (n int, err error) {
	limit := p.limit.Load()
	if limit == nil {
		n, err = p.await(read, largestPipe)
		p.total.Add(int64(n))
		return n, err
	}
	// The process is gone. A stray descendant may hold the other end for ever,
	// and may write for ever, but what the process itself has written is among
	// the first bytes that a pipe holds.
	most := largestPipe - p.late
	switch {
	case most <= 0:
		return 0, io.EOF
	case time.Now().Before(*limit):
		n, err = p.await(read, most)
	default:
		n, err = p.readRest(read, most)
	}
	p.late += n
	p.total.Add(int64(n))
	return n, err
}

// readFD reads once.
func readFD(fd int, b []byte) (n int, err error) {
	return nowait.Read(fd, b)
}

func (p *Pipe) await(read func(fd, most int) (int, error), most int) (n int, err error) {
	var readErr error
	blocked := false
	attempt := func(fd uintptr) bool {
		n, readErr = read(int(fd), most)
		blocked = readErr == syscall.EAGAIN
		return !blocked
	}
	if err := p.control(func(fd uintptr) { attempt(fd) }); err != nil {
		return 0, err
	}
	if blocked {
		if p.onBlock != nil {
			p.onBlock()
		}
		raw, err := p.pollable()
		if err == nil {
			err = raw.Read(attempt)
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && p.limit.Load() != nil:
			return p.readRest(read, most)
		case err != nil:
			return 0, err
		}
	}
	switch {
	case readErr != nil:
		return 0, os.NewSyscallError("read", readErr)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// largestPipe is what a pipe holds at the most, after F_SETPIPE_SZ.
const largestPipe = 1 << 20

// readRest reads what is in the pipe after the limit, without waiting.
func (p *Pipe) readRest(read func(fd, most int) (int, error), most int) (n int, err error) {
	cerr := p.control(func(fd uintptr) { n, err = read(int(fd), most) })
	if cerr != nil {
		return 0, cerr
	}
	if err != nil || n <= 0 {
		return 0, io.EOF
	}
	return n, nil
}

// SetReadDeadline bounds the waiting of Read; once the process is gone, the
// bound that its end has set stays.
func (p *Pipe) SetReadDeadline(t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.limit.Load() == nil {
		p.setDeadline(t)
	}
}

// setDeadline does so; the lock is held.
func (p *Pipe) setDeadline(t time.Time) {
	if p.deadline = t; p.f != nil {
		p.f.SetReadDeadline(t)
	}
}

// waiting is how many bytes are there to read.
func (p *Pipe) waiting() (n int) {
	p.control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unreadRequest) })
	return n
}

// abandonAt makes Read report the end of the file at t, whoever holds the
// other end.
func (p *Pipe) abandonAt(t time.Time) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit.Store(&t)
	p.setDeadline(t)
}

// Close closes the gateway's end.
func (p *Pipe) Close() error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.f != nil {
		return p.f.Close()
	}
	if p.fd < 0 {
		return os.ErrClosed
	}
	fd := p.fd
	p.fd = -1
	return syscall.Close(fd)
}
