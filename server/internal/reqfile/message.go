package reqfile

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// message is a request before it is held to the rules of HTTP.
type message struct {
	method  string
	url     string
	proto   string // "" is HTTP/1.1
	header  http.Header
	body    []byte // nil where there is none
	chunked bool

	fail func(format string, args ...any) *Error
}

// request holds the message to the rules and makes a server's request of it.
func (m *message) request() (*http.Request, error) {
	host, target, user, err := splitURL(m.url)
	if err != nil {
		return nil, m.fail("URL %q: %s", m.url, err)
	}
	r := &http.Request{Method: m.method, RequestURI: target, Host: host, Header: http.Header{}, Proto: m.proto}
	r.ProtoMajor, r.ProtoMinor = 1, 1
	if r.Proto == "HTTP/1.0" {
		r.ProtoMinor = 0
	} else {
		r.Proto = "HTTP/1.1" // later ones are the same to a frame, but for their name
	}
	for name, values := range m.header {
		for _, v := range values {
			r.Header.Add(name, v)
		}
	}
	if values := r.Header.Values("Host"); len(values) > 0 {
		r.Host = strings.TrimSpace(values[len(values)-1])
	}
	if err := Check(r); err != nil {
		return nil, m.fail("%s", err)
	}
	if user != nil && r.Header.Get("Authorization") == "" {
		r.Header.Set("Authorization", basic(user))
	}
	m.frame(r)
	return r, nil
}

// Check holds a request to the rules of HTTP, as far as others than its server
// hold it to them.
func Check(r *http.Request) error {
	if !token(r.Method) {
		return fmt.Errorf("invalid method %q", r.Method)
	}
	for name, values := range r.Header {
		if !token(name) {
			return fmt.Errorf("header field %q: its name is not a word", name)
		}
		for _, v := range values {
			if strings.ContainsFunc(v, control) {
				return fmt.Errorf("header field %s: its value %q holds a control character", name, v)
			}
		}
	}
	if strings.ContainsFunc(r.Host, control) {
		return fmt.Errorf("host %q holds a control character", r.Host)
	}
	return nil
}

// control reports whether c cannot stand in a field's value.
func control(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }

// frame gives the request its body; its length is always the real one.
func (m *message) frame(r *http.Request) {
	chunked := m.chunked || slices.ContainsFunc(r.Header.Values("Transfer-Encoding"), func(v string) bool { return strings.EqualFold(v, "chunked") })
	for _, name := range []string{"Host", "Content-Length", "Transfer-Encoding"} {
		r.Header.Del(name)
	}
	if m.body == nil {
		return
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(m.body)), int64(len(m.body))
	if chunked && r.ProtoMinor == 1 {
		r.ContentLength, r.TransferEncoding = -1, []string{"chunked"}
	}
}

// splitURL takes a URL apart as a client does: what it connects to, and what
// it asks for. A path alone has no host.
func splitURL(s string) (host, target string, user *url.Userinfo, err error) {
	if strings.HasPrefix(s, "/") || s == "*" {
		return "", Escape(withoutFragment(s)), nil, nil
	}
	scheme, rest, ok := strings.Cut(s, "://")
	switch {
	case !ok:
		rest = s // "localhost:7890/x", as curl takes it
	case !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https"):
		return "", "", nil, fmt.Errorf("%s is not HTTP", scheme)
	}
	rest = withoutFragment(rest)
	host, target = rest, "/"
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		host, target = rest[:i], rest[i:]
	}
	if target[0] == '?' {
		target = "/" + target
	}
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		name, password, _ := strings.Cut(host[:i], ":")
		if name, err = url.PathUnescape(name); err != nil {
			return "", "", nil, err
		}
		if password, err = url.PathUnescape(password); err != nil {
			return "", "", nil, err
		}
		user, host = url.UserPassword(name, password), host[i+1:]
	}
	if host == "" || strings.ContainsFunc(host, func(c rune) bool { return c <= ' ' || strings.ContainsRune("<>\"'\\^`{|}\x7f", c) }) {
		return "", "", nil, fmt.Errorf("%q is no host", host)
	}
	return host, Escape(target), user, nil
}

func withoutFragment(s string) string {
	s, _, _ = strings.Cut(s, "#")
	return s
}

// Escape percent-encodes what cannot stand in a request line, as a browser
// does with 中文 in its address bar.
func Escape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func basic(user *url.Userinfo) string {
	password, _ := user.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password))
}

// token reports whether s is a word of HTTP (RFC 9110 §5.6.2).
func token(s string) bool {
	const others = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool { return !strings.ContainsRune(others, c) })
}

// readFile reads a file that a request names.
func (o *Options) readFile(name string) ([]byte, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(o.Dir, name)
	}
	read := o.ReadFile
	if read == nil {
		read = os.ReadFile
	}
	data, err := read(name)
	if err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	return data, nil
}
