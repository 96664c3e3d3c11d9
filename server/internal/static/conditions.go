package static

import (
	"net/http"
	"strings"
	"time"
)

// verdict is what the preconditions of a GET or HEAD come to (§13.2.2).
type verdict int

const (
	met verdict = iota
	notModified
	failed
)

// evaluate holds the preconditions in h against the selected representation,
// in the order of §13.2.2. If-Range is not one of them: see ifRange.
func evaluate(h http.Header, etag string, modified time.Time) verdict {
	if tags := h["If-Match"]; hasValue(tags) {
		if !anyTag(tags, func(tag string) bool { return strongMatch(tag, etag) }) {
			return failed
		}
	} else if date, ok := headerDate(h["If-Unmodified-Since"]); ok && hasDate(modified) {
		if modified.Unix() > date.Unix() {
			return failed
		}
	}
	if tags := h["If-None-Match"]; hasValue(tags) {
		if anyTag(tags, func(tag string) bool { return weakMatch(tag, etag) }) {
			return notModified
		}
	} else if date, ok := headerDate(h["If-Modified-Since"]); ok && hasDate(modified) {
		if modified.Unix() <= date.Unix() {
			return notModified
		}
	}
	return met
}

// ifRange reports whether the Range field is to be honoured (§13.1.5): there
// is no If-Range, or its validator is strong and the current one.
//
// A date is strong only once the second it names is over: within it, the file
// may have changed after the client's copy was made (§8.8.2.2).
func ifRange(lines []string, etag string, modified, now time.Time) bool {
	if !hasValue(lines) {
		return true
	}
	if len(lines) > 1 {
		return false
	}
	value := strings.Trim(lines[0], " \t")
	if strings.HasPrefix(value, `"`) || strings.HasPrefix(value, "W/") {
		return strongMatch(value, etag)
	}
	date, ok := headerDate(lines)
	return ok && hasDate(modified) && date.Unix() == modified.Unix() && now.Unix() > modified.Unix()
}

// strongMatch is the strong comparison of §8.8.3.2 against our tag, which is
// strong: a weak tag of the client is different by its prefix.
func strongMatch(tag, etag string) bool { return tag == etag || tag == "*" }

func weakMatch(tag, etag string) bool {
	return strings.TrimPrefix(tag, "W/") == etag || tag == "*"
}

// hasDate reports whether a modification time says anything. 0 and 1 are what
// builds that must be reproducible give to every file: a date that never
// changes would make old content pass as current.
func hasDate(modified time.Time) bool { return modified.Unix() > 1 }

// headerDate reads a field of exactly one HTTP-date (§5.6.7). Anything else is
// as good as no field (§13.1.3, §13.1.4).
func headerDate(lines []string) (time.Time, bool) {
	if len(lines) != 1 {
		return time.Time{}, false
	}
	t, err := http.ParseTime(strings.Trim(lines[0], " \t"))
	return t, err == nil
}

func hasValue(lines []string) bool {
	for _, line := range lines {
		if line != "" {
			return true
		}
	}
	return false
}

// anyTag reports whether match holds for one of the entity tags of a list
// field, which may be sent in several lines (§5.3). The lone "*" is handed to
// match as it is. What follows a syntax error is not looked at: no match is
// the safe answer for both If-Match and If-None-Match.
func anyTag(lines []string, match func(tag string) bool) bool {
	if len(lines) == 1 && strings.Trim(lines[0], " \t") == "*" {
		return match("*")
	}
	for _, line := range lines {
		for rest := line; ; {
			rest = strings.TrimLeft(rest, " \t,")
			tag, ok := scanTag(rest)
			if !ok {
				break
			}
			if match(tag) {
				return true
			}
			rest = strings.TrimLeft(rest[len(tag):], " \t")
			if rest != "" && rest[0] != ',' {
				break
			}
		}
	}
	return false
}

// scanTag cuts the entity tag off that s begins with: [ "W/" ] DQUOTE *etagc
// DQUOTE, where a comma is an etagc.
func scanTag(s string) (tag string, ok bool) {
	i := 0
	if strings.HasPrefix(s, "W/") {
		i = 2
	}
	if i >= len(s) || s[i] != '"' {
		return "", false
	}
	for i++; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return s[:i+1], true
		case c <= ' ' || c == 0x7f:
			return "", false
		}
	}
	return "", false
}
