package gateway_test

import (
	"strings"
	"testing"
)

// §4.1.14: from the configuration, else from a Host that is one.
func serverName(t *testing.T) {
	s := start(t, setup{})
	tests := []struct {
		head   string // of a request for /dump
		status int
		want   string
	}{
		{"HTTP/1.1\r\nHost: example.org", 200, "example.org"},
		{"HTTP/1.1\r\nHost: example.org:81", 200, "example.org"},
		{"HTTP/1.1\r\nHost: EXAMPLE.org", 200, "EXAMPLE.org"},
		{"HTTP/1.1\r\nHost: 192.0.2.1:80", 200, "192.0.2.1"},
		{"HTTP/1.1\r\nHost: [2001:db8::1]", 200, "[2001:db8::1]"},
		{"HTTP/1.1\r\nHost: [2001:db8::1]:81", 200, "[2001:db8::1]"},
		{"HTTP/1.1\r\nHost:", 400, ""}, // an http URL has a host (RFC 9110 §4.2.1)
		{"HTTP/1.0", 200, "127.0.0.1"},
		{"HTTP/1.1\r\nHost: a/b", 400, ""},
		{"HTTP/1.1\r\nHost: a b", 400, ""},
		{"HTTP/1.1\r\nHost: a@b", 400, ""},
		{"HTTP/1.1\r\nHost: a:b", 400, ""},
		{"HTTP/1.1\r\nHost: [::1", 400, ""},
		{"HTTP/1.1\r\nHost: <script>", 400, ""},
		{"HTTP/1.1\r\nHost: a\r\nHost: b", 400, ""},
		{"HTTP/1.1", 400, ""},
	}
	for _, tt := range tests {
		w := s.dial()
		w.send("GET /dump " + tt.head + "\r\n\r\n")
		resp, body := w.receive("GET")
		if resp.StatusCode != tt.status {
			t.Errorf("%q: got status %d; want %d", tt.head, resp.StatusCode, tt.status)
		} else if tt.status == 200 {
			s.want(s.readDump(200, body), "SERVER_NAME", tt.want)
		}
		w.Close()
	}
	s.want(s.dump(s.h2, "GET", "/dump", nil), "SERVER_NAME", "127.0.0.1")

	named := start(t, setup{top: `server-name = "www.example.org"`})
	w := named.dial()
	w.send("GET /dump HTTP/1.1\r\nHost: evil.example\r\n\r\n")
	resp, body := w.receive("GET")
	d := named.readDump(resp.StatusCode, body)
	named.want(d, "SERVER_NAME", "www.example.org")
	named.want(d, "HTTP_HOST", "evil.example")
}

// §4.1.14: an IPv6 address is in brackets, in SERVER_NAME alone.
func serverNameIPv6(t *testing.T) {
	s := start(t, setup{listen: "[::1]:0"})
	w := s.dial()
	w.send("GET /dump HTTP/1.0\r\n\r\n")
	resp, body := w.receive("GET")
	d := s.readDump(resp.StatusCode, body)
	s.want(d, "SERVER_NAME", "[::1]")
	s.want(d, "SERVER_ADDR", "::1")
	s.want(d, "REMOTE_ADDR", "::1")
	s.want(d, "REMOTE_HOST", "::1")
}

