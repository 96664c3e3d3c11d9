package static

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// deadline is for a whole exchange: a test that would hang fails instead.
const deadline = 20 * time.Second

// write makes the files in a new directory, in the order of their names, so
// that a neighbour is as new as its original. A name that ends in "/" is a
// directory.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path, content := filepath.Join(dir, name), files[name]
		if strings.HasSuffix(name, "/") {
			must(t, os.MkdirAll(path, 0o755))
			continue
		}
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(content), 0o644))
	}
	return dir
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, dir string, opts Options) *Files {
	t.Helper()
	files, err := New(dir, opts)
	must(t, err)
	t.Cleanup(func() { files.Close() })
	return files
}

// caller does what Serve leaves to its caller.
func caller(files *Files) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		found, err := files.Serve(w, r, r.URL.Path)
		var e *Error
		switch {
		case !found:
			if err != nil || len(w.Header()) > 0 {
				panic(fmt.Sprintf("not found, yet error %v and header %v", err, w.Header()))
			}
			http.Error(w, "caller's 404", http.StatusNotFound)
		case errors.As(err, &e) && e.Status == 0:
			panic(http.ErrAbortHandler)
		case errors.As(err, &e):
			http.Error(w, fmt.Sprintf("caller's %d", e.Status), e.Status)
		case err != nil:
			panic(err)
		}
	})
}

// serve runs a real server and returns its address.
func serve(t testing.TB, dir string, opts Options) string {
	t.Helper()
	return listen(t, caller(open(t, dir, opts)))
}

func listen(t testing.TB, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

type answer struct {
	*http.Response
	body string
}

// do sends a request as it is written, "GET /x" and its header lines, over a
// connection of its own.
func do(t testing.TB, addr, request string, lines ...string) answer {
	t.Helper()
	a, err := try(addr, request, lines...)
	must(t, err)
	return a
}

func try(addr, request string, lines ...string) (answer, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(deadline))
	head := request + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"
	for _, line := range lines {
		head += line + "\r\n"
	}
	if _, err := io.WriteString(conn, head+"\r\n"); err != nil {
		return answer{}, err
	}
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return answer{}, err
	}
	var body bytes.Buffer
	_, err = body.ReadFrom(resp.Body)
	return answer{resp, body.String()}, err
}

// check compares the status, a body if want is not "*", and "Name: value"
// fields; "Name:" alone says that there is none.
func (a answer) check(t testing.TB, status int, want string, fields ...string) {
	t.Helper()
	if a.StatusCode != status {
		t.Errorf("status: got %d; want %d", a.StatusCode, status)
	}
	if want != "*" && a.body != want {
		t.Errorf("body: got %.200q; want %.200q", a.body, want)
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ":")
		value = strings.TrimSpace(value)
		if got := strings.Join(a.Header[http.CanonicalHeaderKey(name)], ", "); got != value {
			t.Errorf("%s: got %q; want %q", name, got, value)
		}
	}
}

