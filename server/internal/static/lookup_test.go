package static

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestTreeName(t *testing.T) {
	tests := []struct {
		path     string
		dotfiles bool
		name     string
		slash    bool
		ok       bool
	}{
		{"/", false, "", true, true},
		{"//", false, "", true, true},
		{"/a", false, "a", false, true},
		{"/a/", false, "a", true, true},
		{"/a//b///c//", false, "a/b/c", true, true},
		{"//a", false, "a", false, true},
		{"/a.b/c.d", false, "a.b/c.d", false, true},
		{"", false, "", false, false},
		{"a", false, "", false, false},
		{"*", false, "", false, false},
		{"/a\x00", false, "", false, false},
		{"/.", true, "", false, false},
		{"/..", true, "", false, false},
		{"/a/../b", true, "", false, false},
		{"/a/./b", true, "", false, false},
		{"/...", false, "", false, false},
		{"/...", true, "...", false, true},
		{"/.a", false, "", false, false},
		{"/a/.b", false, "", false, false},
		{"/a//.b", false, "", false, false},
		{"/.a", true, ".a", false, true},
		{"/.well-known", false, ".well-known", false, true},
		{"/.well-known/a", false, ".well-known/a", false, true},
		{"//.well-known/a", false, ".well-known/a", false, true},
		{"/.well-known/.a", false, "", false, false},
		{"/.well-known/.a", true, ".well-known/.a", false, true},
		{"/.well-knownx/a", false, "", false, false},
		{"/a/.well-known/b", false, "", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			name, slash, ok := treeName(tt.path, tt.dotfiles)
			if !ok {
				name, slash = "", false
			}
			if name != tt.name || slash != tt.slash || ok != tt.ok {
				t.Errorf("got %q, %v, %v; want %q, %v, %v", name, slash, ok, tt.name, tt.slash, tt.ok)
			}
		})
	}
}

func TestSymlinks(t *testing.T) {
	outside := write(t, map[string]string{"secret.txt": "secret", "dir/x.txt": "x"})
	dir := write(t, map[string]string{"real/a.css": "a{}", "real/index.html": "real", "links/": ""})
	for link, target := range map[string]string{
		"in.css":          "real/a.css",
		"links/up.css":    "../real/a.css",
		"indir":           "real",
		"chain.css":       "in.css",
		"out.txt":         filepath.Join(outside, "secret.txt"),
		"outdir":          filepath.Join(outside, "dir"),
		"rel.txt":         "../" + filepath.Base(outside) + "/secret.txt",
		"absolute-in.css": filepath.Join(dir, "real/a.css"),
		"broken":          "nowhere",
		"loop":            "loop",
	} {
		must(t, os.Symlink(target, filepath.Join(dir, link)))
	}
	addr := serve(t, dir, Options{})
	for path, status := range map[string]int{
		"/in.css": 200, "/links/up.css": 200, "/chain.css": 200, "/indir/a.css": 200, "/indir/": 200, "/indir": 301,
		"/out.txt": 404, "/outdir": 404, "/outdir/": 404, "/outdir/x.txt": 404, "/rel.txt": 404,
		"/absolute-in.css": 404, // os.Root takes every absolute link for an escape
		"/broken":          404, "/loop": 404,
	} {
		t.Run(path, func(t *testing.T) { do(t, addr, "GET "+path).check(t, status, "*") })
	}
}

func TestSpecialFiles(t *testing.T) {
	// A short path: a socket's may have 100 bytes.
	dir, err := os.MkdirTemp("", "static")
	must(t, err)
	defer os.RemoveAll(dir)
	must(t, syscall.Mkfifo(filepath.Join(dir, "fifo.css"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "a.css"), []byte("a{}"), 0o644))
	must(t, syscall.Mkfifo(filepath.Join(dir, "a.css.gz"), 0o644))
	must(t, os.Mkdir(filepath.Join(dir, "a.css.br"), 0o755))
	must(t, os.Mkdir(filepath.Join(dir, "d"), 0o755))
	must(t, syscall.Mkfifo(filepath.Join(dir, "d", "index.html"), 0o644))
	l, err := net.Listen("unix", filepath.Join(dir, "socket"))
	must(t, err)
	defer l.Close()

	addr := serve(t, dir, Options{})
	for _, request := range []string{"GET /fifo.css", "HEAD /fifo.css", "OPTIONS /fifo.css", "GET /socket", "GET /d/"} {
		t.Run(request, func(t *testing.T) { do(t, addr, request).check(t, 404, "*") })
	}
	t.Run("neighbours", func(t *testing.T) {
		do(t, addr, "GET /a.css", "Accept-Encoding: gzip, br").check(t, 200, "a{}", "Content-Encoding:")
	})
	t.Run("device", func(t *testing.T) {
		do(t, serve(t, "/dev", Options{}), "GET /null").check(t, 404, "*")
	})
}

