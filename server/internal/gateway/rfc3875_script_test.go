package gateway_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"framegate/server/internal/testframe"
)

// §3.1: whatever the script prints, what the client reads is HTTP, and the
// connection is good for the next request.
func conformantHTTP(t *testing.T) {
	answers := map[string]string{
		"/garbage":  "\x00\x01\x02\r\n\r\n\xff",
		"/response": "HTTP/1.0 200 OK\r\nServer: x\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nhi",
		"/split":    "Content-Type: text/plain\r\nX-A: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"/chunks":   "Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
		"/lengths":  "Content-Type: text/plain\nContent-Length: 2\nContent-Length: 3\n\nhi!",
		"/upgrade":  "Status: 101\nUpgrade: websocket\nConnection: Upgrade\n\n",
		"/nothing":  "",
		"/status":   "Status: 999 No\n\n",
		"/no-type":  "X-A: b\n\nhi",
		"/trailer":  "Content-Type: text/plain\nTrailer: X-T\n\nhi",
	}
	s := start(t, printed(answers))
	w := s.dial()
	for path := range answers {
		w.send("GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n")
		resp, body := w.receive("GET")
		if resp.Proto != "HTTP/1.1" || resp.Header.Get("Date") == "" || resp.Close || resp.StatusCode == 101 {
			t.Errorf("%s: got %s %s, close %v, %v", path, resp.Proto, resp.Status, resp.Close, resp.Header)
		}
		if want := "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"; path == "/split" && body != want {
			t.Errorf("%s: got body %q; want %q", path, body, want)
		}
	}
}

// §3.1: no execution unless access is granted: nothing of what is refused
// starts a process.
func nothingRuns(t *testing.T) {
	const mark = "#!/bin/sh\n: > \"$0.ran\"\nprintf 'Content-Type: text/plain\\n\\nran'\n"
	s := start(t, setup{
		scripts: "max-body = \"4B\"\n",
		files:   map[string]string{"cgi-bin/mark": mark, "cgi-bin/.hidden": mark, "cgi-bin/plain": mark[2:], "cgi-bin/sub/deep": mark, "outside": mark},
	})
	if err := os.Symlink("../outside", filepath.Join(s.dir, "cgi-bin/link")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		head   string
		status string // the beginning of what is expected
	}{
		{"GET /cgi-bin/mark HTTP/1.1\r\nHost: a b", "400"},
		{"GET /cgi-bin/mark HTTP/1.1", "400"},
		{"GET /cgi-bin/mark HTTP/1.1\r\nHost: h\r\nHost: h", "400"},
		{"GET /cgi-bin/mark HTTP/3.0\r\nHost: h", "505"},
		{"GET cgi-bin/mark HTTP/1.1\r\nHost: h", "400"},
		{"CONNECT /cgi-bin/mark HTTP/1.1\r\nHost: h", "501"},
		{"GET /cgi-bin/mark/%00 HTTP/1.1\r\nHost: h", "400"},
		{"GET /cgi-bin/mark/%zz HTTP/1.1\r\nHost: h", "400"},
		{"GET /cgi-bin/mark#x HTTP/1.1\r\nHost: h", "400"},
		{"GET /cgi-bin/mark/../../.. HTTP/1.1\r\nHost: h", "404"},
		{"GET /cgi-bin/%2e%2e/outside HTTP/1.1\r\nHost: h", "404"},
		{"GET /cgi-bin/..%2foutside HTTP/1.1\r\nHost: h", "404"},
		{"GET /cgi-bin/link HTTP/1.1\r\nHost: h", "404"},
		{"GET /cgi-bin/.hidden HTTP/1.1\r\nHost: h", "404"},
		{"GET /cgi-bin/sub%2Fdeep HTTP/1.1\r\nHost: h", "404"},
		{"GET /cgi-bin//mark HTTP/1.1\r\nHost: h", "404"},
		{"GET /cgi-bin/plain HTTP/1.1\r\nHost: h", "403"},
		{"GET /cgi-bin/mark HTTP/1.1\r\nHost: h\r\nX-A: b\x00c", "400"},
		{"GET /cgi-bin/mark HTTP/1.1\r\nHost: h\r\nX-A: b\r\n folded", "400"},
		{"GET /cgi-bin/mark HTTP/1.1\r\nHost: h\r\nX A: b", "400"},
		{"POST /cgi-bin/mark HTTP/1.1\r\nHost: h\r\nContent-Length: 5", "413"},
		{"POST /cgi-bin/mark HTTP/1.1\r\nHost: h\r\nContent-Length: -1", "400"},
		{"POST /cgi-bin/mark HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 3", "400"},
		{"POST /cgi-bin/mark HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nTransfer-Encoding: chunked", "400"},
		{"POST /cgi-bin/mark HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip", "501"},
	} {
		w := s.dial()
		w.send(tt.head + "\r\n\r\n")
		resp, body := w.receive("GET")
		if !strings.HasPrefix(resp.Status, tt.status) || resp.Header.Get("Date") == "" {
			t.Errorf("%q: got %s, Date %q; want %s\n%s", tt.head, resp.Status, resp.Header.Get("Date"), tt.status, body)
		}
		w.Close()
	}
	ran, err := filepath.Glob(filepath.Join(s.dir, "*", "*.ran"))
	if outside, _ := filepath.Glob(filepath.Join(s.dir, "*.ran")); err != nil || ran != nil || outside != nil {
		t.Errorf("got %v, %v, %v; want nothing to have run", ran, outside, err)
	}
	if resp, body := s.get("/cgi-bin/mark"); resp.StatusCode != 200 || body != "ran" {
		t.Errorf("got %d, %q; want the script to run when it is asked for", resp.StatusCode, body)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "cgi-bin", "mark.ran")); err != nil {
		t.Errorf("the mark that shows a run: %v", err)
	}
}

