package static

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// names are the codings of a ranking, as Accept-Encoding would list them.
func (r ranking) names() string {
	var names []string
	for _, i := range r.order[:r.n] {
		names = append(names, codings[i].name)
	}
	return strings.Join(names, " ")
}

func TestAcceptEncoding(t *testing.T) {
	tests := []struct{ name, header, want string }{
		{"empty", "", ""},
		{"one", "gzip", "gzip"},
		{"equal weights: ours decide", "gzip, zstd, br", "br zstd gzip"},
		{"a browser", "gzip, deflate, br, zstd", "br zstd gzip"},
		{"weights", "br;q=0.1, gzip;q=0.9, zstd;q=0.5", "gzip zstd br"},
		{"three digits", "br;q=0.998,gzip;q=0.999", "gzip br"},
		{"white space", "\tgzip ; q=0.5 ,  br;q=0.4", "gzip br"},
		{"case", "GZip;Q=1, BR", "br gzip"},
		{"x-gzip", "x-gzip", "gzip"},
		{"zero", "gzip;q=0", ""},
		{"zero with digits", "gzip;q=0.000, br", "br"},
		{"unknown", "deflate, compress", ""},
		{"star", "*", "br zstd gzip"},
		{"star but", "*, br;q=0", "zstd gzip"},
		{"star of little weight", "gzip;q=0.5, *;q=0.1", "gzip br zstd"},
		{"star zero", "gzip, *;q=0", "gzip"},
		{"identity preferred", "identity, gzip;q=0.5", ""},
		{"identity less", "identity;q=0.5, gzip", "gzip"},
		{"identity equal", "identity, gzip", "gzip"},
		{"identity excluded", "identity;q=0, gzip;q=0.1", "gzip"},
		{"identity by star", "*;q=0.5, gzip;q=0.2, br", "br zstd"},
		{"identity unnamed comes last", "gzip;q=0.001", "gzip"},
		{"nothing acceptable", "*;q=0", ""},
		{"the first of two counts", "gzip;q=0, gzip", ""},
		{"empty elements", ",, ,gzip,", "gzip"},
		{"bad weight", "gzip;q=2, br", "br"},
		{"bad digits", "gzip;q=0.1234", ""},
		{"bad one", "gzip;q=1.001", ""},
		{"no digit", "gzip;q=", ""},
		{"negative", "gzip;q=-1", ""},
		{"other parameter", "gzip;level=9", ""},
		{"two words", "gzip br", ""},
		{"long s is no s", "z\u017ftd", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := acceptEncoding([]string{tt.header}).names(); got != tt.want {
				t.Errorf("got %q; want %q", got, tt.want)
			}
		})
	}
	t.Run("several lines", func(t *testing.T) {
		if got := acceptEncoding([]string{"gzip;q=0.5", "br"}).names(); got != "br gzip" {
			t.Errorf("got %q; want %q", got, "br gzip")
		}
	})
	t.Run("none", func(t *testing.T) {
		if got := acceptEncoding(nil).names(); got != "" {
			t.Errorf("got %q; want none", got)
		}
	})
}

