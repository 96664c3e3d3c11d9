// Package loop answers short requests of many connections on one thread: it
// waits for all of them at once, and hands whatever needs more than that to
// net/http, connection and all. A request that a loaded application answers in
// microseconds would spend most of its time in the switching between
// goroutines and their threads.
package loop

import (
	"errors"
	"net"
	"time"
)

// Options are what a Loop needs besides its listener.
type Options struct {
	Handler   Handler
	KeepAlive time.Duration // how long a connection may be idle
	Patience  time.Duration // after which a pending request is its owner's to pass
	FirstByte time.Duration // and how long until its first request begins; 0 is KeepAlive
	Trouble   func(error)   // told when connections cannot be accepted; nil is nobody
}

// Handler answers requests. Its methods are called on the loop's goroutine and
// never wait.
type Handler interface {
	// Length is how long the request is, body and all, that b is the beginning
	// of, or the whole. It is 0 for one that net/http shall have.
	Length(c *Conn, b []byte) int
	// Request is given a request, with nothing behind it. It stays as it is, if
	// it has a body, until it is answered or passed; otherwise it is the loop's
	// again once Request returns.
	Request(c *Conn, whole []byte) Verdict
	// Awake is called when the loop has woken up.
	Awake()
	// Rest is called when all that has happened has been seen to.
	Rest()
}

// Verdict is what becomes of a request.
type Verdict int

// What a Handler makes of a request.
const (
	Pass     Verdict = iota // net/http shall have it
	Answered                // Conn.Answer has been called
	Pending                 // Conn.Answer or Conn.Pass will be called, on the loop
)

// Source is a descriptor that the loop watches for its owner. Ready is called
// on the loop when there is something to read, or the end of it.
type Source = interface{ Ready() }

// Owner is whoever has a request under way.
type Owner interface {
	// Gone tells that the client sends more, or nothing more, or that the loop
	// is closing: the request is to be passed.
	Gone(c *Conn)
	// Written tells how the answer has gone out that Answer could not get rid
	// of at once.
	Written(c *Conn, err error)
}

// File is the end of an answer.
type File struct {
	FD     int // closed when all of it is sent; 0 is none
	Offset int64
	Left   int64
}

// How writing an answer may end.
var (
	ErrSlow   = errors.New("the client does not read the answer")
	ErrGone   = errors.New("the client has gone")
	ErrClosed = errors.New("the server is stopping")
)

// Passed is a connection that net/http is to serve, with what was read of it.
// As a net.Conn it is the bare connection, without that.
type Passed struct {
	net.Conn
	Head []byte // what the client has sent so far
	Home *Loop  // that has passed it
	Kept any    // what has been begun for the request in Head, nil for nothing

	fd    int
	whole bool // Head is that of a request, which nobody has taken yet
}

// Returner is a Kept whose connection may be wanted back as soon as its answer
// is out: the requests to come are likely to be the loop's.
type Returner interface{ Returns() bool }

// Dropper is a Kept that nobody has taken over.
type Dropper interface{ Drop() }