// §3.1: what is left of a streamed body, when its frame has answered without
// reading it, is never taken for the next request.
func restOfBodyIsNoRequest(t *testing.T) {
	const smuggled = "GET /cgi-bin/mark HTTP/1.1\r\nHost: h\r\n\r\n"
	for name, tt := range map[string]struct {
		answer, body string
		status       int
	}{
		"answer": {"Content-Type: text/plain\n\ndone", "done", 200},
		"sized":  {"Content-Type: text/plain\nContent-Length: 4\n\ndone", "done", 200},
		"error":  {"no header\n\n", "", 502},
		"file":   {"Location: /plain.txt\n\n", "plain\n", 200},
		"frame":  {"Location: /cgi-bin/else\n\n", "else", 200},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, setup{
				frames: frameTable("deaf", `mount = "/deaf"`, testframe.Command(testframe.Print(tt.answer)), "stream-body = true\n"),
				files: map[string]string{
					"cgi-bin/mark": "#!/bin/sh\n: > \"$0.ran\"\nprintf 'Content-Type: text/plain\\n\\n'\n",
					"cgi-bin/else": "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nelse'\n",
				},
			})
			w := s.dial()
			w.send(fmt.Sprintf("POST /deaf HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\nhello", 5+len(smuggled)))
			resp, body := w.receive("POST")
			if resp.StatusCode != tt.status || (tt.body != "" && body != tt.body) {
				t.Errorf("got %d, %q; want %d, %q", resp.StatusCode, body, tt.status, tt.body)
			}
			io.WriteString(w, smuggled) // the connection may be gone already
			if rest, _ := io.ReadAll(w.r); len(rest) > 0 {
				t.Errorf("got another answer: %q", rest)
			}
			s.stop()
			if _, err := os.Stat(filepath.Join(s.dir, "cgi-bin/mark.ran")); err == nil {
				t.Error("the rest of the body has run as a request")
			}
		})
	}
}

// §4.4: a query is never an argument vector (CVE-2012-1823).
func queryIsNeverArgv(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, setup{
		scripts: "interpreters = { \".dmp\" = " + tomlArray([]string{self, "--fixed"}) + " }\n",
		files:   map[string]string{"cgi-bin/a.dmp": "interpreted"},
	})
	dir := filepath.Join(s.dir, "cgi-bin")
	for path, want := range map[string][]string{
		"/dump":          {self},
		"/x.dump":        {self},
		"/cgi-bin/dump":  {filepath.Join(dir, "dump")},
		"/cgi-bin/a.dmp": {self, "--fixed", filepath.Join(dir, "a.dmp")},
	} {
		for _, query := range []string{"", "?-s", "?-d+allow_url_include%3don+-d+auto_prepend_file%3dphp://input", "?a+b+c", "?%ADd+x", "?$(id)+`id`;id|id"} {
			d := s.dump(s.client, "GET", path+query, nil)
			if diff := cmp.Diff(want, d.Argv); diff != "" {
				t.Errorf("%s%s: argv (-want +got):\n%s", path, query, diff)
			}
		}
	}
}

