package lint

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"framegate/server/internal/cgi"
)

const (
	byteOrderMark  = "\ufeff"
	fullWidthColon = "："
)

// diagnose finds out what the matter is with line i, which package cgi has
// refused at the given byte of its text, and mends it or leaves it out. It
// reports false when nobody can tell how the header goes on.
func (h *header) diagnose(i, column int) bool {
	l := &h.lines[i]
	if rest, marked := bytes.CutPrefix(l.text, []byte(byteOrderMark)); marked {
		h.j.report("bom", l.place(0, len(byteOrderMark)), says{})
		l.mend(0, rest, len(byteOrderMark))
		if len(rest) == 0 {
			h.drop(i)
		}
		return true
	}
	if l.crlf && bytes.HasSuffix(l.text, []byte("\r")) {
		return h.doubleCR(i)
	}
	if goOn, known := h.message(i); known {
		return goOn
	}
	if i == 0 {
		if h.otherText(l) {
			return false
		}
		if !isStatusLine(l.text) && looksLikeStatusLine(l.text) {
			h.j.report("bad-status-line", l.whole(), says{})
			h.drop(i)
			return true
		}
	}
	if l.text[0] == ' ' || l.text[0] == '\t' {
		return h.indented(i)
	}
	if i > 0 || !isStatusLine(l.text) {
		if goOn, done := h.name(i); done {
			return goOn
		}
	}
	if isControl(rune(l.text[column])) {
		h.control(l, column)
		return true
	}
	return h.refusedField(i)
}

// mend puts text in the place of the line's own: gone bytes of it are left out
// at byte at.
func (l *line) mend(at int, text []byte, gone int) {
	l.text, l.moved = text, at
	l.shift += gone
}

// doubleCR mends lines that end in CR CR LF.
func (h *header) doubleCR(i int) bool {
	l := &h.lines[i]
	text := bytes.TrimRight(l.text, "\r")
	h.j.report("cr-cr-lf", l.place(len(text), len(l.text)+1), says{})
	for k := i; k < len(h.lines); k++ {
		l := &h.lines[k]
		behind := l.at + l.shift + len(l.text) + len("\r\n")
		if l.crlf {
			l.text = bytes.TrimRight(l.text, "\r")
		}
		if len(l.text) == 0 {
			h.endAt(k, min(behind, len(h.j.raw)))
			break
		}
	}
	return true
}

// otherText reports a first line that is the beginning of something else.
func (h *header) otherText(l *line) bool {
	text := string(bytes.TrimLeft(l.text, " \t"))
	lower := strings.ToLower(text)
	switch {
	case strings.HasPrefix(text, "#!/"), strings.HasPrefix(text, "#! /"):
		h.j.report("source-code", l.whole(), says{})
	case strings.HasPrefix(lower, "<?php"), strings.HasPrefix(text, "<?="):
		h.j.report("source-code", l.whole(), says{fix: `have PHP run it: command = ["php-cgi", "page.php"], or interpreters = { ".php" = ["php-cgi"] }`})
	case strings.HasPrefix(text, "<"):
		h.j.report("html-without-header", l.whole(), says{})
	case strings.HasPrefix(text, "{"), strings.HasPrefix(text, "["):
		h.j.report("no-header", l.whole(), says{fix: `if this is JSON, print "Content-Type: application/json" and an empty line ahead of it`})
	default:
		return false
	}
	return true
}

// message reports a message of an interpreter that stands where a field
// should.
func (h *header) message(i int) (goOn, known bool) {
	l := &h.lines[i]
	what := messageOf(string(l.text))
	if what == "" {
		return false, false
	}
	h.j.report("program-message", l.whole(), says{what: what})
	return h.goOnBehind(i), true
}

