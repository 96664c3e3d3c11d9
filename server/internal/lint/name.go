package lint

import (
	"bytes"
	"fmt"
	"strings"
)

// name judges what stands in front of the colon of line i, if it has one. It
// reports done when the line has been dealt with.
func (h *header) name(i int) (goOn, done bool) {
	l := &h.lines[i]
	colon := bytes.IndexByte(l.text, ':')
	wide := bytes.Index(l.text, []byte(fullWidthColon))
	switch {
	case wide > 0 && (colon < 0 || wide < colon) && isToken(bytes.TrimRight(l.text[:wide], " ")):
		h.j.report("full-width-colon", l.place(wide, wide+len(fullWidthColon)), says{})
		l.replace(wide, len(fullWidthColon), ":")
		return true, true
	case colon < 0:
		return h.prose(i), true
	case colon == 0:
		h.j.report("empty-name", l.place(0, 1), says{})
		h.drop(i)
		return true, true
	case isToken(l.text[:colon]):
		return false, false
	}
	return h.badName(i, colon), true
}

// badName judges a name that is none.
func (h *header) badName(i, colon int) bool {
	l := &h.lines[i]
	name := l.text[:colon]
	trimmed := bytes.TrimRight(name, " \t")
	if isToken(trimmed) {
		h.j.report("space-before-colon", l.place(len(trimmed), colon), says{fix: fmt.Sprintf("write %q", string(trimmed)+":")})
		l.replace(len(trimmed), colon-len(trimmed), "")
		return true
	}
	if at := bytes.IndexFunc(name, isControl); at >= 0 {
		h.controlInName(i, at)
		return true
	}
	hyphened := strings.Join(strings.Fields(string(name)), "-")
	known := isOneOf(hyphened, knownFields())
	spaced := known == "" && i > 0 && h.ended && h.fieldsFrom(i)
	if known == "" && !spaced && bytes.ContainsAny(name, " <>{}\"(") {
		return h.prose(i)
	}
	at := bytes.IndexFunc(name, func(r rune) bool { return r >= 0x80 || !isToken([]byte{byte(r)}) })
	length := 1
	for at+length < len(name) && name[at]&0xc0 == 0xc0 && name[at+length]&0xc0 == 0x80 {
		length++
	}
	s := says{what: fmt.Sprintf("%s in a field's name", describe(name[at:at+length]))}
	switch {
	case known != "":
		s.fix = fmt.Sprintf("write %q", known+":")
	case spaced:
		s.fix = fmt.Sprintf("write %q; or, if the body begins here, print an empty line ahead of this", hyphened+":")
	}
	h.j.report("bad-name", l.place(at, at+length), s)
	if known != "" {
		l.replace(0, len(name), known)
	} else {
		h.drop(i)
	}
	return true
}

// fieldsFrom reports whether all that is left of the header from line i on are
// fields, but for spaces in their names: then its empty line is not missing.
func (h *header) fieldsFrom(i int) bool {
	for k := i; k < len(h.lines); k++ {
		if text := h.lines[k].text; fieldName(text) == "" && !isSpacedField(text) {
			return false
		}
	}
	return true
}

// isSpacedField reports whether a line is a field whose name merely holds
// spaces. More words than these are a sentence, and a colon without white space
// behind it is one of a URL or a time.
func isSpacedField(text []byte) bool {
	const mostWords = 3
	name, value, ok := bytes.Cut(text, []byte(":"))
	words := bytes.Fields(name)
	for _, word := range words {
		ok = ok && isToken(word)
	}
	return ok && len(words) > 1 && len(words) <= mostWords && (len(value) == 0 || value[0] == ' ' || value[0] == '\t')
}

// controlInName reports control characters in a name, and takes them out.
func (h *header) controlInName(i, at int) {
	l := &h.lines[i]
	h.control(&line{at: l.at, shift: l.shift, text: l.text}, at)
	clean := stripControls(l.text)
	l.mend(0, clean, len(l.text)-len(clean))
	if len(clean) == 0 {
		h.drop(i)
	}
}

// stripControls is b without control characters and colour codes.
func stripControls(b []byte) []byte {
	var clean []byte
	for i := 0; i < len(b); i++ {
		if b[i] == 0x1b && i+1 < len(b) && b[i+1] == '[' {
			for i += 2; i < len(b) && (b[i] < '@' || b[i] > '~'); i++ {
			}
			continue
		}
		if !isControl(rune(b[i])) {
			clean = append(clean, b[i])
		}
	}
	return clean
}

// replace puts text in the place of n bytes from at on.
func (l *line) replace(at, n int, text string) {
	mended := append([]byte(nil), l.text[:at]...)
	mended = append(append(mended, text...), l.text[at+n:]...)
	l.mend(at, mended, n-len(text))
}

// split is the name and the value of a field.
func (l *line) split() (name, value string) {
	name, value, _ = strings.Cut(string(l.text), ":")
	return name, strings.Trim(value, " \t")
}

// fieldName is the name of a field that a text begins with, or "".
func fieldName(text []byte) string {
	name, _, ok := bytes.Cut(text, []byte(":"))
	if !ok || !isToken(name) {
		return ""
	}
	return string(name)
}

// isStatusLine reports whether package cgi takes a first line for a status
// line.
func isStatusLine(text []byte) bool {
	if version, _, ok := strings.Cut(string(text), " "); ok {
		if v, ok := strings.CutPrefix(version, "HTTP/"); ok && v != "" && strings.Trim(v, "0123456789.") == "" {
			return true
		}
	}
	return len(text) >= 3 && isDigits(string(text[:3])) && (len(text) == 3 || text[3] == ' ')
}

// looksLikeStatusLine reports whether a first line was meant to be one.
func looksLikeStatusLine(text []byte) bool {
	s := strings.ToUpper(string(text))
	return !strings.Contains(s, ":") && (strings.HasPrefix(s, "HTTP/") || strings.HasPrefix(s, "HTTP "))
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// isToken reports whether b is a token (RFC 9110 §5.6.2).
func isToken(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return len(b) > 0
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// describe names a character.
func describe(b []byte) string {
	switch string(b) {
	case " ":
		return "a space"
	case "\t":
		return "a tab"
	case "_":
		return "an underscore"
	}
	return fmt.Sprintf("the character %s", visible(b))
}

// cut is s, or its beginning.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
