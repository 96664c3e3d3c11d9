package gateway_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"framegate/server/internal/config"
	"framegate/server/internal/gateway"
)

func TestHosts(t *testing.T) {
	const some = "[http]\nhosts = [\"example.org\", \"*.example.org\"]\n"
	for _, tt := range []struct {
		name, top, request string
		status             int
		why                string
	}{
		{"listed", some, "GET /dump HTTP/1.1\r\nHost: Example.org:80\r\n\r\n", 200, ""},
		{"below a wildcard", some, "GET /dump HTTP/1.1\r\nHost: www.example.org\r\n\r\n", 200, ""},
		{"not listed", some, "GET /dump HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, `hosts: "evil.example" is not listed`},
		{"the address", some, "GET /dump HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 421, "is not listed"},
		{"in the target", some, "GET http://evil.example/dump HTTP/1.1\r\nHost: example.org\r\n\r\n", 421, "is not listed"},
		{"in the target, listed", some, "GET http://example.org/dump HTTP/1.1\r\nHost: evil.example\r\n\r\n", 200, ""},
		{"a file", some, "GET /plain.txt HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, "is not listed"},
		{"OPTIONS *", some, "OPTIONS * HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, "is not listed"},
		{"what an untrusted peer forwards", some, "GET /dump HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: example.org\r\n\r\n", 421, "is not listed"},
		{"HTTP/1.0, not listed", some, "GET /dump HTTP/1.0\r\nHost: evil.example\r\n\r\n", 421, "is not listed"},
		{"HTTP/1.0 without", some, "GET /dump HTTP/1.0\r\n\r\n", 400, "hosts: the request has no Host"},
		{"HTTP/1.0 without, any host", "", "GET /dump HTTP/1.0\r\n\r\n", 200, ""},
		{"any host", "", "GET /dump HTTP/1.1\r\nHost: evil.example\r\n\r\n", 200, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, setup{top: tt.top})
			w := s.dial()
			w.send(tt.request)
			resp, page := w.receive("GET")
			if tt.status == 200 {
				s.wantStatus(resp, page, 200)
				return
			}
			s.wantRefused(resp, page, tt.status, tt.why)
		})
	}
}

func TestHostsOverHTTP2(t *testing.T) {
	for _, tt := range []struct {
		host   string
		status int
	}{{"example.org", 200}, {"evil.example", 421}} {
		s := start(t, setup{top: "[http]\nhosts = [\"example.org\"]\n"})
		req, err := http.NewRequest("GET", s.url+"/dump", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = tt.host
		resp, err := s.h2.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		page, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		s.wantStatus(resp, string(page), tt.status)
		if record := s.oneRecord(); record["host"] != tt.host || record["proto"] != "HTTP/2.0" {
			t.Errorf("record: got host %v, proto %v; want %q over HTTP/2.0", record["host"], record["proto"], tt.host)
		}
	}
}

func TestTrustedProxy(t *testing.T) {
	s := start(t, setup{top: "[http]\ntrusted-proxies = [\"127.0.0.1\"]\nhosts = [\"example.org\"]\n"})
	for name, client := range map[string]*http.Client{"HTTP/1.1": s.client, "HTTP/2": s.h2} {
		d := s.dump(client, "GET", "/dump", nil, "X-Forwarded-For: 1.1.1.1, 2001:DB8::5", "X-Forwarded-Proto: https", "X-Forwarded-Host: Example.org:8443", "X-Request-Id: mine")
		for variable, want := range map[string]string{
			"REMOTE_ADDR": "2001:db8::5", "REMOTE_HOST": "2001:db8::5", "REQUEST_SCHEME": "https", "HTTPS": "on",
			"HTTP_HOST": "Example.org:8443", "SERVER_NAME": "Example.org", "HTTP_X_FORWARDED_FOR": "1.1.1.1, 2001:DB8::5",
			"HTTP_X_REQUEST_ID": "mine",
		} {
			s.want(d, variable, want)
		}
		s.wantUnset(d, "REMOTE_PORT")
		if id, _, _ := d.get("REQUEST_ID"); id == "mine" || id == "" {
			t.Errorf("%s: REQUEST_ID: got %q; want the gateway's own", name, id)
		}
	}
	// The proxy's own Host is not asked about when it names the client's.
	resp, page := s.get("/dump", "X-Forwarded-Host: evil.example")
	s.wantStatus(resp, page, 421)
	resp, page = s.get("/dump", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host: example.org", "Forwarded: for=192.0.2.2")
	s.wantStatus(resp, page, 400)
	if strings.Contains(page, "192.0.2") {
		t.Errorf("the page tells what the proxy said:\n%s", page)
	}
	records := s.records()
	if len(records) != 4 {
		t.Fatalf("got %d records; want 4", len(records))
	}
	for i, want := range []struct{ remote, host string }{{"2001:db8::5", "Example.org:8443"}, {"2001:db8::5", "Example.org:8443"}, {"", "evil.example"}, {"", ""}} {
		if want.remote != "" && records[i]["remote"] != want.remote || want.host != "" && records[i]["host"] != want.host {
			t.Errorf("record %d: got %v %v; want %q %q", i, records[i]["remote"], records[i]["host"], want.remote, want.host)
		}
	}
}

// What anybody may write is passed on as a header, and changes nothing else.
func TestUntrustedPeer(t *testing.T) {
	for _, top := range []string{"", "[http]\ntrusted-proxies = [\"192.0.2.0/24\", \"unix\"]\n"} {
		s := start(t, setup{top: top})
		d := s.dump(s.client, "GET", "/dump", nil, "X-Forwarded-For: 10.0.0.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.example", "Forwarded: for=10.0.0.2;proto=https")
		for variable, want := range map[string]string{
			"REMOTE_ADDR": "127.0.0.1", "REQUEST_SCHEME": "http", "SERVER_NAME": "127.0.0.1", "HTTP_HOST": s.addr,
			"HTTP_X_FORWARDED_FOR": "10.0.0.1", "HTTP_X_FORWARDED_PROTO": "https", "HTTP_FORWARDED": "for=10.0.0.2;proto=https",
		} {
			s.want(d, variable, want)
		}
		s.wantUnset(d, "HTTPS")
		if port, set, _ := d.get("REMOTE_PORT"); !set || port == "" {
			t.Error("REMOTE_PORT: got none; want the peer's")
		}
		if remote := s.oneRecord()["remote"].(string); !strings.HasPrefix(remote, "127.0.0.1:") {
			t.Errorf("record: got remote %q; want 127.0.0.1 and its port", remote)
		}
	}
}

// TestTrustedUnixSocket serves on a Unix socket, whose peers have no address.
func TestTrustedUnixSocket(t *testing.T) {
	for _, tt := range []struct{ name, trusted, addr string }{
		{"trusted", `"unix"`, "192.0.2.1"},
		{"not trusted", `"0.0.0.0/0", "::/0"`, "127.0.0.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &site{t: t, dir: t.TempDir()}
			s.write("static/plain.txt", "plain\n")
			s.installDump("cgi-bin/dump")
			cfg, err := config.Load(s.write("gateway.toml", s.toml(setup{top: "[http]\ntrusted-proxies = [" + tt.trusted + "]\n"})))
			if err != nil {
				t.Fatal(err)
			}
			g, err := gateway.New(t.Context(), cfg, gateway.Options{Log: zerolog.New(&s.log), Software: "framegate/test"})
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(s.dir, "socket")
			ln, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", path)
			}
			s.url, s.client, s.h2 = "http://h", newClient(false), newClient(true)
			s.client.Transport.(*http.Transport).DialContext = dial
			s.serve(g, ln)
			d := s.dump(s.client, "GET", "/dump", nil, "X-Forwarded-For: 192.0.2.1")
			s.want(d, "REMOTE_ADDR", tt.addr)
			s.wantUnset(d, "REMOTE_PORT")
		})
	}
}

// Under --dev the cause is shown to this machine alone: not to a client that a
// trusted proxy on it speaks for.
func TestDevPageIsForThisMachine(t *testing.T) {
	s := &site{t: t, dir: t.TempDir()}
	s.write("static/plain.txt", "plain\n")
	cfg, err := config.Load(s.write("gateway.toml", `[http]
trusted-proxies = ["127.0.0.1"]
[static]
path = "static"
[[frame]]
mount = "/broken"
command = ["sh", "-c", "echo secret-cause >&2; exit 1"]
`))
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(t.Context(), cfg, gateway.Options{Log: zerolog.New(&s.log), Dev: true})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr, s.url, s.client, s.h2 = ln.Addr().String(), "http://"+ln.Addr().String(), newClient(false), newClient(true)
	s.serve(g, ln)
	for _, tt := range []struct {
		fields []string
		shown  bool
	}{{nil, true}, {[]string{"X-Forwarded-For: 192.0.2.1"}, false}} {
		resp, page := s.get("/broken", tt.fields...)
		s.wantStatus(resp, page, 502)
		if shown := strings.Contains(page, "Cause:"); shown != tt.shown {
			t.Errorf("%q: got the cause shown: %v; want %v\n%s", tt.fields, shown, tt.shown, page)
		}
	}
}
