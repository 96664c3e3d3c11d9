// Package httpguard reads the raw HTTP/1 bytes of a connection ahead of
// net/http and refuses what net/http would let through: a body framed two
// ways, names and values that hold control characters, folded lines, request
// targets of the wrong form. A refused head never reaches net/http; a harmless
// one takes its place, and the handler finds the refusal with Conn.Next, so
// that every wrong request gets its answer and its log record in one place.
package httpguard

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"framegate/server/internal/loop"
)

// Refusal says why a request is not passed on.
type Refusal struct {
	Status int
	Why    string
	Method string // as far as they could be read
	Target string
	Proto  string
}

// Conn checks the heads that arrive on a connection. Reads come from one
// goroutine at a time, as net/http does it; Next and Done come from handlers.
type Conn struct {
	net.Conn

	limits Limits
	place  *place // nil when connections are not counted
	clock  headClock
	http2  atomic.Bool

	framing framing
	begun   bool   // a head was read: it is too late for HTTP/2's preface
	ready   []byte // checked, still to be delivered
	partial []byte // the start of a head whose end has not arrived
	scanned int    // so much of partial is known to hold no end of a head
	recheck bool   // partial may hold a whole head: look before reading on
	failed  error  // what Read ends with once ready is delivered: nothing more is read as HTTP

	linger atomic.Bool // Close ends in two steps; it comes from other goroutines

	probing prober
	kept    any        // what was begun for the first head
	home    *loop.Loop // where it came from, and may go back to
	returns bool       // it does so at once
	passed  *loop.Passed

	mu       sync.Mutex
	verdicts []*Refusal   // one per delivered head that no handler has taken, nil for a good one
	open     atomic.Int64 // heads delivered less handlers done
}

type contextKey struct{}

// ConnContext is for http.Server.ConnContext.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, contextKey{}, c)
}

// FromRequest is the guarded connection of r, or nil.
func FromRequest(r *http.Request) *Conn {
	c, _ := r.Context().Value(contextKey{}).(*Conn)
	return c
}

// Next is the refusal of the request that a handler has just been given, or
// nil. A handler calls it once, first of all.
func (c *Conn) Next() *Refusal {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.verdicts) == 0 {
		return nil // HTTP/2: there are no heads to read
	}
	v := c.verdicts[0]
	c.verdicts = c.verdicts[1:]
	return v
}

// TakeKept is what was begun for the connection's first request ahead of
// net/http, for whoever answers that; it is theirs from now on.
func (c *Conn) TakeKept() any {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := c.kept
	c.kept = nil
	if c.passed != nil {
		c.passed.Taken()
		c.passed = nil
	}
	return kept
}

// Done tells that a handler has answered.
func (c *Conn) Done() { c.open.Add(-1) }

func (c *Conn) deliver(v *Refusal) {
	c.mu.Lock()
	c.verdicts = append(c.verdicts, v)
	c.mu.Unlock()
	c.open.Add(1)
}

