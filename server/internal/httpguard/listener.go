package httpguard

import (
	"container/list"
	"net"
	"net/http"
	"sync"

	"framegate/server/internal/loop"
)

// Listener wraps what it accepts in a *Conn.
//
// With MaxConnections open it makes room for a new connection by closing the
// one that has been idle for longest: keep-alive must not keep others out.
// When none is idle, the new connection waits, and those behind it wait in the
// kernel: to accept and refuse them would cost more than they may ask for.
type Listener struct {
	Listener net.Listener // not embedded: a Listener that is no pointer must not pass for one

	Limits         Limits
	MaxConnections int    // at once; 0 is no limit
	Full           func() // called, if set, when a new connection has to wait

	mu     sync.Mutex
	room   *sync.Cond
	closed bool
	open   int
	idle   list.List // of *Conn, the one that is idle for longest in front
}

// Addr is where it listens.
func (l *Listener) Addr() net.Addr { return l.Listener.Addr() }

// Accept waits for the next connection, and for room for it.
func (l *Listener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &Conn{Conn: nc, limits: l.Limits}
	if p, ok := nc.(*loop.Passed); ok {
		c.Conn, c.partial, c.recheck, c.kept = p.Conn, p.Head, len(p.Head) > 0, p.Kept
		c.home, c.passed = p.Home, p
		if k, ok := p.Kept.(loop.Returner); ok {
			c.returns = k.Returns()
		}
	}
	if l.MaxConnections > 0 && !l.admit(c) {
		nc.Close()
		return nil, net.ErrClosed
	}
	return c, nil
}

// Close also ends the waiting for room.
func (l *Listener) Close() error {
	l.mu.Lock()
	l.closed = true
	if l.room != nil {
		l.room.Broadcast()
	}
	l.mu.Unlock()
	return l.Listener.Close()
}

// admit counts c, which is idle until its first byte arrives. It reports false
// when the listener is closed.
func (l *Listener) admit(c *Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.room == nil {
		l.room = sync.NewCond(&l.mu)
	}
	told := l.Full == nil
	for l.open >= l.MaxConnections && !l.closed && !l.evict() {
		if told {
			l.room.Wait()
			continue
		}
		told = true
		l.mu.Unlock()
		l.Full()
		l.mu.Lock()
	}
	if l.closed {
		return false
	}
	c.place = &place{listener: l}
	c.place.idle = l.idle.PushBack(c)
	l.open++
	return true
}

// evict closes the connection that has been idle for longest, if one is.
func (l *Listener) evict() bool {
	front := l.idle.Front()
	if front == nil {
		return false
	}
	c := front.Value.(*Conn)
	c.place.leave()
	c.Conn.Close()
	return true
}

// place is a connection's place among those of its listener, whose mutex
// guards it.
type place struct {
	listener *Listener
	idle     *list.Element // nil while it is busy
	flushing bool          // HTTP/2 calls it idle, but has its last answer still to write
	left     bool          // closed, or made to make room
}

// leave gives the place to others. It is called once or more.
func (p *place) leave() {
	if p.left {
		return
	}
	p.left = true
	p.listener.open--
	p.wake()
	p.listener.room.Signal()
}

// wake takes the connection out of those that are idle.
func (p *place) wake() {
	if p.idle != nil {
		p.listener.idle.Remove(p.idle)
		p.idle = nil
	}
}

// rest puts the connection among those that are idle.
func (p *place) rest(c *Conn) {
	if p.idle == nil && !p.left {
		p.idle = p.listener.idle.PushBack(c)
		p.listener.room.Signal()
	}
}

// working notes that a request has begun to arrive. It reports false when c
// was closed before: nobody would get the answer.
func (c *Conn) working() bool {
	p := c.place
	p.listener.mu.Lock()
	defer p.listener.mu.Unlock()
	p.wake()
	p.flushing = false
	return !p.left
}

// gone gives the place of a closed connection to others.
func (c *Conn) gone() {
	if c.place == nil {
		return
	}
	c.place.listener.mu.Lock()
	defer c.place.listener.mu.Unlock()
	c.place.leave()
}

// written notes that bytes have been written.
func (c *Conn) written() {
	if c.place == nil || !c.http2.Load() {
		return
	}
	p := c.place
	p.listener.mu.Lock()
	defer p.listener.mu.Unlock()
	if p.flushing {
		p.flushing = false
		p.rest(c)
	}
}

// ConnState is for http.Server.ConnState: it tells which connections are idle.
// With HTTP/2 that is ahead of the write of the last answer, which has to be
// waited for, and with HTTP/1 behind it.
func ConnState(nc net.Conn, state http.ConnState) {
	c, ok := nc.(*Conn)
	if !ok || c.place == nil {
		return
	}
	p := c.place
	switch {
	case state == http.StateActive && c.http2.Load():
		c.working() // HTTP/1's is known from the first byte on
	case state == http.StateIdle && c.http2.Load():
		p.listener.mu.Lock()
		p.flushing = true
		p.listener.mu.Unlock()
	case state == http.StateIdle && c.nothingArrived():
		p.listener.mu.Lock()
		p.rest(c)
		p.listener.mu.Unlock()
	}
}

// nothingArrived reports whether nothing of a next request is here, neither
// with the guard nor with net/http. It is asked between requests, when nobody
// reads.
func (c *Conn) nothingArrived() bool {
	return c.open.Load() == 0 && len(c.partial) == 0 && len(c.ready) == 0
}
