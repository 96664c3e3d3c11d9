package apps_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"framegate/server/internal/servertest"
)

// httpServer serves a static directory with data.bin in it, the echo of
// frames/hello.sh at /hello, and a frame that never reads its body at /ignore.
func httpServer(t *testing.T, data []byte) *servertest.Server {
	t.Helper()
	root, err := servertest.Root()
	if err != nil {
		t.Fatal(err)
	}
	static := t.TempDir()
	if err := os.WriteFile(filepath.Join(static, "data.bin"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	return serve(t, fmt.Sprintf("[static]\npath = %q\n"+
		"[[frame]]\nname = 'hello'\nmount = '/hello'\ncommand = [%q]\n"+
		"[[frame]]\nname = 'ignore'\nmount = '/ignore'\ncommand = [%q]\n",
		static, filepath.Join(root, "frames", "hello.sh"), filepath.Join(testdata(t, "cgi"), "ignore.sh")))
}

// curl runs curl verbosely; stderr is its talk about the connection.
func curl(t *testing.T, stdin []byte, args ...string) (stdout []byte, stderr string) {
	t.Helper()
	cmd := exec.Command("curl", append([]string{"--disable", "--silent", "--show-error", "--verbose", "--noproxy", "*", "--max-time", "60"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("curl %s: %v\n%s", strings.Join(args, " "), err, &errs)
	}
	return out.Bytes(), errs.String()
}

// says checks that curl's talk has each of these lines.
func says(t *testing.T, stderr string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(stderr, want) {
			t.Errorf("curl: got no %q in\n%s", want, stderr)
		}
	}
}

func TestCurl(t *testing.T) {
	servertest.Require(t, "apt-get install curl", "curl")
	data := noise(3 << 20)
	s := httpServer(t, data)
	hello := s.URL + "/hello"
	echoed := func(method string, body []byte) []byte {
		head := fmt.Sprintf("hello, world\nmethod: %s\nscript: /hello\npath: \nquery: \nbody: %d bytes\n", method, len(body))
		return append([]byte(head), body...)
	}
	same := func(t *testing.T, got, want []byte) {
		t.Helper()
		if !bytes.Equal(got, want) {
			t.Errorf("body: got %d bytes %.80q; want %d bytes %.80q", len(got), got, len(want), want)
		}
	}

	for _, tt := range []struct {
		span, contentRange string
		want               []byte
	}{
		{"10-19", "bytes 10-19/3145728", data[10:20]},
		{"-5", "bytes 3145723-3145727/3145728", data[len(data)-5:]},
		{"3145720-", "bytes 3145720-3145727/3145728", data[3145720:]},
		{"1000000-2999999", "bytes 1000000-2999999/3145728", data[1000000:3000000]},
	} {
		t.Run("range/"+tt.span, func(t *testing.T) {
			got, talk := curl(t, nil, "--range", tt.span, s.URL+"/data.bin")
			says(t, talk, "< HTTP/1.1 206 Partial Content", "< Content-Range: "+tt.contentRange+"\r\n")
			same(t, got, tt.want)
		})
	}
	t.Run("range/beyond", func(t *testing.T) {
		_, talk := curl(t, nil, "--range", "4000000-", s.URL+"/data.bin")
		says(t, talk, "< HTTP/1.1 416 ", "< Content-Range: bytes */3145728\r\n")
	})
	t.Run("resume", func(t *testing.T) {
		part := filepath.Join(t.TempDir(), "part")
		if err := os.WriteFile(part, data[:1_000_000], 0o600); err != nil {
			t.Fatal(err)
		}
		curl(t, nil, "--continue-at", "-", "--output", part, s.URL+"/data.bin")
		got, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, data)
	})
	t.Run("chunked-upload", func(t *testing.T) {
		got, talk := curl(t, data, "--upload-file", "-", hello)
		says(t, talk, "> PUT /hello HTTP/1.1", "> Transfer-Encoding: chunked", "< HTTP/1.1 200 OK")
		same(t, got, echoed("PUT", data))
	})
	t.Run("chunked-upload-empty", func(t *testing.T) {
		got, talk := curl(t, nil, "--upload-file", "-", hello)
		says(t, talk, "> Transfer-Encoding: chunked")
		same(t, got, echoed("PUT", nil))
	})
	t.Run("expect-100-continue", func(t *testing.T) {
		got, talk := curl(t, data, "--header", "Expect: 100-continue", "--header", "Content-Type: application/octet-stream",
			// Without an answer curl would send the body after a second all the same.
			"--expect100-timeout", "50", "--data-binary", "@-", hello)
		says(t, talk, "> Expect: 100-continue", "< HTTP/1.1 100 Continue", "< HTTP/1.1 200 OK")
		same(t, got, echoed("POST", data))
	})
	t.Run("one-connection", func(t *testing.T) {
		got, talk := curl(t, nil, "--data", "x=1", s.URL+"/ignore/a", s.URL+"/ignore/b", s.URL+"/hello")
		same(t, got, append([]byte("POST /a\nPOST /b\n"), echoed("POST", []byte("x=1"))...))
		if n := strings.Count(talk, "Re-using existing connection"); n != 2 {
			t.Errorf("connections used again: got %d; want 2\n%s", n, talk)
		}
	})
	t.Run("unread-body", func(t *testing.T) {
		got, talk := curl(t, data, "--data-binary", "@-", s.URL+"/ignore/a", "--next", "--silent", "--verbose", s.URL+"/ignore/b")
		same(t, got, []byte("POST /a\nGET /b\n"))
		says(t, talk, "Re-using existing connection")
	})
	t.Run("http-1.0", func(t *testing.T) {
		got, talk := curl(t, nil, "--http1.0", hello)
		says(t, talk, " 200 OK")
		if strings.Contains(talk, "Transfer-Encoding") {
			t.Errorf("got a transfer coding in HTTP/1.0\n%s", talk)
		}
		same(t, got, []byte("hello, world\nmethod: GET\nscript: /hello\npath: \nquery: \n"))
	})
	t.Run("head", func(t *testing.T) {
		got, talk := curl(t, nil, "--head", hello, s.URL+"/data.bin")
		says(t, talk, "< Content-Length: 3145728", "Re-using existing connection")
		if n := bytes.Count(got, []byte("HTTP/1.1 200 OK\r\n")); n != 2 || !bytes.HasSuffix(got, []byte("\r\n\r\n")) {
			t.Errorf("got %q; want two heads and no body", got)
		}
	})
}
