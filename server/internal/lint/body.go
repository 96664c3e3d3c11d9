package lint

import (
	"bytes"
	"fmt"
	"mime"
	"strings"
	"unicode/utf8"
)

// bodyOf is the body of an answer, as far as it is there.
type bodyOf struct {
	h        *header
	at       int // in the output
	bytes    []byte
	size     int64  // of the whole body, -1 when that is not known
	media    string // "text/html", in small letters; "" without a type
	charset  string // of the Content-Type, in small letters
	encoding string // Content-Encoding, in small letters; "" for none
}

// whole reports whether all of the body is there.
func (b *bodyOf) whole() bool { return b.size == int64(len(b.bytes)) }

// place is where some bytes of the body are.
func (b *bodyOf) place(from, to int) place { return place{b.at + from, to - from} }

// body judges what is behind the final header.
func (j *judge) body(h *header) {
	b := &bodyOf{h: h, at: h.end, bytes: j.raw[h.end:], size: -1}
	if size := j.size(); size >= 0 {
		b.size = size - int64(h.end)
	}
	h.judgeType(b)
	some := len(b.bytes) > 0
	switch {
	case h.resp.LocalRedirect():
		if some {
			j.report("body-after-redirect", b.place(0, 0), says{})
		}
		return
	case !h.bodyAllowed():
		if some {
			j.report("body-not-allowed", b.place(0, 0), says{what: fmt.Sprintf("status %d has no body, but one was printed", h.resp.Status)})
		}
		return
	case j.ctx.Method == "HEAD":
		if some {
			j.report("body-on-head", b.place(0, 0), says{})
		}
		return
	}
	if some && h.resp.ContentType == "" {
		j.report("no-content-type", h.emptyLine(), says{})
	}
	b.length()
	if some && (b.encoding != "" || b.packed()) {
		b.coding()
		return
	}
	b.text()
}

// judgeType finds out what the header says of the body.
func (h *header) judgeType(b *bodyOf) {
	media, params, err := mime.ParseMediaType(h.resp.ContentType)
	if err == nil {
		b.media, b.charset = media, strings.ToLower(params["charset"])
	}
	if f := h.field("Content-Encoding"); f != nil && !strings.EqualFold(f.value, "identity") {
		b.encoding = strings.ToLower(f.value)
	}
}

// isText reports whether the body is text, of which no rule but its charset
// parameter tells how to read it.
func (b *bodyOf) isText() bool {
	switch b.media {
	case "text/event-stream", "text/xml", "text/vtt", "text/calendar", "text/vcard", "text/javascript":
		return false // they have rules of their own
	}
	return strings.HasPrefix(b.media, "text/")
}

func (b *bodyOf) isJSON() bool {
	return b.media == "application/json" || strings.HasPrefix(b.media, "application/") && strings.HasSuffix(b.media, "+json")
}

// text judges a body that is what it is, without an encoding around it.
func (b *bodyOf) text() {
	j := b.h.j
	if b.isJSON() {
		b.json()
	}
	if len(b.bytes) == 0 {
		return
	}
	b.secondHeader()
	b.failure()
	if b.media == "text/plain" && looksLikeHTML(b.bytes) {
		j.report("html-as-text", b.place(0, min(len(b.bytes), 1+bytes.IndexAny(b.bytes, " >"))), says{})
	}
	b.readability()
}

// looksLikeHTML reports whether a text begins as a page does.
func looksLikeHTML(text []byte) bool {
	start := strings.ToLower(string(bytes.TrimLeft(text[:min(len(text), 64)], " \t\r\n")))
	return strings.HasPrefix(start, "<!doctype html") || strings.HasPrefix(start, "<html")
}

