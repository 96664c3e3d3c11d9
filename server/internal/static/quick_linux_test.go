package static

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// quickly asks files by Quick; ok is Quick's.
func quickly(t testing.TB, files *Files, q QuickRequest) (got answer, ok bool) {
	t.Helper()
	const before, common = "what was there", "Server: test\r\n"
	out, a, ok := files.Quick([]byte(before), &q, []byte(common))
	if !ok {
		if string(out) != before || a.File != -1 {
			t.Fatalf("refused, yet %q was appended, and descriptor %d is open", out, a.File)
		}
		return answer{}, false
	}
	method := "GET"
	if q.Head {
		method = "HEAD"
	}
	out = bytes.TrimPrefix(out, []byte(before))
	if a.File >= 0 {
		f := os.NewFile(uintptr(a.File), "quick")
		defer f.Close()
		rest, err := io.ReadAll(io.LimitReader(f, a.Size))
		must(t, err)
		out = append(out, rest...)
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(out)), &http.Request{Method: method})
	must(t, err)
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	if resp.StatusCode != a.Status || int64(len(body)) != a.Size || resp.Header.Get("Server") != "test" {
		t.Errorf("told of status %d with %d bytes; got %d with %d and Server %q",
			a.Status, a.Size, resp.StatusCode, len(body), resp.Header.Get("Server"))
	}
	return answer{resp, string(body)}, true
}

// same holds Quick's answer against Serve's over the wire.
func same(t *testing.T, addr string, files *Files, q QuickRequest) answer {
	t.Helper()
	request, lines := "GET ", []string{}
	if q.Head {
		request = "HEAD "
	}
	for _, field := range []struct {
		name  string
		value []byte
	}{{"If-None-Match", q.IfNoneMatch}, {"If-Modified-Since", q.IfModifiedSince}, {"Accept-Encoding", q.AcceptEncoding}} {
		if field.value != nil {
			lines = append(lines, field.name+": "+string(field.value))
		}
	}
	want := do(t, addr, request+escapePath(q.Path), lines...)
	var got answer
	for _, round := range []string{"first", "again"} {
		var ok bool
		if got, ok = quickly(t, files, q); !ok {
			t.Errorf("%s: refused; want status %d", round, want.StatusCode)
			return got
		}
		for _, a := range []answer{got, want} {
			for _, name := range []string{"Date", "Server", "Connection"} {
				a.Header.Del(name)
			}
		}
		if got.Status != want.Status || got.body != want.body {
			t.Errorf("%s: got %s and %.60q; want %s and %.60q", round, got.Status, got.body, want.Status, want.body)
		}
		if d := cmp.Diff(want.Header, got.Header); d != "" {
			t.Errorf("%s: fields (-Serve, +Quick):\n%s", round, d)
		}
	}
	return got
}

