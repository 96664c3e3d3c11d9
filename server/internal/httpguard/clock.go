package httpguard

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// headClock bounds how long a head may take from its first byte on. Net/http
// cannot: it does not see a head before it is whole, and takes the connection
// for idle.
type headClock struct {
	mu      sync.Mutex
	asked   time.Time // the read deadline that net/http has set
	early   bool      // the connection's is before that, to see whether it is idle
	running bool
	ends    time.Time // of the head; zero is never
}

// SetReadDeadline has net/http's deadline wait while a head is on its way,
// unless it is over: that is how net/http breaks a read off.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.clock.mu.Lock()
	defer c.clock.mu.Unlock()
	c.clock.asked = t
	return c.applyDeadline()
}

// SetDeadline is both deadlines at once.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *Conn) applyDeadline() error {
	t := c.clock.asked
	// The time first: only for an idle connection it lies far ahead, and
	// nobody else is at the connection then.
	if c.clock.early = time.Until(t) > idleAfter && c.mayGoBack(); c.clock.early {
		t = time.Now()
		if !c.returns {
			t = t.Add(idleAfter)
		}
	}
	if c.clock.running && (t.IsZero() || time.Now().Before(t)) {
		t = c.clock.ends
	}
	return c.Conn.SetReadDeadline(t)
}

// headBegun is called ahead of each read that continues a head. The clock runs
// from the first of them, not from the arrival of the bytes: while an earlier
// request is answered, nobody reads.
func (c *Conn) headBegun() {
	c.clock.mu.Lock()
	defer c.clock.mu.Unlock()
	if c.clock.running {
		return
	}
	c.clock.running, c.clock.ends = true, time.Time{}
	if limit := c.limits.orDefault().HeaderTimeout; limit > 0 {
		c.clock.ends = time.Now().Add(limit)
	}
	c.applyDeadline()
}

// headEnded is called when the head is whole, refused or given up.
func (c *Conn) headEnded() {
	c.clock.mu.Lock()
	defer c.clock.mu.Unlock()
	if c.clock.running {
		c.clock.running = false
		c.applyDeadline()
	}
}

// headOverdue reports whether a read has ended with err because the head has
// run out of time.
func (c *Conn) headOverdue(err error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	c.clock.mu.Lock()
	defer c.clock.mu.Unlock()
	return c.clock.running && !c.clock.ends.IsZero() && !time.Now().Before(c.clock.ends)
}

// tooSlow is the refusal of the head of which b has arrived.
func (c *Conn) tooSlow(b []byte) *Refusal {
	h := &head{limits: c.limits.orDefault()}
	if line, _, whole := strings.Cut(string(b), "\r\n"); whole {
		h.requestLine([]byte(line)) // for the log; what is wrong with it no longer matters
	}
	h.Status = http.StatusRequestTimeout
	h.Why = fmt.Sprintf("the request's header has not arrived within %s (header-timeout)", h.limits.HeaderTimeout)
	return &h.Refusal
}
