package gateway

import (
	"errors"
	"fmt"
	"html"
	"net/http"
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
	retryAfter int    // seconds; 0 says nothing
	closeConn  bool   // the rest of the request is not read
	script     string // that was to be mended before it could be run, "" for none
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
	case errors.Is(err, runner.ErrUnreachable):
		return &failure{status: http.StatusServiceUnavailable, sentence: "What answers for this URL cannot be reached; try again in a moment.",
			cause: err, retryAfter: 1}
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
	contentType, page := g.page(ans, rec, f)
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(page)))
	ans.writeHeader(f.status)
	ans.write(page)
	ans.flush() // what follows, like stopping the process, is not the client's to wait for
}

// page is the body of an error answer: the status, a sentence, the request id.
// Under --dev there is more of it, for those who may see it.
func (g *Gateway) page(ans *answer, rec *record, f *failure) (contentType string, page []byte) {
	if f.status == http.StatusNotFound && g.notFound != nil {
		return "text/html; charset=utf-8", g.notFound
	}
	if g.shows(ans.r) {
		return g.devPage(ans, rec, f)
	}
	title := strconv.Itoa(f.status) + " " + http.StatusText(f.status)
	text := fmt.Sprintf("%s\nRequest id: %s\n", f.sentence, rec.id)
	if !strings.Contains(ans.r.Header.Get("Accept"), "text/html") {
		return "text/plain; charset=utf-8", []byte(title + "\n\n" + text)
	}
	return "text/html; charset=utf-8", fmt.Appendf(nil, `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>%[1]s</title>
<style>body{font:16px/1.5 system-ui,sans-serif;margin:3rem auto;max-width:60rem;padding:0 1rem}pre{white-space:pre-wrap;overflow-wrap:anywhere}</style>
<h1>%[1]s</h1>
<pre>%[2]s</pre>
</html>
`, html.EscapeString(title), html.EscapeString(text))
}

func signalName(s syscall.Signal) string {
	if name := unix.SignalName(s); name != "" {
		return name
	}
	return s.String()
}
