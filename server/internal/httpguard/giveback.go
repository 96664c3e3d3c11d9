package httpguard

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A connection that came from a loop goes back to it once it has been idle for
// a while: there it costs less than a kilobyte, and here twenty. One whose
// request only took too long for the loop goes back at once.

// idleAfter is how long a connection is idle before it goes back.
const idleAfter = time.Second

// mayGoBack reports whether the connection is between requests.
func (c *Conn) mayGoBack() bool {
	return c.home != nil && c.begun && c.open.Load() == 0 && c.framing.atHead() &&
		len(c.partial) == 0 && len(c.ready) == 0 && c.failed == nil && !c.linger.Load()
}

// goneBack is for a read into p that has ended with err. It reports whether the
// connection is the loop's now.
func (c *Conn) goneBack(p []byte, err error) bool {
	const background = 1 // length of the buffer of net/http's read while a handler runs
	if len(p) == background || !errors.Is(err, os.ErrDeadlineExceeded) || !c.mayGoBack() || !c.wasEarly() {
		return false
	}
	sc, ok := c.Conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	fd := -1
	raw.Control(func(old uintptr) { fd, _ = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 3) })
	return fd >= 0 && c.home.Take(fd, c.RemoteAddr().String())
}

// wasEarly reports whether the deadline that has passed was not net/http's.
func (c *Conn) wasEarly() bool {
	c.clock.mu.Lock()
	defer c.clock.mu.Unlock()
	return c.clock.early && time.Now().Before(c.clock.asked)
}

// onTime has the next read wait as long as net/http wants it to.
func (c *Conn) onTime() {
	c.clock.mu.Lock()
	defer c.clock.mu.Unlock()
	if c.clock.early {
		c.clock.early = false
		c.Conn.SetReadDeadline(c.clock.asked)
	}
}