// TestQuickIsServe has one request answered both ways, twice by Quick: found
// anew, and remembered.
func TestQuickIsServe(t *testing.T) {
	dir := write(t, map[string]string{
		"index.html": "<h1>root</h1>", "docs/index.html": "docs", "a.css": "a{}", "empty.txt": "", "none": "bytes",
		"site.js": "plain", "site.js.br": "br", "site.js.gz": "gzip", "site.js.zst": "zstd",
		"old.css": "new", "old.css.gz": "old", "void.css": "v", "void.css.br": "", "void.css.gz": "gzip",
		"image.png": "png", "image.png.gz": "never", "deep/er/and/deeper.svg": "<svg/>", "space here/ü.txt": "ü",
		".well-known/security.txt": "s", "edge.bin": strings.Repeat("e", smallFile), "over.bin": strings.Repeat("o", smallFile+1),
		"big.html": strings.Repeat("b", 5*smallFile), "big.html.gz": strings.Repeat("z", 2*smallFile), "undated.txt": "u",
		"dir.css": "d", "dir.css.br/x": "",
	})
	hour := time.Now().Add(-time.Hour)
	must(t, os.Chtimes(filepath.Join(dir, "old.css.gz"), hour, hour))
	must(t, os.Chtimes(filepath.Join(dir, "undated.txt"), time.Unix(1, 0), time.Unix(1, 0)))
	must(t, os.Symlink("docs", filepath.Join(dir, "linked")))
	must(t, os.Symlink("../a.css", filepath.Join(dir, "docs/link.css")))
	files := open(t, dir, Options{})
	addr := listen(t, caller(files))

	const browser = "gzip, deflate, br, zstd"
	for _, path := range []string{"/", "/index.html", "/docs/", "//docs//index.html", "/a.css", "/empty.txt", "/none", "/site.js", "/site.js.gz",
		"/old.css", "/void.css", "/image.png", "/deep/er/and/deeper.svg", "/space here/ü.txt", "/.well-known/security.txt", "/edge.bin",
		"/over.bin", "/big.html", "/undated.txt", "/dir.css", "/linked/", "/linked/index.html", "/docs/link.css"} {
		t.Run(path, func(t *testing.T) {
			plain := same(t, addr, files, QuickRequest{Path: path})
			same(t, addr, files, QuickRequest{Path: path, Head: true})
			for _, accept := range []string{"", "gzip", "gzip;q=0.5, zstd", browser, "identity, gzip;q=0.5", "*", "nonsense;", strings.Repeat("x,", 200)} {
				got := same(t, addr, files, QuickRequest{Path: path, AcceptEncoding: []byte(accept)})
				same(t, addr, files, QuickRequest{Path: path, AcceptEncoding: []byte(accept), IfNoneMatch: []byte(got.Header.Get("Etag"))})
				same(t, addr, files, QuickRequest{Path: path, AcceptEncoding: []byte(accept), Head: true})
			}
			etag, modified := plain.Header.Get("Etag"), plain.Header.Get("Last-Modified")
			for _, tags := range []string{"", etag, "W/" + etag, `"other"`, `"a", ` + etag, "*", `"unclosed`, " " + etag + " "} {
				same(t, addr, files, QuickRequest{Path: path, IfNoneMatch: []byte(tags), IfModifiedSince: []byte(modified)})
				same(t, addr, files, QuickRequest{Path: path, IfNoneMatch: []byte(tags), Head: true})
			}
			for _, date := range []string{"", modified, "Sun, 06 Nov 1994 08:49:37 GMT", "Fri, 01 Jan 2100 00:00:00 GMT", "yesterday"} {
				same(t, addr, files, QuickRequest{Path: path, IfModifiedSince: []byte(date)})
			}
		})
	}
}

// TestQuickRefuses leaves all else to Serve, again and again.
func TestQuickRefuses(t *testing.T) {
	dir := write(t, map[string]string{"docs/index.html": "docs", "bare/x.txt": "x", "odd/index.html/": "", ".env": "SECRET=1", "tomorrow.txt": "t"})
	next := time.Now().Add(24 * time.Hour)
	must(t, os.Chtimes(filepath.Join(dir, "tomorrow.txt"), next, next))
	outside := write(t, map[string]string{"secret.txt": "s", "in/secret.txt": "s"})
	must(t, os.Symlink(filepath.Join(outside, "secret.txt"), filepath.Join(dir, "out.txt")))
	must(t, os.Symlink(filepath.Join(outside, "in"), filepath.Join(dir, "in")))
	must(t, os.Symlink("../../../../../../etc/passwd", filepath.Join(dir, "up")))
	must(t, os.Symlink("/proc/self/cwd", filepath.Join(dir, "magic")))
	files := open(t, dir, Options{})
	for _, path := range []string{"", "x", "/docs", "/bare/", "/odd/", "/.env", "/nope", "/docs/../.env", "/docs/index.html/", "/docs/index.html\x00",
		"/docs/index.html/x", "/out.txt", "/in/secret.txt", "/up", "/magic/quick_test.go", "/tomorrow.txt", "/" + strings.Repeat("n", 300), "/" + strings.Repeat("n/", 800)} {
		for range 2 {
			if got, ok := quickly(t, files, QuickRequest{Path: path}); ok {
				t.Errorf("%.40q: got %s %q; want it left to Serve", path, got.Status, got.body)
			}
		}
	}
	must(t, files.Close())
	if _, ok := quickly(t, files, QuickRequest{Path: "/docs/"}); ok {
		t.Error("answered after Close")
	}
}