// §5: a script that is named and prints like an NPH script is parsed as any
// other: what it says about the connection is not said to the client.
func nphIsParsed(t *testing.T) {
	s := start(t, setup{files: map[string]string{
		"cgi-bin/nph-a": "#!/bin/sh\nprintf 'HTTP/1.0 201 Made\\r\\nConnection: close\\r\\nContent-Type: text/plain\\r\\n\\r\\nhi'\n",
	}})
	w := s.dial()
	for range 2 {
		w.send("GET /cgi-bin/nph-a HTTP/1.1\r\nHost: h\r\n\r\n")
		resp, body := w.receive("GET")
		if resp.Proto != "HTTP/1.1" || resp.StatusCode != 201 || resp.Close || body != "hi" || resp.Header.Get("Date") == "" {
			t.Errorf("got %s %s, close %v, %v, %q", resp.Proto, resp.Status, resp.Close, resp.Header, body)
		}
	}
}

// §7.2: the cwd is the script's directory; other frames have the one that the
// configuration names, or that of gateway.toml.
func workingDirectory(t *testing.T) {
	s := start(t, setup{
		frames: "\n[[frame]]\nname = \"placed\"\nmount = \"/placed\"\ndir = \"apps/shop\"\nDUMP",
		files:  map[string]string{"apps/shop/x": "", "cgi-bin/sub/deep/pwd": "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\npwd -P\n"},
	})
	dir, err := filepath.EvalSymlinks(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/dump/x":       dir,
		"/a/x.dump":     dir,
		"/placed":       filepath.Join(dir, "apps/shop"),
		"/cgi-bin/dump": filepath.Join(dir, "cgi-bin"),
	} {
		if d := s.dump(s.client, "GET", path, nil); d.Dir != want {
			t.Errorf("%s: got cwd %q; want %q", path, d.Dir, want)
		}
	}
	if _, body := s.get("/cgi-bin/sub/deep/pwd/x"); body != filepath.Join(dir, "cgi-bin/sub/deep")+"\n" {
		t.Errorf("a script further down: got cwd %q", body)
	}
}

// §9.8: dots are resolved before anything is split off, and what leaves the
// root is not found.
func dotsBeforeSplit(t *testing.T) {
	s := start(t, setup{files: map[string]string{"secret.txt": "secret"}})
	for _, tt := range []struct {
		target string
		status int
		name   string // SCRIPT_NAME
		info   string // PATH_INFO
	}{
		{"/cgi-bin/../dump/x", 200, "/dump", "/x"},
		{"/dump/../cgi-bin/dump/y", 200, "/cgi-bin/dump", "/y"},
		{"/dump/a/../b/./c", 200, "/dump", "/b/c"},
		{"/a/b/../../dump", 200, "/dump", ""},
		{"/dump/%2e%2e/dump/z", 200, "/dump", "/z"},
		{"/dump/x/a%2F..%2Fb", 200, "/dump", "/x/b"},
		{"/dump/a%2F..%2Fb", 404, "", ""}, // what is left is /dump%2Fb
		{"/dump/..", 404, "", ""},
		{"/..", 404, "", ""},
		{"/../dump", 404, "", ""},
		{"/dump/../../dump", 404, "", ""},
		{"/dump/%2e%2e/%2e%2e/dump", 404, "", ""},
		{"/dump/..%2f..%2f..%2fetc/passwd", 404, "", ""},
		{"/../secret.txt", 404, "", ""},
		{"/x/../../secret.txt", 404, "", ""},
		{"/..%2fsecret.txt", 404, "", ""},
		{"/cgi-bin/..%2f..%2fsecret.txt", 404, "", ""},
	} {
		resp, body := s.raw("GET " + tt.target + " HTTP/1.1")
		if resp.StatusCode != tt.status {
			t.Errorf("%s: got status %d; want %d", tt.target, resp.StatusCode, tt.status)
		} else if tt.status == 200 {
			d := s.readDump(200, body)
			s.want(d, "SCRIPT_NAME", tt.name)
			s.want(d, "PATH_INFO", tt.info)
			s.want(d, "REQUEST_URI", tt.target)
		}
	}
}
