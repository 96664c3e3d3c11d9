package lint

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// length holds the body to its Content-Length.
func (b *bodyOf) length() {
	want := b.h.resp.ContentLength
	f := b.h.field("Content-Length")
	if want < 0 || f == nil || b.size == want || b.size < 0 && int64(len(b.bytes)) <= want {
		return
	}
	j := b.h.j
	report := func(code string, s says) { j.report(code, f.valued(), s) }
	if b.size < 0 { // at least what is there
		report("body-too-long", says{what: fmt.Sprintf("the body is longer than its Content-Length of %d", want)})
		return
	}
	if b.whole() {
		if s, ok := b.countedLineEnds(want); ok {
			report("length-with-line-ends", s)
			return
		}
		if n := int64(utf8.RuneCount(b.bytes)); n == want && utf8.Valid(b.bytes) {
			report("length-in-characters", says{
				what: fmt.Sprintf("Content-Length counts characters: the body has %d of them, in %d bytes", n, b.size),
			})
			return
		}
	}
	if b.size < want {
		s := says{what: fmt.Sprintf("the body is %s shorter than its Content-Length of %d", count(want-b.size, "byte"), want)}
		if want == b.size+int64(b.h.end) {
			s.why = "that is the length of the whole output, with its header; the client waits for the rest"
			s.fix = "count the body alone, or leave Content-Length out"
		}
		report("body-too-short", s)
		return
	}
	s := says{what: fmt.Sprintf("the body is %s longer than its Content-Length of %d", count(b.size-want, "byte"), want)}
	switch rest := b.bytes[min(want, int64(len(b.bytes))):]; {
	case !b.whole():
	case string(rest) == "\n", string(rest) == "\r\n":
		s.why = "a line end was printed behind it, as echo, print and puts do; it is not sent"
		s.fix = "count the line end, too, or print without it (printf; print(..., end=\"\")); or leave Content-Length out"
	case want == 0:
		s.why = "with a length of 0 nothing of it is sent"
	}
	report("body-too-long", s)
}

// countedLineEnds reports a length that fits the body with its line ends
// counted otherwise.
func (b *bodyOf) countedLineEnds(want int64) (says, bool) {
	crlf := int64(bytes.Count(b.bytes, []byte("\r\n")))
	lf := int64(bytes.Count(b.bytes, []byte("\n"))) - crlf
	switch {
	case crlf > 1 && want == b.size-crlf:
		return says{
			what: fmt.Sprintf("Content-Length is %d: it counts each line end as LF, but CR LF was printed", want),
			why:  fmt.Sprintf("%d line ends are a byte longer than was counted: the end of the body is not sent", crlf),
		}, true
	case lf > 1 && want == b.size+lf:
		return says{
			what: fmt.Sprintf("Content-Length is %d: it counts each line end as CR LF, but LF was printed", want),
			why:  fmt.Sprintf("%d line ends are a byte shorter than was counted: the client waits for the rest", lf),
		}, true
	}
	return says{}, false
}

// count is a number and what it counts.
func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
