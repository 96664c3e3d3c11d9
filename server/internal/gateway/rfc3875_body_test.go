package gateway_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"framegate/server/internal/testframe"
)

// chunked hides the length of a body, so that it is sent in chunks (HTTP/1.1)
// or without a length (HTTP/2).
func chunked(body string) io.Reader { return struct{ io.Reader }{strings.NewReader(body)} }

// noise is n bytes of every value, the same in each run.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{3, 8, 7, 5}).Read(b)
	return b
}

// §4.1.2: set if and only if there is a body, with transfer codings removed.
func contentLength(t *testing.T) {
	s := start(t, setup{})
	tests := []struct {
		name   string
		client *http.Client
		method string
		body   io.Reader
		fields []string
		want   string // "" is unset
	}{
		{"GET", s.client, "GET", nil, nil, ""},
		{"GET over HTTP/2", s.h2, "GET", nil, nil, ""},
		{"HEAD is without", s.client, "DELETE", nil, nil, ""},
		{"a length", s.client, "POST", strings.NewReader("hello"), nil, "5"},
		{"a length over HTTP/2", s.h2, "POST", strings.NewReader("hello"), nil, "5"},
		{"a body of a GET", s.client, "GET", strings.NewReader("abc"), nil, "3"},
		{"length 0", s.client, "POST", http.NoBody, nil, "0"},
		{"chunked", s.client, "POST", chunked("hello"), nil, "5"},
		{"no length over HTTP/2", s.h2, "POST", chunked("hello"), nil, "5"},
		{"a content coding stays", s.client, "POST", chunked("\x1f\x8bhello"), []string{"Content-Encoding: gzip"}, "7"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := s.dump(tt.client, tt.method, "/dump", tt.body, tt.fields...)
			if tt.want == "" {
				s.wantUnset(d, "CONTENT_LENGTH")
			} else {
				s.want(d, "CONTENT_LENGTH", tt.want)
			}
			s.wantUnset(d, "HTTP_CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING")
			if got := strconv.Itoa(len(d.Stdin)); got != tt.want && got+tt.want != "0" {
				t.Errorf("stdin: got %s bytes; want %q", got, tt.want)
			}
		})
	}
	w := s.dial()
	w.send("POST /dump HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX-T: t\r\n\r\n")
	resp, body := w.receive("POST")
	d := s.readDump(resp.StatusCode, body)
	s.want(d, "CONTENT_LENGTH", "5")
	if string(d.Stdin) != "abcde" {
		t.Errorf("stdin: got %q; want %q", d.Stdin, "abcde")
	}
	w.send("POST /dump HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	resp, body = w.receive("POST")
	s.want(s.readDump(resp.StatusCode, body), "CONTENT_LENGTH", "0")
}

// §4.1.2: a chunked body is counted before the process starts: in memory up
// to 1 MiB, beyond that in a file that no name leads to.
func chunkedSpool(t *testing.T) {
	spool := t.TempDir()
	t.Setenv("TMPDIR", spool)
	s := start(t, setup{
		scripts: "pass-env = [\"TMPDIR\"]\n",
		files: map[string]string{"cgi-bin/spooled": `#!/bin/sh
printf 'Content-Type: text/plain\n\n'
echo "$CONTENT_LENGTH" $(wc -c) $(ls -A "$TMPDIR" | wc -l) $(readlink /proc/$$/fd/0)
`},
	})
	const mib = 1 << 20
	for _, client := range []*http.Client{s.client, s.h2} {
		for _, size := range []int{0, 1, 100 << 10, mib - 1, mib + 1, 5*mib + 7} {
			resp, body := s.do(client, "POST", "/cgi-bin/spooled", chunked(string(noise(size))))
			s.wantStatus(resp, body, 200)
			want := fmt.Sprintf("%d %d 0", size, size)
			if !strings.HasPrefix(body, want+" ") && body != want+"\n" {
				t.Errorf("CONTENT_LENGTH, bytes, files: got %q; want %q", body, want)
			}
			deleted := strings.HasPrefix(body, want+" "+spool) && strings.HasSuffix(body, "(deleted)\n")
			if runtime.GOOS == "linux" && deleted != (size > mib) {
				t.Errorf("%d bytes: stdin is %q", size, body)
			}
		}
	}
	s.stop()
	if left, err := os.ReadDir(spool); err != nil || len(left) > 0 {
		t.Errorf("got %v, %v in the temporary directory; want nothing", left, err)
	}
}

