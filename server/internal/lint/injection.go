package lint

import (
	"net/url"
	"strings"

	"framegate/server/internal/capture"
	"framegate/server/internal/cgi"
)

// injection looks for line breaks of the request in the header of the answer.
// Only what was encoded in the request is looked at: a line break that stands
// there as it is cannot have come from a parameter.
func (j *judge) injection(x *capture.Exchange) {
	sources := []string{x.Request.Target}
	for _, f := range x.Request.Header {
		sources = append(sources, f.Value)
	}
	for _, f := range x.Request.Header {
		if strings.EqualFold(f.Name, "Content-Type") && strings.HasPrefix(f.Value, "application/x-www-form-urlencoded") {
			sources = append(sources, string(x.Stdin.Head))
		}
	}
	end := cgi.HeaderEnd(j.raw, 0)
	if end < 0 {
		end = len(j.raw)
	}
	looked := 0
	for _, source := range sources {
		for _, part := range strings.FieldsFunc(source, func(r rune) bool { return strings.ContainsRune("?&;= ", r) }) {
			lower := strings.ToLower(part)
			if !strings.Contains(lower, "%0a") && !strings.Contains(lower, "%0d") {
				continue
			}
			if looked++; looked > mostParameters || j.injected(end, part) {
				return
			}
		}
	}
}

// mostParameters with line breaks are looked for: whoever sends more of them
// has made the point.
const mostParameters = 50

// injected reports a parameter whose line break is in the header, which is end
// bytes long.
func (j *judge) injected(end int, part string) bool {
	text, err := url.QueryUnescape(part)
	if err != nil {
		return false
	}
	before, after, ok := strings.Cut(strings.ReplaceAll(text, "\r", "\n"), "\n")
	after, _, _ = strings.Cut(strings.TrimLeft(after, "\n"), "\n")
	if !ok || before == "" || len(after) < 3 {
		return false
	}
	head := string(j.raw[:min(len(j.raw), end+len(text))])
	for at := 0; ; {
		n := strings.Index(head[at:], before)
		if n < 0 {
			return false
		}
		at += n + len(before)
		rest := strings.TrimLeft(head[at:], "\r\n")
		breaks := len(head) - at - len(rest)
		if at < end && breaks > 0 && strings.HasPrefix(rest, after) {
			j.report("header-injection", place{at + breaks, len(after)}, says{})
			return true
		}
	}
}
