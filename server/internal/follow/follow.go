// Package follow lets others on this machine watch the exchanges of a running
// server, and reload it, over a Unix socket that its owner alone may use. As
// long as nobody does, it costs the server nothing.
package follow

import (
	"path"
	"strconv"
	"strings"
	"time"

	"framegate/server/internal/capture"
)

// Server is who is followed.
type Server struct {
	Version string   `json:"version"`
	Pid     int      `json:"pid"`
	Listen  string   `json:"listen"` // as it was given: "127.0.0.1:7890", "unix:/run/x.sock"
	URL     string   `json:"url"`
	Site    string   `json:"site"` // its configuration, or the directory that it has in the place of one
	Frames  []string `json:"frames"`
}

// Message is what goes to a follower: a line of JSON each.
type Message struct {
	Server    *Server           `json:"server,omitempty"`    // the first of all: who it is
	Following bool              `json:"following,omitempty"` // from here on exchanges are told
	Began     *capture.Exchange `json:"began,omitempty"`     // its process runs; little is known of it
	Ended     *capture.Exchange `json:"ended,omitempty"`     // the whole of it
	Over      string            `json:"over,omitempty"`      // the id of one that began, has ended and was not asked for
	Dropped   int64             `json:"dropped,omitempty"`   // so many were not told, because the follower is too slow
	Stale     bool              `json:"stale,omitempty"`     // of what has begun, some may have ended
	Reloaded  *Reloaded         `json:"reloaded,omitempty"`  // how the reload that was asked for has ended
}

// request is what comes from whoever has connected, once.
type request struct {
	Filter
	Reload bool `json:"reload,omitempty"` // in the place of following
}

// Reloaded is how a reload has ended: with Errors, everything is as it was.
type Reloaded struct {
	Took     time.Duration `json:"took_ns,omitempty"`
	Errors   []Mistake     `json:"errors,omitempty"`
	Warnings []string      `json:"warnings,omitempty"`
}

// Mistake is one thing that is wrong, as the server would have it printed.
type Mistake struct {
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`
}

// Filter says which exchanges are asked for. The zero Filter takes all.
type Filter struct {
	Frame  string        `json:"frame,omitempty"`
	Path   string        `json:"path,omitempty"` // see Glob
	Status []Range       `json:"status,omitempty"`
	Longer time.Duration `json:"longer_ns,omitempty"`
}

// Range is a range of status codes, both ends in it.
type Range struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// begins reports whether an exchange that has just begun may turn out to be
// asked for.
func (f *Filter) begins(x *capture.Exchange) bool {
	return (f.Frame == "" || f.Frame == x.Frame) && (f.Path == "" || Glob(f.Path, x.Request.Target))
}

// takes reports whether an exchange that is over is asked for.
func (f *Filter) takes(x *capture.Exchange) bool {
	if !f.begins(x) || f.Longer > 0 && lasted(x) <= f.Longer {
		return false
	}
	for _, r := range f.Status {
		if r.From <= x.Answer.Status && x.Answer.Status <= r.To {
			return true
		}
	}
	return len(f.Status) == 0
}

// lasted is how long an exchange took.
func lasted(x *capture.Exchange) time.Duration {
	var last time.Duration
	for _, e := range x.Events {
		last = max(last, e.At)
	}
	return last
}

// ParseStatus reads "5xx", "404", "400-499", or several of these with commas.
func ParseStatus(s string) ([]Range, bool) {
	var list []Range
	for _, part := range strings.Split(s, ",") {
		part = strings.TrimSpace(part)
		if len(part) == 3 && strings.EqualFold(part[1:], "xx") && part[0] >= '1' && part[0] <= '5' {
			n := int(part[0]-'0') * 100
			list = append(list, Range{n, n + 99})
			continue
		}
		from, to, ok := strings.Cut(part, "-")
		if !ok {
			to = from
		}
		a, err1 := strconv.Atoi(from)
		b, err2 := strconv.Atoi(to)
		if err1 != nil || err2 != nil || a < 100 || b > 599 || a > b {
			return nil, false
		}
		list = append(list, Range{a, b})
	}
	return list, true
}

// Glob holds a pattern against the path of a request target: "*" stands for
// any characters, "?" for one. As in gateway.toml, a pattern without "/" is
// held against the last segment.
func Glob(pattern, target string) bool {
	target, _, _ = strings.Cut(target, "?")
	return globPath(pattern, target) || globPath(pattern, unescaped(target))
}

func globPath(pattern, p string) bool {
	if !strings.Contains(pattern, "/") {
		p = path.Base(p)
	}
	return glob([]rune(pattern), []rune(p))
}

// glob goes back to the last "*" alone: that is enough, and it is bounded.
func glob(pattern, s []rune) bool {
	star, mark, i, k := -1, 0, 0, 0
	for k < len(s) {
		switch {
		case i < len(pattern) && pattern[i] == '*':
			star, mark = i, k
			i++
		case i < len(pattern) && (pattern[i] == '?' || pattern[i] == s[k]):
			i++
			k++
		case star >= 0:
			mark++
			i, k = star+1, mark
		default:
			return false
		}
	}
	for i < len(pattern) && pattern[i] == '*' {
		i++
	}
	return i == len(pattern)
}

// unescaped is a path with its percent escapes decoded, where they are ones.
func unescaped(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b = append(b, byte(v))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}