// §4.2: exactly CONTENT_LENGTH bytes, then the end of the file.
func stdinExact(t *testing.T) {
	s := start(t, setup{frames: "\n[[frame]]\nname = \"stream\"\nmount = \"/stream\"\nstream-body = true\nDUMP"})
	for _, path := range []string{"/dump", "/stream"} {
		for _, client := range []*http.Client{s.client, s.h2} {
			for _, size := range []int{1, 64<<10 - 1, 64 << 10, 64<<10 + 1, 3<<20 + 5} {
				body := noise(size)
				if d := s.dump(client, "POST", path, bytes.NewReader(body)); !bytes.Equal(d.Stdin, body) {
					t.Errorf("%s: %d bytes: got %d on stdin, or others", path, size, len(d.Stdin))
				}
				if d := s.dump(client, "POST", path, chunked(string(body))); !bytes.Equal(d.Stdin, body) {
					t.Errorf("%s: %d bytes without a length: got %d on stdin, or others", path, size, len(d.Stdin))
				}
			}
		}
		// What follows on the connection is not the body's.
		w := s.dial()
		w.send("POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhelloGET " + path + "/2 HTTP/1.1\r\nHost: h\r\n\r\n")
		resp, body := w.receive("POST")
		if d := s.readDump(resp.StatusCode, body); string(d.Stdin) != "hello" {
			t.Errorf("%s: stdin: got %q; want %q", path, d.Stdin, "hello")
		}
		resp, body = w.receive("GET")
		d := s.readDump(resp.StatusCode, body)
		s.want(d, "PATH_INFO", "/2")
		if len(d.Stdin) != 0 {
			t.Errorf("%s: stdin of a GET: got %q; want nothing", path, d.Stdin)
		}
		w.Close()
	}
}

// §4.2: a frame need not read its stdin; the pipe that breaks is no error.
func unreadStdin(t *testing.T) {
	const answer = "Content-Type: text/plain\n\ndone"
	for name, steps := range map[string][]testframe.Step{
		"ends":          {testframe.Print(answer)},
		"closes it":     {testframe.CloseStdin(), testframe.Print(answer)},
		"answers first": {testframe.Print(answer), testframe.CloseStdin()},
	} {
		for _, size := range []int{10, 200 << 10, 3 << 20} {
			for _, keys := range []string{"", "stream-body = true\n"} {
				t.Run(fmt.Sprintf("%s, %d bytes %s", name, size, keys), func(t *testing.T) {
					s := start(t, setup{frames: frameTable("deaf", `mount = "/deaf"`, testframe.Command(steps...), keys)})
					resp, body := s.do(s.client, "POST", "/deaf", bytes.NewReader(noise(size)))
					if resp.StatusCode != 200 || body != "done" {
						t.Errorf("got %d, %q; want 200, %q", resp.StatusCode, body, "done")
					}
					s.wantLogged("info", "")
				})
			}
		}
	}
}

// stdin = "scgi": the environ as a netstring, then the body.
func scgiStdin(t *testing.T) {
	s := start(t, setup{frames: "\n[[frame]]\nname = \"scgi\"\nmount = \"/scgi\"\nstdin = \"scgi\"\nDUMP" +
		"\n[[frame]]\nname = \"stream\"\nmount = \"/stream\"\nstdin = \"scgi\"\nstream-body = true\nDUMP"})
	for _, path := range []string{"/scgi/x?y", "/stream/x?y"} {
		for _, body := range [][]byte{nil, []byte("hello"), noise(2 << 20)} {
			d := s.dump(s.client, "POST", path, bytes.NewReader(body))
			r := bufio.NewReader(bytes.NewReader(d.Stdin))
			length, err := r.ReadString(':')
			n, nerr := strconv.Atoi(strings.TrimSuffix(length, ":"))
			if err != nil || nerr != nil {
				t.Fatalf("netstring: got %q, %v, %v", length, err, nerr)
			}
			head := make([]byte, n+1)
			if _, err := io.ReadFull(r, head); err != nil || head[n] != ',' {
				t.Fatalf("netstring of %d bytes: %v", n, err)
			}
			rest, _ := io.ReadAll(r)
			if !bytes.Equal(rest, body) {
				t.Errorf("body: got %d bytes, or others; want %d", len(rest), len(body))
			}
			words := strings.Split(string(head[:n]), "\x00")
			if words[0] != "CONTENT_LENGTH" || words[1] != strconv.Itoa(len(body)) || words[2] != "SCGI" || words[3] != "1" {
				t.Errorf("netstring begins %q; want CONTENT_LENGTH, then SCGI", words[:4])
			}
			repeated := dump{}
			for i := 0; i+1 < len(words); i += 2 {
				repeated.Env = append(repeated.Env, words[i]+"="+words[i+1])
			}
			s.wantUnset(d, "SCGI")
			for _, kv := range d.Env {
				name, value, _ := strings.Cut(kv, "=")
				s.want(&repeated, name, value)
			}
		}
	}
}

