package lint

import (
	"bytes"
	"errors"

	"framegate/server/internal/cgi"
)

// header is one header block of the output, taken apart. What package cgi
// refuses is mended or left out, line by line, so that what follows is judged,
// too.
type header struct {
	j      *judge
	at     int    // where it begins
	end    int    // where the body begins; without an end, where the output does not go on
	ended  bool   // its empty line is there
	lines  []line // those that are left
	resp   *cgi.Response
	wrong  bool // cgi refuses it as it was printed
	broken bool // nobody knows where its body begins: it is not to be judged
}

// line is a line of a header.
type line struct {
	at    int    // of its first byte in the output
	moved int    // from this byte of a mended text on,
	shift int    // it has moved against the output by so many
	text  []byte // without its line end
	crlf  bool   // which was CR LF
}

// place is where some bytes of the line's text are in the output.
func (l *line) place(from, to int) place {
	at := l.at + from
	if from >= l.moved {
		at += l.shift
	}
	return place{at, to - from}
}

func (l *line) whole() place { return place{l.at, len(l.text) + l.shift} }

const (
	maxHeader  = 64 << 10 // max-header, where the configuration does not say otherwise
	maxInterim = 10       // 1xx responses ahead of the final one, as in package gateway
	maxMends   = 50
)

// output judges the output alone.
func (j *judge) output() {
	switch {
	case len(j.raw) == 0 && j.partial():
		return
	case len(j.raw) == 0:
		j.report("no-output", nowhere(), says{})
		return
	case j.utf16():
		return
	}
	at := 0
	for n := 0; ; n++ {
		h := j.readHeader(at)
		h.judgeFields()
		if h.broken || h.resp == nil || !h.ended {
			return
		}
		switch status := h.resp.Status; {
		case status == 101:
			j.report("switching-protocols", h.statusPlace(), says{})
			return
		case status >= 200:
			j.body(h)
			return
		case n == maxInterim:
			j.report("too-many-interim", h.statusPlace(), says{})
			return
		}
		if at = h.end; at == len(j.raw) {
			if !j.partial() {
				j.report("interim-without-final", h.statusPlace(), says{})
			}
			return
		}
	}
}

// utf16 reports an output that is UTF-16.
func (j *judge) utf16() bool {
	b := j.raw
	marked := bytes.HasPrefix(b, []byte{0xff, 0xfe}) || bytes.HasPrefix(b, []byte{0xfe, 0xff})
	wide := func(first int) bool {
		return len(b) >= 8 && b[first] == 0 && b[first+2] == 0 && b[first+4] == 0 && b[first+6] == 0 &&
			b[1-first] != 0 && b[3-first] != 0 && b[5-first] != 0 && b[7-first] != 0
	}
	if !marked && !wide(0) && !wide(1) {
		return false
	}
	j.report("utf-16", place{0, min(2, len(b))}, says{})
	return true
}

// readHeader reads the header block that begins at byte at.
func (j *judge) readHeader(at int) *header {
	h := &header{j: j}
	h.begin(at)
	for range maxMends {
		resp, err := cgi.ParseHeader(h.block())
		if err == nil {
			h.resp = resp
			break
		}
		var bad *cgi.HeaderError
		if !errors.As(err, &bad) || bad.Line > len(h.lines) {
			h.empty()
			break
		}
		i := bad.Line - 1
		h.wrong = true
		if column := bad.Offset - h.lineStart(i); !h.diagnose(i, column) {
			h.broken = true
			break
		}
	}
	h.judgeEnd()
	return h
}

// begin takes apart what is there from byte at on, as far as the empty line.
func (h *header) begin(at int) {
	raw := h.j.raw
	h.at, h.lines = at, nil
	end := cgi.HeaderEnd(raw[at:], 0)
	h.ended = end >= 0
	switch {
	case h.ended:
		h.end = at + end
	case h.j.partial():
		h.end = at + bytes.LastIndexByte(raw[at:], '\n') + 1 // how the last line goes on, nobody knows
	default:
		h.end = len(raw)
	}
	for from := at; from < min(h.end, at+maxHeader); {
		l := line{at: from}
		next := h.end
		l.text = raw[from:next]
		if lf := bytes.IndexByte(l.text, '\n'); lf >= 0 {
			next = from + lf + 1
			l.text = l.text[:lf]
			l.crlf = bytes.HasSuffix(l.text, []byte("\r"))
		}
		l.text = bytes.TrimSuffix(l.text, []byte("\r"))
		if len(l.text) > 0 {
			h.lines = append(h.lines, l)
		}
		from = next
	}
}

// block is what is left of the header, for package cgi, which takes a CR LF
// off each line, and not a CR that stood there before.
func (h *header) block() []byte {
	var b []byte
	for i := range h.lines {
		b = append(append(b, h.lines[i].text...), "\r\n"...)
	}
	return b
}

// lineStart is where line i begins in the block.
func (h *header) lineStart(i int) int {
	at := 0
	for k := range i {
		at += len(h.lines[k].text) + len("\r\n")
	}
	return at
}

// drop leaves line i out.
func (h *header) drop(i int) { h.lines = append(h.lines[:i:i], h.lines[i+1:]...) }

// endAt has the header end ahead of line i, and the body begin at byte end.
func (h *header) endAt(i, end int) {
	h.lines, h.end, h.ended = h.lines[:i], end, true
}

// empty is a header of which nothing is left.
func (h *header) empty() {
	if h.wrong || !h.ended {
		h.broken = h.wrong
		return
	}
	h.wrong = true
	h.j.report("empty-line-first", place{h.at, 0}, says{})
	if next := h.j.headerBehind(h.end); next >= 0 && len(bytes.TrimSpace(h.j.raw[h.end:next])) == 0 {
		again := h.j.readHeader(next)
		again.wrong = true
		*h = *again
		return
	}
	h.broken = true
}

// judgeEnd looks at where the header ends.
func (h *header) judgeEnd() {
	j := h.j
	if h.end-h.at > maxHeader || !h.ended && len(j.raw)-h.at >= maxHeader {
		j.report("header-too-long", place{h.at + maxHeader - 1, 1}, says{})
		h.broken = true
	}
	if h.ended || h.broken || j.partial() {
		return
	}
	for i := range h.lines {
		l := &h.lines[i]
		if n := bytes.Index(l.text, []byte(`\n`)); n >= 0 {
			if r := bytes.Index(l.text, []byte(`\r\n`)); r >= 0 && r < n {
				j.report("escaped-newline", l.place(r, r+4), says{what: `the header holds the four characters \r\n where a line should end`})
			} else {
				j.report("escaped-newline", l.place(n, n+2), says{})
			}
			return
		}
	}
	if j.count["bare-cr"] == 0 || bytes.IndexByte(j.raw, '\n') >= 0 {
		j.report("unfinished-header", place{len(j.raw), 0}, says{})
	} // else every line end is a CR, also the empty line's
}
