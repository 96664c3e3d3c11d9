// Package devpage draws the page that `serve --dev` shows for a request that
// has failed, as HTML and as text. It is pure: it shows what it is given.
package devpage

import (
	"fmt"
	"net/http"
	"strconv"

	"framegate/server/internal/capture"
	"framegate/server/internal/lint"
)

// Page is what there is to show. All but Status, Sentence and Exchange may be
// left out.
type Page struct {
	Status   int
	Sentence string
	Cause    string
	Hint     string            // what to do about it
	Exchange *capture.Exchange // of a request that ran no program: without a Program
	Findings []lint.Finding
	BadByte  int64  // of stdout, where no finding names one; -1 for none
	Shell    *Shell // whom the frame is compared with
	User     string // whom the program runs as; "" is the gateway's own user
	Commands []Command
	Served   []Route // what there is, for a URL that is nothing
	Live     *Live   // nil where nothing can change the answer but another request
}

// Command is a line to copy into a shell.
type Command struct {
	Name string // "Replay", "Again"
	Line string
	Note string
}

// Route is one line of what is served.
type Route struct{ URL, Runs string }

// Live is how the page hears of changes.
type Live struct {
	Path   string // where it asks
	Token  string // what it shows there
	Asks   bool   // the request may change something: it is repeated only when asked to
	Cannot string // why the request cannot be repeated, "" when it can
	Method string
}

// Headers are the fields that the HTML page wants to be sent with: nothing on
// it runs or loads but what carries the nonce, and no other site may put it
// into a frame or read it.
func Headers(nonce string) map[string]string {
	return map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'nonce-" + nonce + "'; style-src 'nonce-" + nonce +
			"'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Referrer-Policy":              "same-origin",
	}
}

// title is the status as people know it.
func (p *Page) title() string {
	return strconv.Itoa(p.Status) + " " + http.StatusText(p.Status)
}

// ran reports whether there is a program to tell of.
func (p *Page) ran() bool { return len(p.Exchange.Program.Argv) > 0 }

// bad is the place in stdout to look at: that of the worst finding that names
// one.
func (p *Page) bad() place {
	bad, worst := place{at: p.BadByte}, lint.Severity(-1)
	for _, f := range p.Findings {
		if f.Offset >= 0 && f.Severity > worst {
			bad, worst = place{f.Offset, f.Length}, f.Severity
		}
	}
	return bad
}

// bodyAt is where the header of stdout ends, -1 where it does not.
func (p *Page) bodyAt() int64 {
	for _, e := range p.Exchange.Events {
		if e.Kind == capture.HeaderEnd {
			return e.Offset
		}
	}
	return -1
}

// where is a finding's place in the output.
func where(f *lint.Finding) string {
	if f.Line == 0 {
		return ""
	}
	return fmt.Sprintf("line %d, column %d", f.Line, f.Column)
}

// bytesText is a size for people.
func bytesText(n int64) string {
	switch {
	case n == 1:
		return "1 byte"
	case n < 10<<10:
		return strconv.FormatInt(n, 10) + " bytes"
	case n < 10<<20:
		return strconv.FormatInt(n>>10, 10) + " KiB"
	}
	return strconv.FormatInt(n>>20, 10) + " MiB"
}
