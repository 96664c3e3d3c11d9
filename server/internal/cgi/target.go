package cgi

import (
	"errors"
	"strings"
)

// Target is a request target in origin form, decoded once (§4.1.5) and with
// its dot segments resolved before anything is split off (§9.8).
type Target struct {
	URI   string // as the client sent it, path and query
	Path  string // decoded, begins with "/"
	Query string // the part behind "?", not decoded (§4.1.7)

	// encoded is the index in Path of the first slash that was sent as %2F,
	// or len(Path). Such a slash is data: it may stand in PATH_INFO but never
	// in the part that names a script.
	encoded int
}

// What ParseTarget says of a target that names nothing here. ErrOutside is a
// 404, the others are a 400.
var (
	ErrOutside   = errors.New("path leaves the root")
	ErrNUL       = errors.New("path holds a NUL (%00)")
	ErrEscape    = errors.New("path holds a % that is not followed by two hex digits")
	ErrNotOrigin = errors.New("request target does not begin with /")
	ErrFragment  = errors.New("request target holds a #")
)

// ParseTarget reads the request target of a request line. Absolute form
// (RFC 9112 §3.2.2) is accepted: its scheme and authority are taken off.
func ParseTarget(requestURI string) (Target, error) {
	if strings.IndexByte(requestURI, '#') >= 0 {
		return Target{}, ErrFragment
	}
	uri := originForm(requestURI)
	if uri == "" || uri[0] != '/' {
		return Target{}, ErrNotOrigin
	}
	raw, query, _ := strings.Cut(uri, "?")
	t := Target{URI: uri, Path: raw, Query: query, encoded: len(raw)}
	if !strings.ContainsAny(raw, "%\x00") && !strings.Contains(raw, "/.") {
		return t, nil // nothing to decode or resolve: the usual case
	}
	decoded, err := unescape(raw)
	if err != nil {
		return Target{}, err
	}
	resolved, err := resolveDots(decoded)
	if err != nil {
		return Target{}, err
	}
	t.encoded = strings.IndexByte(resolved, encodedSlash)
	if t.encoded < 0 {
		t.encoded = len(resolved)
	}
	t.Path = strings.ReplaceAll(resolved, "\x00", "/")
	return t, nil
}

func originForm(uri string) string {
	if strings.HasPrefix(uri, "/") {
		return uri
	}
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok || (!strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https")) {
		return uri
	}
	i := strings.IndexAny(rest, "/?")
	switch {
	case i < 0:
		return "/"
	case rest[i] == '?':
		return "/" + rest[i:]
	}
	return rest[i:]
}

// WithPath is the same target with path in place of its own, for a path that
// ends in "/" and stands for its index.html.
func (t Target) WithPath(path string) Target {
	if t.encoded == len(t.Path) {
		t.encoded = len(path)
	}
	t.Path = path
	return t
}

// LiteralPrefix reports whether the first n bytes of Path hold no slash that
// was sent as %2F.
func (t Target) LiteralPrefix(n int) bool { return t.encoded >= n }

// encodedSlash stands for a decoded %2F until the dots are resolved. NUL can
// stand in because a path with a NUL of its own is refused.
const encodedSlash = 0

func unescape(s string) (string, error) {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == 0 {
			return "", ErrNUL
		}
		if c == '%' {
			if i+2 >= len(s) {
				return "", ErrEscape
			}
			hi, ok1 := unhex(s[i+1])
			lo, ok2 := unhex(s[i+2])
			if !ok1 || !ok2 {
				return "", ErrEscape
			}
			i += 2
			switch c = hi<<4 | lo; c {
			case 0:
				return "", ErrNUL
			case '/':
				c = encodedSlash
			}
		}
		b.WriteByte(c)
	}
	return b.String(), nil
}

func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// resolveDots removes "." and ".." segments as RFC 3986 §5.2.4 does, but a
// path that climbs above the root is an error instead of being clamped. An
// encoded slash separates segments too, so that "..%2f.." cannot hide.
func resolveDots(path string) (string, error) {
	out := make([]byte, 0, len(path))
	for i := 0; i < len(path); {
		end := i + 1 // path[i] is a separator, path[i+1:end] the segment
		for end < len(path) && path[end] != '/' && path[end] != encodedSlash {
			end++
		}
		last := end == len(path)
		switch segment := path[i+1 : end]; segment {
		case ".":
			if last {
				out = append(out, '/')
			}
		case "..":
			up := len(out) - 1
			for up >= 0 && out[up] != '/' && out[up] != encodedSlash {
				up--
			}
			if up < 0 {
				return "", ErrOutside
			}
			out = out[:up]
			if last {
				out = append(out, '/')
			}
		default:
			out = append(out, path[i:end]...)
		}
		i = end
	}
	if len(out) == 0 || out[0] == encodedSlash {
		// "/a/..%2fb" leaves an encoded slash in front; the root is literal.
		if len(out) == 0 {
			return "/", nil
		}
		out[0] = '/'
	}
	return string(out), nil
}