// secondHeader looks for a header that the empty line has come ahead of.
func (b *bodyOf) secondHeader() {
	line, _, _ := bytes.Cut(b.bytes[:min(len(b.bytes), 200)], []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if beginsHeader(line) && b.media != "message/http" {
		b.h.j.report("header-in-body", b.place(0, len(line)), says{})
	}
}

// failure looks for a program's failure in an answer that says that all is
// well: one at the end of the body, so that a page about failures is none.
func (b *bodyOf) failure() {
	if b.h.resp.Status >= 400 || !b.whole() || !b.isText() && b.media != "" {
		return
	}
	last := string(b.bytes[max(0, len(b.bytes)-4096):])
	offset := len(b.bytes) - len(last)
	report := func(at int, what string) {
		end := at + len("Traceback")
		if lf := strings.IndexAny(last[at:], "\r\n"); lf > 0 {
			end = at + lf
		}
		b.h.j.report("error-in-body", b.place(offset+at, offset+min(end, len(last))), says{what: what})
	}
	const python = "Traceback (most recent call last):\n"
	if at := strings.LastIndex(last, python); at >= 0 {
		lines := strings.Split(strings.TrimRight(last[at:], "\n"), "\n")
		name, _, _ := strings.Cut(lines[len(lines)-1], ":")
		if len(lines) > 2 && strings.HasPrefix(lines[1], "  File ") && isToken([]byte(name)) {
			report(at, "a Python traceback stands in the body, and the status says that all is well")
			return
		}
	}
	for _, php := range []string{"<b>Fatal error</b>: ", "\nPHP Fatal error: ", "\nFatal error: ", "<b>Parse error</b>: "} {
		if at := strings.LastIndex(last, php); at >= 0 && strings.Contains(last[at:], " on line ") {
			report(at+len(php)-len(strings.TrimLeft(php, "\n")), "PHP's error message stands in the body, and the status says that all is well")
			return
		}
	}
}

// readability judges the charset.
func (b *bodyOf) readability() {
	j, text := b.h.j, b.bytes
	bad := b.invalidUTF8()
	multi := multibyte(text, 64)
	declared := sameCharset(b.charset)
	if b.isJSON() {
		declared = "utf-8" // RFC 8259 §8.1: there is no other
	}
	switch {
	case declared == "utf-8" && bad >= 0:
		j.report("not-in-charset", b.place(bad, bad+1), says{})
	case declared == "us-ascii" && multi > 0:
		at := bytes.IndexFunc(text, func(r rune) bool { return r >= 0x80 })
		j.report("not-in-charset", b.place(at, at+nonASCII(string(text[at:min(len(text), at+16)]))), says{
			what: "the header says us-ascii, but the body holds more", why: "these bytes are not ASCII", fix: "write charset=utf-8, if that is what it is",
		})
	case declared != "" && declared != "utf-8" && declared != "us-ascii" && b.isText() && bad < 0 && multi >= 8:
		b.otherCharset(declared)
	}
	if b.media == "text/html" || b.media == "application/xhtml+xml" {
		b.meta(declared)
	}
	if b.charset == "" && b.isText() && multi > 0 && !bytes.HasPrefix(text, []byte(byteOrderMark)) {
		if meta, _, _ := metaCharset(text); b.media == "text/html" && meta != "" || b.media == "text/css" && bytes.HasPrefix(text, []byte("@charset")) {
			return
		}
		at := bytes.IndexFunc(text, func(r rune) bool { return r >= 0x80 })
		s := says{}
		if bad >= 0 {
			s.fix = "encode the text as UTF-8, which it is not, and add to the Content-Type: ; charset=utf-8"
		}
		j.report("missing-charset", b.place(at, at+nonASCII(string(text[at:min(len(text), at+30)]))), s)
	}
}

// invalidUTF8 is the first byte that is not UTF-8, -1 if there is none. A
// character that is cut at the end of what is there is none.
func (b *bodyOf) invalidUTF8() int {
	for at := 0; at < len(b.bytes); {
		r, n := utf8.DecodeRune(b.bytes[at:])
		if r == utf8.RuneError && n == 1 {
			if !b.whole() && !utf8.FullRune(b.bytes[at:]) {
				return -1
			}
			return at
		}
		at += n
	}
	return -1
}

// multibyte counts the bytes beyond ASCII, up to most.
func multibyte(text []byte, most int) int {
	n := 0
	for _, c := range text {
		if c >= 0x80 {
			if n++; n == most {
				break
			}
		}
	}
	return n
}

func (b *bodyOf) otherCharset(declared string) {
	at := bytes.IndexFunc(b.bytes, func(r rune) bool { return r >= 0x80 })
	sample := nonASCII(string(b.bytes[at:min(len(b.bytes), at+30)]))
	b.h.j.report("other-charset", b.place(at, at+sample), says{what: fmt.Sprintf("the header says %s, but the body is UTF-8", declared)})
}

// meta compares the page's own charset with the header's.
func (b *bodyOf) meta(declared string) {
	name, from, to := metaCharset(b.bytes)
	if name == "" || declared == "" || sameCharset(name) == declared {
		return
	}
	b.h.j.report("meta-charset", b.place(from, to), says{what: fmt.Sprintf("the page says %s, the header %s", name, declared)})
}

// metaCharset is what a page's <meta> says of its charset, and where.
func metaCharset(page []byte) (name string, from, to int) {
	text := strings.ToLower(string(page[:min(len(page), 1024)])) // HTML looks no farther
	if len(text) != min(len(page), 1024) {
		return "", 0, 0 // lower case is longer for some characters: the places would be wrong
	}
	for at := 0; ; {
		tag := strings.Index(text[at:], "<meta")
		if tag < 0 {
			return "", 0, 0
		}
		at += tag
		end := strings.IndexByte(text[at:], '>')
		if end < 0 {
			return "", 0, 0
		}
		if c := strings.Index(text[at:at+end], "charset="); c >= 0 {
			from = at + c + len("charset=")
			for from < at+end && (text[from] == '"' || text[from] == '\'') {
				from++
			}
			to = from
			for to < at+end && strings.IndexByte("\"' ;/>", text[to]) < 0 {
				to++
			}
			return text[from:to], from, to
		}
		at += end
	}
}

// sameCharset is one name for the charsets that browsers take for the same.
func sameCharset(name string) string {
	switch name {
	case "utf8", "utf-8", "unicode-1-1-utf-8":
		return "utf-8"
	case "gb2312", "gbk", "x-gbk", "gb_2312-80", "gb18030", "cp936":
		return "gbk"
	case "iso-8859-1", "latin1", "latin-1", "iso8859-1", "windows-1252", "cp1252":
		return "iso-8859-1"
	case "ascii":
		return "us-ascii"
	}
	return name
}
