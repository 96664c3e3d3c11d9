package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"framegate/server/internal/fastcgi"
	"framegate/server/internal/process"
)

// remote is one exchange with what somebody else has started. There is no
// process to know of: that the answer is whole, or why not, is how it ends.
type remote struct {
	a     *Addresses
	spec  *process.Spec
	block func()
	at    time.Time // when the clock rings

	b       *backend
	conn    *remoteConn
	unheard bool // counted as such by b
	second  bool // the request was made a second time

	reading sync.Mutex // held while Output is being read
	err     error      // how the answer has ended; nil while it has not
	done    chan struct{}
	exit    process.Exit
	ended   bool // nothing is left of it

	mu      sync.Mutex // below are those that Stop needs
	talk    talk
	stopped bool
	cancel  context.CancelFunc // of a second try
}

func newRemote(a *Addresses, spec *process.Spec) *remote {
	return &remote{a: a, spec: spec, done: make(chan struct{}), exit: process.Exit{StdinRead: -1}}
}

// begin sends the request to an address that is not among those that were
// tried. What was not sent is tried elsewhere.
func (r *remote) begin(ctx context.Context, tried []*backend) error {
	for {
		b, conn, err := r.a.connect(ctx, tried, !r.spec.Again)
		if err != nil {
			return err
		}
		kept := conn.requests > 0
		err = r.send(ctx, b, conn)
		if err == nil {
			return nil
		}
		conn.Close()
		r.a.leave(b, !kept)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fastcgi.ErrNotSent):
			if !kept {
				tried = append(slices.Clip(tried), b)
			}
		case r.spec.Again && !r.second && !fromClient(r.spec):
			r.second = true
		default:
			return fmt.Errorf("%s: %w", b.name, err)
		}
	}
}

// send sends the request on a connection, which is then this exchange's.
func (r *remote) send(ctx context.Context, b *backend, conn *remoteConn) error {
	conn.SetWriteDeadline(time.Now().Add(connectLimit))
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	begin := beginFastCGI
	if r.a.o.Protocol == SCGI {
		begin = beginSCGI
	}
	t, err := begin(conn, r.spec, r.spec.StderrLine)
	if err != nil {
		stop()
		return err
	}
	conn.SetWriteDeadline(time.Time{})
	if !stop() {
		t.end()
		return ctx.Err()
	}
	conn.block = r.blocked
	conn.SetReadDeadline(r.at)
	r.b, r.conn, r.unheard = b, conn, conn.requests == 0
	r.mu.Lock()
	r.talk = t
	r.mu.Unlock()
	return nil
}

func (r *remote) blocked() {
	if r.block != nil {
		r.block()
	}
}

// Pid is nobody's.
func (r *remote) Pid() int { return 0 }

// AddressOf is where r is answered, "" when that is a process of ours.
func AddressOf(r Run) string {
	if r, ok := r.(*remote); ok {
		return r.b.name
	}
	return ""
}

// Output is the answer.
func (r *remote) Output() process.Output { return r }

// WhenBlocked has f called when Read is about to wait.
func (r *remote) WhenBlocked(f func()) { r.block = f }

// SetReadDeadline bounds the waiting of Read.
func (r *remote) SetReadDeadline(t time.Time) {
	r.at = t
	r.conn.SetReadDeadline(t)
}

// Read reads some of the answer. Only one that is whole ends by io.EOF.
func (r *remote) Read(p []byte) (int, error) {
	r.reading.Lock()
	defer r.reading.Unlock()
	for {
		if r.err != nil {
			return 0, r.err
		}
		n, err := r.talk.Read(p)
		if r.unheard && r.talk.heard() {
			r.unheard = false
			r.a.heard(r.b)
		}
		switch {
		case n > 0 || err == nil || rang(err):
			return n, err
		case err != io.EOF && r.again(err):
		default:
			r.finish(err)
		}
	}
}

// again makes the request once more when that does no harm: nothing of an
// answer has come, and either the server says that it did nothing, or to have
// it answered twice is the same as once.
func (r *remote) again(err error) bool {
	var refused *fastcgi.StatusError
	overloaded := errors.As(err, &refused) && refused.Status == fastcgi.Overloaded
	lost := r.spec.Again && !r.talk.heard() && errors.Is(err, io.ErrUnexpectedEOF)
	if r.second || fromClient(r.spec) || !overloaded && !lost {
		return false
	}
	ctx, ok := r.retrying()
	if !ok {
		return false
	}
	defer r.cancel()
	r.second = true
	var tried []*backend
	if overloaded {
		tried = append(tried, r.b)
	}
	b, unheard := r.b, r.unheard
	r.talk.end()
	if r.begin(ctx, tried) != nil {
		return false // what the first has said is what there is to tell
	}
	r.a.leave(b, unheard)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		r.talk.abort()
	}
	return true
}

// retrying is the context of a second try. It ends when the exchange is
// stopped, or its clock rings.
func (r *remote) retrying() (context.Context, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return nil, false
	}
	ctx, cancel := context.WithCancel(context.Background())
	if !r.at.IsZero() {
		ctx, cancel = context.WithDeadline(context.Background(), r.at)
	}
	r.cancel = cancel
	return ctx, true
}

// finish is the end of the answer. The connection is given back at once, but
// for one whose body is still being sent: nobody reads that, and the one who
// sends it is waited for by Wait.
func (r *remote) finish(err error) {
	r.exit.Code, r.exit.Ended = r.talk.status(), time.Now()
	if err != io.EOF {
		err = r.explain(err)
		r.exit.Code = -1
	}
	r.mu.Lock()
	if r.stopped {
		err = io.EOF // as of a process that was stopped: who has done it knows why
	}
	r.err = err
	r.mu.Unlock()
	if r.talk.sent() {
		r.release()
	} else {
		r.conn.Close()
	}
	close(r.done)
}

// explain says who has ended the answer, and how.
func (r *remote) explain(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) && !r.talk.heard():
		return fmt.Errorf("%s closed the connection and has answered nothing", r.b.name)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s closed the connection in the middle of its answer", r.b.name)
	}
	return fmt.Errorf("%s: %w", r.b.name, err)
}

func (r *remote) release() {
	if r.ended {
		return
	}
	r.ended = true
	conn := r.conn
	reusable := r.talk.end()
	conn.block = nil
	r.a.leave(r.b, r.unheard)
	if reusable {
		r.a.keep(r.b, conn)
	}
}

// Signal does nothing: there is no process of ours.
func (r *remote) Signal(syscall.Signal) {}

// Stop ends an exchange whose answer has not ended: the server is told, and
// then sees the connection end.
func (r *remote) Stop(time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil || r.stopped {
		return
	}
	r.stopped = true
	if r.cancel != nil {
		r.cancel()
	}
	r.talk.abort()
}

// Dying is never known.
func (r *remote) Dying() bool { return false }

// Done is closed when the answer has ended.
func (r *remote) Done() <-chan struct{} { return r.done }

// Exit is how the answer has ended.
func (r *remote) Exit() process.Exit {
	<-r.done
	return r.exit
}

// Wait waits until nothing is left of the exchange, which has been stopped
// unless its Output was read to the end.
func (r *remote) Wait() process.Exit {
	r.reading.Lock()
	defer r.reading.Unlock()
	if r.err == nil {
		r.finish(io.ErrUnexpectedEOF) // nobody will read that
	}
	r.release()
	return r.exit
}

// rang reports whether err is that a read has met its deadline.
func rang(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
