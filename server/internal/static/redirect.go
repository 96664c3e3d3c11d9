package static

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// redirect sends the client to the directory's own URL, so that relative links
// on its page are right (§15.4.2). name has no slash in front and none twice,
// so the target can't become a network-path reference ("//host", RFC 3986
// §4.2); a backslash, which browsers read as a slash, is escaped.
func redirect(w http.ResponseWriter, r *http.Request, name string) error {
	location := "/" + escapePath(name) + "/"
	if r.URL.RawQuery != "" {
		location += "?" + escapeQuery(r.URL.RawQuery)
	}
	page := "<!DOCTYPE html>\n<title>Moved</title>\n<p>This directory is at <a href=\"" +
		html.EscapeString(location) + "\">its own address</a>.\n"
	h := w.Header()
	h.Set("Location", location)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(page)))
	w.WriteHeader(http.StatusMovedPermanently)
	if r.Method == http.MethodHead {
		return nil
	}
	if _, err := io.WriteString(w, page); err != nil {
		return cut("redirect", err)
	}
	return nil
}

func escapePath(name string) string { return (&url.URL{Path: name}).EscapedPath() }

const upperHex = "0123456789ABCDEF"

// escapeQuery leaves a query as the client sent it, but for bytes that have no
// place in a header field or a URI.
func escapeQuery(query string) string {
	var b strings.Builder
	for i := 0; i < len(query); i++ {
		switch c := query[i]; {
		case c <= ' ', c >= 0x7f, c == '"', c == '<', c == '>', c == '\\':
			b.WriteByte('%')
			b.WriteByte(upperHex[c>>4])
			b.WriteByte(upperHex[c&15])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
