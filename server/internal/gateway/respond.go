package gateway

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"framegate/server/internal/capture"
	"framegate/server/internal/cgi"
)

// buffers are what a frame's output is read into: as large as a pipe, so that
// a full pipe is one read and one write.
var buffers = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

// maxInterim bounds the 1xx responses ahead of the final one.
const maxInterim = 10

// respond reads the frame's answer and writes it to the client.
func (x *exchange) respond() (redirect string, err error) {
	pooled := buffers.Get().(*[]byte)
	defer buffers.Put(pooled)
	buf := *pooled

	resp, buf, rest, err := x.readHeader(buf, 0)
	if err == nil && x.kept != nil {
		rest, err = x.readAhead(buf, rest)
	}
	for n := 0; err == nil && resp.Status < 200; n++ {
		if n == maxInterim || resp.Status == http.StatusSwitchingProtocols {
			return "", x.malformed(fmt.Errorf("status %d is no answer to a request", resp.Status))
		}
		x.sendInterim(resp)
		resp, buf, rest, err = x.readHeader(buf, copy(buf, rest))
	}
	if err != nil {
		return "", err
	}
	if err := x.lookAround(); err != nil {
		return "", err
	}
	if why := x.cause.Load(); why != nil {
		return "", why // a body that was cut looked whole to the frame, which has answered
	}
	if resp.LocalRedirect() {
		if err := x.discardRest(buf); err != nil {
			return "", err
		}
		x.judgeEnding() // one that is about to end by itself is not stopped
		return resp.Location, nil
	}
	if resp.Status >= 500 && x.g.shows(x.ans.r) {
		if rest, err = x.ownFailure(resp, buf, rest); err != nil {
			return "", err
		}
	}
	return "", x.sendBody(resp, buf, rest)
}

// read reads some of the frame's output. Only io.EOF is not a failure.
func (x *exchange) read(buf []byte) (int, error) {
	for {
		n, err := x.out.Read(buf)
		if n > 0 {
			if over := x.heard(buf[:n]); over > 0 {
				return n - over, x.cause.Load()
			}
		}
		switch {
		case err == nil && x.overdue():
			x.stop(x.timedOut("total-timeout"))
			return n, x.cause.Load()
		case err == io.EOF:
			x.sight.event(capture.StdoutEnd, x.printed, 0)
			x.atEnd = true
			if x.kept != nil {
				x.leave() // its process is ready for the next
			}
			return n, err
		case err == nil:
			return n, err
		case errors.Is(err, os.ErrDeadlineExceeded) && x.outbox == nil && x.unsent:
			x.flush() // flushDelay is over: now wait for the clocks
		case errors.Is(err, os.ErrDeadlineExceeded):
			if at, which := x.deadline(); !time.Now().Before(at) {
				x.stop(x.timedOut(which))
				return n, x.cause.Load()
			} // else the upload has moved meanwhile: go on waiting
			if err := x.lookAround(); err != nil {
				return n, err
			}
		default:
			return n, &failure{status: http.StatusBadGateway, sentence: badAnswer, cause: err}
		}
	}
}

// heard accounts for what the frame has printed. It returns how many bytes of
// it are too many.
func (x *exchange) heard(p []byte) (over int) {
	x.waiting = time.Time{}
	x.printed += int64(len(p))
	if most := x.frame.cfg.MaxOutput; most > 0 && x.printed > most {
		x.stop(&failure{status: http.StatusBadGateway, sentence: badAnswer, cause: fmt.Errorf("the program printed more than max-output, %d bytes", most)})
		return int(min(x.printed-most, int64(len(p))))
	}
	if !x.spoke {
		x.spoke = true
		x.rec.firstByte = time.Since(x.started)
	}
	x.sight.printed(p)
	if tap := x.g.opts.Tap; tap != nil && tap.Stdout != nil {
		tap.Stdout(p)
	}
	return 0
}

const badAnswer = "The program did not give a usable answer."

// readHeader reads as far as the end of a header block; have bytes of buf are
// read already. It returns the buffer, which may have grown, and what of the
// body has come along.
func (x *exchange) readHeader(buf []byte, have int) (resp *cgi.Response, grown, rest []byte, err error) {
	limit := int(x.frame.cfg.MaxHeader)
	for scanned := 0; ; {
		if end := cgi.HeaderEnd(buf[:have], scanned); end >= 0 && (limit <= 0 || end <= limit) {
			if resp, err = cgi.ParseHeader(buf[:end]); err != nil {
				return nil, buf, nil, x.malformed(err)
			}
			x.sight.event(capture.HeaderEnd, x.printed-int64(have-end), 0)
			return resp, buf, buf[end:have], nil
		}
		scanned = have
		if limit > 0 && have >= limit {
			return nil, buf, nil, x.malformed(x.unended(buf[:have], fmt.Errorf("%w, %d bytes", ErrLongHeader, limit)))
		}
		if have == len(buf) {
			buf = append(make([]byte, 0, 2*len(buf)), buf...)[:2*len(buf)]
		}
		n, err := x.read(buf[have:])
		have += n
		if err == io.EOF {
			return nil, buf, nil, x.endedEarly(buf[:have])
		}
		if err != nil {
			return nil, buf, nil, err
		}
	}
}

