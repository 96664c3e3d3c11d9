package capture

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// findBody reads the function body of a script, as Write has written it. What
// somebody has made of it since, in a way of their own, is not understood: the
// script itself knows what it does.
func findBody(script []byte) (body []byte, beside bool) {
	const begin, end = "\nbody() {\n", "\n}\n"
	i := bytes.Index(script, []byte(begin))
	if i < 0 {
		return nil, false
	}
	// A line of a text may be that of the function's end: commands are read
	// until one of them is.
	p := commands{rest: string(script[i+len(begin):])}
	for !strings.HasPrefix(p.rest, end[1:]) {
		if !p.next() {
			return nil, p.beside
		}
	}
	return p.out, p.beside
}

// commands are those that Write puts into body.
type commands struct {
	rest   string
	out    []byte
	beside bool
}

// next carries one out, and reports false when it is none of ours.
func (c *commands) next() bool {
	line, rest, _ := strings.Cut(c.rest, "\n")
	switch {
	case line == "\tcat \"$self"+BodySuffix+"\"":
		c.beside = true
		return false
	case line == "\tdecode <<'"+bodyEnd+"'":
		text, rest, ok := strings.Cut(rest, bodyEnd+"\n")
		data, err := base64.StdEncoding.DecodeString(text)
		c.out, c.rest = append(c.nonNil(), data...), rest
		return ok && err == nil
	}
	if after, ok := strings.CutPrefix(c.rest, "\tprintf '%s'"); ok {
		return c.printf(after, "")
	}
	if after, ok := strings.CutPrefix(c.rest, "\tprintf '%s\\r\\n'"); ok {
		return c.printf(after, "\r\n")
	}
	return false
}

func (c *commands) nonNil() []byte {
	if c.out == nil {
		return []byte{}
	}
	return c.out
}

// printf prints the words of s to the end of the command, end behind each.
func (c *commands) printf(s, end string) bool {
	for {
		if rest, ok := strings.CutPrefix(s, "\n"); ok {
			c.rest = rest
			return true
		}
		space, ok := strings.CutPrefix(s, " \\\n\t\t")
		if !ok {
			if space, ok = strings.CutPrefix(s, " "); !ok {
				return false
			}
		}
		word, rest, ok := unquote(space)
		if !ok {
			return false
		}
		c.out, s = append(append(c.nonNil(), word...), end...), rest
	}
}

// unquote reads a word in single quotes, with \' in between.
func unquote(s string) (word, rest string, ok bool) {
	var b strings.Builder
	for len(s) > 0 {
		switch {
		case s[0] == '\'':
			text, after, closed := strings.Cut(s[1:], "'")
			if !closed {
				return "", "", false
			}
			b.WriteString(text)
			s, ok = after, true
		case strings.HasPrefix(s, `\'`):
			b.WriteByte('\'')
			s = s[2:]
		default:
			return b.String(), s, ok
		}
	}
	return "", "", false
}
