package static

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// BenchmarkStatic1KiB is one file of 1 KiB over one kept connection: a browser
// that accepts compression (no neighbour there), the same without, a 304, and
// a neighbour.
func BenchmarkStatic1KiB(b *testing.B) {
	content := strings.Repeat("x", 1024)
	dir := write(b, map[string]string{"css/site.css": content, "css/packed.css": "original", "css/packed.css.gz": content, "img/a.png": content})
	addr := serve(b, dir, Options{})
	etag := do(b, addr, "GET /css/site.css").Header.Get("Etag")
	const browser = "Accept-Encoding: gzip, deflate, br, zstd\r\n"
	for _, bb := range []struct{ name, path, lines string }{
		{"plain", "/css/site.css", ""},
		{"browser", "/css/site.css", browser},
		{"image", "/img/a.png", browser},
		{"neighbour", "/css/packed.css", browser},
		{"not-modified", "/css/site.css", "If-None-Match: " + etag + "\r\n"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			conn, err := net.Dial("tcp", addr)
			must(b, err)
			defer conn.Close()
			in := bufio.NewReader(conn)
			request := "GET " + bb.path + " HTTP/1.1\r\nHost: test\r\n" + bb.lines + "\r\n"
			b.ReportAllocs()
			for b.Loop() {
				if _, err := io.WriteString(conn, request); err != nil {
					b.Fatal(err)
				}
				resp, err := http.ReadResponse(in, nil)
				must(b, err)
				n, err := io.Copy(io.Discard, resp.Body)
				must(b, err)
				if resp.StatusCode == http.StatusOK && n != 1024 {
					b.Fatalf("got %d bytes; want 1024", n)
				}
			}
		})
	}
}

// BenchmarkStatic64MiB is the way through sendfile.
func BenchmarkStatic64MiB(b *testing.B) {
	const size = 64 << 20
	dir := write(b, map[string]string{"big.bin": strings.Repeat("x", size)})
	conn, err := net.Dial("tcp", serve(b, dir, Options{}))
	must(b, err)
	defer conn.Close()
	in := bufio.NewReader(conn)
	b.SetBytes(size)
	for b.Loop() {
		if _, err := io.WriteString(conn, "GET /big.bin HTTP/1.1\r\nHost: test\r\n\r\n"); err != nil {
			b.Fatal(err)
		}
		resp, err := http.ReadResponse(in, nil)
		must(b, err)
		if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil {
			b.Fatalf("got %d bytes, %v; want %d", n, err, size)
		}
	}
}