// §4.1.15: the port that the request came in at, whatever Host says.
func serverPort(t *testing.T) {
	s := start(t, setup{})
	_, port, _ := strings.Cut(s.addr, ":")
	for _, host := range []string{"example.org", "example.org:81", "[::1]:82"} {
		w := s.dial()
		w.send("GET /dump HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
		resp, body := w.receive("GET")
		d := s.readDump(resp.StatusCode, body)
		s.want(d, "SERVER_PORT", port)
		s.want(d, "SERVER_ADDR", "127.0.0.1")
		s.want(d, "HTTP_HOST", host)
	}
}

// §4.1.16: what the client spoke.
func serverProtocol(t *testing.T) {
	s := start(t, setup{})
	s.want(s.dump(s.client, "GET", "/dump", nil), "SERVER_PROTOCOL", "HTTP/1.1")
	s.want(s.dump(s.h2, "GET", "/dump", nil), "SERVER_PROTOCOL", "HTTP/2.0")
	resp, body := s.raw("GET /dump HTTP/1.0")
	s.want(s.readDump(resp.StatusCode, body), "SERVER_PROTOCOL", "HTTP/1.0")
}

// §4.1.17
func serverSoftware(t *testing.T) {
	s := start(t, setup{})
	resp, body := s.get("/dump")
	if got := resp.Header.Get("Server"); got != "framegate/test" {
		t.Errorf("Server: got %q; want %q", got, "framegate/test")
	}
	s.want(s.readDump(resp.StatusCode, body), "SERVER_SOFTWARE", "framegate/test")
}

// §4.1.18
func fieldVariables(t *testing.T) {
	s := start(t, setup{})
	w := s.dial()
	w.send(strings.Join([]string{
		"POST /dump HTTP/1.1", "Host: example.org:81",
		"X-Some-Thing: a", "x-repeated: 1", "X-Between: b", "X-REPEATED: 2, 3", "X-Empty:", "X-Space: \t c d \t",
		"Cookie: a=1", "Cookie: b=2; c=3", "Accept: text/html;q=0.5", "Content-Encoding: identity", "Referer: http://x/",
		"Proxy: http://evil/", "Proxy-Authorization: Basic eDp5", "Authorization: Basic YTpi",
		"X_Some_Thing: posing", "X_Foo: posing", "X.Foo: dot", "Content_Length: 99", "HTTP_PROXY: http://evil/",
		"Content-Type: text/plain", "Content-Length: 2", "If-None-Match: \"x\"", "Expires: \xe4\xb8\xad", "", "hi",
	}, "\r\n"))
	resp, body := w.receive("POST")
	d := s.readDump(resp.StatusCode, body)
	for name, want := range map[string]string{
		"HTTP_HOST": "example.org:81", "HTTP_X_SOME_THING": "a", "HTTP_X_REPEATED": "1, 2, 3", "HTTP_X_BETWEEN": "b",
		"HTTP_X_EMPTY": "", "HTTP_X_SPACE": "c d", "HTTP_COOKIE": "a=1; b=2; c=3", "HTTP_ACCEPT": "text/html;q=0.5",
		"HTTP_CONTENT_ENCODING": "identity", "HTTP_REFERER": "http://x/", "HTTP_IF_NONE_MATCH": `"x"`, "HTTP_EXPIRES": "中",
		"CONTENT_LENGTH": "2", "CONTENT_TYPE": "text/plain",
	} {
		s.want(d, name, want)
	}
	s.wantUnset(d, "HTTP_PROXY", "HTTP_PROXY_AUTHORIZATION", "HTTP_AUTHORIZATION", "HTTP_X_FOO", "HTTP_X.FOO",
		"HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE", "HTTP_HTTP_PROXY", "HTTP_TRANSFER_ENCODING")

	d = s.dump(s.h2, "GET", "/dump", nil, "x-repeated: 1", "x-repeated: 2", "proxy: http://evil/", "x_some: posing")
	s.want(d, "HTTP_X_REPEATED", "1, 2")
	s.want(d, "HTTP_HOST", s.addr)
	s.wantUnset(d, "HTTP_PROXY", "HTTP_X_SOME")
}

// §4.1.18, §9.2: credentials stay with the gateway unless a frame checks them.
func authorization(t *testing.T) {
	s := start(t, setup{frames: "\n[[frame]]\nname = \"trusting\"\nmount = \"/trusting\"\npass-authorization = true\nDUMP"})
	fields := []string{"Authorization: Basic YTpi", "Proxy-Authorization: Basic eDp5"}
	s.wantUnset(s.dump(s.client, "GET", "/dump", nil, fields...), "HTTP_AUTHORIZATION", "HTTP_PROXY_AUTHORIZATION")
	d := s.dump(s.client, "GET", "/trusting", nil, fields...)
	s.want(d, "HTTP_AUTHORIZATION", "Basic YTpi")
	s.wantUnset(d, "HTTP_PROXY_AUTHORIZATION")
}
