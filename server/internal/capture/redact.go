package capture

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// secrets knows which values are not written.
type secrets struct {
	fields    map[string]bool // header fields, in canonical form
	variables map[string]bool
	found     []string // the names of those that were met
}

// newSecrets takes names of header fields and variables. A field's value is
// secret in its variable, too.
func newSecrets(o WriteOptions) *secrets {
	if o.Reveal {
		return &secrets{}
	}
	s := &secrets{fields: map[string]bool{}, variables: map[string]bool{}}
	for _, name := range slices.Concat([]string{"Authorization", "Cookie", "Proxy-Authorization", "Set-Cookie", "Set-Cookie2"}, o.Redact) {
		s.fields[http.CanonicalHeaderKey(name)] = true
		s.variables[name] = true
		s.variables["HTTP_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))] = true
	}
	return s
}

func marker(value string) string { return fmt.Sprintf("<redacted: %d bytes>", len(value)) }

// value is what is told of a value: itself, or how long it is.
func (s *secrets) value(secret bool, name, value string) string {
	if !secret {
		return value
	}
	if !slices.Contains(s.found, name) {
		s.found = append(s.found, name)
	}
	return marker(value)
}

func (s *secrets) field(f Field) Field {
	f.Value = s.value(s.fields[http.CanonicalHeaderKey(f.Name)], f.Name, f.Value)
	return f
}

// environ is NAME=VALUE with the secret values replaced.
func (s *secrets) environ(env []string) []string {
	safe := make([]string, len(env))
	for i, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		safe[i] = name + "=" + s.value(s.variables[name], name, value)
	}
	return safe
}

// output is the beginning of what a program printed, with the secret values of
// its header replaced. The header is whatever stands ahead of an empty line.
func (s *secrets) output(head []byte) []byte {
	if len(s.fields) == 0 {
		return head
	}
	var out []byte
	secret := false // the field of the line before, which this one may go on with
	for len(head) > 0 {
		line, rest, _ := bytes.Cut(head, []byte("\n"))
		if len(bytes.TrimRight(line, "\r")) == 0 {
			break
		}
		line, head = head[:len(head)-len(rest)], rest
		text := bytes.TrimRight(line, "\r\n")
		end := line[len(text):]
		name, value, ok := bytes.Cut(text, []byte(":"))
		field := http.CanonicalHeaderKey(string(bytes.TrimSpace(name)))
		switch folded := text[0] == ' ' || text[0] == '\t'; {
		case folded && secret:
			text = []byte(" " + marker(string(text)))
		case folded:
		default:
			if secret = ok && s.fields[field]; secret {
				text = []byte(string(name) + ": " + s.value(true, field, string(bytes.TrimSpace(value))))
			}
		}
		out = append(append(out, text...), end...)
	}
	return append(out, head...)
}