func TestNeighbours(t *testing.T) {
	dir := write(t, map[string]string{
		"all.css": "original", "all.css.br": "BROTLI", "all.css.zst": "ZSTANDARD", "all.css.gz": "GZIP",
		"gz.js": "original", "gz.js.gz": "GZIP",
		"stale.css": "edited", "stale.css.gz": "OLD", "stale.css.br": "NEW",
		"empty.css": "original", "empty.css.gz": "",
		"pic.png": "PNG", "pic.png.gz": "GZIP",
		"plain.txt":  "plain",
		"only.js.gz": "GZIP",
		"index.html": "home", "index.html.gz": "GZIP",
		".hidden.css": "h", ".hidden.css.gz": "GZIP",
	})
	must(t, os.Chtimes(filepath.Join(dir, "stale.css.gz"), day0, day1))
	must(t, os.Chtimes(filepath.Join(dir, "stale.css"), day0, day1.Add(time.Nanosecond)))
	must(t, os.Chtimes(filepath.Join(dir, "stale.css.br"), day0, day1.Add(time.Nanosecond)))
	must(t, os.Chtimes(filepath.Join(dir, "gz.js"), day0, day1)) // as gzip -k leaves them: equal
	must(t, os.Chtimes(filepath.Join(dir, "gz.js.gz"), day0, day1))
	addr := serve(t, dir, Options{})

	const css, js = "Content-Type: text/css; charset=utf-8", "Content-Type: text/javascript; charset=utf-8"
	tests := []struct {
		name, target, accept string
		body                 string
		fields               []string
	}{
		{"no Accept-Encoding", "/all.css", "-", "original", []string{css, "Content-Encoding:", "Vary: Accept-Encoding"}},
		{"empty Accept-Encoding", "/all.css", "", "original", []string{css, "Content-Encoding:", "Vary: Accept-Encoding"}},
		{"gzip", "/all.css", "gzip", "GZIP", []string{css, "Content-Encoding: gzip", "Vary: Accept-Encoding", "Content-Length: 4"}},
		{"br", "/all.css", "gzip, br", "BROTLI", []string{css, "Content-Encoding: br", "Vary: Accept-Encoding"}},
		{"zstd", "/all.css", "gzip, zstd", "ZSTANDARD", []string{css, "Content-Encoding: zstd", "Vary: Accept-Encoding"}},
		{"refused", "/all.css", "gzip;q=0", "original", []string{"Content-Encoding:", "Vary: Accept-Encoding"}},
		{"identity preferred", "/all.css", "identity, gzip;q=0.5", "original", []string{"Content-Encoding:"}},
		{"nothing acceptable", "/all.css", "*;q=0", "original", []string{"Content-Encoding:"}},
		{"the favourite is missing", "/gz.js", "br, gzip;q=0.1", "GZIP", []string{js, "Content-Encoding: gzip", "Last-Modified: " + date(day1)}},
		{"none there", "/plain.txt", "br, gzip", "plain", []string{"Content-Encoding:", "Vary: Accept-Encoding"}},
		{"older than the original", "/stale.css", "gzip", "edited", []string{"Content-Encoding:", "Vary: Accept-Encoding"}},
		{"as new as the original", "/stale.css", "gzip, br", "NEW", []string{"Content-Encoding: br"}},
		{"empty", "/empty.css", "gzip", "original", []string{"Content-Encoding:"}},
		{"not worth it", "/pic.png", "gzip", "PNG", []string{"Content-Encoding:", "Vary:", "Content-Type: image/png"}},
		{"index", "/", "gzip", "GZIP", []string{"Content-Encoding: gzip", "Content-Type: text/html; charset=utf-8"}},
		{"asked for by name", "/all.css.gz", "gzip", "GZIP", []string{"Content-Type: application/gzip", "Content-Encoding:", "Vary:"}},
		{"asked for by name, br", "/all.css.br", "-", "BROTLI", []string{"Content-Type: application/octet-stream", "Content-Encoding:"}},
		{"asked for by name, zst", "/all.css.zst", "-", "ZSTANDARD", []string{"Content-Type: application/zstd"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var lines []string
			if tt.accept != "-" {
				lines = []string{"Accept-Encoding: " + tt.accept}
			}
			do(t, addr, "GET "+tt.target, lines...).check(t, 200, tt.body, tt.fields...)
		})
	}
	t.Run("a neighbour alone is no file", func(t *testing.T) {
		do(t, addr, "GET /only.js", "Accept-Encoding: gzip").check(t, 404, "*")
		do(t, addr, "GET /.hidden.css", "Accept-Encoding: gzip").check(t, 404, "*")
	})
	t.Run("a tag for each encoding", func(t *testing.T) {
		tags := map[string]bool{}
		for accept, suffix := range map[string]string{"identity": `"`, "gzip": `-gz"`, "br": `-br"`, "zstd": `-zst"`} {
			tag := do(t, addr, "GET /all.css", "Accept-Encoding: "+accept).Header.Get("Etag")
			if tags[tag] || !strings.HasSuffix(tag, suffix) {
				t.Errorf("%s: got %s; want one of its own that ends in %s", accept, tag, suffix)
			}
			tags[tag] = true
			do(t, addr, "GET /all.css", "Accept-Encoding: "+accept, "If-None-Match: "+tag).check(t, 304, "", "Etag: "+tag, "Vary: Accept-Encoding")
			if accept != "gzip" {
				do(t, addr, "GET /all.css", "Accept-Encoding: gzip", "If-None-Match: "+tag).check(t, 200, "GZIP")
			}
		}
	})
	t.Run("HEAD", func(t *testing.T) {
		do(t, addr, "HEAD /all.css", "Accept-Encoding: gzip").check(t, 200, "", "Content-Length: 4", "Content-Encoding: gzip")
	})
	t.Run("ranges are of the encoded file", func(t *testing.T) {
		do(t, addr, "GET /all.css", "Accept-Encoding: gzip", "Range: bytes=1-2").check(t, 206, "ZI",
			"Content-Range: bytes 1-2/4", "Content-Encoding: gzip", css)
		do(t, addr, "GET /all.css", "Accept-Encoding: gzip", "Range: bytes=6-7").check(t, 416, "*",
			"Content-Range: bytes */4", "Content-Encoding:", "Vary: Accept-Encoding")
	})
	t.Run("a new neighbour is seen at once", func(t *testing.T) {
		must(t, os.WriteFile(filepath.Join(dir, "plain.txt.gz"), []byte("PACKED"), 0o644))
		do(t, addr, "GET /plain.txt", "Accept-Encoding: gzip").check(t, 200, "PACKED")
		must(t, os.Remove(filepath.Join(dir, "plain.txt.gz")))
		do(t, addr, "GET /plain.txt", "Accept-Encoding: gzip").check(t, 200, "plain")
	})
}

