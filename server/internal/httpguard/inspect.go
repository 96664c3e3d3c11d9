package httpguard

import (
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Limits bound the head of a request. A field that is zero is its default.
type Limits struct {
	MaxHeader     int           // bytes of the whole; 64 KiB, beyond it 431
	MaxURL        int           // bytes of the target; 16 KiB, beyond it 414
	MaxFields     int           // header fields; 500, beyond it 431
	HeaderTimeout time.Duration // from its first byte to its last; 30 s, then 408; below zero there is none
}

func (l Limits) orDefault() Limits {
	l.MaxHeader = cmp.Or(l.MaxHeader, 64<<10)
	l.MaxURL = cmp.Or(l.MaxURL, 16<<10)
	l.MaxFields = cmp.Or(l.MaxFields, 500)
	l.HeaderTimeout = cmp.Or(l.HeaderTimeout, 30*time.Second)
	return l
}

const maxMethod = 64

// preface begins a connection that speaks HTTP/2 without TLS (RFC 9113 §3.4).
// Nothing short of the whole will do: net/http reads what only looks like it
// as HTTP/1.
var preface = []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

// emptyLine is the length of an empty line at the start of b.
func emptyLine(b []byte) int {
	if len(b) >= 2 && b[0] == '\r' && b[1] == '\n' {
		return 2
	}
	return 0
}

// headEnd is the length of the head at the start of b, or -1. A bare LF ends
// a line too, so that a head that uses it is seen whole and then refused.
func headEnd(b []byte, scanned int) int {
	i := max(scanned-3, 0)
	for {
		lf := bytes.IndexByte(b[i:], '\n')
		if lf < 0 {
			return -1
		}
		i += lf + 1
		if n := emptyLine(b[i:]); n > 0 {
			return i + n
		}
		if i < len(b) && b[i] == '\n' {
			return i + 1
		}
	}
}

// head collects what decides over a request while its lines are read.
type head struct {
	Refusal // Method, Target and Proto are filled in first
	limits  Limits

	lengths, encodings, hosts int
	length                    int64
	encoding                  string
	trailers                  []string // the names that Trailer fields announce
}

func (h *head) refuse(status int, format string, args ...any) *Refusal {
	h.Status, h.Why = status, fmt.Sprintf(format, args...)
	return &h.Refusal
}

// inspect judges the head b[:end] and says how its body is framed. With end
// below zero the head is longer than allowed.
func inspect(b []byte, end int, limits Limits) (framing, *Refusal) {
	h := &head{limits: limits}
	block := b
	if end >= 0 {
		block = b[:end]
	}
	line, rest, refusal := h.cutLine(block, end < 0)
	if refusal != nil {
		return framing{}, refusal
	}
	if refusal := h.requestLine(line); refusal != nil {
		if len(line) == len(block) && h.Method != "" && refusal.Status == http.StatusBadRequest {
			// The rest of the line is not there to be judged.
			refusal = h.refuse(http.StatusRequestURITooLong, "the request line is longer than %d bytes", limits.MaxHeader)
		}
		return framing{}, refusal
	}
	if end < 0 || end > limits.MaxHeader {
		return framing{}, h.refuse(http.StatusRequestHeaderFieldsTooLarge, "the request's header is longer than %d bytes", limits.MaxHeader)
	}
	for n := 0; ; n++ {
		line, rest, refusal = h.cutLine(rest, false)
		switch {
		case refusal != nil:
			return framing{}, refusal
		case len(line) == 0:
			return h.framing()
		case n >= limits.MaxFields:
			return framing{}, h.refuse(http.StatusRequestHeaderFieldsTooLarge, "the request has more than %d header fields", limits.MaxFields)
		}
		if refusal := h.field(line); refusal != nil {
			return framing{}, refusal
		}
	}
}

// cutLine takes one line off b. It ends in CR LF: RFC 9112 §2.2 lets a server
// take a bare LF as well, but proxies differ in that, and smuggling needs it.
func (h *head) cutLine(b []byte, unfinished bool) (line, rest []byte, refusal *Refusal) {
	lf := bytes.IndexByte(b, '\n')
	switch {
	case lf < 0 && unfinished:
		return b, nil, nil // a request line without an end: the target is too long
	case lf < 1 || b[lf-1] != '\r':
		return nil, nil, h.refuse(http.StatusBadRequest, "a line of the request's header ends in LF without CR")
	}
	return b[:lf-1], b[lf+1:], nil
}

func (h *head) requestLine(line []byte) *Refusal {
	method, rest, _ := strings.Cut(string(line), " ")
	target, proto, ok := strings.Cut(rest, " ")
	h.Method, h.Target, h.Proto = printable(method), printable(target), printable(proto)
	if method == "" || strings.IndexFunc(method, notToken) >= 0 {
		h.Method = ""
		return h.refuse(http.StatusBadRequest, "the request line does not begin with a method")
	}
	if len(method) > maxMethod {
		return h.refuse(http.StatusNotImplemented, "the method is longer than %d bytes", maxMethod)
	}
	if len(target) > h.limits.MaxURL {
		return h.refuse(http.StatusRequestURITooLong, "the URL is longer than %d bytes", h.limits.MaxURL)
	}
	if !ok || target == "" || strings.IndexFunc(target, isSpaceOrControl) >= 0 {
		return h.refuse(http.StatusBadRequest, "the request line is not METHOD TARGET HTTP/VERSION")
	}
	if proto != "HTTP/1.1" && proto != "HTTP/1.0" {
		if strings.HasPrefix(proto, "HTTP/") && strings.Trim(proto[5:], "0123456789.") == "" && len(proto) > 5 {
			return h.refuse(http.StatusHTTPVersionNotSupported, "%s is not spoken here, HTTP/1.0 and HTTP/1.1 are", proto)
		}
		return h.refuse(http.StatusBadRequest, "the request line does not end in HTTP/1.1")
	}
	return h.target(target)
}

// target judges the form of the request target (RFC 9112 §3.2).
func (h *head) target(target string) *Refusal {
	switch {
	case h.Method == http.MethodConnect:
		return h.refuse(http.StatusNotImplemented, "CONNECT is for proxies")
	case target == "*":
		if h.Method != http.MethodOptions {
			return h.refuse(http.StatusBadRequest, "the target * is for OPTIONS alone")
		}
	case target[0] == '/':
		if strings.IndexByte(target, '%') < 0 {
			return nil
		}
	default:
		if refusal := h.authority(target); refusal != nil {
			return refusal
		}
	}
	// Whatever net/http cannot parse it would answer itself, without a Date
	// and without a log record.
	if _, err := url.ParseRequestURI(target); err != nil {
		return h.refuse(http.StatusBadRequest, "the request target is no URL: a %% that is not followed by two hex digits, or a malformed host")
	}
	return nil
}

// authority judges the absolute form (RFC 9112 §3.2.2), whose host takes the
// place of the Host field.
func (h *head) authority(target string) *Refusal {
	scheme, rest, ok := strings.Cut(target, "://")
	if !ok || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return h.refuse(http.StatusBadRequest, "the request target does not begin with /")
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	if !ValidHost(rest) {
		return h.refuse(http.StatusBadRequest, "the host of the request target is not a host name with an optional port")
	}
	return nil
}

func (h *head) field(line []byte) *Refusal {
	if line[0] == ' ' || line[0] == '\t' {
		return h.refuse(http.StatusBadRequest, "a header field is folded over two lines (RFC 9112 §5.2)")
	}
	name, value, ok := bytes.Cut(line, []byte{':'})
	if !ok || len(name) == 0 {
		return h.refuse(http.StatusBadRequest, "a header line has no name or no colon")
	}
	if bytes.IndexFunc(name, notToken) >= 0 {
		return h.refuse(http.StatusBadRequest, "the header field name %s holds a character that no name has", strconv.Quote(string(name)))
	}
	if bytes.IndexFunc(value, isControl) >= 0 {
		return h.refuse(http.StatusBadRequest, "the header field %s holds a control character", name)
	}
	return h.special(name, string(bytes.Trim(value, " \t")))
}

func (h *head) special(name []byte, value string) *Refusal {
	switch {
	case equalFold(name, "Content-Length"):
		h.lengths++
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || value[0] < '0' || value[0] > '9' {
			return h.refuse(http.StatusBadRequest, "Content-Length is no number of bytes")
		}
		h.length = n
	case equalFold(name, "Transfer-Encoding"):
		h.encodings++
		h.encoding = value
	case equalFold(name, "Host"):
		h.hosts++
		if !ValidHost(value) {
			return h.refuse(http.StatusBadRequest, "Host is not a host name with an optional port")
		}
	case equalFold(name, "Trailer"):
		h.trailers = append(h.trailers, strings.Split(value, ",")...)
	case equalFold(name, "Expect"):
		if !strings.EqualFold(value, "100-continue") {
			return h.refuse(http.StatusExpectationFailed, "only the expectation 100-continue is known")
		}
	}
	return nil
}

// framing judges the fields that frame the body together (RFC 9112 §6).
func (h *head) framing() (framing, *Refusal) {
	switch {
	case h.hosts > 1:
		return framing{}, h.refuse(http.StatusBadRequest, "the request has more than one Host")
	case h.hosts == 0 && h.Proto == "HTTP/1.1":
		return framing{}, h.refuse(http.StatusBadRequest, "the request has no Host")
	case h.lengths > 1:
		return framing{}, h.refuse(http.StatusBadRequest, "the request has more than one Content-Length")
	case h.encodings == 0:
		return framing{left: h.length}, nil
	case h.lengths > 0:
		return framing{}, h.refuse(http.StatusBadRequest, "the request has a Content-Length and a Transfer-Encoding")
	case h.Proto == "HTTP/1.0":
		return framing{}, h.refuse(http.StatusBadRequest, "HTTP/1.0 has no Transfer-Encoding")
	case h.encodings > 1 || !strings.EqualFold(h.encoding, "chunked"):
		return framing{}, h.refuse(http.StatusNotImplemented, "only the transfer coding chunked is known")
	}
	for _, name := range h.trailers {
		switch strings.ToLower(strings.Trim(name, " \t")) {
		case "transfer-encoding", "content-length", "trailer":
			return framing{}, h.refuse(http.StatusBadRequest, "a trailer cannot frame the body (RFC 9110 §6.5.1)")
		}
	}
	return framing{chunks: chunkSize}, nil
}

// ValidHost holds Host against RFC 3986 §3.2.2: a name, an IPv4 address or an
// IPv6 address in brackets, and a port. An http URL without a host is none
// (RFC 9110 §4.2.1), so an empty name is refused.
func ValidHost(host string) bool {
	name, port := host, ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		name, port = host[:i], host[i+1:]
	}
	if strings.Trim(port, "0123456789") != "" || len(port) > 5 {
		return false
	}
	if inner, ok := strings.CutPrefix(name, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		return ok && inner != "" && strings.Trim(inner, "0123456789abcdefABCDEF:.") == ""
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		alnum := '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
		if !alnum && !strings.ContainsRune("-._~%!$&'()*+,;=", rune(c)) {
			return false
		}
	}
	return name != ""
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

func isSpaceOrControl(r rune) bool { return r <= ' ' || r == 0x7f }

func notToken(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
}

func equalFold(b []byte, s string) bool {
	return len(b) == len(s) && strings.EqualFold(string(b), s)
}

// printable keeps what a log record can show.
func printable(s string) string {
	const most = 200
	if len(s) > most {
		s = s[:most]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}