// Read reads checked bytes. A head that arrives whole, as most do, is checked
// where it lies in p; only one that arrives in pieces is copied.
func (c *Conn) Read(p []byte) (int, error) {
	for {
		if len(c.ready) > 0 {
			n := copy(p, c.ready)
			c.ready = c.ready[n:]
			return n, nil
		}
		if c.failed != nil {
			return 0, c.ending(c.failed)
		}
		var n int
		var err error
		if len(c.partial) == 0 {
			n, err = c.readInto(p)
		} else {
			err = c.readPartial()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// readInto reads into net/http's own buffer and reports how much of it is
// checked; the rest, a head without its end, is put aside.
func (c *Conn) readInto(p []byte) (int, error) {
	maybeIdle := c.place != nil && c.open.Load() == 0 && c.framing.atHead()
	n, err := c.Conn.Read(p)
	if maybeIdle && !c.working() {
		return 0, io.EOF
	}
	if n == 0 && c.home != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		if c.goneBack(p, err) {
			return 0, io.EOF
		}
		if c.wasEarly() {
			c.onTime()
			return 0, nil // Read tries again
		}
	}
	if n == 0 {
		if err == io.EOF && c.open.Load() > 0 && c.framing.atHead() {
			return 0, c.awaitReset()
		}
		return 0, c.ending(err)
	}
	checked, rest := c.check(p[:n])
	c.partial = append([]byte(nil), rest...)
	return checked, nil
}

// ending is how reading ends because of err: with err itself for the request
// that it befalls, the last one. While an earlier request is answered, net/http
// would take any error for a client that has gone, and cut that answer.
func (c *Conn) ending(err error) error {
	if c.open.Load() > 1 && (err == io.EOF || err == ErrChunk) {
		return c.awaitReset()
	}
	return err
}

// readPartial reads on behind a head that has begun.
func (c *Conn) readPartial() error {
	if !c.recheck {
		buf := c.partial
		if len(buf) == cap(buf) {
			buf = append(make([]byte, 0, max(2*cap(buf), 1<<10)), buf...)
		}
		c.headBegun()
		n, err := c.Conn.Read(buf[len(buf):cap(buf)])
		c.partial = buf[:len(buf)+n]
		switch {
		case n == 0 && c.headOverdue(err):
			refusal := c.tooSlow(c.partial)
			c.partial = nil
			c.refuse(refusal)
			c.headEnded()
			return nil
		case n == 0 && err == io.EOF:
			c.partial = nil
			c.refuse(&Refusal{Status: http.StatusBadRequest, Why: "the connection ended inside the request's header"})
			return nil
		case n == 0:
			return err
		}
	}
	c.recheck = false
	checked, rest := c.check(c.partial)
	// A stand-in that check has made ready comes behind what it has passed.
	c.ready = append(c.partial[:checked:checked], c.ready...)
	c.partial = rest
	if checked > 0 || len(c.ready) > 0 {
		c.headEnded() // of the next one, if it has begun, the clock starts with the next read
	}
	return nil
}

// check moves the framing along data. It returns how many bytes may be
// delivered and what is left: the start of a head.
func (c *Conn) check(data []byte) (checked int, rest []byte) {
	for checked < len(data) && c.failed == nil {
		if !c.framing.atHead() {
			n, err := c.framing.skipBody(data[checked:])
			checked += n
			if err != nil {
				c.fail(err)
			}
			continue
		}
		head := data[checked:]
		if skip := emptyLine(head); skip > 0 {
			// RFC 9112 §2.2: an empty line before the request line is ignored.
			// What follows is put aside, because the gap cannot be delivered.
			c.scanned = 0
			c.recheck = len(head) > skip
			return checked, head[skip:]
		}
		if !c.begun && bytes.HasPrefix(head, preface) {
			c.begun, c.framing = true, framing{opaque: true}
			c.http2.Store(true)
			continue
		}
		if !c.begun && bytes.HasPrefix(preface, head) {
			return checked, head // what looks like the end of a head may be the middle of the preface
		}
		end := headEnd(head, c.scanned)
		limits := c.limits.orDefault()
		if end < 0 && len(head) <= limits.MaxHeader {
			c.scanned = len(head)
			return checked, head
		}
		c.begun, c.scanned = true, 0
		next, refusal := inspect(head, end, limits)
		if refusal != nil {
			c.refuse(refusal)
			break
		}
		c.framing = next
		c.deliver(nil)
		checked += end
	}
	return checked, nil
}

func (c *Conn) fail(err error) {
	c.failed = err
	c.linger.Store(true)
}

// refuse has the next handler find the refusal, behind a head that net/http
// takes, and ends the connection after it.
func (c *Conn) refuse(r *Refusal) {
	c.fail(io.EOF)
	c.deliver(r)
	method := http.MethodGet
	if r.Method == http.MethodHead {
		method = r.Method // its answer has no body
	}
	c.ready = []byte(method + " / HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n")
}

// CloseWrite ends the sending side only.
func (c *Conn) CloseWrite() error {
	if cw, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return cw.CloseWrite()
	}
	return nil
}

// How long and how much is read behind such a request before closing: an
// answer that meets unread bytes in the kernel would be lost to a reset.
const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 16 << 20
)

// Linger has Close end the connection in two steps: its last answer comes
// before the request's body has been read.
func (c *Conn) Linger() { c.linger.Store(true) }

// Close closes the connection, behind a refusal or Linger in two steps.
func (c *Conn) Close() error {
	defer c.gone()
	if d, ok := c.TakeKept().(loop.Dropper); ok {
		d.Drop()
	}
	if c.linger.Load() {
		c.CloseWrite()
		c.Conn.SetReadDeadline(time.Now().Add(lingerTime))
		io.CopyN(io.Discard, c.Conn, lingerBytes)
	}
	return c.Conn.Close()
}
