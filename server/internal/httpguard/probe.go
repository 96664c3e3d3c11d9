package httpguard

import (
	"io"
	"sync"
	"time"
)

// A client that has gone for good and one that has only ended its side send
// the same FIN, and TCP tells them apart by the answer to the next bytes
// alone: a reset. While a frame computes silently there are none, so the
// guard sends some that mean nothing: "100 Continue", which every HTTP/1.1
// client takes, any number of times, ahead of the answer (RFC 9110 §15.2).

// probeAfter is how long an answer may keep a half-closed connection waiting
// before the client is asked whether it is there.
const probeAfter = time.Second

var continueLine = []byte("HTTP/1.1 100 Continue\r\n\r\n")

// prober knows whether the connection is free for a probe: an interim
// response may only come before the first byte of the answer.
type prober struct {
	mu        sync.Mutex // held while bytes are written
	allowed   bool       // the request at hand is HTTP/1.1 or later
	answering bool       // its answer has begun
}

// Begin tells which request is now being answered: whether its client takes
// interim responses.
func (c *Conn) Begin(interim bool) {
	c.probing.mu.Lock()
	c.probing.allowed, c.probing.answering = interim, false
	c.probing.mu.Unlock()
}

// Write writes part of an answer.
func (c *Conn) Write(p []byte) (int, error) {
	c.probing.mu.Lock()
	defer c.probing.mu.Unlock()
	c.probing.answering = true
	defer c.written()
	return c.Conn.Write(p)
}

// ReadFrom keeps the kernel's sendfile within net/http's reach.
func (c *Conn) ReadFrom(r io.Reader) (int64, error) {
	c.probing.mu.Lock()
	defer c.probing.mu.Unlock()
	c.probing.answering = true
	if rf, ok := c.Conn.(io.ReaderFrom); ok {
		return rf.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{c.Conn}, r)
}

// probe asks a client that has ended its side whether it is gone: then its
// kernel answers with a reset, which awaitReset sees.
func (c *Conn) probe() {
	if !c.probing.mu.TryLock() {
		return // the answer is being written
	}
	defer c.probing.mu.Unlock()
	if c.probing.allowed && !c.probing.answering {
		c.Conn.Write(continueLine)
	}
}
