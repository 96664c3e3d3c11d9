package loop

import (
	"math/bits"

	"golang.org/x/sys/unix"

	"framegate/server/internal/nowait"
)

// A request that has a body is gathered until it is whole, for as long as the
// loop has patience: the program that answers it is not woken for pieces.

// begin is for a request of that length, of which so much has come.
func (c *Conn) begin(in []byte, length int) {
	if c.l.bodies.lent+length > mostLent {
		c.Pass(in, nil) // net/http makes room as a body comes, not for what is promised
		return
	}
	c.body = append(c.l.bodies.get(length+1), in...) // one byte more tells what is behind it
	c.want, c.state, c.owner = length, gathering, gatherer{}
	c.l.pending.move(c, c.l.now)
	c.gather()
}

// gather reads on, and has the request answered when it is whole.
func (c *Conn) gather() {
	for c.readable && len(c.body) <= c.want && !(c.ended && len(c.body) == c.want) {
		room := c.body[len(c.body) : c.want+1]
		n, err := nowait.Read(c.fd, room)
		if err == unix.EAGAIN {
			c.readable = false
			break
		}
		if err != nil || n == 0 {
			c.Pass(c.body, nil) // to be told so
			return
		}
		c.body = c.body[:len(c.body)+n]
		c.readable = c.ended || n == len(room)
	}
	switch {
	case len(c.body) > c.want:
		c.Pass(c.body, nil)
	case len(c.body) == c.want:
		c.request(c.body)
	}
}

// gatherer is the owner of a request that is not whole.
type gatherer struct{}

// Gone has net/http's clocks wait for the rest.
func (gatherer) Gone(c *Conn) { c.Pass(c.body, nil) }

func (gatherer) Written(*Conn, error) {}

// dropBody lets go of a request's body. It is used again, unless somebody may
// still read from it.
func (c *Conn) dropBody(again bool) {
	c.l.bodies.put(c.body, again)
	c.body = nil
}

// buffers are kept to be used again, a few of each power of two.
type buffers struct {
	free [64][][]byte
	lent int // bytes of those that are in use
}

const (
	leastKept  = 4 << 10 // fewer bytes are not worth it
	keptOfEach = 8
	mostLent   = 64 << 20 // clients may promise bodies that never come
)

func (b *buffers) get(size int) []byte {
	n := bits.Len(uint(max(size, leastKept) - 1))
	b.lent += 1 << n
	of := &b.free[n]
	last := len(*of) - 1
	if last < 0 {
		return make([]byte, 0, 1<<n)
	}
	p := (*of)[last]
	*of = (*of)[:last]
	return p
}

func (b *buffers) put(p []byte, again bool) {
	if cap(p) == 0 {
		return
	}
	b.lent -= cap(p)
	of := &b.free[bits.Len(uint(cap(p)-1))]
	if again && len(*of) < keptOfEach {
		*of = append(*of, p[:0])
	}
}
