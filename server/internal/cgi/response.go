package cgi

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Field is one header field in the frame's own spelling.
type Field struct{ Name, Value string }

// Response is the header of a CGI response (§6) as the client shall get it.
type Response struct {
	Status        int    // 200 unless the frame or a Location says otherwise
	StatusGiven   bool   // by a Status field or a status line
	Location      string // "" without one
	ContentType   string // "" without one
	ContentLength int64  // -1 without one
	Fields        []Field
	Dropped       []string // names of fields that are the connection's, not the frame's
}

// LocalRedirect reports whether this is §6.2.2's response: a Location that is
// a path of this server, and nothing else.
func (r *Response) LocalRedirect() bool {
	return !r.StatusGiven && len(r.Fields) == 1 && len(r.Dropped) == 0 && r.ContentLength < 0 &&
		strings.HasPrefix(r.Location, "/") && !strings.HasPrefix(r.Location, "//")
}

// BodyAllowed reports whether a response of this status has a body
// (RFC 9110 §6.4.1; §15.3.6 for 205).
func BodyAllowed(status int) bool {
	return status >= 200 && status != 204 && status != 205 && status != 304
}

// MaxFields bounds the fields of one response header.
const MaxFields = 1000

// HeaderError says what is wrong with a response header and where.
type HeaderError struct {
	Line   int    // 1-based
	Offset int    // byte in the frame's output, 0-based
	What   string // "field name holds a space"
	Clause string // "RFC 3875 §6.3"
}

func (e *HeaderError) Error() string {
	return fmt.Sprintf("response header, line %d, byte %d: %s (%s)", e.Line, e.Offset, e.What, e.Clause)
}

// HeaderEnd returns the length of the header block at the start of buf, with
// its empty line, or -1 when the empty line has not come yet. The first
// scanned bytes are known to hold no end. Lines end in LF or CRLF (§6.3.4).
func HeaderEnd(buf []byte, scanned int) int {
	i := max(scanned-2, 0) // the LF that ends the last line may be behind us
	if i == 0 {
		if n := lineBreak(buf); n > 0 {
			return n
		}
	}
	for {
		lf := bytes.IndexByte(buf[i:], '\n')
		if lf < 0 {
			return -1
		}
		i += lf + 1
		if n := lineBreak(buf[i:]); n > 0 {
			return i + n
		}
	}
}

func lineBreak(b []byte) int {
	switch {
	case len(b) >= 1 && b[0] == '\n':
		return 1
	case len(b) >= 2 && b[0] == '\r' && b[1] == '\n':
		return 2
	}
	return 0
}

// ParseHeader reads a header block: an optional status line, then fields, as
// far as the empty line or the end of block. Whoever calls it with a block
// that has no empty line learns of the first bad line, if there is one.
func ParseHeader(block []byte) (*Response, error) {
	p := parser{resp: Response{Status: 200, ContentLength: -1}, line: 1}
	for offset := 0; offset < len(block); {
		next := len(block)
		line := block[offset:]
		if lf := bytes.IndexByte(line, '\n'); lf >= 0 {
			next = offset + lf + 1
			line = line[:lf]
		}
		line = bytes.TrimSuffix(line, []byte("\r")) // without an LF: cut in the middle of CR LF
		p.offset = offset
		if len(line) == 0 {
			break
		}
		if err := p.parseLine(line); err != nil {
			return nil, err
		}
		offset = next
		p.line++
	}
	return p.finish()
}

// parser is the state between two lines of one header block.
type parser struct {
	resp       Response
	line       int
	offset     int
	typed      bool     // there was a Content-Type, be it empty
	located    bool     // there was a Location
	connection []string // names that a Connection field lists (RFC 9110 §7.6.1)
}

func (p *parser) fail(at int, clause, format string, args ...any) error {
	return &HeaderError{Line: p.line, Offset: p.offset + at, What: fmt.Sprintf(format, args...), Clause: clause}
}

func (p *parser) parseLine(line []byte) error {
	if p.line == 1 {
		if done, err := p.statusLine(line); done || err != nil {
			return err
		}
	}
	if line[0] == ' ' || line[0] == '\t' {
		return p.fail(0, "RFC 9112 §5.2", "line begins with white space: folded header fields are obsolete")
	}
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return p.fail(0, "RFC 3875 §6.3", "%s is no header field: it has no colon (is something printed before the headers, or is the empty line after them missing?)", sample(line))
	}
	if colon == 0 {
		return p.fail(0, "RFC 3875 §6.3", "header field has no name")
	}
	for i, c := range line[:colon] {
		if !isToken(c) {
			return p.fail(i, "RFC 9110 §5.1", "field name %s holds %s", sample(line[:colon]), describe(c))
		}
	}
	if i := bytes.IndexFunc(line[colon:], isControl); i >= 0 {
		return p.fail(colon+i, "RFC 9110 §5.5", "value of %s holds %s", line[:colon], describe(line[colon+i]))
	}
	return p.field(string(line[:colon]), string(bytes.Trim(line[colon+1:], " \t")))
}