func TestTypes(t *testing.T) {
	for name, want := range map[string]string{
		"index.html": "text/html; charset=utf-8", "a.css": "text/css; charset=utf-8", "a.js": "text/javascript; charset=utf-8",
		"a.mjs": "text/javascript; charset=utf-8", "a.txt": "text/plain; charset=utf-8", "README.md": "text/markdown; charset=utf-8",
		"a.csv": "text/csv; charset=utf-8", "a.json": "application/json", "a.js.map": "application/json",
		"site.webmanifest": "application/manifest+json", "a.wasm": "application/wasm", "a.xml": "application/xml",
		"a.svg": "image/svg+xml", "a.webp": "image/webp", "a.avif": "image/avif", "a.png": "image/png", "a.JPG": "image/jpeg",
		"favicon.ico": "image/vnd.microsoft.icon", "a.woff2": "font/woff2", "a.mp4": "video/mp4", "a.pdf": "application/pdf",
		"a.tar.gz": "application/gzip", "dir.css/a": "application/octet-stream",
		"a": "application/octet-stream", "a.": "application/octet-stream", ".css": "text/css; charset=utf-8",
		"a.php": "application/octet-stream", "a.py": "application/octet-stream", "a.css~": "application/octet-stream",
	} {
		if got := typeOf(name).contentType; got != want {
			t.Errorf("%s: got %q; want %q", name, got, want)
		}
	}
	for ext, typ := range fileTypes {
		if ext != strings.ToLower(ext) || strings.HasPrefix(ext, ".") {
			t.Errorf("%q: an extension in the table is lower case, without the dot", ext)
		}
		if strings.HasPrefix(typ.contentType, "text/") != strings.HasSuffix(typ.contentType, "; charset=utf-8") {
			t.Errorf("%q: got %q; want a charset for text and for text alone", ext, typ.contentType)
		}
	}
	// A page is never guessed at: markup in a file without a known extension.
	addr := serve(t, write(t, map[string]string{"upload": "<script>alert(1)</script>"}), Options{})
	do(t, addr, "GET /upload").check(t, 200, "*", "Content-Type: application/octet-stream", "X-Content-Type-Options: nosniff")
}
