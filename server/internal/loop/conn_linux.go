package loop

import (
	"bytes"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"framegate/server/internal/nowait"
)

// Conn is a client's connection, while it is the loop's.
type Conn struct {
	// User is the handler's own, for as long as the connection is the loop's.
	User any

	l     *Loop
	fd    int
	state state

	readable bool // something may be there to be read
	ended    bool // the client has ended its side
	queued   bool // on the list again
	used     bool // a request was answered
	owner    Owner

	remote string

	body []byte // a request that has a body, as far as it has come
	want int    // the length of that

	out   []byte // of the answer, what the client has not taken yet
	file  File
	until time.Time // when that is given up

	since      time.Time // it is on its list
	on         *list
	prev, next *Conn
}

type state int

const (
	reading   state = iota // between requests
	gathering              // in the middle of a request's body
	working                // a request is under way
	writing
	gone // closed, or passed on
)

// accept takes the connections that have come.
func (l *Loop) accept() {
	for range 256 {
		fd, from, err := unix.Accept4(l.ln, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			c := &Conn{l: l, fd: fd}
			if c.remote = addrString(from); c.remote == "" {
				c.Pass(nil, nil) // its address has a form of its own
				continue
			}
			if err := l.watch(fd, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP|unix.EPOLLET, c, nil); err != nil {
				unix.Close(fd)
				l.trouble(err)
				continue
			}
			l.fresh.add(c, l.now)
		case unix.EAGAIN:
			return
		case unix.EINTR, unix.ECONNABORTED:
		default:
			l.trouble(os.NewSyscallError("accept4", err))
			l.unwatch(l.ln) // it would be ready again at once
			l.paused = true
			return
		}
	}
}

func (l *Loop) trouble(err error) {
	if l.o.Trouble != nil {
		l.o.Trouble(err)
	}
}

// happened is an event of the connection's.
func (c *Conn) happened(events uint32) {
	if events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		c.readable = true
	}
	if events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		c.ended = true
	}
	switch c.state {
	case reading:
		c.proceed()
	case gathering:
		c.gather()
	case working:
		if c.readable {
			c.owner.Gone(c)
		}
	case writing:
		c.flush()
	}
}

// proceed reads what is there, and has it answered if that is a request.
func (c *Conn) proceed() {
	if c.state != reading || !c.readable {
		return
	}
	l := c.l
	n, err := nowait.Read(c.fd, l.in)
	switch {
	case err == unix.EAGAIN:
		c.readable = false
		return
	case err != nil, n == 0:
		c.close()
		return
	}
	c.readable = c.ended || n == len(l.in)
	in := l.in[:n]
	switch length := l.o.Handler.Length(c, in); {
	case length < n:
		c.Pass(in, nil)
	case length == n && bytes.Index(in, endOfHead) == n-len(endOfHead):
		c.request(in)
	default:
		c.begin(in, length)
	}
}

// request has a request answered that is whole.
func (c *Conn) request(whole []byte) {
	c.state = working
	c.l.pending.move(c, c.l.now)
	switch c.l.o.Handler.Request(c, whole) {
	case Pass:
		c.Pass(whole, nil)
	case Pending:
		if c.readable && c.state == working {
			c.owner.Gone(c)
		}
	}
}

// Await says whose the request is until it is answered or passed.
func (c *Conn) Await(o Owner) { c.owner = o }

var endOfHead = []byte("\r\n\r\n")

// wholeHead reports whether b may be the head of one request and nothing else.
func wholeHead(b []byte) bool {
	return len(b) > len(endOfHead) && bytes.HasSuffix(b, endOfHead)
}

// Remote is the address of the client.
func (c *Conn) Remote() string { return c.remote }

// Loop is the loop that the connection is on.
func (c *Conn) Loop() *Loop { return c.l }

// Now is about the time of day.
func (l *Loop) Now() time.Time { return l.now }

// Answer sends an answer, and has the connection wait for the next request. It
// reports whether all of it is out; else its owner is told when it is, and the
// client is given until then. p is the caller's again.
func (c *Conn) Answer(p []byte, file File, until time.Time) (done bool, err error) {
	c.state, c.file, c.until = writing, file, until
	n, err := c.send(p, file.Left > 0)
	if err == nil && n == len(p) && file.Left == 0 {
		c.rest()
		return true, nil
	}
	if err == nil {
		c.out = append(c.out[:0], p[n:]...)
		c.l.writing.move(c, c.l.now)
		done, err = c.pour()
		if done || err == nil {
			if done {
				c.rest()
			}
			return done, nil
		}
	}
	c.close()
	return true, err
}

func (c *Conn) send(p []byte, more bool) (int, error) {
	flags := 0
	if more {
		flags = unix.MSG_MORE
	}
	sent := 0
	for sent < len(p) {
		n, err := nowait.Send(c.fd, p[sent:], flags)
		switch err {
		case nil:
			sent += n
		case unix.EAGAIN:
			return sent, nil
		default:
			return sent, ErrGone
		}
	}
	return sent, nil
}

// onceFile is how much of a file is sent before others have their turn.
const onceFile = 1 << 20

// pour sends on what is left. It reports whether that was all.
func (c *Conn) pour() (bool, error) {
	n, err := c.send(c.out, c.file.Left > 0)
	c.out = c.out[n:]
	if err != nil || len(c.out) > 0 {
		return false, err
	}
	for once := int64(onceFile); c.file.Left > 0; {
		if once <= 0 {
			c.later()
			return false, nil
		}
		n, err := unix.Sendfile(c.fd, c.file.FD, &c.file.Offset, int(min(c.file.Left, once)))
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return false, nil
		case err != nil || n == 0: // the file has become shorter, or cannot be read
			return false, ErrGone
		default:
			c.file.Left -= int64(n)
			once -= int64(n)
			c.moved()
		}
	}
	return true, nil
}

// filePause is how long a client may take none of a file.
const filePause = time.Minute

func (c *Conn) moved() { c.until = c.l.now.Add(filePause) }

// later has the connection get its turn behind the others.
func (c *Conn) later() {
	if !c.queued {
		c.queued = true
		c.l.again = append(c.l.again, c)
	}
}

// goOn is the connection's turn.
func (c *Conn) goOn() {
	switch c.state {
	case reading:
		c.proceed()
	case writing:
		c.flush()
	}
}

// flush goes on with an answer.
func (c *Conn) flush() {
	switch done, err := c.pour(); {
	case err != nil:
		c.written(err)
	case done:
		c.rest()
		c.owner.Written(c, nil)
	}
}

// written gives the rest of an answer up.
func (c *Conn) written(err error) {
	c.close()
	c.owner.Written(c, err)
}

// rest has the connection wait for its next request.
func (c *Conn) rest() {
	c.closeFile()
	c.dropBody(true)
	if cap(c.out) > 4<<10 {
		c.out = nil
	}
	c.state, c.used = reading, true
	c.l.idle.move(c, c.l.now)
	if c.readable {
		c.later()
	}
}

func (c *Conn) closeFile() {
	if c.file.FD > 0 {
		unix.Close(c.file.FD)
	}
	c.file = File{}
}

func (c *Conn) close() {
	c.dropBody(false)
	c.leave()
	unix.Close(c.fd)
}

// leave takes the connection off the loop.
func (c *Conn) leave() {
	c.closeFile()
	if c.on != nil {
		c.on.remove(c)
		c.l.unwatch(c.fd)
	}
	c.state = gone
}
