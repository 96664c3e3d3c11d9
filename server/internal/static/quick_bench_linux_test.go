package static

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// BenchmarkQuick is one request by Quick, without a connection.
func BenchmarkQuick(b *testing.B) {
	content := strings.Repeat("x", 1024)
	dir := write(b, map[string]string{"a.css": content, "css/a.css": content, "css/packed.css": "original", "css/packed.css.gz": content,
		"img/a.png": content, "100k": strings.Repeat(content, 100)})
	must(b, os.Symlink("css", dir+"/linked"))
	files := open(b, dir, Options{})
	const browser = "gzip, deflate, br, zstd"
	first, _, _ := files.Quick(nil, &QuickRequest{Path: "/css/a.css"}, nil)
	_, etag, _ := strings.Cut(string(first), "Etag: ")
	etag, _, _ = strings.Cut(etag, "\r\n")
	for _, bb := range []struct{ name, path, accept, tag string }{
		{"plain", "/a.css", "", ""},
		{"below", "/css/a.css", "", ""},
		{"browser", "/css/a.css", browser, ""},
		{"image", "/img/a.png", browser, ""},
		{"neighbour", "/css/packed.css", browser, ""},
		{"linked", "/linked/a.css", "", ""},
		{"not-modified", "/css/a.css", "", etag},
		{"100KiB", "/100k", "", ""},
	} {
		b.Run(bb.name, func(b *testing.B) {
			buf, common := make([]byte, 0, 4096), []byte("Server: test\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n")
			q := QuickRequest{Path: bb.path, AcceptEncoding: []byte(bb.accept), IfNoneMatch: []byte(bb.tag)}
			b.ReportAllocs()
			for b.Loop() {
				_, a, ok := files.Quick(buf, &q, common)
				if !ok || bb.tag != "" && a.Status != 304 {
					b.Fatal(fmt.Sprint(a, ok))
				}
				if a.File >= 0 {
					syscall.Close(a.File)
				}
			}
		})
	}
}
