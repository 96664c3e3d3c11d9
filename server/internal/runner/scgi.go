package runner

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"framegate/server/internal/cgi"
	"framegate/server/internal/process"
)

// listenAt makes a listening socket for a worker's descriptor 0. It is there
// before the process runs, so that nobody knocks too early.
func listenAt(path string) (*os.File, error) {
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	ln.SetUnlinkOnClose(false)
	defer ln.Close()
	theirs, err := ln.File() // the same socket
	if err != nil {
		os.Remove(path)
		return nil, err
	}
	// Programs do not expect EAGAIN of an accept.
	if err := syscall.SetNonblock(int(theirs.Fd()), false); err != nil {
		theirs.Close()
		os.Remove(path)
		return nil, os.NewSyscallError("fcntl", err)
	}
	return theirs, nil
}

// socketPaths numbers the sockets of one directory.
type socketPaths struct {
	dir  string
	mu   sync.Mutex
	last int
}

func (p *socketPaths) next() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	return filepath.Join(p.dir, strconv.Itoa(p.last))
}

// scgi is a worker that speaks SCGI: a connection for each request.
type scgi struct {
	theirs *os.File
	path   string

	mu   sync.Mutex
	conn *pollable // of the request, nil ahead of its first read
	over bool      // the process has ended

	spec    *process.Spec
	at      time.Time
	out     []byte // what is sent ahead of reading
	written int
	feed    *bodyFeed // what is sent meanwhile
}

func openSCGI(paths *socketPaths) (link, error) {
	path := paths.next()
	theirs, err := listenAt(path)
	if err != nil {
		return nil, err
	}
	return &scgi{theirs: theirs, path: path}, nil
}

func (s *scgi) child() *os.File { return s.theirs }

// ready is at once: who connects is waited for by the kernel.
func (s *scgi) ready(time.Time) error { return nil }

func (s *scgi) put(spec *process.Spec) { s.spec, s.written = spec, 0 }

func (s *scgi) sent() bool { return s.written > 0 }

func (s *scgi) ending() Ending { return Ending{byConn: true} }

func (s *scgi) bound(t time.Time) {
	s.at = t
	if c := s.current(); c != nil {
		c.bound(t)
	}
}

func (s *scgi) current() *pollable {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn
}

func (s *scgi) read(p []byte, block func()) (int, error) {
	c := s.current()
	if c == nil {
		var err error
		if c, err = s.connect(); err != nil {
			return 0, err
		}
	}
	if s.written < len(s.out) {
		if err := c.write(s.out, &s.written, block); err != nil && !s.answered(c, err) {
			return 0, err
		}
	}
	n, err := c.read(p, block)
	if err == errEnd || errors.Is(err, syscall.ECONNRESET) { // it has not read all of its request
		err = io.EOF
	}
	return n, err
}

// answered reports whether a worker that has not read its request to the end
// may still have answered it: that is then to be read.
func (s *scgi) answered(c *pollable, err error) bool {
	if errors.Is(err, os.ErrDeadlineExceeded) || s.written == 0 {
		return false
	}
	s.written = len(s.out)
	return true
}

// connect makes the request's connection, and its request.
func (s *scgi) connect() (*pollable, error) {
	fd, err := dialUnix(s.path)
	if err != nil {
		return nil, errLost
	}
	c := &pollable{}
	if err := c.init(fd); err != nil {
		return nil, err
	}
	s.mu.Lock()
	if s.over {
		s.mu.Unlock()
		c.close()
		return nil, errLost
	}
	s.conn = c
	s.mu.Unlock()
	c.bound(s.at)
	s.out = append(s.out[:0], cgi.SCGI(s.spec.Env)...)
	return c, s.addBody(c)
}

// inlineBody is the most of a body that is sent ahead of reading: so much fits
// between two processes without either having to wait.
const inlineBody = 64 << 10

func (s *scgi) addBody(c *pollable) error {
	spec := *s.spec
	switch body := spec.Feed.(type) {
	case nil:
		if spec.Stdin == nil {
			return nil
		}
		if _, err := spec.Stdin.Seek(0, io.SeekStart); err != nil {
			return err
		}
		spec.Feed = spec.Stdin
	case *bytes.Reader:
		body.Seek(0, io.SeekStart) // a second worker gets it all, too
		if body.Len() <= inlineBody {
			at := len(s.out)
			s.out = append(s.out, make([]byte, body.Len())...)
			io.ReadFull(body, s.out[at:])
			if spec.Fed != nil {
				spec.Fed(s.out[at:])
				spec.Fed(nil)
			}
			return nil
		}
	}
	spec.Feed = io.MultiReader(bytes.NewReader(s.out), spec.Feed)
	if fed := spec.Fed; fed != nil {
		skip := len(s.out)
		spec.Fed = func(p []byte) {
			n := min(skip, len(p))
			if skip -= n; len(p) == 0 || len(p) > n {
				fed(p[n:])
			}
		}
	}
	s.written = 1
	s.out = s.out[:1]
	s.feed = feed(&spec, writeEnd{c})
	return nil
}

// writeEnd writes to a connection that is read, too. To close it wakes a
// writer, and no reader.
type writeEnd struct{ c *pollable }

func (w writeEnd) Write(p []byte) (int, error) { return w.c.f.Write(p) }

func (w writeEnd) Close() error { return w.c.f.SetWriteDeadline(time.Unix(1, 0)) }

// breakOff tells the worker that no more of the body will come.
func (w writeEnd) breakOff() {
	w.c.raw.Control(func(fd uintptr) { unix.Shutdown(int(fd), unix.SHUT_WR) })
}

func dialUnix(path string) (int, error) {
	fd, err := streamSocket()
	if err != nil {
		return -1, err
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (s *scgi) finish() *bodyFeed {
	s.mu.Lock()
	conn := s.conn
	s.conn = nil
	s.mu.Unlock()
	if conn != nil {
		conn.close()
	}
	feed := s.feed
	s.spec, s.out, s.feed, s.written = nil, trimmed(s.out), nil, 0
	return feed
}

func (s *scgi) gone() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	if s.conn != nil {
		s.conn.abandon()
	}
}

func (s *scgi) close() {
	os.Remove(s.path)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.conn.close()
	}
}