// statusLine takes a first line of the forms "HTTP/1.1 404 Not Found" and
// "404 Not Found". It reports whether the line was one.
func (p *parser) statusLine(line []byte) (bool, error) {
	rest := string(line)
	if version, after, ok := strings.Cut(rest, " "); ok && isHTTPVersion(version) {
		rest = after
	} else if len(line) < 3 || !isDigits(line[:3]) || (len(line) > 3 && line[3] != ' ') {
		return false, nil
	}
	if i := bytes.IndexFunc(line, isControl); i >= 0 {
		return true, p.fail(i, "RFC 9112 §4", "the status line holds %s", describe(line[i]))
	}
	return true, p.setStatus(rest)
}

func isHTTPVersion(s string) bool {
	v, ok := strings.CutPrefix(s, "HTTP/")
	return ok && v != "" && strings.Trim(v, "0123456789.") == ""
}

func (p *parser) setStatus(value string) error {
	const clause = "RFC 3875 §6.3.3"
	if p.resp.StatusGiven {
		return p.fail(0, clause, "a second status: a response has one")
	}
	code, _, _ := strings.Cut(value, " ")
	n, err := strconv.Atoi(code)
	if err != nil || len(code) != 3 || n < 100 || n > 599 {
		return p.fail(0, clause, "status %s: a status is three digits from 100 to 599", sample([]byte(value)))
	}
	p.resp.Status, p.resp.StatusGiven = n, true
	return nil
}

func (p *parser) field(name, value string) error {
	if len(p.resp.Fields)+len(p.resp.Dropped) >= MaxFields {
		return p.fail(0, "RFC 9110 §5.4", "more than %d header fields", MaxFields)
	}
	switch strings.ToLower(name) {
	case "status": // the server's to use, not to send on
		return p.setStatus(value)
	case "content-type":
		if p.typed {
			return p.fail(0, "RFC 3875 §6.3", "a second Content-Type")
		}
		p.resp.ContentType, p.typed = value, true
	case "location":
		if p.located {
			return p.fail(0, "RFC 3875 §6.3", "a second Location")
		}
		p.resp.Location, p.located = value, true
	case "content-length":
		return p.contentLength(value)
	case "transfer-encoding":
		return p.fail(0, "RFC 9112 §6.1", "Transfer-Encoding is the server's to choose: print the body as it is")
	case "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade":
		if strings.EqualFold(name, "connection") {
			p.connection = append(p.connection, strings.Split(value, ",")...)
		}
		p.resp.Dropped = append(p.resp.Dropped, name)
		return nil
	}
	p.resp.Fields = append(p.resp.Fields, Field{name, value})
	return nil
}

func (p *parser) contentLength(value string) error {
	const clause = "RFC 9110 §8.6"
	if p.resp.ContentLength >= 0 {
		return p.fail(0, clause, "a second Content-Length")
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || !isDigits([]byte(value)) {
		return p.fail(0, clause, "Content-Length %s is no number of bytes", sample([]byte(value)))
	}
	p.resp.ContentLength = n
	return nil
}

func (p *parser) finish() (*Response, error) {
	r := &p.resp
	if len(r.Fields) == 0 && len(r.Dropped) == 0 && !r.StatusGiven && r.ContentLength < 0 {
		return nil, p.fail(0, "RFC 3875 §6.3", "no header field at all: print at least a Content-Type, then an empty line")
	}
	if len(p.connection) > 0 {
		r.dropNamed(p.connection)
	}
	if r.Location != "" && !r.StatusGiven {
		r.Status = 302 // §6.2.3; a local redirect is the caller's to follow
	}
	return r, nil
}

// dropNamed removes the fields that a Connection field names.
func (r *Response) dropNamed(names []string) {
	kept := r.Fields[:0]
	for _, f := range r.Fields {
		hop := false
		for _, name := range names {
			hop = hop || strings.EqualFold(strings.TrimSpace(name), f.Name)
		}
		if hop {
			r.Dropped = append(r.Dropped, f.Name)
			switch strings.ToLower(f.Name) {
			case "content-type":
				r.ContentType = "" // it is not sent: the body has none
			case "location":
				r.Location = ""
			}
			continue
		}
		kept = append(kept, f)
	}
	r.Fields = kept
}

func isDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// isToken reports whether c may stand in a field name (RFC 9110 §5.6.2).
func isToken(c byte) bool {
	return c > ' ' && c < 0x7f && !strings.ContainsRune(`"(),/:;<=>?@[\]{}`, rune(c))
}

// isControl reports whether c may not stand in a value (RFC 9110 §5.5).
func isControl(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }

func describe(c byte) string {
	switch c {
	case 0:
		return "a NUL"
	case '\r':
		return "a bare CR"
	case ' ':
		return "a space"
	}
	return fmt.Sprintf("byte 0x%02x", c)
}

// sample quotes the start of what the frame printed.
func sample(b []byte) string {
	const most = 60
	if len(b) > most {
		return strconv.Quote(string(b[:most])) + "…"
	}
	return strconv.Quote(string(b))
}