// TestQuickIsFresh changes what lies at a path that was just asked for, in all
// ways that come to mind: Quick says at once what Serve says, or leaves it.
func TestQuickIsFresh(t *testing.T) {
	for _, size := range []int{10, 2 * smallFile} {
		v := func(c string) string { return strings.Repeat(c, size) }
		outside := write(t, map[string]string{"a.css": v("o")})
		write := func(path, content string) func(*testing.T, string) {
			return func(t *testing.T, dir string) {
				must(t, os.WriteFile(filepath.Join(dir, path), []byte(content), 0o644))
			}
		}
		do := func(do func(string) error) func(*testing.T, string) {
			return func(t *testing.T, dir string) { must(t, do(dir)) }
		}
		for _, tt := range []struct {
			name   string
			change func(t *testing.T, dir string)
			want   string // "": left to Serve
		}{
			{"nothing", func(*testing.T, string) {}, v("a")},
			{"rewritten", write("sub/a.css", v("b")), v("b")},
			{"shorter", write("sub/a.css", "s"), "s"},
			{"longer", write("sub/a.css", v("l")+v("l")), v("l") + v("l")},
			{"rewritten, times restored", do(func(dir string) error {
				path := filepath.Join(dir, "sub/a.css")
				info, err := os.Stat(path)
				must(t, err)
				must(t, os.WriteFile(path, []byte(v("b")), 0o644))
				return os.Chtimes(path, info.ModTime(), info.ModTime())
			}), v("b")},
			{"replaced", do(func(dir string) error {
				must(t, os.WriteFile(filepath.Join(dir, "next"), []byte(v("r")), 0o644))
				return os.Rename(filepath.Join(dir, "next"), filepath.Join(dir, "sub/a.css"))
			}), v("r")},
			{"removed", do(func(dir string) error { return os.Remove(filepath.Join(dir, "sub/a.css")) }), ""},
			{"removed, a directory there", do(func(dir string) error {
				must(t, os.Remove(filepath.Join(dir, "sub/a.css")))
				return os.Mkdir(filepath.Join(dir, "sub/a.css"), 0o755)
			}), ""},
			{"its directory moved out, a link left", do(func(dir string) error {
				away := filepath.Join(t.TempDir(), "away")
				must(t, os.Rename(filepath.Join(dir, "sub"), away))
				return os.Symlink(away, filepath.Join(dir, "sub"))
			}), ""},
			{"its directory moved within, a link left", do(func(dir string) error {
				must(t, os.Rename(filepath.Join(dir, "sub"), filepath.Join(dir, "away")))
				return os.Symlink("away", filepath.Join(dir, "sub"))
			}), v("a")},
			{"moved out, a link left", do(func(dir string) error {
				must(t, os.Rename(filepath.Join(dir, "sub/a.css"), filepath.Join(outside, "moved")))
				return os.Symlink(filepath.Join(outside, "moved"), filepath.Join(dir, "sub/a.css"))
			}), ""},
			{"a link to another", do(func(dir string) error {
				must(t, os.WriteFile(filepath.Join(dir, "other"), []byte(v("x")), 0o644))
				must(t, os.Remove(filepath.Join(dir, "sub/a.css")))
				return os.Symlink("../other", filepath.Join(dir, "sub/a.css"))
			}), v("x")},
			{"the tree swapped", do(func(dir string) error {
				must(t, os.Rename(dir, dir+".old"))
				must(t, os.MkdirAll(filepath.Join(dir, "sub"), 0o755))
				return os.WriteFile(filepath.Join(dir, "sub/a.css"), []byte(v("t")), 0o644)
			}), v("t")},
			{"the tree gone", do(func(dir string) error { return os.Rename(dir, dir+".old") }), ""},
			{"a neighbour appears", write("sub/a.css.gz", v("z")), v("z")},
			{"an older neighbour appears", do(func(dir string) error {
				path := filepath.Join(dir, "sub/a.css.gz")
				must(t, os.WriteFile(path, []byte(v("z")), 0o644))
				return os.Chtimes(path, time.Unix(1e9, 0), time.Unix(1e9, 0))
			}), v("a")},
		} {
			t.Run(fmt.Sprintf("%s, %d bytes", tt.name, size), func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "tree")
				must(t, os.MkdirAll(filepath.Join(dir, "sub"), 0o755))
				write("sub/a.css", v("a"))(t, dir)
				q := QuickRequest{Path: "/sub/a.css", AcceptEncoding: []byte("gzip")}
				files := open(t, dir, Options{})
				for range 2 {
					if got, ok := quickly(t, files, q); !ok || got.body != v("a") {
						t.Fatalf("before: got %.20q, %v", got.body, ok)
					}
				}
				tt.change(t, dir)
				if got, ok := quickly(t, files, q); ok != (tt.want != "") || ok && got.body != tt.want {
					t.Errorf("after: got %d bytes %.20q, %v; want %d bytes %.20q", len(got.body), got.body, ok, len(tt.want), tt.want)
				}
				if tt.want != "" {
					same(t, listen(t, caller(files)), files, q)
				}
			})
		}
	}
}

