package runner

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"framegate/server/internal/fastcgi"
)

// remoteConn is a connection that is read like a process's output: what is
// there comes at once, and somebody is told ahead of waiting.
type remoteConn struct {
	net.Conn
	fcgi  *fastcgi.Conn // what is spoken on it, when that is FastCGI
	block func()        // called when Read is about to wait; may be nil

	requests int // that it has carried
	since    time.Time

	raw syscall.RawConn
	try func(fd uintptr) // reads once into p: one closure for all reads
	p   []byte
	n   int
	err error
}

func newRemoteConn(conn net.Conn) (*remoteConn, error) {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		conn.Close()
		return nil, errors.ErrUnsupported
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		conn.Close()
		return nil, err
	}
	c := &remoteConn{Conn: conn, raw: raw}
	c.try = func(fd uintptr) {
		for {
			if c.n, c.err = syscall.Read(int(fd), c.p); c.err != syscall.EINTR {
				return
			}
		}
	}
	c.fcgi = fastcgi.NewConn(c)
	return c, nil
}

// SyscallConn is the way to look at the connection without reading it.
func (c *remoteConn) SyscallConn() (syscall.RawConn, error) { return c.raw, nil }

// Read reads what is there and otherwise waits. A deadline bounds only the
// waiting.
func (c *remoteConn) Read(p []byte) (int, error) {
	if c.block == nil || len(p) == 0 {
		return c.Conn.Read(p)
	}
	c.p = p
	err := c.raw.Control(c.try)
	c.p = nil
	switch {
	case err != nil:
		return 0, err
	case c.err == syscall.EAGAIN:
		c.block()
		return c.Conn.Read(p)
	case c.err != nil:
		return 0, os.NewSyscallError("read", c.err)
	case c.n == 0:
		return 0, io.EOF
	}
	return c.n, nil
}