func TestOpenError(t *testing.T) {
	tests := []struct {
		name   string
		err    error
		status int // 0: no such file
	}{
		{"missing", syscall.ENOENT, 0},
		{"file in the middle", syscall.ENOTDIR, 0},
		{"loop", syscall.ELOOP, 0},
		{"too long", syscall.ENAMETOOLONG, 0},
		{"socket", syscall.ENXIO, 0},
		{"outside", errors.New("path escapes from parent"), 0},
		{"permission", syscall.EACCES, 403},
		{"not permitted", syscall.EPERM, 403},
		{"descriptors of the process", syscall.EMFILE, 503},
		{"descriptors of the machine", syscall.ENFILE, 503},
		{"lease", syscall.EAGAIN, 503},
		{"disk", syscall.EIO, 500},
		{"closed", os.ErrClosed, 500},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := openError(&fs.PathError{Op: "openat", Path: "x", Err: tt.err})
			var e *Error
			switch {
			case tt.status == 0:
				if got != errNoFile {
					t.Errorf("got %v; want %v", got, errNoFile)
				}
			case !errors.As(got, &e) || e.Status != tt.status:
				t.Errorf("got %v; want status %d", got, tt.status)
			case !errors.Is(got, tt.err):
				t.Errorf("got %v; want it to wrap %v", got, tt.err)
			}
		})
	}
}

func TestRedirect(t *testing.T) {
	dir := write(t, map[string]string{
		"docs/": "", "host/": "", "a b/": "", "ü/": "", "q?#%/": "", "\\evil.example/": "", "x:y/": "", "\"<>&'/": "", "a/b/": "",
	})
	addr := serve(t, dir, Options{})
	for _, tt := range []struct{ name, target, want string }{
		{"plain", "/docs", "/docs/"},
		{"query", "/docs?a=1&b=%20", "/docs/?a=1&b=%20"},
		{"empty query", "/docs?", "/docs/"},
		{"raw bytes in the query", "/docs?a=\xc3\xbc\"<>\\", "/docs/?a=%C3%BC%22%3C%3E%5C"},
		{"not another host", "//host", "/host/"},
		{"nor with many slashes", "////host?x", "/host/?x"},
		{"nor with a backslash", "/%5Cevil.example", "/%5Cevil.example/"},
		{"space", "/a%20b", "/a%20b/"},
		{"UTF-8", "/%C3%BC", "/%C3%BC/"},
		{"reserved", "/q%3F%23%25", "/q%3F%23%25/"},
		{"colon", "/x:y", "/x:y/"},
		{"markup", "/%22%3C%3E&'", "/%22%3C%3E&%27/"},
		{"below", "/a//b", "/a/b/"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// httptest's server parses "//host" as a path, as the gateway does.
			a := do(t, addr, "GET "+tt.target)
			a.check(t, 301, "*", "Location: "+tt.want, "Content-Type: text/html; charset=utf-8", "X-Content-Type-Options: nosniff", "Etag:")
			do(t, addr, "HEAD "+tt.target).check(t, 301, "", "Location: "+tt.want, "Content-Length: "+a.Header.Get("Content-Length"))
		})
	}
	t.Run("page is escaped", func(t *testing.T) {
		a := do(t, addr, "GET /%22%3C%3E&'")
		want := "<!DOCTYPE html>\n<title>Moved</title>\n<p>This directory is at <a href=\"/%22%3C%3E&amp;%27/\">its own address</a>.\n"
		a.check(t, 301, want)
	})
}
