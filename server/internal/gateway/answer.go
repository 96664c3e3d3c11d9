package gateway

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"framegate/server/internal/httpguard"
)

// answer is the HTTP side of one request: what was sent so far, and how to
// end it early without making it look whole.
type answer struct {
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController
	status  int   // 0 until the header is written
	bytes   int64 // of the body
	cut     bool  // the connection was cut in the middle of it
	sight   *sight
	begun   *begun // on the lane, until an exchange takes it over

	received bool      // the request's body is taken in, or left to a frame
	stream   *stream   // the body, when it was left to a frame
	pending  func()    // what is still to be waited for once the client has its answer
	bounded  time.Time // when the write deadline was last moved on

	limit   *writeLimit                // the write deadline, nil without one
	writing atomic.Pointer[writeLimit] // that of the write under way, or of the one that failed
}

// writeLimit is when a write to the client is given up, and by which clock.
type writeLimit struct {
	at    time.Time
	clock string
}

func newAnswer(w http.ResponseWriter, r *http.Request) *answer {
	return &answer{w: w, r: r, control: http.NewResponseController(w)}
}

func (a *answer) writeHeader(status int) {
	a.status = status
	a.endBehindRest()
	a.w.WriteHeader(status)
}

func (a *answer) write(p []byte) error {
	a.writing.Store(a.limit)
	n, err := a.w.Write(p)
	a.bytes += int64(n)
	a.sight.answered(p[:n])
	if err == http.ErrBodyNotAllowed { // the answer to HEAD
		err = nil
	}
	if err == nil {
		a.writing.Store(nil)
	}
	return err
}

// unreadBody is how long a body may take that nobody wants.
const unreadBody = time.Second

// unread reports whether a frame has left, so far, a part of its body unread.
func (a *answer) unread() bool { return a.stream != nil && !a.stream.finished() }

// endBehindRest ends the connection behind an answer that comes before its
// request's body has: net/http, which has given up reading where the frame
// did, would take the rest for the next request.
func (a *answer) endBehindRest() {
	if a.unread() && a.r.ProtoMajor == 1 {
		a.w.Header().Set("Connection", "close")
	}
}

// dropBody bounds the wait for a body that nobody has read. Net/http reads it
// ahead of the answer, to keep the connection, and would wait for ever.
func (a *answer) dropBody() {
	if a.r.ContentLength != 0 && (!a.received || a.unread()) {
		a.control.SetReadDeadline(time.Now().Add(unreadBody))
		if a.r.Close || a.unread() {
			a.linger()
		}
	}
}

// linger has the connection, which ends behind this answer, be read for a
// moment: net/http does not read what nobody will need, and would close with a
// reset that may overtake the answer.
func (a *answer) linger() {
	if conn := httpguard.FromRequest(a.r); conn != nil && a.r.ProtoMajor == 1 {
		conn.Linger()
	}
}

func (a *answer) flush() {
	a.writing.Store(a.limit)
	if a.control.Flush() == nil {
		a.writing.Store(nil)
	}
}

// boundWrites lets no single write wait longer than idle for the client, and
// none beyond until. Other clocks that tell the same have a second to be the
// first. The deadline is moved on once a second at the most: it costs a system
// timer.
func (a *answer) boundWrites(idle time.Duration, until time.Time) {
	now := time.Now()
	if now.Sub(a.bounded) <= time.Second {
		return
	}
	limit := &writeLimit{at: until, clock: "total-timeout"}
	if at := now.Add(idle); idle > 0 && (until.IsZero() || at.Before(until)) {
		limit = &writeLimit{at: at, clock: "idle-timeout"}
	}
	if limit.at.IsZero() {
		return
	}
	if a.limit == nil && a.endTellsLength() {
		// Net/http closes the connection of a write that has failed.
		setLinger(httpguard.FromRequest(a.r), 0)
	}
	limit.at = limit.at.Add(time.Second)
	a.bounded, a.limit = now, limit
	a.control.SetWriteDeadline(limit.at)
}

