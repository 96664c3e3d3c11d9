package capture_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"framegate/server/internal/servertest"
)

func TestOptionsUnderEveryShell(t *testing.T) {
	s := serve(t, "[capture]\n"+shFrame("fails", "cat >&2; exit 3", `env = { LATER = "a'b", PATH = "/usr/bin:/bin" }`), map[string]string{
		"a=b/other.sh": "#!/bin/sh\nprintf '%s|' \"$@\" \"$LATER\" \"$NEW\" \"$PWD\"; cat\n",
	})
	r := s.request("POST", "/fails", strings.NewReader("the body"))
	r.Header.Set("Cookie", "secret")
	a := s.ask(r)
	const note = "framegate: capture: HTTP_COOKIE is redacted. To give it: sh %s HTTP_COOKIE='...'\n"
	other, err := filepath.Rel("/", filepath.Join(s.dir, "a=b/other.sh"))
	if err != nil {
		t.Fatal(err)
	}
	up := strings.Repeat("../", 30) // from wherever the shell runs
	for _, sh := range shells(t) {
		t.Run(sh.name, func(t *testing.T) {
			out, errs, state := sh.run(t, a.file, "LATER=x y", "--env", "NEW=1=2")
			if !strings.Contains("\n"+out, "\nLATER=x y\n") || !strings.HasSuffix(out, "\nNEW=1=2\n") || strings.Contains(out, "a'b") || strings.Contains(out, "TMPDIR") {
				t.Errorf("--env: got %q", out)
			}
			if want := fmt.Sprintf(note, a.file); errs != want || state.ExitCode() != 0 {
				t.Errorf("--env: got %v, stderr %q; want %q", state, errs, want)
			}
			out, errs, state = sh.run(t, a.file, "HTTP_COOKIE=a", "NEW=\n", "--against", up+other, "", "-x", "A=b", "--trace")
			if want := "|-x|A=b|--trace|a'b|\n|" + s.dir + "|the body"; out != want || errs != "" || state.ExitCode() != 0 {
				t.Errorf("--against: got %q, stderr %q, %v; want %q", out, errs, state, want)
			}
			_, errs, state = sh.run(t, a.file, "HTTP_COOKIE=a")
			if errs != "the body" || state.ExitCode() != 3 {
				t.Errorf("plain: got stderr %q, %v; want the body and 3", errs, state)
			}
			if out, errs, state = sh.run(t, a.file, "--frobnicate"); out != "" || state.ExitCode() != 2 || !strings.HasPrefix(errs, "framegate: capture: --frobnicate: no such option\nusage: sh "+a.file) {
				t.Errorf("wrong usage: got %q, stderr %q, %v", out, errs, state)
			}
		})
	}
}

func TestTrace(t *testing.T) {
	servertest.Require(t, "apt-get install strace", "strace")
	s := serve(t, "[capture]\n"+shFrame("fails", "exit 3", ""), nil)
	a := s.ask(s.request("GET", "/fails", nil))
	for _, sh := range shells(t) {
		_, errs, state := sh.run(t, a.file, "--trace")
		if state.ExitCode() != 3 || !strings.HasPrefix(errs, "execve(\"") || !strings.HasSuffix(errs, "+++ exited with 3 +++\n") {
			t.Errorf("%s: got %v, stderr %.300q", sh.name, state, errs)
		}
	}
}

// What --curl sends is the request that was captured.
func TestCurlSendsTheRequest(t *testing.T) {
	servertest.Require(t, "apt-get install curl", "curl")
	s := serve(t, "[capture]\non = \"all\"\nreveal = true\n[defaults]\npass-authorization = true\n"+shFrame("any", header+"cat", ""), nil)
	for _, test := range []struct {
		name, method, target, body string
		fields                     []string
	}{
		{"get", "GET", "/any/a?b=c", "", []string{"Accept: */*", "Cookie: a=b; c=d"}},
		{"nothing but a host", "GET", "/any", "", nil},
		{"a target of its own", "GET", "/any//x/./[1-3]{a,b}?[&'\"", "", []string{"User-Agent: it's 中文 \\n"}},
		{"head", "HEAD", "/any", "", nil},
		{"fields", "DELETE", "/any", "", []string{"X-Empty: ", "X-Twice: 1", "X-Twice: 2", "X-Latin: caf\xe9", "X-At: @file", "Authorization: Basic YTpi"}},
		{"an empty body", "POST", "/any", "", []string{"Content-Length: 0"}},
		{"a form", "POST", "/any", "a=b&c=%20", []string{"Content-Length: 9", "Content-Type: application/x-www-form-urlencoded"}},
		{"bytes", "PUT", "/any", "\x00\xff\r\n@", []string{"Content-Length: 5"}},
		{"an old client", "GET", "/any?1.0", "", []string{"proto: HTTP/1.0"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.t = t
			a := s.askRaw(test.method, test.target, test.fields, test.body)
			want := a.read(t)
			before := len(s.captures())
			sh := shells(t)[before/2%len(shells(t))]
			if sh.text {
				sh = shells(t)[0]
			}
			out, errs, state := sh.run(t, a.file, "--curl", s.URL)
			if state.ExitCode() != 0 || errs != "" || !strings.HasPrefix(out, want.Request.Proto[:7]) || test.method != "HEAD" && !strings.HasSuffix(out, test.body) {
				t.Errorf("%s: got %q, stderr %q, %v", sh.name, out, errs, state)
			}
			s.until("the capture", func() bool { return len(s.captures()) > before })
			got := answer{file: s.captures()[before]}.read(t)
			got.Request.Remote, want.Request.Remote = "", ""
			if diff := cmp.Diff(want.Request, got.Request); diff != "" {
				t.Errorf("%s: the request (-captured +sent):\n%s", sh.name, diff)
			}
			if diff := cmp.Diff(string(want.Body), string(got.Body)); diff != "" {
				t.Errorf("%s: the body (-captured +sent):\n%s", sh.name, diff)
			}
		})
	}
}

// askRaw sends a request as it is written, and waits for its capture.
func (s *site) askRaw(method, target string, fields []string, body string) answer {
	s.t.Helper()
	host := strings.TrimPrefix(s.URL, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	before, proto := len(s.captures()), "HTTP/1.1"
	text := ""
	for _, field := range fields {
		if v, ok := strings.CutPrefix(field, "proto: "); ok {
			proto = v
			continue
		}
		text += field + "\r\n"
	}
	fmt.Fprintf(conn, "%s %s %s\r\nHost: %s\r\n%s\r\n%s", method, target, proto, host, text, body)
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
		s.t.Fatalf("%s %s: got %s, %v", method, target, resp.Status, err)
	}
	s.until("the capture", func() bool { return len(s.captures()) > before })
	return answer{resp.StatusCode, "", s.captures()[before]}
}
