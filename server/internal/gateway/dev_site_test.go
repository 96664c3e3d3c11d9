package gateway_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"framegate/server/internal/config"
	"framegate/server/internal/gateway"
)

// devSite is a gateway whose frames are the programs of "cgi-bin" and what
// toml has besides; dev says whether it runs under --dev.
func devSite(t *testing.T, dev bool, toml string, files map[string]string) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	s.write("static/plain.txt", "plain\n")
	s.write("cgi-bin/ok.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nok\\n'\n")
	for name, content := range files {
		s.write(name, content)
	}
	cfg, err := config.Load(s.write("gateway.toml", "[static]\npath = \"static\"\n[[frame]]\nname = \"cgi\"\nscripts = \"/cgi-bin\"\ndir = \"cgi-bin\"\n"+toml))
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(t.Context(), cfg, gateway.Options{Log: zerolog.New(&s.log), Software: "framegate/test", Dev: dev})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.gateway = g
	s.addr, s.url, s.client, s.h2 = ln.Addr().String(), "http://"+ln.Addr().String(), newClient(false), newClient(true)
	s.serve(g, ln)
	return s
}

// browse asks as a browser does.
func (s *site) browse(method, path string, body io.Reader, fields ...string) (*http.Response, string) {
	s.t.Helper()
	return s.do(s.client, method, path, body, append([]string{"Accept: text/html,*/*;q=0.8"}, fields...)...)
}

// from asks as a client at another address, which has no connection.
func (s *site) from(remote, host, path string, fields ...string) (*http.Response, string) {
	s.t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	r.RemoteAddr, r.Host = remote, host
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.gateway.ServeHTTP(w, r)
	return w.Result(), w.Body.String()
}

var tokenPattern = regexp.MustCompile(`data-token="([^"]+)"`)

// token is what a page shows when it asks for news.
func (s *site) token(page string) string {
	s.t.Helper()
	m := tokenPattern.FindStringSubmatch(page)
	if m == nil {
		s.t.Fatalf("the page has no token:\n%s", page)
	}
	return m[1]
}

// feed is the connection that a page keeps.
type feed struct {
	t     *testing.T
	lines *bufio.Scanner
	close func() error
}

// news is a line of it.
type news struct {
	Kind, Files, File, Why, Main string
	Status                       int
}

// follow keeps a page's connection open for it.
func (s *site) follow(token, wishes string, fields ...string) *feed {
	s.t.Helper()
	resp := s.ask("POST", token, append(fields, "Framegate-Run: "+wishes)...)
	if resp.StatusCode != 200 {
		resp.Body.Close()
		s.t.Fatalf("got %s; want 200", resp.Status)
	}
	s.t.Cleanup(func() { resp.Body.Close() })
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 4<<20)
	return &feed{s.t, lines, resp.Body.Close}
}

// ask is the request for it.
func (s *site) ask(method, token string, fields ...string) *http.Response {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+"/.framegate/live", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Framegate-Token", token)
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	resp, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp
}

// next is the next news of one of the kinds; news of other kinds fail the
// test.
func (f *feed) next(kind string) news {
	f.t.Helper()
	for f.lines.Scan() {
		if len(f.lines.Bytes()) == 0 {
			continue // asks whether we are here
		}
		var n news
		if err := json.Unmarshal(f.lines.Bytes(), &n); err != nil {
			f.t.Fatalf("%q: %v", f.lines.Bytes(), err)
		}
		if n.Kind != kind {
			f.t.Fatalf("got news %+v; want %s", n, kind)
		}
		return n
	}
	f.t.Fatalf("the news end (%v); want %s", f.lines.Err(), kind)
	return news{}
}

// end waits for the server to end the connection.
func (f *feed) end() {
	f.t.Helper()
	for f.lines.Scan() {
		if len(f.lines.Bytes()) > 0 {
			f.t.Errorf("got news %q; want the end", f.lines.Bytes())
		}
	}
}
