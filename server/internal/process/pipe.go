package process

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
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

// Pipe is the gateway's end of a process's stdout or stderr.
type Pipe struct {
	onBlock func()

	f   *os.File
	raw syscall.RawConn

	mu    sync.Mutex                // lets no later deadline take the place of limit
	limit atomic.Pointer[time.Time] // set once the process is gone: when waiting for the other end is over
	late  int                       // bytes that were read since limit was set
}

// outputPipe makes a pipe whose read end the runtime polls. The write end
// stays in blocking mode: programs do not expect EAGAIN on their stdout.
func outputPipe() (*Pipe, *os.File, error) {
	var fds [2]int
	if err := pipeCloseOnExec(&fds); err != nil {
		return nil, nil, os.NewSyscallError("pipe", err)
	}
	if err := syscall.SetNonblock(fds[0], true); err != nil {
		syscall.Close(fds[0])
		syscall.Close(fds[1])
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	f := os.NewFile(uintptr(fds[0]), "|0")
	raw, err := f.SyscallConn()
	if err != nil {
		f.Close()
		syscall.Close(fds[1])
		return nil, nil, err
	}
	return &Pipe{f: f, raw: raw}, os.NewFile(uintptr(fds[1]), "|1"), nil
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
		return p.await(read, largestPipe)
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
	return n, err
}

// readFD reads once.
func readFD(fd int, b []byte) (n int, err error) {
	for {
		if n, err = syscall.Read(fd, b); err != syscall.EINTR {
			return n, err
		}
	}
}

func (p *Pipe) await(read func(fd, most int) (int, error), most int) (n int, err error) {
	var readErr error
	blocked := false
	attempt := func(fd uintptr) bool {
		n, readErr = read(int(fd), most)
		blocked = readErr == syscall.EAGAIN
		return !blocked
	}
	if err := p.raw.Control(func(fd uintptr) { attempt(fd) }); err != nil {
		return 0, err
	}
	if blocked {
		if p.onBlock != nil {
			p.onBlock()
		}
		err := p.raw.Read(attempt)
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
	cerr := p.raw.Control(func(fd uintptr) { n, err = read(int(fd), most) })
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
		p.f.SetReadDeadline(t)
	}
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
	p.f.SetReadDeadline(t)
}

// Close closes the gateway's end.
func (p *Pipe) Close() error {
	if p == nil {
		return nil
	}
	return p.f.Close()
}
