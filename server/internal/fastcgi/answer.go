package fastcgi

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Answer is what comes back for one request. One goroutine reads it; Abort may
// come from another.
type Answer struct {
	c      *Conn
	id     uint16
	keep   bool
	stderr func([]byte)

	err   error // what every further Read returns
	heard bool  // a byte has come
	ended bool  // the stream stdout has ended, the request not yet
	whole bool  // END_REQUEST has come, and tells of success
	app   uint32

	feeder  sync.WaitGroup
	feeding bool        // there is one
	sent    atomic.Bool // all of stdin is sent
	enough  atomic.Bool // no more of it is wanted
}

// StatusError is a request that the server has refused (§5.5).
type StatusError struct{ Status ProtocolStatus }

func (e *StatusError) Error() string {
	switch e.Status {
	case CantMultiplex:
		return "the FastCGI server takes one request at a time (CANT_MPX_CONN)"
	case Overloaded:
		return "the FastCGI server is overloaded (OVERLOADED)"
	case UnknownRole:
		return "the FastCGI server is no responder (UNKNOWN_ROLE)"
	}
	return fmt.Sprintf("the FastCGI server ended the request with protocol status %d", e.Status)
}

// quietMost bounds what one Read passes over: a server that fills its stderr,
// or sends records without content, must not keep the caller from its clocks.
const quietMost = 64 << 10

// Read reads stdout. Its end, io.EOF, comes only when the server has ended the
// request; the connection's end before that is io.ErrUnexpectedEOF. A deadline
// of the connection loses nothing: Read goes on where it was. It returns
// nothing, without an error, when only other streams have moved for a while.
func (a *Answer) Read(p []byte) (n int, err error) {
	if a.err != nil || len(p) == 0 {
		return 0, a.err
	}
	for quiet := 0; n < len(p) && quiet < quietMost; {
		if n > 0 && !a.c.in.ready() {
			break
		}
		m, passed, err := a.step(p[n:])
		n += m
		quiet += passed
		if err == nil {
			continue
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			a.fail(cut(err))
		}
		if n > 0 {
			break // the next Read meets it again
		}
		if a.err != nil {
			err = a.err
		}
		return 0, err
	}
	return n, nil
}

// step reads one header, or of one record's content: n bytes into p, and
// passed bytes that are not of stdout.
func (a *Answer) step(p []byte) (n, passed int, err error) {
	in := &a.c.in
	if in.content == 0 {
		h, err := in.next()
		a.heard = a.heard || err == nil || in.br.Buffered() > 0
		if err == nil {
			err = a.check(h)
		}
		return 0, headerLen, err
	}
	switch in.head.Type {
	case Stdout:
		n, err = in.read(p)
		return n, 0, err
	case EndRequest:
		content, err := in.whole()
		if err != nil {
			return 0, 0, err
		}
		err = a.endedBy(content)
		in.drop(len(content))
		return 0, 0, err
	}
	chunk, err := in.chunk()
	if err != nil {
		return 0, 0, err
	}
	if in.head.Type == Stderr && a.stderr != nil {
		a.stderr(chunk)
	}
	in.drop(len(chunk))
	return 0, len(chunk), nil
}

// check tells whether a record may come here.
func (a *Answer) check(h Header) error {
	switch {
	case h.ID == 0 && (h.Type == GetValuesResult || h.Type == UnknownType):
		return nil // nobody has asked, nobody minds
	case h.Type != Stdout && h.Type != Stderr && h.Type != EndRequest:
		return fmt.Errorf("%w: the server sent %s", ErrProtocol, h.Type)
	case h.ID != a.id:
		return fmt.Errorf("%w: the server sent %s for request %d; the request is %d", ErrProtocol, h.Type, h.ID, a.id)
	case h.Type == Stdout && a.ended:
		return fmt.Errorf("%w: the server sent STDOUT after its end", ErrProtocol)
	case h.Type == Stdout && h.Content == 0:
		a.ended = true // END_REQUEST is to come
	case h.Type == EndRequest && h.Content < endLen:
		_, _, err := ParseEnd(make([]byte, h.Content))
		return err
	}
	return nil
}

// endedBy takes the content of END_REQUEST.
func (a *Answer) endedBy(content []byte) error {
	app, status, err := ParseEnd(content)
	if err != nil {
		return err
	}
	if status != RequestComplete {
		return &StatusError{status}
	}
	a.app, a.whole = app, true
	return errWhole
}

// errWhole is the good end of an answer: what io.EOF is to its reader.
var errWhole = errors.New("the request has ended")

func (a *Answer) fail(err error) {
	if err == errWhole {
		err = io.EOF
	}
	a.err = err
	a.stopFeeding()
}

// stopFeeding wakes a feeder that waits for the server to read what it does
// not want any more. One that waits for its source stays until that moves.
func (a *Answer) stopFeeding() {
	if a.feeding && !a.sent.Load() {
		a.enough.Store(true)
		a.c.conn.SetWriteDeadline(time.Unix(1, 0))
	}
}

// Heard reports whether a single byte of the answer has come. Until then the
// request can be made again on another connection, if its method allows.
func (a *Answer) Heard() bool { return a.heard }

// AppStatus is what the application has ended with: what a process would exit
// with. It is there once Read has returned io.EOF.
func (a *Answer) AppStatus() (status uint32, ok bool) { return a.app, a.whole }

// Abort tells the server that nobody wants the answer any more and closes the
// connection. A Read that waits returns.
func (a *Answer) Abort() {
	a.c.abort(a.id)
	a.c.conn.Close()
}

// End waits until nothing of the request runs any more; nobody may use the
// answer after that. It reports whether the connection can carry another
// request, and otherwise closes it. A feeder that waits for its source is
// waited for: end the source first.
func (a *Answer) End() (reusable bool) {
	reusable = a.whole && a.keep && a.c.in.settle()
	if !reusable {
		a.enough.Store(true)
		a.c.conn.Close()
	}
	a.feeder.Wait()
	if reusable && !a.sent.Load() {
		// The server would take what is left for a part of the next request.
		reusable = false
		a.c.conn.Close()
	}
	if reusable {
		a.c.conn.SetDeadline(time.Time{})
	}
	a.c.release()
	return reusable
}

// Sent reports whether all of the request has been sent: End does not wait
// then.
func (a *Answer) Sent() bool { return a.sent.Load() }