// messageOf says what kind of message a line is, "" if it is none.
func messageOf(text string) string {
	ending := func(list ...string) bool {
		for _, end := range list {
			if strings.HasSuffix(text, end) {
				return true
			}
		}
		return false
	}
	switch {
	case strings.HasPrefix(text, "Traceback (most recent call last):"):
		return "a Python traceback stands in the place of the header"
	case ending(": not found", ": command not found", ": No such file or directory", ": Permission denied", ": Is a directory"):
		return "a shell's error message stands in the place of the header"
	case strings.HasPrefix(text, "PHP ") && strings.Contains(text, " on line "), strings.Contains(text, "rror: ") && strings.Contains(text, " on line "):
		return "PHP's error message stands in the place of the header"
	case strings.Contains(text, " at ") && strings.Contains(text, " line ") && strings.HasSuffix(text, "."):
		return "Perl's error message stands in the place of the header"
	case strings.HasPrefix(text, "Segmentation fault"), strings.HasPrefix(text, "panic: "):
		return "a crash's message stands in the place of the header"
	}
	return ""
}

// goOnBehind goes on with the header behind text that is none, if there is
// more of it.
func (h *header) goOnBehind(i int) bool {
	l := &h.lines[i]
	next := h.j.headerBehind(l.at + len(l.text))
	if i == 0 && next >= 0 {
		h.begin(next)
		return true
	}
	h.endAt(i, l.at)
	h.broken = true
	return i > 0
}

// headerBehind is where a header begins behind some byte of the output, -1 if
// none does soon.
func (j *judge) headerBehind(at int) int {
	const farthest = 16 << 10
	limit := min(len(j.raw), at+farthest)
	for {
		lf := bytes.IndexByte(j.raw[at:max(at, limit)], '\n')
		if lf < 0 {
			return -1
		}
		at += lf + 1
		rest := j.raw[at:min(len(j.raw), at+100)]
		if end := bytes.IndexByte(rest, '\n'); end >= 0 && beginsHeader(rest[:end]) {
			return at
		}
	}
}

// beginsHeader reports whether a line is surely one of a header.
func beginsHeader(text []byte) bool {
	name, _, ok := strings.Cut(string(bytes.TrimSuffix(text, []byte("\r"))), ":")
	if !ok {
		return bytes.HasPrefix(text, []byte("HTTP/")) && isStatusLine(text)
	}
	return isOneOf(name, []string{"Content-Type", "Status", "Location", "Set-Cookie", "Content-Length", "Cache-Control"}) != ""
}

// prose reports a line that is no field, but text.
func (h *header) prose(i int) bool {
	l := &h.lines[i]
	if i == 0 {
		next := h.j.headerBehind(l.at + len(l.text))
		if next < 0 {
			h.j.report("no-header", l.whole(), says{})
			return false
		}
		h.j.report("text-before-header", l.whole(), says{})
		h.begin(next)
		return true
	}
	for k := i + 1; k < len(h.lines); k++ {
		if beginsHeader(h.lines[k].text) {
			h.j.report("text-in-header", l.whole(), says{})
			h.drop(i)
			return true
		}
	}
	h.j.report("missing-empty-line", l.whole(), says{})
	h.endAt(i, l.at)
	h.broken = true
	return true
}

// indented judges a line that begins with white space.
func (h *header) indented(i int) bool {
	l := &h.lines[i]
	text := bytes.TrimLeft(l.text, " \t")
	space := len(l.text) - len(text)
	name, _, _ := strings.Cut(string(text), ":")
	switch {
	case len(text) == 0 && i == 0:
		h.drop(i)
		h.j.report("empty-line-first", l.whole(), says{what: "the first line holds nothing but white space", why: "the first field stands in the first line"})
	case len(text) == 0:
		h.j.report("blank-not-empty", l.whole(), says{})
		behind := l.at + l.shift + len(l.text) + 1
		if l.crlf {
			behind++
		}
		h.endAt(i, min(behind, len(h.j.raw)))
	case i == 0 && fieldName(text) == "":
		return h.prose(i)
	case i == 0, isOneOf(name, knownFields()) != "":
		h.j.report("indented-field", l.place(0, space), says{})
		l.mend(0, text, space)
	default:
		h.j.report("folded-field", l.whole(), says{})
		h.drop(i)
	}
	return true
}

