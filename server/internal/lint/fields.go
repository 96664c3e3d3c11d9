package lint

import (
	"bytes"
	"fmt"
	"mime"
	"net/url"
	"strings"

	"framegate/server/internal/cgi"
)

// field is a header field that package cgi takes.
type field struct {
	name, value string
	lower       string // the name
	line        *line
	valueAt     int // in the line's text
}

// named is where the field's name is.
func (f *field) named() place { return f.line.place(0, len(f.name)) }

// place is where some bytes of the field's value are.
func (f *field) place(from, to int) place { return f.line.place(f.valueAt+from, f.valueAt+to) }

// valued is where the field's value is, or the field, if it has none.
func (f *field) valued() place {
	if f.value == "" {
		return f.named()
	}
	return f.place(0, len(f.value))
}

// fields are those that are left of the header, without a status line.
func (h *header) fields() []field {
	var list []field
	for i := range h.lines {
		l := &h.lines[i]
		if i == 0 && isStatusLine(l.text) {
			continue
		}
		colon := bytes.IndexByte(l.text, ':')
		value := l.text[colon+1:]
		trimmed := bytes.TrimLeft(value, " \t")
		list = append(list, field{
			name: string(l.text[:colon]), value: string(bytes.TrimRight(trimmed, " \t")), lower: strings.ToLower(string(l.text[:colon])),
			line: l, valueAt: colon + 1 + len(value) - len(trimmed),
		})
	}
	return list
}

// field is the first field of that name, or nil.
func (h *header) field(name string) *field {
	for _, f := range h.fields() {
		if strings.EqualFold(f.name, name) {
			return &f
		}
	}
	return nil
}

// statusPlace is where the status is given, or where the header begins.
func (h *header) statusPlace() place {
	if f := h.field("Status"); f != nil {
		return f.valued()
	}
	if len(h.lines) > 0 {
		return h.lines[0].whole()
	}
	return place{h.at, 0}
}

// emptyLine is where the header ends.
func (h *header) emptyLine() place {
	at := h.end - 1
	if at > h.at && h.j.raw[at-1] == '\r' {
		at--
	}
	return place{max(at, h.at), 0}
}

// judgeFields judges the fields of a header that package cgi takes.
func (h *header) judgeFields() {
	if h.resp == nil {
		return
	}
	h.lineEnds()
	fields := h.fields()
	for i := range fields {
		f := &fields[i]
		h.fieldName(f, fields[:i])
		h.fieldValue(f)
	}
	h.redirects()
	h.required()
	if f := h.field("Content-Length"); f != nil && (h.resp.Status < 200 || h.resp.Status == 204) {
		h.j.report("length-without-body", f.line.whole(), says{})
	}
}

// lineEnds reports the first line that ends otherwise than the one above.
func (h *header) lineEnds() {
	for i := 1; i < len(h.lines); i++ {
		l := &h.lines[i]
		if end := l.at + len(l.text) + l.shift; l.crlf != h.lines[i-1].crlf && end < len(h.j.raw) {
			h.j.report("mixed-line-ends", place{end, 1}, says{})
			return
		}
	}
}

// fieldName judges which field it is.
func (h *header) fieldName(f *field, before []field) {
	j := h.j
	for i := range before {
		if before[i].lower == f.lower && isOneOf(f.lower, singleFields()) != "" {
			j.report("repeated-single-field", f.named(), says{what: "a second " + f.name})
			break
		}
	}
	for _, dropped := range h.resp.Dropped {
		if strings.EqualFold(dropped, f.name) {
			j.report("hop-by-hop", f.line.whole(), says{what: f.name + " is the connection's, not the answer's"})
			return
		}
	}
	if isOneOf(f.lower, knownFields()) != "" && f.lower != "warning" || strings.HasPrefix(f.lower, "x-") {
		return
	}
	if isMessage(f) {
		j.report("message-as-field", f.line.whole(), says{})
		return
	}
	if isOneOf(f.lower, requestFields()) != "" {
		s := says{what: f.name + " belongs into a request"}
		if f.lower == "cookie" {
			s.fix = `write "Set-Cookie: name=value; Path=/; HttpOnly; SameSite=Lax"`
		}
		j.report("request-field", f.named(), s)
		return
	}
	near := nearest(f.name, knownFields())
	for _, k := range knownFields() {
		if strings.EqualFold(strings.NewReplacer("-", "", "_", "").Replace(f.name), strings.ReplaceAll(k, "-", "")) {
			near = k
		}
	}
	if near != "" && f.lower != "warning" {
		j.report("misspelt-field", f.named(), says{what: fmt.Sprintf("the field %s is not known: is %s meant?", f.name, near), fix: fmt.Sprintf("write %q", near+":")})
	}
}

// singleFields are fields that are no lists, beside those that package cgi
// refuses when they are repeated.
func singleFields() []string {
	return []string{"Date", "ETag", "Expires", "Last-Modified", "Retry-After", "Content-Disposition", "Age", "Access-Control-Allow-Origin", "Server"}
}

