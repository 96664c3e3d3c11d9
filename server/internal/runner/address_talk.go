package runner

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"framegate/server/internal/cgi"
	"framegate/server/internal/fastcgi"
	"framegate/server/internal/process"
)

// talk is one request and its answer over a connection. One goroutine reads;
// abort may come from another.
type talk interface {
	Read(p []byte) (int, error) // io.EOF is the end of a whole answer
	heard() bool                // a byte of the answer has come
	status() int                // what a process would have exited with
	sent() bool                 // nothing of the body is left to be sent
	abort()
	end() (reusable bool) // waits for who sends the body; true once at the most
}

// source is the request's body as something that can be read again, unless it
// comes straight from the client. Its length is -1 where that is not known.
func source(spec *process.Spec) (io.Reader, int64) {
	switch feed := spec.Feed.(type) {
	case nil:
		if spec.Stdin == nil {
			return nil, 0
		}
		if info, err := spec.Stdin.Stat(); err == nil {
			return io.NewSectionReader(spec.Stdin, 0, info.Size()), info.Size()
		}
		return spec.Stdin, -1
	case *bytes.Reader:
		// Not the reader itself: a first try may not have done with it yet.
		return io.NewSectionReader(feed, 0, feed.Size()), feed.Size()
	}
	return spec.Feed, contentLength(spec.Env)
}

// fromClient reports whether the body can be had but once.
func fromClient(spec *process.Spec) bool {
	_, memory := spec.Feed.(*bytes.Reader)
	return spec.Feed != nil && !memory
}

func contentLength(environ []string) int64 {
	for _, kv := range environ {
		if v, ok := strings.CutPrefix(kv, "CONTENT_LENGTH="); ok {
			if n, err := strconv.ParseInt(v, 10, 64); err == nil {
				return n
			}
		}
	}
	return -1
}

// fcgiTalk is a request by FastCGI.
type fcgiTalk struct {
	*fastcgi.Answer
	stderr *process.Lines // nil until something comes
	over   bool
}

func beginFastCGI(c *remoteConn, spec *process.Spec, line func([]byte)) (talk, error) {
	t := &fcgiTalk{}
	stdin, length := source(spec)
	var err error
	t.Answer, err = c.fcgi.Begin(&fastcgi.Request{
		Params: spec.Env, Stdin: stdin, Length: max(length, 0), KeepConn: true,
		StdinFailed: spec.FeedFailed, Fed: spec.Fed,
		Stderr: func(p []byte) {
			if t.stderr == nil {
				t.stderr = process.NewLines(line)
			}
			t.stderr.Write(p)
		},
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

func (t *fcgiTalk) heard() bool { return t.Heard() }
func (t *fcgiTalk) sent() bool  { return t.Sent() }
func (t *fcgiTalk) abort()      { t.Abort() }

func (t *fcgiTalk) end() bool {
	if t.over {
		return false
	}
	t.over = true
	return t.End()
}

func (t *fcgiTalk) status() int {
	status, _ := t.AppStatus()
	return int(status)
}

func (t *fcgiTalk) Read(p []byte) (int, error) {
	n, err := t.Answer.Read(p)
	if err != nil && t.stderr != nil && !rang(err) {
		t.stderr.Flush()
	}
	return n, err
}

// scgiTalk is a request by SCGI: the answer is the rest of the connection.
type scgiTalk struct {
	conn   *remoteConn
	spec   *process.Spec
	got    bool
	feeder sync.WaitGroup
	fed    atomic.Bool
	enough atomic.Bool
}

// scgiInline is how much of a body in memory goes out with the environ.
const scgiInline = 32 << 10

func beginSCGI(c *remoteConn, spec *process.Spec, _ func([]byte)) (talk, error) {
	t := &scgiTalk{conn: c, spec: spec}
	stdin, length := source(spec)
	b := cgi.SCGI(spec.Env)
	inline := 0
	if memory, ok := spec.Feed.(*bytes.Reader); ok && length <= scgiInline {
		inline = int(length)
		b = append(b, make([]byte, inline)...)
		memory.ReadAt(b[len(b)-inline:], 0)
		stdin = nil
	}
	if n, err := c.Write(b); err != nil {
		if n == 0 {
			err = fmt.Errorf("%w: %w", fastcgi.ErrNotSent, err)
		}
		return nil, err
	}
	if stdin != nil {
		t.feeder.Go(func() { t.feed(stdin, length) })
		return t, nil
	}
	t.fed.Store(true)
	if spec.Fed != nil {
		if inline > 0 {
			spec.Fed(b[len(b)-inline:])
		}
		spec.Fed(nil)
	}
	return t, nil
}

// feed sends the body. It runs beside the reading of the answer: a server may
// answer before it has read all, and may never read all.
func (t *scgiTalk) feed(stdin io.Reader, left int64) {
	buf := make([]byte, scgiInline)
	for !t.enough.Load() {
		n, err := stdin.Read(buf)
		left -= int64(n)
		if n > 0 && !t.enough.Load() {
			if _, werr := t.conn.Write(buf[:n]); werr != nil {
				return // the answer tells how the request ends
			}
			if t.spec.Fed != nil {
				t.spec.Fed(buf[:n])
			}
		}
		switch {
		case err == io.EOF, left == 0:
			t.fed.Store(true)
			if t.spec.Fed != nil {
				t.spec.Fed(nil)
			}
			return
		case err != nil:
			if t.spec.FeedFailed != nil && !t.enough.Load() {
				t.spec.FeedFailed(err)
			}
			return
		}
	}
}

func (t *scgiTalk) heard() bool { return t.got }
func (t *scgiTalk) sent() bool  { return t.fed.Load() }
func (t *scgiTalk) status() int { return 0 }
func (t *scgiTalk) abort()      { t.conn.Close() }

func (t *scgiTalk) end() (reusable bool) {
	t.enough.Store(true)
	t.conn.Close()
	t.feeder.Wait()
	return false
}

// Read reads some of the answer. A server that has not read all of the body
// ends its connection by a reset, behind all that it has said.
func (t *scgiTalk) Read(p []byte) (int, error) {
	n, err := t.conn.Read(p)
	t.got = t.got || n > 0
	switch {
	case err == nil || rang(err):
		return n, err
	case errors.Is(err, syscall.ECONNRESET) && t.got && t.hasBody(), err == io.EOF && t.got:
		err = io.EOF
	case errors.Is(err, syscall.ECONNRESET):
		err = fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err)
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	if !t.sent() {
		t.enough.Store(true)
		t.conn.SetWriteDeadline(time.Unix(1, 0))
	}
	return n, err
}

func (t *scgiTalk) hasBody() bool { return t.spec.Feed != nil || t.spec.Stdin != nil }
