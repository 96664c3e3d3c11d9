package gateway

import (
	"errors"
	"fmt"
	"html"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"framegate/server/internal/runner"
	"framegate/server/internal/static"
)

// failure is a request that gets an error answer. The sentence is for the
// client, the cause for the log.
type failure struct {
	status     int
	sentence   string
	cause      error
	retryAfter int      // seconds; 0 says nothing
	closeConn  bool     // the rest of the request is not read
	stderr     []string // the end of the frame's stderr, shown under --dev
}

func (f *failure) Error() string {
	if f.cause != nil {
		return f.cause.Error()
	}
	return f.sentence
}

func (f *failure) Unwrap() error { return f.cause }

// errClientGone ends an exchange whose client no longer wants the answer.
// 499 never reaches anybody; the log has it, as nginx's does.
var errClientGone = &failure{status: 499, sentence: "client closed the connection"}

// startFailure is the answer to a process that could not be started.
func startFailure(err error) error {
	switch {
	case errors.Is(err, runner.ErrTooLarge):
		return &failure{status: http.StatusRequestHeaderFieldsTooLarge,
			sentence: "The request's header does not fit into a process's environment.", cause: err}
	case errors.Is(err, runner.ErrProgram):
		return &failure{status: http.StatusInternalServerError, sentence: "The program for this URL cannot be run.", cause: err}
	}
	return &failure{status: http.StatusServiceUnavailable, sentence: "No process could be started; try again in a moment.",
		cause: err, retryAfter: 1}
}

// fileFailure is the answer to what the static files refused.
func fileFailure(err error) error {
	var serr *static.Error
	if errors.As(err, &serr) {
		return &failure{status: serr.Status, sentence: sentenceFor(serr.Status), cause: err}
	}
	return &failure{status: http.StatusInternalServerError, sentence: "The file could not be read.", cause: err}
}

func sentenceFor(status int) string {
	switch status {
	case http.StatusForbidden:
		return "This file may not be read."
	case http.StatusMethodNotAllowed:
		return "A file can only be read: use GET or HEAD."
	}
	return http.StatusText(status) + "."
}

// fail answers a request with an error, or cuts the connection when its
// answer has already begun.
func (g *Gateway) fail(ans *answer, rec *record, err error) {
	rec.err = err
	var f *failure
	if !errors.As(err, &f) {
		f = &failure{status: http.StatusInternalServerError, sentence: "The request could not be answered.", cause: err}
	}
	if ans.status != 0 {
		ans.abort()
	}
	if f.status == errClientGone.status {
		ans.status = f.status
		ans.abort()
	}
	ans.dropBody()
	h := ans.w.Header()
	if f.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(f.retryAfter))
	}
	if f.closeConn {
		h.Set("Connection", "close")
		ans.linger()
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	contentType, page := g.page(ans.r, rec, f)
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(page)))
	ans.writeHeader(f.status)
	ans.write(page)
	ans.flush() // what follows, like stopping the process, is not the client's to wait for
}

// shows reports whether the client may see causes.
func (g *Gateway) shows(r *http.Request) bool { return g.opts.Dev && fromThisMachine(r) }

// page is the body of an error answer: the status, a sentence, the request id.
func (g *Gateway) page(r *http.Request, rec *record, f *failure) (contentType string, page []byte) {
	if f.status == http.StatusNotFound && g.notFound != nil {
		return "text/html; charset=utf-8", g.notFound
	}
	title := strconv.Itoa(f.status) + " " + http.StatusText(f.status)
	text := fmt.Sprintf("%s\n\n%s\nRequest id: %s\n", title, f.sentence, rec.id)
	if g.shows(r) {
		text += g.details(r, rec, f)
	}
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		return "text/plain; charset=utf-8", []byte(text)
	}
	_, body, _ := strings.Cut(text, "\n\n")
	return "text/html; charset=utf-8", fmt.Appendf(nil, `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>%[1]s</title>
<style>body{font:16px/1.5 system-ui,sans-serif;margin:3rem auto;max-width:60rem;padding:0 1rem}pre{white-space:pre-wrap;overflow-wrap:anywhere}</style>
<h1>%[1]s</h1>
<pre>%[2]s</pre>
</html>
`, html.EscapeString(title), html.EscapeString(body))
}

// details is what --dev adds: the cause, the frame's stderr, and how to see
// the exchange again from a shell.
func (g *Gateway) details(r *http.Request, rec *record, f *failure) string {
	var b strings.Builder
	if f.cause != nil {
		fmt.Fprintf(&b, "\nCause: %s\n", f.cause)
	}
	if len(f.stderr) > 0 {
		fmt.Fprintf(&b, "\nstderr:\n%s\n", strings.Join(f.stderr, "\n"))
	}
	if f.status == http.StatusNotFound && rec.frame == "" {
		b.WriteString("\nServed here:\n")
		for _, route := range g.Routes() {
			fmt.Fprintf(&b, "  %s → %s\n", route.URL, route.Runs)
		}
	}
	if rec.frame != "" {
		fmt.Fprintf(&b, "\nAgain: %s\n", g.again(r))
	}
	return b.String()
}

// again is the command that sends the request once more. The body is not
// kept: whoever has it puts it into the file that the command names.
func (g *Gateway) again(r *http.Request) string {
	words := []string{"framegate", "run"}
	if g.cfg.File != "" {
		words = append(words, "-c", shellWord(g.cfg.File))
	}
	words = append(words, "-X", shellWord(r.Method), "-H", shellWord("Host: "+r.Host))
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if name == "Content-Length" {
			continue
		}
		for _, value := range r.Header[name] {
			words = append(words, "-H", shellWord(name+": "+value))
		}
	}
	if r.ContentLength != 0 {
		words = append(words, "-d", "@BODY")
	}
	return strings.Join(append(words, shellWord(r.RequestURI)), " ")
}

// shellWord quotes s for sh.
func shellWord(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:,@") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// fromThisMachine reports whether the client is on the loopback interface. One
// that a proxy there speaks for is not: a trusted proxy has told its address,
// another one at least that there is somebody behind it.
func fromThisMachine(r *http.Request) bool {
	for _, name := range []string{"X-Forwarded-For", "Forwarded", "Via"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	addr, _ := splitAddr(r.RemoteAddr)
	ip := net.ParseIP(addr)
	return ip != nil && ip.IsLoopback()
}

func signalName(s syscall.Signal) string {
	if name := unix.SignalName(s); name != "" {
		return name
	}
	return s.String()
}
