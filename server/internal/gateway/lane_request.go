package gateway

import (
	"bytes"
	"net/http"
	"strings"
)

// laneReq is a request that the lane may take, or its head and the beginning of
// its body.
type laneReq struct {
	method string
	target []byte
	host   []byte
	fields []laneField
	kinds  laneKind // of all fields
	head   int      // bytes, with the empty line
	length int      // of the body; 0 for none
	space  [16]laneField
}

type laneField struct {
	name, value []byte
	kind        laneKind
}

// laneKind is what a field means to the server itself.
type laneKind uint

const (
	laneHost laneKind = 1 << iota
	laneType
	lanePart // of a file, or a condition that is rare
	laneNoneMatch
	laneSince
	laneAccept
	laneLength
)

// has reports whether a field is of that kind.
func (r *laneReq) has(k laneKind) bool { return r.kinds&k != 0 }

// value is the value of the field of that kind, nil without one.
func (r *laneReq) value(k laneKind) []byte {
	if r.has(k) {
		for i := range r.fields {
			if r.fields[i].kind == k {
				return r.fields[i].value
			}
		}
	}
	return nil
}

// laneFields is how many header fields a request on the lane may have.
const laneFields = 32

// laneMethod is the method that b begins with, "" where the lane does not take
// that.
func laneMethod(b []byte) string {
	for _, method := range [...]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if n := len(method); len(b) > n && string(b[:n]) == method && b[n] == ' ' {
			return method
		}
	}
	return ""
}

// laneRequest reads a head that begins b. It takes what is beyond any doubt:
// all else is judged on the long way.
func laneRequest(b []byte) (r laneReq, ok bool) {
	if r.method = laneMethod(b); r.method == "" {
		return r, false
	}
	line, rest, ok := laneLine(b)
	const suffix = " HTTP/1.1"
	before := len(r.method) + 1
	if !ok || len(line) < before+len("/")+len(suffix) || line[before] != '/' || string(line[len(line)-len(suffix):]) != suffix {
		return r, false
	}
	r.target = line[before : len(line)-len(suffix)]
	for _, c := range r.target {
		if c <= ' ' || c >= 0x7f || c == '#' {
			return r, false
		}
	}
	r.fields = r.space[:0]
	for {
		if line, rest, ok = laneLine(rest); !ok {
			return r, false
		}
		if len(line) == 0 {
			r.head = len(b) - len(rest)
			return r, r.has(laneHost)
		}
		if len(r.fields) == laneFields || !r.add(line) {
			return r, false
		}
	}
}

// laneLine cuts a line off.
func laneLine(b []byte) (line, rest []byte, ok bool) {
	i := bytes.IndexByte(b, '\n')
	if i < 1 || b[i-1] != '\r' {
		return nil, nil, false
	}
	return b[:i-1], b[i+1:], true
}

// add takes a field in.
func (r *laneReq) add(line []byte) bool {
	colon := bytes.IndexByte(line, ':')
	if colon < 1 {
		return false
	}
	f := laneField{name: line[:colon], value: bytes.Trim(line[colon+1:], " \t")}
	for _, c := range f.name {
		if !laneToken[c] {
			return false
		}
	}
	for _, c := range f.value {
		if c < ' ' || c == 0x7f {
			return false // a tab is harmless, and rare
		}
	}
	var ok bool
	if f.kind, ok = laneKindOf(f.name, f.value); !ok {
		return false
	}
	for i := range r.fields {
		if other := r.fields[i].name; len(other) == len(f.name) && bytes.EqualFold(other, f.name) {
			return false // they have to be merged
		}
	}
	switch f.kind {
	case laneHost:
		r.host = f.value
	case laneLength:
		if r.length, ok = laneNumber(f.value); !ok {
			return false
		}
	}
	r.kinds |= f.kind
	r.fields = append(r.fields, f)
	return true
}

// laneToken is the characters of names, without those that are rare there.
var laneToken = func() (t [256]bool) {
	for _, c := range "-_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" {
		t[c] = true
	}
	return t
}()

// laneKindOf reports false for a field that net/http or the gateway is to
// act on.
func laneKindOf(name, value []byte) (laneKind, bool) {
	is := func(s string) bool { return fieldIs(name, s) }
	switch len(name) {
	case len("TE"):
		return 0, !is("TE")
	case len("Host"):
		if is("Host") {
			return laneHost, true
		}
	case len("Range"):
		if is("Range") {
			return lanePart, true
		}
	case len("Expect"):
		return 0, !is("Expect") && !is("Pragma") // net/http adds to that
	case len("Upgrade"):
		return 0, !is("Upgrade") && !is("Trailer")
	case len("If-Match"):
		if is("If-Match") || is("If-Range") {
			return lanePart, true
		}
	case len("Connection"):
		return 0, !is("Connection") || fieldIs(value, "keep-alive")
	case len("Content-Type"):
		if is("Content-Type") {
			return laneType, true
		}
	case len("If-None-Match"):
		if is("If-None-Match") {
			return laneNoneMatch, true
		}
	case len("Accept-Encoding"):
		if is("Accept-Encoding") {
			return laneAccept, true
		}
	case len("Content-Length"):
		if is("Content-Length") {
			return laneLength, true
		}
	case len("If-Modified-Since"):
		if is("If-Modified-Since") {
			return laneSince, true
		}
		return 0, !is("Transfer-Encoding") && !is(captureHeader)
	case len("If-Unmodified-Since"):
		if is("If-Unmodified-Since") {
			return lanePart, true
		}
	}
	return 0, true
}

// laneNumber is the length of a body that is not longer than longestRequest.
func laneNumber(value []byte) (n int, ok bool) {
	for _, c := range value {
		if c < '0' || c > '9' || n > longestRequest {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, len(value) > 0 && n <= longestRequest
}

func fieldIs(b []byte, name string) bool {
	return len(b) == len(name) && strings.EqualFold(string(b), name)
}