// sendInterim passes a 1xx response on (RFC 9110 §15.2).
func (x *exchange) sendInterim(resp *cgi.Response) {
	if !x.ans.r.ProtoAtLeast(1, 1) {
		return // HTTP/1.0 has no such thing
	}
	h := x.ans.w.Header()
	kept := h.Clone()
	for _, f := range resp.Fields {
		h.Add(f.Name, f.Value)
	}
	x.ans.w.WriteHeader(resp.Status)
	for name := range h {
		delete(h, name)
	}
	for name, values := range kept {
		h[name] = values
	}
}

// sendHeader writes the status and the header. hasBody says whether a byte of
// the body is known to follow.
func (x *exchange) sendHeader(resp *cgi.Response, hasBody bool) {
	h := x.ans.w.Header()
	for i, f := range resp.Fields {
		if i == 0 || !seen(resp.Fields[:i], f.Name) {
			h.Del(f.Name) // the frame's Server or Date takes the place of ours
		}
		h.Add(f.Name, f.Value)
	}
	if resp.ContentType == "" {
		// Never a guess: HTML by sniffing is cross-site scripting.
		h["Content-Type"] = nil
		if hasBody {
			h.Set("Content-Type", "application/octet-stream")
			x.rec.warn("the frame gave no Content-Type: sent as application/octet-stream (RFC 3875 §6.3.1)")
		}
	}
	if resp.ContentLength >= 0 && cgi.BodyAllowed(resp.Status) {
		h.Set("Content-Length", strconv.FormatInt(resp.ContentLength, 10))
	}
	x.headerIsAll()
	x.ans.writeHeader(resp.Status)
	x.unsent = true
}

func seen(fields []cgi.Field, name string) bool {
	for _, f := range fields {
		if http.CanonicalHeaderKey(f.Name) == http.CanonicalHeaderKey(name) {
			return true
		}
	}
	return false
}

// sendBody passes the body on until the end of stdout and then judges whether
// the answer was whole.
func (x *exchange) sendBody(resp *cgi.Response, buf, first []byte) error {
	s := &sender{x: x, resp: resp, left: resp.ContentLength}
	return s.excuse(s.pass(buf, first))
}

func (s *sender) pass(buf, first []byte) error {
	x, resp := s.x, s.resp
	if resp.ContentType != "" || !cgi.BodyAllowed(resp.Status) || len(first) > 0 {
		x.sendHeader(resp, len(first) > 0)
	}
	if err := s.send(first); err != nil {
		return err
	}
	buf = buf[:min(len(buf), spillChunk)] // a long header has made it longer than a chunk
	for printed := len(first); !x.atEnd; {
		n, err := x.read(buf)
		if n > 0 {
			if printed += n; printed > inlineMost {
				return s.overflow(buf[:n])
			}
			if err := s.send(buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if x.ans.status == 0 {
		x.sendHeader(resp, false)
	}
	return s.finish()
}

// inlineMost is how long a body may be that is read and written by turns. A
// frame that prints more could be kept waiting by its client.
const inlineMost = 32 << 10

// overflow sends a long body: another goroutine reads it, as fast as the
// frame prints, while this one writes it, as fast as the client takes it.
func (s *sender) overflow(first []byte) error {
	x := s.x
	x.outbox = newOutbox(x.frame.cfg.MaxResponseBuffer, x.ends())
	chunk := newChunk()
	x.outbox.put(chunk[:copy(chunk, first)]) // there is room for the first
	x.reading.Go(x.fill)
	for {
		chunk, err := x.outbox.take(x.flush)
		if err == io.EOF {
			return s.finish()
		}
		if err == nil {
			err = s.send(chunk)
			recycle(chunk)
		}
		if err != nil {
			x.outbox.abandon()
			return err
		}
	}
}

// fill reads the frame's output into the outbox. The frame's slot is free as
// soon as its process has ended, however long the client takes.
func (x *exchange) fill() {
	for {
		chunk := newChunk()
		n, err := x.read(chunk)
		if n > 0 {
			wanted, perr := x.outbox.put(chunk[:n])
			if !wanted && perr == nil {
				return
			}
			if perr != nil {
				x.abandon(&failure{status: http.StatusBadGateway, sentence: badAnswer, cause: fmt.Errorf("buffer the response: %w", perr)})
				err = x.cause.Load()
			}
		} else {
			recycle(chunk)
		}
		if err == io.EOF {
			x.allRead()
			return
		}
		if err != nil {
			x.outbox.end(err)
			return
		}
	}
}

// allRead is the end of a long body: whatever its client still has to read,
// the process has nothing more to do.
func (x *exchange) allRead() {
	e := x.judgeEnding()
	x.judged = &e
	x.leave()
	x.outbox.end(nil)
}

// discardRest reads what follows a local redirect: nothing should.
func (x *exchange) discardRest(buf []byte) error {
	for {
		switch _, err := x.read(buf); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}
