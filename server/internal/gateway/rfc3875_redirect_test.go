package gateway_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// §6.2.2: a Location that is a path, alone, is answered with that path's
// response: a GET without a body.
func localRedirect(t *testing.T) {
	s := start(t, printed(map[string]string{
		"/to-frame":    "Location: /dump/x%20y?z=%20\n\n",
		"/to-script":   "Location: /cgi-bin/dump\r\n\r\n",
		"/to-file":     "Location: /plain.txt\n\n",
		"/to-nothing":  "Location: /nothing\n\n",
		"/to-teapot":   "Location: /teapot\n\n",
		"/teapot":      "Status: 418\nContent-Type: text/plain\n\nshort and stout",
		"/with-status": "Location: /dump\nStatus: 301\n\n",
		"/with-type":   "Location: /dump\nContent-Type: text/plain\n\nsee there",
		"/to-host":     "Location: //elsewhere.example/dump\n\n",
	}))
	for _, client := range []*http.Client{s.client, s.h2} {
		d := s.dump(client, "POST", "/to-frame?old", strings.NewReader("hello"),
			"Content-Type: text/plain", "Cookie: a=b", "If-None-Match: \"e\"", "Range: bytes=0-1", "Content-Encoding: identity")
		for name, want := range map[string]string{
			"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/dump", "PATH_INFO": "/x y", "QUERY_STRING": "z=%20",
			"REQUEST_URI": "/dump/x%20y?z=%20", "HTTP_COOKIE": "a=b", "PATH_TRANSLATED": filepath.Join(s.dir, "static") + "/x y",
		} {
			s.want(d, name, want)
		}
		s.wantUnset(d, "CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_IF_NONE_MATCH", "HTTP_RANGE", "HTTP_CONTENT_ENCODING")
		if len(d.Stdin) != 0 {
			t.Errorf("stdin: got %q; want nothing", d.Stdin)
		}
		s.want(s.dump(client, "GET", "/to-script", nil), "SCRIPT_NAME", "/cgi-bin/dump")

		for path, want := range map[string]struct {
			status         int
			location, body string
		}{
			"/to-file":     {200, "", "plain\n"},
			"/to-nothing":  {404, "", ""},
			"/to-teapot":   {418, "", "short and stout"},
			"/with-status": {301, "/dump", ""},
			"/with-type":   {302, "/dump", "see there"},
			"/to-host":     {302, "//elsewhere.example/dump", ""},
		} {
			resp, body := s.do(client, "GET", path, nil)
			s.wantStatus(resp, body, want.status)
			if got := resp.Header.Get("Location"); got != want.location || (want.body != "" && body != want.body) {
				t.Errorf("%s: got Location %q, body %q; want %q, %q", path, got, body, want.location, want.body)
			}
		}
		resp, body := s.do(client, "HEAD", "/to-file", nil)
		if resp.StatusCode != 200 || resp.Header.Get("Content-Length") != "6" || body != "" {
			t.Errorf("HEAD: got %d, %v, %q", resp.StatusCode, resp.Header, body)
		}
	}
}

// §6.2.2: at most five hops.
func redirectHops(t *testing.T) {
	for path, tt := range map[string]struct {
		status int
		why    string
	}{
		"/5":      {200, ""},
		"/6":      {502, "more than 5 local redirects"},
		"/circle": {502, "more than 5 local redirects, the last to /circle"},
		"/out":    {502, "path leaves the root"},
		"/nul":    {502, "NUL"},
	} {
		t.Run(path, func(t *testing.T) {
			s := start(t, printed(map[string]string{
				"/6": "Location: /5\n\n", "/5": "Location: /4\n\n", "/4": "Location: /3\n\n", "/3": "Location: /2\n\n", "/2": "Location: /1\n\n",
				"/1": "Location: /dump\n\n", "/circle": "Location: /circle\n\n", "/out": "Location: /a/../../b\n\n", "/nul": "Location: /a%00\n\n",
			}))
			resp, body := s.get(path)
			s.wantStatus(resp, body, tt.status)
			if tt.why == "" {
				s.wantLogged("info", "")
			} else {
				s.wantLogged("error", tt.why)
			}
		})
	}
}

// §6.2.3, §6.2.4: 302 unless the script says otherwise; its document passes.
func clientRedirect(t *testing.T) {
	s := start(t, printed(map[string]string{
		"/bare":     "Location: http://example.org/a?b#c\n\n",
		"/https":    "Location: https://example.org/\n\n",
		"/relative": "Location: next\n\n",
		"/status":   "Location: http://example.org/\nStatus: 308 Permanent\n\n",
		"/document": "Status: 303 See\nLocation: http://example.org/\nContent-Type: text/html\n\n<a href=http://example.org/>there</a>",
		"/typed":    "Location: http://example.org/\nContent-Type: text/html\n\nthere",
		"/created":  "HTTP/1.1 201 Created\nLocation: /new\nContent-Type: text/plain\n\nmade",
		"/cookie":   "Location: http://example.org/\nSet-Cookie: a=b\n\n",
	}))
	for path, want := range map[string]struct {
		status         int
		location, body string
	}{
		"/bare":     {302, "http://example.org/a?b#c", ""},
		"/https":    {302, "https://example.org/", ""},
		"/relative": {302, "next", ""},
		"/status":   {308, "http://example.org/", ""},
		"/document": {303, "http://example.org/", "<a href=http://example.org/>there</a>"},
		"/typed":    {302, "http://example.org/", "there"},
		"/created":  {201, "/new", "made"},
		"/cookie":   {302, "http://example.org/", ""},
	} {
		resp, body := s.get(path)
		s.wantStatus(resp, body, want.status)
		if got := resp.Header.Get("Location"); got != want.location || body != want.body {
			t.Errorf("%s: got Location %q, body %q; want %q, %q", path, got, body, want.location, want.body)
		}
	}
	if resp, _ := s.get("/cookie"); resp.Header.Get("Set-Cookie") != "a=b" {
		t.Errorf("Set-Cookie: got %v", resp.Header)
	}
}
