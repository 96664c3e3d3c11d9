package gateway_test

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// §3.3: a client that asks for SCRIPT_NAME, PATH_INFO and QUERY_STRING put
// together again reaches the same script with the same three.
func scriptURI(t *testing.T) {
	s := start(t, setup{})
	three := func(d *dump) (got [3]string) {
		for i, name := range []string{"SCRIPT_NAME", "PATH_INFO", "QUERY_STRING"} {
			got[i], _, _ = d.get(name)
		}
		return got
	}
	for _, path := range []string{
		"/dump", "/dump/", "/dump/a%20b?c=%20", "/dump/a%2Fb%3Fc%25", "/dump//a", "/x/../dump/./y",
		"/cgi-bin/dump", "/cgi-bin/dump/%E4%B8%AD?a?b", "/cgi-bin/dump/a/../b", "/x/y.dump?q", "/%79.dump",
	} {
		first := three(s.dump(s.client, "GET", path, nil))
		uri := (&url.URL{Path: first[0] + first[1], RawQuery: first[2]}).String()
		if strings.HasPrefix(uri, "//") {
			t.Fatalf("%s: the script URI %q has an authority", path, uri)
		}
		if again := three(s.dump(s.client, "GET", uri, nil)); again != first {
			t.Errorf("%s gives %q, its script URI %s gives %q", path, first, uri, again)
		}
	}
}

// §4.1: nothing crosses but what CONTRACT.md lists.
func listedVariables(t *testing.T) {
	t.Setenv("SECRET_OF_THE_GATEWAY", "x")
	t.Setenv("PASSED_ON", "y")
	t.Setenv("LD_PRELOAD_NOT", "z")
	s := start(t, setup{scripts: "pass-env = [\"PASSED_ON\", \"NOT_SET\"]\n"})
	mounted := []string{
		"DOCUMENT_ROOT", childVariable, "GATEWAY_INTERFACE", "HTTP_HOST", "HTTP_USER_AGENT", "PATH", "PATH_INFO", "QUERY_STRING",
		"REDIRECT_STATUS", "REMOTE_ADDR", "REMOTE_HOST", "REMOTE_PORT", "REQUEST_ID", "REQUEST_METHOD", "REQUEST_SCHEME", "REQUEST_URI",
		"SCRIPT_FILENAME", "SCRIPT_NAME", "SERVER_ADDR", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "SERVER_SOFTWARE",
	}
	d := s.dump(s.client, "GET", "/dump", nil)
	if diff := cmp.Diff(mounted, d.names()); diff != "" {
		t.Errorf("names at a mount (-want +got):\n%s", diff)
	}
	s.want(d, "REQUEST_SCHEME", "http")
	s.want(d, "REQUEST_URI", "/dump")
	s.want(d, "REDIRECT_STATUS", "200")
	s.want(d, "DOCUMENT_ROOT", filepath.Join(s.dir, "static"))
	s.want(d, "PATH", os.Getenv("PATH"))

	script := append([]string{"PASSED_ON", "PATH_TRANSLATED"}, mounted...)
	slices.Sort(script)
	d = s.dump(s.client, "GET", "/cgi-bin/dump/x", nil)
	if diff := cmp.Diff(script, d.names()); diff != "" {
		t.Errorf("names of a script (-want +got):\n%s", diff)
	}
	s.want(d, "PASSED_ON", "y")
	s.want(d, "SCRIPT_FILENAME", filepath.Join(s.dir, "cgi-bin", "dump"))
	for _, name := range d.names() {
		if name != strings.ToUpper(name) {
			t.Errorf("%s is not in upper case", name)
		}
	}
}

// §4.1.1, §4.1.11: the gateway has authenticated nobody, whatever the client
// sends.
func noAuth(t *testing.T) {
	s := start(t, setup{frames: "\n[[frame]]\nname = \"trusting\"\nmount = \"/trusting\"\npass-authorization = true\nDUMP"})
	for _, path := range []string{"/dump", "/trusting"} {
		d := s.dump(s.client, "GET", path, nil, "Authorization: Basic YTpi", "Remote-User: root", "Auth-Type: Basic", "REMOTE_USER: root", "AUTH_TYPE: Basic")
		s.wantUnset(d, "AUTH_TYPE", "REMOTE_USER", "REMOTE_IDENT")
	}
}

// §4.1.3: set if and only if the field was there, even to nothing.
func contentType(t *testing.T) {
	s := start(t, setup{})
	s.want(s.dump(s.client, "POST", "/dump", strings.NewReader("x"), "Content-Type: a/b;c=\"d\""), "CONTENT_TYPE", `a/b;c="d"`)
	s.want(s.dump(s.client, "GET", "/dump", nil, "Content-Type: a/b"), "CONTENT_TYPE", "a/b")
	s.want(s.dump(s.h2, "POST", "/dump", strings.NewReader("x"), "Content-Type: a/b"), "CONTENT_TYPE", "a/b")
	s.want(s.dump(s.client, "GET", "/dump", nil, "Content-Type: "), "CONTENT_TYPE", "")
	s.wantUnset(s.dump(s.client, "POST", "/dump", strings.NewReader("x")), "CONTENT_TYPE", "HTTP_CONTENT_TYPE")
}

func gatewayInterface(t *testing.T) {
	s := start(t, setup{})
	s.want(s.dump(s.client, "GET", "/dump", nil), "GATEWAY_INTERFACE", "CGI/1.1")
}