// endTellsLength reports whether only the end of the connection tells the end
// of the body. A reset then tells that it was cut.
func (a *answer) endTellsLength() bool {
	return !a.r.ProtoAtLeast(1, 1) && a.w.Header().Get("Content-Length") == ""
}

// overdue is the failure of a client that did not take a write in time, else
// nil. Net/http ends the request's context ahead of that write's return, as if
// the client had gone.
func (a *answer) overdue() *failure {
	limit := a.writing.Load()
	if limit == nil || time.Now().Before(limit.at) {
		return nil
	}
	return slowClient(limit.clock)
}

func slowClient(clock string) *failure {
	return &failure{status: http.StatusGatewayTimeout, sentence: "The client took too long to read.",
		cause: fmt.Errorf("%s: the client does not read the answer", clock)}
}

// unboundWrites leaves the connection as it was, for its next request.
func (a *answer) unboundWrites() {
	if a.limit != nil {
		a.bounded, a.limit = time.Time{}, nil
		a.control.SetWriteDeadline(time.Time{})
		if a.endTellsLength() {
			setLinger(httpguard.FromRequest(a.r), -1)
		}
	}
}

// abortDrain bounds how long an aborted connection is kept to let the bytes
// that were already sent reach the client.
const abortDrain = time.Second

// abort ends an answer that has begun and must not look whole: what was sent
// reaches the client, then the connection is cut. A chunked body has no last
// chunk then; where only the end of the connection would tell the end of the
// body (HTTP/1.0), it is reset. It does not return.
func (a *answer) abort() {
	a.cut = true
	a.flush()
	conn, _, err := a.control.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2: a reset of the stream
	}
	defer panic(http.ErrAbortHandler)
	deadline := time.Now().Add(abortDrain)
	if a.endTellsLength() {
		awaitSent(conn, deadline)
		setLinger(conn, 0)
	} else if cw, ok := conn.(interface{ CloseWrite() error }); ok && cw.CloseWrite() == nil {
		// Closing with unread bytes in the kernel would reset the connection
		// and take the answer's last bytes with it.
		conn.SetReadDeadline(deadline)
		io.CopyN(io.Discard, conn, 1<<20)
	}
	conn.Close()
}

func setLinger(conn net.Conn, seconds int) {
	if g, ok := conn.(*httpguard.Conn); ok && g != nil {
		conn = g.Conn
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(seconds)
	}
}

// recorder is the answer as an http.ResponseWriter, for handlers that write
// it themselves. It keeps the way to sendfile open.
func (a *answer) recorder() http.ResponseWriter { return recorder{a.w, a} }

type recorder struct {
	http.ResponseWriter
	a *answer
}

func (w recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w recorder) WriteHeader(status int) {
	if status >= 200 && w.a.status == 0 {
		w.a.status = status
		w.a.endBehindRest()
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w recorder) Write(p []byte) (int, error) {
	if w.a.status == 0 {
		w.a.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.a.bytes += int64(n)
	return n, err
}

func (w recorder) ReadFrom(r io.Reader) (int64, error) {
	if w.a.status == 0 {
		w.a.status = http.StatusOK
	}
	file, ok := r.(*io.LimitedReader)
	if !ok {
		n, err := io.Copy(w.ResponseWriter, r)
		w.a.bytes += n
		return n, err
	}
	defer w.a.unboundWrites()
	var sent int64
	for file.N > 0 {
		// One call per piece, or a client that stops reading would be waited
		// for without end; a plain LimitedReader, or sendfile would be lost.
		w.a.boundWrites(filePause, time.Time{})
		piece := &io.LimitedReader{R: file.R, N: min(file.N, filePiece)}
		n, err := io.Copy(w.ResponseWriter, piece)
		sent += n
		file.N -= n
		w.a.bytes += n
		if err != nil || n == 0 {
			return sent, err
		}
	}
	return sent, nil
}

// A client gets filePause for each piece of a file: one that takes less than
// 4 KiB a second has gone to sleep.
const (
	filePause = time.Minute
	filePiece = 256 << 10
)
