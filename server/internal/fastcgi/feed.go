package fastcgi

import (
	"io"
	"sync"
)

// feedLen is a whole record of stdin, and the empty one that ends the stream.
const feedLen = headerLen + maxContent + headerLen

var feedBuffers = sync.Pool{New: func() any { b := make([]byte, feedLen); return &b }}

// feed sends stdin. It runs beside the reading of the answer: a server may
// answer before it has read all, and may never read all.
func (a *Answer) feed(r *Request) {
	pooled := feedBuffers.Get().(*[]byte)
	defer feedBuffers.Put(pooled)
	buf := *pooled
	left := length(r)
	for !a.enough.Load() {
		n, err := r.Stdin.Read(buf[headerLen : headerLen+maxContent])
		if a.enough.Load() {
			return
		}
		if err != nil && err != io.EOF {
			if r.StdinFailed != nil {
				r.StdinFailed(err)
			}
			return
		}
		// A server that goes by CONTENT_LENGTH answers when it has all of it:
		// had the end not been sent by then, the connection would be lost.
		left -= int64(n)
		ended := err == io.EOF || left == 0
		b := buf[:0]
		if n > 0 {
			b = closeRecord(openRecord(b, Stdin, a.id)[:headerLen+n], 0)
		}
		if ended {
			b = AppendRecord(b, Stdin, a.id, nil)
		}
		if len(b) > 0 && a.c.write(b) != nil {
			return // the answer tells how the request ends
		}
		if r.Fed != nil && n > 0 {
			r.Fed(buf[headerLen : headerLen+n])
		}
		if ended {
			if r.Fed != nil {
				r.Fed(nil)
			}
			a.sent.Store(true)
			return
		}
	}
}

// length is how long stdin is, -1 where that is not known.
func length(r *Request) int64 {
	if r.Length > 0 {
		return r.Length
	}
	if _, left, ok := memoryOf(r.Stdin); ok {
		return left
	}
	return -1
}