func TestServe(t *testing.T) {
	dir := write(t, map[string]string{
		"index.html":               "<h1>root</h1>",
		"a.css":                    "a{}",
		"docs/index.html":          "docs",
		"bare/x.txt":               "x",
		"odd/index.html/":          "",
		"space here/ü.txt":         "ü",
		".env":                     "SECRET=1",
		".git/config":              "[core]",
		".well-known/security.txt": "Contact: mailto:a@example.org",
		".well-known/.secret":      "s",
		"docs/.well-known/x.txt":   "not at the root",
		"empty.txt":                "",
		"back\\slash.txt":          "b",
		"CASE.CSS":                 "c",
		strings.Repeat("n", 200):   "long",
	})
	addr := serve(t, dir, Options{})
	tests := []struct {
		name, request string
		status        int
		body          string
		fields        []string
	}{
		{"file", "GET /a.css", 200, "a{}", []string{"Content-Type: text/css; charset=utf-8", "Content-Length: 3",
			"X-Content-Type-Options: nosniff", "Accept-Ranges: bytes", "Vary: Accept-Encoding", "Content-Encoding:", "Allow:"}},
		{"query is not part of the name", "GET /a.css?v=2", 200, "a{}", nil},
		{"HEAD", "HEAD /a.css", 200, "", []string{"Content-Type: text/css; charset=utf-8", "Content-Length: 3", "Accept-Ranges: bytes"}},
		{"empty file", "GET /empty.txt", 200, "", []string{"Content-Length: 0"}},
		{"upper-case extension", "GET /CASE.CSS", 200, "c", []string{"Content-Type: text/css; charset=utf-8"}},
		{"index of the root", "GET /", 200, "<h1>root</h1>", []string{"Content-Type: text/html; charset=utf-8"}},
		{"index of a directory", "GET /docs/", 200, "docs", nil},
		{"index by its own name", "GET /docs/index.html", 200, "docs", nil},
		{"directory without index", "GET /bare/", 404, "caller's 404\n", nil},
		{"index.html is a directory", "GET /odd/", 404, "*", nil},
		{"space and UTF-8", "GET /space%20here/%C3%BC.txt", 200, "ü", nil},
		{"backslash is no slash", "GET /back%5Cslash.txt", 200, "b", nil},
		{"repeated slashes", "GET //docs//index.html", 200, "docs", nil},

		{"no such file", "GET /nope", 404, "caller's 404\n", []string{"X-Content-Type-Options: nosniff"}},
		{"file in the middle", "GET /a.css/x", 404, "*", nil},
		{"file with a slash behind", "GET /a.css/", 404, "*", nil},
		{"NUL", "GET /a.css%00", 404, "*", nil},
		{"NUL in the middle", "GET /docs%00/index.html", 404, "*", nil},
		{"dots left over", "GET /docs/../a.css", 404, "*", nil},
		{"dots encoded", "GET /%2e%2e/%2e%2e/etc/passwd", 404, "*", nil},
		{"name too long", "GET /" + strings.Repeat("n", 300), 404, "*", nil},
		{"path too long", "GET /" + strings.Repeat("n/", 8000), 404, "*", nil},
		{"invalid UTF-8", "GET /%ff%fe", 404, "*", nil},

		{"dotfile", "GET /.env", 404, "*", nil},
		{"in a dot directory", "GET /.git/config", 404, "*", nil},
		{"dot directory itself", "GET /.git", 404, "*", nil},
		{"well-known", "GET /.well-known/security.txt", 200, "Contact: mailto:a@example.org", nil},
		{"dotfile in well-known", "GET /.well-known/.secret", 404, "*", nil},
		{"well-known elsewhere", "GET /docs/.well-known/x.txt", 404, "*", nil},

		{"OPTIONS", "OPTIONS /a.css", 204, "", []string{"Allow: GET, HEAD, OPTIONS", "Content-Length:", "Content-Type:"}},
		{"OPTIONS without a file", "OPTIONS /nope", 404, "*", []string{"Allow:"}},
		{"POST", "POST /a.css", 405, "caller's 405\n", []string{"Allow: GET, HEAD, OPTIONS", "Etag:"}},
		{"DELETE", "DELETE /a.css", 405, "*", []string{"Allow: GET, HEAD, OPTIONS"}},
		{"unknown method", "BREW /a.css", 405, "*", []string{"Allow: GET, HEAD, OPTIONS"}},
		{"method of another case", "get /a.css", 405, "*", nil},
		{"POST to an index", "POST /docs/", 405, "*", nil},
		{"POST to a directory is not moved", "POST /docs", 405, "*", []string{"Location:"}},
		{"POST without a file", "POST /nope", 404, "*", []string{"Allow:"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			do(t, addr, tt.request).check(t, tt.status, tt.body, tt.fields...)
		})
	}
}

func TestDotfilesOption(t *testing.T) {
	dir := write(t, map[string]string{".env": "SECRET=1", ".git/config": "[core]", "a/b.txt": "b"})
	addr := serve(t, dir, Options{Dotfiles: true})
	do(t, addr, "GET /.env").check(t, 200, "SECRET=1", "Content-Type: application/octet-stream")
	do(t, addr, "GET /.git/config").check(t, 200, "[core]")
	do(t, addr, "GET /a/../a/b.txt").check(t, 404, "*")
	do(t, addr, "GET /../"+filepath.Base(dir)+"/.env").check(t, 404, "*")
}

func TestNew(t *testing.T) {
	dir := write(t, map[string]string{"file": ""})
	for _, tt := range []struct{ name, path, want string }{
		{"missing", filepath.Join(dir, "nope"), "static directory: open " + filepath.Join(dir, "nope") + ": no such file or directory"},
		{"a file", filepath.Join(dir, "file"), "static directory: open " + filepath.Join(dir, "file") + ": not a directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(tt.path, Options{})
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %q; want %q", err, tt.want)
			}
		})
	}
}

func TestClose(t *testing.T) {
	files := open(t, write(t, map[string]string{"a.txt": "a"}), Options{})
	must(t, files.Close())
	found, err := files.Serve(httptest.NewRecorder(), httptest.NewRequest("GET", "/a.txt", nil), "/a.txt")
	var e *Error
	if !found || !errors.As(err, &e) || e.Status != 500 || !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v, %v; want an Error with status 500 and os.ErrClosed", found, err)
	}
}
