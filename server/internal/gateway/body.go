package gateway

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"framegate/server/internal/httpguard"
)

// spoolMemory is how much of a request body is held in memory before it goes
// to an unlinked temporary file.
const spoolMemory = 1 << 20

// fedMost is how long a body may be that is fed to a process which could read
// a file as well: what a pipe holds. More would be fed by turns.
const fedMost = 64 << 10

// body is a request's body, ready to be a process's stdin.
type body struct {
	present bool // the request has one, of whatever length
	size    int64
	memory  []byte    // the body, or its beginning when it was spooled to a file on disk
	feed    io.Reader // nil when there is nothing to feed
	file    *os.File  // the same bytes as a descriptor, when they were spooled to one
	stream  *stream   // feed, when it comes straight from the client
	pace    *pace     // nil when there is nothing to receive
}

// stream is a body that is passed on as it arrives. It is read by the feeder
// and watched by the exchange.
type stream struct {
	src   io.Reader
	size  int64
	count atomic.Int64
	moved atomic.Int64 // when the last bytes came, in Unix nanoseconds
}

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.src.Read(p)
	if n > 0 {
		s.count.Add(int64(n))
		s.moved.Store(time.Now().UnixNano())
	}
	if err == io.EOF && !s.finished() {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (s *stream) finished() bool { return s.count.Load() == s.size }

func (b *body) close() {
	if b.file != nil {
		b.file.Close()
	}
}

// receive takes in the request's body before any process is bound to it. A
// body of known length is left on the connection when the frame wants to
// stream it; a chunked one is always spooled, so that its length is known.
// Direct has it spooled to nothing but a file.
func (f *frame) receive(ans *answer, r *http.Request, direct bool) (*body, error) {
	b := &body{present: r.ContentLength != 0 || r.Header.Get("Content-Length") != "", size: r.ContentLength}
	limit := f.cfg.MaxBody
	if limit > 0 && r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	b.pace, _ = r.Body.(*pace)
	switch {
	case r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody:
		b.size = 0
		return b, nil
	case f.cfg.StreamBody && r.ContentLength > 0:
		ans.control.EnableFullDuplex() // HTTP/2 always is
		b.stream = &stream{src: io.LimitReader(r.Body, r.ContentLength), size: r.ContentLength}
		b.feed, ans.stream = b.stream, b.stream
		return b, nil
	}
	spool := b.spool
	if direct {
		spool = b.spoolDirectly
	}
	if err := spool(r.Body, limit); err != nil {
		b.close()
		return nil, err
	}
	if r.ContentLength > 0 && b.size != r.ContentLength {
		b.close()
		return nil, bodyFailure(io.ErrUnexpectedEOF)
	}
	return b, nil
}

func tooLarge(limit int64) error {
	return &failure{status: http.StatusRequestEntityTooLarge, sentence: "The request's body is too large.",
		cause: &http.MaxBytesError{Limit: limit}, closeConn: true}
}

// spool reads src to its end: to memory first, then to a file.
func (b *body) spool(src io.Reader, limit int64) error {
	if limit > 0 {
		src = io.LimitReader(src, limit+1)
	}
	head, err := readSome(src, b.size)
	if err != nil {
		return bodyFailure(err)
	}
	b.size = int64(len(head))
	b.memory = head
	b.feed = bytes.NewReader(head)
	if len(head) >= spoolMemory {
		if err := b.spoolToFile(head, src); err != nil {
			return err
		}
	}
	if limit > 0 && b.size > limit {
		return tooLarge(limit)
	}
	return nil
}

// readSome reads up to spoolMemory bytes; expect is the declared length or -1.
func readSome(src io.Reader, expect int64) ([]byte, error) {
	size := int64(4 << 10)
	if expect > 0 {
		size = min(expect, spoolMemory)
	}
	buf := make([]byte, 0, size)
	for len(buf) < spoolMemory {
		if len(buf) == cap(buf) {
			if int64(len(buf)) == expect {
				break
			}
			buf = append(make([]byte, 0, min(2*cap(buf), spoolMemory)), buf...)
		}
		n, err := src.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return buf, nil
}

func (b *body) spoolToFile(head []byte, rest io.Reader) error {
	f, err := os.CreateTemp("", "framegate-body-")
	if err != nil {
		return spoolFailure(err)
	}
	b.file = f
	os.Remove(f.Name()) // from here on it vanishes with its descriptor
	if _, err := f.Write(head); err != nil {
		return spoolFailure(err)
	}
	return b.fill(rest)
}

// spoolDirectly is spool for a body of known length and a process that is
// handed a file: what may be in memory is so in a file that lies there.
func (b *body) spoolDirectly(src io.Reader, _ int64) error {
	if b.size <= spoolMemory {
		b.file = memoryFile()
	}
	b.size = 0
	if b.file == nil {
		return b.spoolToFile(nil, src)
	}
	return b.fill(src)
}

// fill puts the rest into the file.
func (b *body) fill(rest io.Reader) error {
	chunk := newChunk()
	defer recycle(chunk)
	for {
		n, err := rest.Read(chunk)
		if _, err := b.file.Write(chunk[:n]); err != nil {
			return spoolFailure(err)
		}
		b.size += int64(n)
		if err == io.EOF {
			break
		}
		if err != nil {
			return bodyFailure(err)
		}
	}
	b.feed = b.file
	if _, err := b.file.Seek(0, io.SeekStart); err != nil {
		return spoolFailure(err)
	}
	return nil
}

func spoolFailure(err error) error {
	return &failure{status: http.StatusInternalServerError, sentence: "The request's body could not be stored.", cause: err, closeConn: true}
}

// bodyFailure is a body that did not arrive whole.
func bodyFailure(err error) error {
	var f *failure
	if errors.As(err, &f) { // it came too slowly
		return f
	}
	if errors.Is(err, httpguard.ErrChunk) {
		return &failure{status: http.StatusBadRequest, sentence: "The request's body is malformed: a chunk is not as RFC 9112 §7.1 wants it.", cause: err, closeConn: true}
	}
	return &failure{status: http.StatusBadRequest, sentence: "The request's body ended before its length.", cause: err, closeConn: true}
}