// isMessage reports whether a field looks like a program's message.
func isMessage(f *field) bool {
	switch f.lower {
	case "debug", "info", "error", "notice", "fatal", "trace", "log", "warn", "critical":
		return true
	case "warning": // which was a field once: 110 - "Response is Stale"
		return len(f.value) < 3 || !isDigits(f.value[:3])
	case "sh", "bash", "dash", "python", "python3", "perl", "awk", "ls", "cat", "cp", "mv", "rm", "grep", "sed", "curl", "make":
		return true
	}
	return messageOf(f.name+": "+f.value) != ""
}

// fieldValue judges what a field says.
func (h *header) fieldValue(f *field) {
	for i := range len(f.value) {
		if f.value[i] >= 0x80 && f.lower != "status" && f.lower != "location" && f.lower != "set-cookie" {
			h.j.report("non-ascii-value", f.place(i, i+nonASCII(f.value[i:])), says{})
			break
		}
	}
	switch f.lower {
	case "content-type":
		h.contentType(f)
	case "location":
		h.location(f)
	case "set-cookie":
		h.cookie(f)
	case "date", "expires", "last-modified", "retry-after":
		h.date(f)
	case "etag":
		opaque := strings.TrimPrefix(f.value, "W/")
		if f.value != "" && (len(opaque) < 2 || opaque[0] != '"' || opaque[len(opaque)-1] != '"') {
			h.j.report("bad-etag", f.valued(), says{fix: fmt.Sprintf("write ETag: %q", strings.Trim(f.value, `"`))})
		}
	}
}

// nonASCII is how many bytes beyond ASCII s begins with.
func nonASCII(s string) int {
	n := 0
	for n < len(s) && s[n] >= 0x80 {
		n++
	}
	return n
}

// contentType judges a Content-Type's form.
func (h *header) contentType(f *field) {
	if f.value == "" || strings.Contains(f.value, `\n`) {
		return // as if it were not there; escaped-newline says it better
	}
	media, params, err := mime.ParseMediaType(f.value)
	kind, subtype, slash := strings.Cut(media, "/")
	s := says{}
	switch {
	case err == nil && strings.HasPrefix(media, "multipart/") && params["boundary"] == "":
		s.what, s.fix = "a multipart type without its boundary", `add "; boundary=...", the line that parts the parts`
	case err == nil && slash && isToken([]byte(kind)) && isToken([]byte(subtype)):
		if strings.EqualFold(params["charset"], "utf8") {
			at := max(strings.Index(strings.ToLower(f.value), "utf8"), 0)
			h.j.report("charset-name", f.place(at, min(at+4, len(f.value))), says{})
		}
		return
	case err == nil && !slash:
		s.what = fmt.Sprintf("the media type %q has no subtype", cut(media, 40))
	case strings.Contains(f.value, " charset=") && !strings.Contains(f.value, ";"):
		s.what = `the ";" ahead of charset is missing`
		s.fix = "write Content-Type: " + strings.TrimRight(strings.Replace(f.value, " charset=", "; charset=", 1), ",")
	}
	h.j.report("bad-content-type", f.valued(), s)
}

// location judges a Location's form.
func (h *header) location(f *field) {
	s := f.value
	if s == "" {
		return
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			n := max(1, nonASCII(s[i:]))
			h.j.report("bad-location", f.place(i, i+n), says{})
			return
		}
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		h.j.report("bad-location", f.valued(), says{})
	case strings.HasPrefix(s, "//"):
		h.j.report("relative-location", f.valued(), says{what: "a Location without its scheme", fix: "write https:" + s})
	case u.Scheme == "" && !strings.HasPrefix(s, "/"):
		h.j.report("relative-location", f.valued(), says{})
	}
}

// redirects judges Location and the status together.
func (h *header) redirects() {
	r, f := h.resp, h.field("Location")
	if f == nil || f.value == "" {
		switch r.Status {
		case 301, 302, 303, 307, 308:
			h.j.report("redirect-without-location", h.statusPlace(), says{})
		}
		return
	}
	if r.StatusGiven && r.Status != 201 && r.Status != 202 && r.Status/100 != 3 {
		h.j.report("location-without-redirect", f.valued(), says{what: fmt.Sprintf("status %d does not redirect, so its Location has no effect", r.Status)})
	}
	if path := strings.HasPrefix(f.value, "/") && !strings.HasPrefix(f.value, "//"); path && !r.StatusGiven && !r.LocalRedirect() {
		h.j.report("local-redirect-with-fields", f.valued(), says{})
	}
}

// required judges what a status wants beside it.
func (h *header) required() {
	wants := map[int]string{401: "WWW-Authenticate", 405: "Allow", 407: "Proxy-Authenticate", 206: "Content-Range"}[h.resp.Status]
	if wants == "" || h.field(wants) != nil {
		return
	}
	if h.resp.Status == 206 && strings.HasPrefix(h.resp.ContentType, "multipart/byteranges") {
		return
	}
	h.j.report("missing-required-field", h.statusPlace(), says{
		what: fmt.Sprintf("status %d without %s", h.resp.Status, wants), fix: "print " + wants + ", too",
	})
}

// bodyAllowed reports whether the answer has a body for its status.
func (h *header) bodyAllowed() bool { return cgi.BodyAllowed(h.resp.Status) }