// TestQuickNeighbourGoes has the neighbour that was sent vanish.
func TestQuickNeighbourGoes(t *testing.T) {
	dir := write(t, map[string]string{"a.css": "plain", "a.css.gz": "gzip"})
	files := open(t, dir, Options{})
	q := QuickRequest{Path: "/a.css", AcceptEncoding: []byte("gzip")}
	for _, want := range []string{"gzip", "gzip"} {
		if got, ok := quickly(t, files, q); !ok || got.body != want {
			t.Errorf("got %q, %v; want %q", got.body, ok, want)
		}
	}
	must(t, os.Remove(filepath.Join(dir, "a.css.gz")))
	if got, ok := quickly(t, files, q); !ok || got.body != "plain" || got.Header.Get("Content-Encoding") != "" {
		t.Errorf("got %q, %v; want the original", got.body, ok)
	}
}

// TestQuickIsBounded asks for more files than are remembered.
func TestQuickIsBounded(t *testing.T) {
	dir := t.TempDir()
	files := open(t, dir, Options{})
	const n = maxQuick + 200
	for i := range n {
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte("x"), 0o644))
		if got, ok := quickly(t, files, QuickRequest{Path: fmt.Sprintf("/%d", i)}); !ok || got.body != "x" {
			t.Fatalf("file %d: got %q, %v", i, got.body, ok)
		}
		c := &files.quick
		if c.held > c.maxHeld || len(c.entries) > maxQuick || c.recent.Len() != len(c.entries) {
			t.Fatalf("after %d files: %d descriptors of %d, %d entries, %d in the list", i, c.held, c.maxHeld, len(c.entries), c.recent.Len())
		}
	}
	c := &files.quick
	c.maxHeld = 4
	for i := range 10 {
		quickly(t, files, QuickRequest{Path: fmt.Sprintf("/%d", i)})
	}
	if c.held != 4 {
		t.Errorf("got %d descriptors; want 4", c.held)
	}
	before := openFiles(t)
	must(t, files.Close())
	if after := openFiles(t); c.held != 0 || len(c.entries) != 0 || after > before-4 {
		t.Errorf("after Close: %d held, %d entries, %d open files of %d", c.held, len(c.entries), after, before)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(list)
}

// TestQuickAllocates nothing once a path is known.
func TestQuickAllocates(t *testing.T) {
	dir := write(t, map[string]string{"css/a.css": "a{}", "css/a.css.gz": "gzip", "big.bin": strings.Repeat("b", 2*smallFile)})
	files := open(t, dir, Options{})
	first, _ := quickly(t, files, QuickRequest{Path: "/css/a.css"})
	etag := first.Header.Get("Etag")
	for _, tt := range []struct{ name, path, accept, tag string }{
		{"plain", "/css/a.css", "", ""},
		{"neighbour", "/css/a.css", "gzip, deflate, br, zstd", ""},
		{"not modified", "/css/a.css", "", etag},
		{"large", "/big.bin", "", ""},
	} {
		q := QuickRequest{Path: tt.path, AcceptEncoding: []byte(tt.accept), IfNoneMatch: []byte(tt.tag)}
		buf := make([]byte, 0, 4096)
		got := testing.AllocsPerRun(100, func() {
			_, a, ok := files.Quick(buf, &q, nil)
			if !ok {
				t.Fatal("refused")
			}
			if a.File >= 0 {
				closeFile(a.File)
			}
		})
		if got != 0 {
			t.Errorf("%s: got %v allocations; want none", tt.name, got)
		}
	}
}
