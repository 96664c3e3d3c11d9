package httpguard

import (
	"bytes"
	"io"
	"sync"
	"time"
)

// Lane is a short way past net/http, for requests that need nothing of it: a
// GET without a body, on a connection on which net/http has answered one
// before. What it does not answer goes the usual way.
type Lane interface {
	// Enter reports whether there may be a request for the lane. Then one is
	// under way until Answer returns.
	Enter(c *Conn) bool
	// Answer is given a head that the guard has found good, with nothing
	// behind it. It reports whether it has answered, and whether the connection
	// can be kept. It has said nothing on the connection if it has not answered.
	Answer(c *Conn, head []byte) (answered, keep bool)
	// Closed tells that nothing more comes of the connection.
	Closed(c *Conn)
}

// race is a request on the lane. To net/http its connection is idle, and may be
// closed at any time.
type race struct {
	mu    sync.Mutex
	on    bool
	close bool // when it is over
	gone  bool // the connection was closed
}

// begin enters the lane, unless the connection is closed already: whoever has
// closed it may have found that nothing is under way.
func (r *race) begin(enter func(*Conn) bool, c *Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.on = !r.gone && enter(c)
	return r.on
}

// end reports whether the connection should have been closed meanwhile.
func (r *race) end() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.on = false
	return r.close
}

// defers reports whether closing has to wait for a request.
func (r *race) defers() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.on {
		r.close = true
		return true
	}
	r.gone = true
	return false
}

// forget is for a request that net/http knows of now: it ends with that as it
// does on any connection that was closed as an idle one.
func (r *race) forget() {
	r.mu.Lock()
	r.close = false
	r.mu.Unlock()
}

var get = []byte("GET /")

// short has the lane answer what has just been read, if that is a request for
// it. It reports whether nothing is left to do.
func (c *Conn) short(data []byte) bool {
	if c.lane == nil || !c.usual || c.open.Load() != 0 || !bytes.HasPrefix(data, get) || headEnd(data, 0) != len(data) {
		return false
	}
	limits := c.limits.orDefault()
	if len(data) > limits.MaxHeader {
		return false
	}
	if next, refusal := inspect(data, len(data), limits); refusal != nil || next != (framing{}) {
		return false
	}
	c.known = len(data)
	if !c.race.begin(c.lane.Enter, c) {
		return false
	}
	c.open.Add(1)
	answered, keep := c.lane.Answer(c, data)
	c.open.Add(-1)
	closed := c.race.end()
	switch {
	case !answered:
		c.race.forget()
		return false
	case closed || !keep:
		c.failed = io.EOF
	default:
		c.rest()
	}
	return true
}

// rest is what net/http does behind an answer.
func (c *Conn) rest() {
	c.known = 0
	// Each move costs a system timer.
	if now := time.Now(); now.Sub(c.moved) > min(time.Second, c.keepAlive/10) {
		c.moved = now
		c.SetReadDeadline(now.Add(c.keepAlive))
	}
	if p := c.place; p != nil {
		p.listener.mu.Lock()
		p.rest(c)
		p.listener.mu.Unlock()
	}
}

// BoundWrites lets a write of the lane's not wait longer than limit. It is
// moved on once a second at the most, and holds for the lane alone.
func (c *Conn) BoundWrites(limit time.Duration) {
	if now := time.Now(); now.Sub(c.bounded) > time.Second {
		c.bounded = now
		c.SetWriteDeadline(now.Add(limit + time.Second))
	}
}

// unboundWrites is for net/http, which has clocks of its own.
func (c *Conn) unboundWrites() {
	if !c.bounded.IsZero() {
		c.bounded = time.Time{}
		c.SetWriteDeadline(time.Time{})
	}
}
