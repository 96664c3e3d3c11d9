// Package httpguard reads the raw HTTP/1 bytes of a connection ahead of
// net/http and refuses what net/http would let through: a body framed two
// ways, names and values that hold control characters, folded lines, request
// targets of the wrong form. A refused head never reaches net/http; a harmless
// one takes its place, and the handler finds the refusal with Conn.Next, so
// that every wrong request gets its answer and its log record in one place.
package httpguard

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Listener wraps what it accepts in a *Conn.
type Listener struct{ net.Listener }

// Accept waits for the next connection.
func (l Listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: c}, nil
}

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

	framing framing
	ready   []byte // checked, still to be delivered
	partial []byte // the start of a head whose end has not arrived
	scanned int    // so much of partial is known to hold no end of a head
	recheck bool   // partial may hold a whole head: look before reading on
	refused bool   // nothing that follows is read as HTTP

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
		if c.refused {
			return 0, io.EOF
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
	n, err := c.Conn.Read(p)
	if n == 0 {
		if err == io.EOF && c.open.Load() > 0 && c.framing.atHead() {
			return 0, c.awaitReset()
		}
		return 0, err
	}
	checked, rest, cerr := c.check(p[:n])
	if cerr != nil {
		return checked, cerr
	}
	c.setPartial(append([]byte(nil), rest...))
	return checked, nil
}

// readPartial reads on behind a head that has begun.
func (c *Conn) readPartial() error {
	buf := c.partial
	if len(buf) == cap(buf) {
		buf = append(make([]byte, 0, max(2*cap(buf), 1<<10)), buf...)
	}
	n, err := 0, error(nil)
	if !c.recheck {
		n, err = c.Conn.Read(buf[len(buf):cap(buf)])
		c.partial = buf[:len(buf)+n]
	}
	if n == 0 && !c.recheck {
		if err == io.EOF {
			c.refuse(&Refusal{Status: http.StatusBadRequest, Why: "the connection ended inside the request's header"})
			return nil
		}
		return err
	}
	c.recheck = false
	checked, rest, cerr := c.check(c.partial)
	c.ready = c.partial[:checked:checked]
	if c.refused {
		c.ready = append(c.ready, c.takeSubstitute()...)
	}
	c.setPartial(rest)
	return cerr
}

func (c *Conn) setPartial(rest []byte) {
	if len(rest) == 0 {
		rest = nil
	}
	if c.refused {
		rest = nil
	}
	c.partial = rest
}

// check moves the framing along data. It returns how many bytes may be
// delivered and what is left: the start of a head.
func (c *Conn) check(data []byte) (checked int, rest []byte, err error) {
	for checked < len(data) && !c.refused {
		if !c.framing.atHead() {
			n, err := c.framing.skipBody(data[checked:])
			checked += n
			if err != nil {
				c.refused = true
				return checked, nil, err
			}
			continue
		}
		head := data[checked:]
		if skip := emptyLine(head); skip > 0 {
			// RFC 9112 §2.2: an empty line before the request line is ignored.
			// What follows is put aside, because the gap cannot be delivered.
			c.scanned = 0
			c.recheck = len(head) > skip
			return checked, head[skip:], nil
		}
		end := headEnd(head, c.scanned)
		if end < 0 && len(head) <= maxHead {
			c.scanned = len(head)
			return checked, head, nil
		}
		c.scanned = 0
		if !c.admit(head, end) {
			return checked, nil, nil
		}
		checked += end
	}
	return checked, nil, nil
}

// admit judges one head; end is its length, or -1 when it is too long.
func (c *Conn) admit(head []byte, end int) bool {
	next, refusal := inspect(head, end)
	if refusal != nil {
		c.refuse(refusal)
		return false
	}
	c.framing = next
	c.deliver(nil)
	return true
}

// refuse has the next handler find the refusal, behind a head that net/http
// takes, and ends the connection after it.
func (c *Conn) refuse(r *Refusal) {
	c.refused = true
	c.deliver(r)
	method := "GET"
	if r.Method == http.MethodHead {
		method = r.Method // its answer has no body
	}
	c.ready = []byte(method + " / HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n")
}

func (c *Conn) takeSubstitute() []byte {
	s := c.ready
	c.ready = nil
	return s
}

// CloseWrite ends the sending side only.
func (c *Conn) CloseWrite() error {
	if cw, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return cw.CloseWrite()
	}
	return nil
}

// ReadFrom keeps the kernel's sendfile within net/http's reach.
func (c *Conn) ReadFrom(r io.Reader) (int64, error) {
	if rf, ok := c.Conn.(io.ReaderFrom); ok {
		return rf.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{c.Conn}, r)
}

// How long and how much is read behind a refused request before closing: an
// answer that meets unread bytes in the kernel would be lost to a reset.
const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 1 << 20
)

// Close closes the connection, behind a refusal in two steps.
func (c *Conn) Close() error {
	if c.refused {
		c.CloseWrite()
		c.Conn.SetReadDeadline(time.Now().Add(lingerTime))
		io.CopyN(io.Discard, c.Conn, lingerBytes)
	}
	return c.Conn.Close()
}