// control reports a control character in a value or a status line.
func (h *header) control(l *line, column int) {
	p := l.place(column, column+1)
	switch c := l.text[column]; c {
	case 0:
		h.j.report("nul-byte", p, says{})
	case '\r':
		s := says{}
		if rest := l.text[column+1:]; fieldName(rest) != "" {
			s.what = fmt.Sprintf("a CR that ends no line, and then what looks like a field of its own, %s", fieldName(rest))
		}
		h.j.report("bare-cr", p, s)
		l.text = l.text[:column] // what follows is another line, or should be
		return
	case 0x1b:
		h.j.report("control-byte", p, says{what: "a colour code of a terminal in the header"})
	default:
		h.j.report("control-byte", p, says{what: fmt.Sprintf("the control character 0x%02x in the header", c)})
	}
	l.text = bytes.Clone(l.text)
	for k, c := range l.text {
		if isControl(rune(c)) {
			l.text[k] = ' '
		}
	}
}

// refusedField judges a field of good form that package cgi refuses for what
// it says.
func (h *header) refusedField(i int) bool {
	l := &h.lines[i]
	name, value := l.split()
	if i == 0 && isStatusLine(l.text) {
		name = "Status"
	}
	code, s := "too-many-fields", says{}
	lower := strings.ToLower(name)
	known := isOneOf(name, []string{"Content-Type", "Location", "Content-Length"})
	switch {
	case h.fieldsBefore(i) >= cgi.MaxFields:
	case lower == "status":
		code, s = h.badStatus(i, value)
	case known != "" && h.given(known, i):
		code, s = "repeated-field", says{what: "a second " + known}
	case lower == "content-length":
		code = "bad-content-length"
	case lower == "transfer-encoding":
		code = "transfer-encoding"
	}
	h.j.report(code, l.whole(), s)
	h.drop(i)
	return code != "too-many-fields"
}

// fieldsBefore counts the fields ahead of line i as package cgi does.
func (h *header) fieldsBefore(i int) int {
	n := 0
	for k := range h.lines[:i] {
		name, _ := h.lines[k].split()
		if isOneOf(name, []string{"Status", "Content-Length"}) == "" && (k > 0 || !isStatusLine(h.lines[0].text)) {
			n++
		}
	}
	return n
}

// badStatus is what is wrong with a status that package cgi refuses.
func (h *header) badStatus(i int, value string) (string, says) {
	if h.given("status", i) || i > 0 && isStatusLine(h.lines[0].text) {
		return "second-status", says{}
	}
	if i == 0 && isStatusLine(h.lines[0].text) {
		value = strings.TrimLeft(string(bytes.TrimPrefix(h.lines[0].text, []byte("HTTP/"))), "0123456789.")
		if !bytes.HasPrefix(h.lines[0].text, []byte("HTTP/")) {
			value = string(h.lines[0].text)
		}
		value = strings.TrimPrefix(value, " ")
	}
	code, _, _ := strings.Cut(value, " ")
	if code != "" && strings.Trim(code, "0123456789") == "" {
		return "status-out-of-range", says{what: "there is no status " + code}
	}
	if len(code) > 3 && strings.Trim(code[:3], "0123456789") == "" {
		return "bad-status", says{what: "the status is not three digits and a space"}
	}
	return "bad-status", says{what: "the status " + strconv.Quote(cut(value, 40)) + " is no number"}
}

// given reports whether a field of that name is among the first n lines.
func (h *header) given(name string, n int) bool {
	for i := range h.lines[:n] {
		if got, _ := h.lines[i].split(); strings.EqualFold(got, name) {
			return true
		}
	}
	return false
}