// A streamed body goes in while the answer comes out, over HTTP/1.1 and
// HTTP/2: the second half is sent only when the first has been echoed.
func streamBothWays(t *testing.T) {
	echo := testframe.Command(testframe.Print("Content-Type: text/plain\n\n"), testframe.Echo())
	s := start(t, setup{frames: frameTable("echo", `mount = "/echo"`, echo, "stream-body = true\n")})
	for _, client := range []*http.Client{s.client, s.h2} {
		r, w := io.Pipe()
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/echo", r)
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = 10
		go io.WriteString(w, "hello")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		half := make([]byte, 5)
		if _, err := io.ReadFull(resp.Body, half); err != nil || string(half) != "hello" {
			t.Errorf("%s: got %q, %v; want %q", resp.Proto, half, err, "hello")
		}
		go func() {
			io.WriteString(w, "world")
			w.Close()
		}()
		rest, err := io.ReadAll(resp.Body)
		if err != nil || string(rest) != "world" {
			t.Errorf("%s: got %q, %v; want %q", resp.Proto, rest, err, "world")
		}
		resp.Body.Close()
	}
	// More than both pipes and the socket hold: whoever writes it all before
	// reading stands still here.
	body := noise(4 << 20)
	if _, got := s.do(s.client, "POST", "/echo", bytes.NewReader(body)); got != string(body) {
		t.Errorf("got %d bytes back, or others; want %d", len(got), len(body))
	}
	if _, got := s.do(s.client, "POST", "/echo", chunked(string(body))); got != string(body) {
		t.Errorf("chunked: got %d bytes back, or others; want %d", len(got), len(body))
	}
}

// Expect: 100-continue asks for a sign before the body is sent; a request
// that is refused gets its answer instead.
func expectContinue(t *testing.T) {
	s := start(t, setup{frames: "\n[[frame]]\nname = \"small\"\nmount = \"/small\"\nmax-body = \"4B\"\nDUMP" +
		"\n[[frame]]\nname = \"stream\"\nmount = \"/stream\"\nstream-body = true\nDUMP"})
	for _, path := range []string{"/dump", "/stream"} {
		w := s.dial()
		w.send("POST " + path + " HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
		if resp, _ := w.receive("POST"); resp.StatusCode != 100 {
			t.Fatalf("%s: got status %d; want 100", path, resp.StatusCode)
		}
		w.send("hello")
		resp, body := w.receive("POST")
		if d := s.readDump(resp.StatusCode, body); string(d.Stdin) != "hello" {
			t.Errorf("%s: stdin: got %q; want %q", path, d.Stdin, "hello")
		}
		w.send("GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n") // the connection lives on
		resp, body = w.receive("GET")
		s.readDump(resp.StatusCode, body)
	}
	for path, want := range map[string]int{"/small": 413, "/nowhere": 404} {
		w := s.dial()
		w.send("POST " + path + " HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
		if resp, _ := w.receive("POST"); resp.StatusCode != want {
			t.Errorf("%s: got status %d; want %d", path, resp.StatusCode, want)
		}
	}
	w := s.dial()
	w.send("POST /dump HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")
	resp, body := w.receive("POST")
	s.readDump(resp.StatusCode, body) // HTTP/1.0 has no 1xx
}