// §4.1.5: decoded once, empty or beginning with "/"; a %2F is data, so it may
// stand in PATH_INFO but not in what names the script.
func pathInfo(t *testing.T) {
	s := start(t, setup{})
	tests := []struct {
		target string
		status int
		want   string
	}{
		{"/dump", 200, ""},
		{"/dump/", 200, "/"},
		{"/dump/A/b", 200, "/A/b"},
		{"/dump//a///b", 200, "//a///b"},
		{"/dump/a%20b+c", 200, "/a b+c"},
		{"/dump/%E4%B8%AD%E6%96%87", 200, "/中文"},
		{"/dump/%FF", 200, "/\xff"},
		{"/dump/%2541", 200, "/%41"},
		{"/dump/a%2Fb", 200, "/a/b"},
		{"/dump/%2e%2E/dump/x", 200, "/x"},
		{"/dump/a;b=c", 200, "/a;b=c"},
		{"/x/y.dump", 200, "/x/y.dump"},
		{"/cgi-bin/dump/a%2fb", 200, "/a/b"},
		{"http://elsewhere/dump/x", 200, "/x"},
		{"/dump%2Fa", 404, ""},
		{"/%2Fdump", 404, ""},
		{"/cgi-bin/dump%2Fa", 404, ""},
		{"/cgi-bin%2Fdump", 404, ""},
		{"/dump/%00", 400, ""},
		{"/dump/%", 400, ""},
		{"/dump/%4", 400, ""},
		{"/dump/%zz", 400, ""},
	}
	for _, tt := range tests {
		resp, body := s.raw("GET " + tt.target + " HTTP/1.1")
		if resp.StatusCode != tt.status {
			t.Errorf("%s: got status %d; want %d\n%s", tt.target, resp.StatusCode, tt.status, body)
			continue
		}
		if tt.status != 200 {
			if resp.Header.Get("Date") == "" || !strings.Contains(body, "Request id: ") {
				t.Errorf("%s: the answer is not the gateway's own: %v\n%s", tt.target, resp.Header, body)
			}
			continue
		}
		// JSON cannot carry what is not UTF-8.
		s.want(s.readDump(200, body), "PATH_INFO", strings.ToValidUTF8(tt.want, "\ufffd"))
	}
	if got := len(s.records()); got != len(tests) {
		t.Errorf("got %d log records; want %d, one per request", got, len(tests))
	}
}

// §4.1.6
func pathTranslated(t *testing.T) {
	s := start(t, setup{})
	root := filepath.Join(s.dir, "static")
	s.want(s.dump(s.client, "GET", "/dump/a%20b/c", nil), "PATH_TRANSLATED", root+"/a b/c")
	s.want(s.dump(s.client, "GET", "/dump/", nil), "PATH_TRANSLATED", root+"/")
	s.want(s.dump(s.client, "GET", "/cgi-bin/dump/a/../b", nil), "PATH_TRANSLATED", root+"/b")
	s.wantUnset(s.dump(s.client, "GET", "/dump", nil), "PATH_TRANSLATED")
	s.wantUnset(s.dump(s.client, "GET", "/cgi-bin/dump?x", nil), "PATH_TRANSLATED")
}

// §4.1.7
func queryString(t *testing.T) {
	s := start(t, setup{})
	for target, want := range map[string]string{
		"/dump":                     "",
		"/dump?":                    "",
		"/dump?a=b&c":               "a=b&c",
		"/dump?a%20b+c%00%zz":       "a%20b+c%00%zz",
		"/dump?a?b":                 "a?b",
		"/dump?/../x":               "/../x",
		"/dump/a%3Fb?c":             "c",
		"/dump?\xe4\xb8\xad<>\"'`|": "\xe4\xb8\xad<>\"'`|",
	} {
		resp, body := s.raw("GET " + target + " HTTP/1.1")
		s.want(s.readDump(resp.StatusCode, body), "QUERY_STRING", want)
	}
}

// §4.1.8, §4.1.9: the address stands in for the name.
func remoteAddr(t *testing.T) {
	s := start(t, setup{})
	w := s.dial()
	w.send("GET /dump HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
	resp, body := w.receive("GET")
	d := s.readDump(resp.StatusCode, body)
	s.want(d, "REMOTE_ADDR", "127.0.0.1")
	s.want(d, "REMOTE_HOST", "127.0.0.1")
	_, port, _ := strings.Cut(w.LocalAddr().String(), ":")
	s.want(d, "REMOTE_PORT", port)
}

// §4.1.12
func requestMethod(t *testing.T) {
	s := start(t, setup{})
	for _, method := range []string{"GET", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "PROPFIND", "M-SEARCH", "get", "pOsT", "x!#$%&'*+.^_`|~9"} {
		s.want(s.dump(s.client, method, "/dump", nil), "REQUEST_METHOD", method)
	}
	s.want(s.dump(s.h2, "pRoPfInD", "/dump", nil), "REQUEST_METHOD", "pRoPfInD")
}

// §4.1.13: decoded, without PATH_INFO, set even if empty.
func scriptName(t *testing.T) {
	s := start(t, setup{frames: "\n[[frame]]\nname = \"cafe\"\nmount = \"/café/menu\"\nDUMP"})
	for path, want := range map[string]string{
		"/x.dump":                "",
		"/dump":                  "/dump",
		"/dump/dump":             "/dump",
		"/%64ump/x":              "/dump",
		"/cgi-bin/dump/dump":     "/cgi-bin/dump",
		"/caf%C3%A9/menu/a":      "/café/menu",
		"/caf%C3%A9/%6Denu?a=/b": "/café/menu",
	} {
		s.want(s.dump(s.client, "GET", path, nil), "SCRIPT_NAME", want)
	}
}
