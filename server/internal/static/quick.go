package static

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// QuickRequest is a GET or HEAD as a caller knows it that has not made an
// http.Request of it. It has neither Range nor If-Range, If-Match or
// If-Unmodified-Since, and each field below once at most.
type QuickRequest struct {
	Head bool
	Path string // as Serve takes it

	IfNoneMatch, IfModifiedSince, AcceptEncoding []byte // nil: absent
}

// QuickAnswer is what Quick has appended the head of.
type QuickAnswer struct {
	Status int // 200 or 304

	// Size is how many bytes of body the answer has. They have been appended,
	// too, unless there is a File.
	Size int64
	// File is a descriptor of which Size bytes from offset 0 on are to be sent
	// by the caller, who closes it; -1: none.
	File int
}

// maxQuickPath is what a path is remembered up to.
const maxQuickPath = 1024

// Quick answers what Serve would, with the same fields, into dst: the status
// line, common (header fields, each with its line break), the file's own
// fields, the empty line and, if the file is small, the body. ok is false for
// all that is not simply a regular file and its 200 or 304: it is Serve's, and
// dst is as it was.
//
// Nothing is remembered but fields that follow from a file's stamp, and
// descriptors of small files. Each request looks at the path again, and reads
// the body from the file: what changes is seen by the next request, as with
// Serve.
func (f *Files) Quick(dst []byte, q *QuickRequest, common []byte) (out []byte, a QuickAnswer, ok bool) {
	if len(q.Path) > maxQuickPath {
		return dst, QuickAnswer{File: -1}, false
	}
	c := &f.quick
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entry(f, q.Path)
	if e == nil {
		return dst, QuickAnswer{File: -1}, false
	}
	fm, opened, ok := c.choose(e, q.AcceptEncoding)
	if !ok {
		c.remove(e)
		return dst, QuickAnswer{File: -1}, false
	}
	out, a, ok = fm.answer(dst, q, common, opened)
	if opened >= 0 && a.File < 0 {
		closeFile(opened)
	}
	return out, a, ok
}

// choose finds the file, or the neighbour of it that accept likes best, as it
// is now. opened is a descriptor of it if it is not a held one.
func (c *quickCache) choose(e *quickEntry, accept []byte) (fm *form, opened int, ok bool) {
	original := e.forms[0]
	opened, ok = c.look(original)
	if !ok || !e.compressible || len(accept) == 0 {
		return original, opened, ok
	}
	ranked := c.rank(accept)
	for _, i := range ranked.order[:ranked.n] {
		n := e.neighbour(int(i))
		if n.held < 0 && !n.place.exists() {
			continue
		}
		fd, ok := c.look(n)
		if !ok {
			continue
		}
		if n.now.size > 0 && n.now.modified >= original.now.modified {
			if opened >= 0 {
				closeFile(opened)
			}
			return n, fd, true
		}
		if fd >= 0 {
			closeFile(fd)
		}
	}
	return original, opened, true
}

// form is a file in one content coding: its place, and what its fields were
// when it was last looked at.
type form struct {
	place  place
	typ    fileType // of the original
	coding *coding  // nil: none
	now    stamp
	held   int // a descriptor of the file that now is the stamp of; -1: none

	etag         string
	lastModified string // "": none
	ok           []byte // the fields of a 200, the empty line included
	notModified  []byte // of a 304
}

// answer appends it. The body of a small file is read first, from the held or
// the opened descriptor: one that was cut short meanwhile is Serve's.
func (fm *form) answer(dst []byte, q *QuickRequest, common []byte, opened int) ([]byte, QuickAnswer, bool) {
	a := QuickAnswer{Status: http.StatusOK, File: -1}
	if fm.now.modified > time.Now().UnixNano() {
		return dst, a, false // its Last-Modified is the hour of the answer
	}
	if fm.fresh(q) {
		a.Status = http.StatusNotModified
		out := append(dst, "HTTP/1.1 304 Not Modified\r\n"...)
		out = append(out, common...)
		return append(out, fm.notModified...), a, true
	}
	out := append(dst, "HTTP/1.1 200 OK\r\n"...)
	out = append(out, common...)
	out = append(out, fm.ok...)
	if q.Head {
		return out, a, true
	}
	a.Size = fm.now.size
	if a.Size > smallFile {
		a.File = opened
		return out, a, true
	}
	from := fm.held
	if from < 0 {
		from = opened
	}
	begin := len(out)
	out = grow(out, int(a.Size))
	if !readAll(from, out[begin:]) {
		return dst, QuickAnswer{File: -1}, false
	}
	return out, a, true
}

// grow makes b longer by n bytes, whatever they are.
func grow(b []byte, n int) []byte {
	if cap(b)-len(b) < n {
		b = append(make([]byte, 0, 2*(len(b)+n)), b...)
	}
	return b[:len(b)+n]
}

// fresh is evaluate for what a QuickRequest may hold. What a client sends back
// as it got it is compared and not parsed.
func (fm *form) fresh(q *QuickRequest) bool {
	if len(q.IfNoneMatch) > 0 {
		if string(bytes.TrimPrefix(q.IfNoneMatch, []byte("W/"))) == fm.etag {
			return true
		}
		return anyTag([]string{string(q.IfNoneMatch)}, func(tag string) bool { return weakMatch(tag, fm.etag) })
	}
	if len(q.IfModifiedSince) == 0 || fm.lastModified == "" {
		return false
	}
	if string(q.IfModifiedSince) == fm.lastModified {
		return true
	}
	date, ok := headerDate([]string{string(q.IfModifiedSince)})
	return ok && time.Unix(0, fm.now.modified).Unix() <= date.Unix()
}

// prepare makes the fields that follow from the stamp, in the order in which
// net/http would send them.
func (fm *form) prepare(now stamp) {
	fm.now = now
	modified := time.Unix(0, now.modified)
	fm.etag = now.etag(fm.coding)
	fm.lastModified = ""
	if hasDate(modified) {
		fm.lastModified = modified.UTC().Format(http.TimeFormat)
	}
	var ok, notModified strings.Builder
	ok.WriteString("Accept-Ranges: bytes\r\n")
	if fm.coding != nil {
		ok.WriteString("Content-Encoding: " + fm.coding.name + "\r\n")
	}
	ok.WriteString("Content-Length: " + strconv.FormatInt(now.size, 10) + "\r\n")
	ok.WriteString("Content-Type: " + fm.typ.contentType + "\r\n")
	tag := "Etag: " + fm.etag + "\r\n"
	ok.WriteString(tag)
	notModified.WriteString(tag)
	if fm.lastModified != "" {
		ok.WriteString("Last-Modified: " + fm.lastModified + "\r\n")
	}
	end := "X-Content-Type-Options: nosniff\r\n\r\n"
	if fm.typ.compressible {
		end = "Vary: Accept-Encoding\r\n" + end
	}
	ok.WriteString(end)
	notModified.WriteString(end)
	fm.ok, fm.notModified = []byte(ok.String()), []byte(notModified.String())
}
