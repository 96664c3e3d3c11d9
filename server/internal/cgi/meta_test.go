package cgi

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// request is a Meta with what every request has.
func request(change func(*Meta)) *Meta {
	m := &Meta{
		Method: "GET", Target: Target{URI: "/", Path: "/"}, Script: Script{PathInfo: "/"},
		Protocol: "HTTP/1.1", Scheme: "http", Software: "framegate/1",
		ServerName: "example.org", ServerPort: "80", RemoteAddr: "192.0.2.7",
		Header: map[string][]string{},
	}
	if change != nil {
		change(m)
	}
	return m
}

// values are what environ sets name to: none, or one if all is well.
func values(environ []string, name string) []string {
	var found []string
	for _, kv := range environ {
		if n, v, _ := strings.Cut(kv, "="); n == name {
			found = append(found, v)
		}
	}
	return found
}

// The whole environ of the least request: nothing that this list does not
// name may be there.
func TestEnvironWhole(t *testing.T) {
	got := request(nil).Environ()
	want := []string{
		"GATEWAY_INTERFACE=CGI/1.1",
		"PATH_INFO=/",
		"QUERY_STRING=",
		"REDIRECT_STATUS=200",
		"REMOTE_ADDR=192.0.2.7",
		"REMOTE_HOST=192.0.2.7",
		"REQUEST_METHOD=GET",
		"REQUEST_SCHEME=http",
		"REQUEST_URI=/",
		"SCRIPT_NAME=",
		"SERVER_NAME=example.org",
		"SERVER_PORT=80",
		"SERVER_PROTOCOL=HTTP/1.1",
		"SERVER_SOFTWARE=framegate/1",
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environ (-want +got):\n%s", diff)
	}
}

// A name is followed by the value that it must have; a name without one must
// not be set.
func TestEnviron(t *testing.T) {
	header := func(fields ...string) func(*Meta) {
		return func(m *Meta) {
			for i := 0; i < len(fields); i += 2 {
				m.Header[fields[i]] = append(m.Header[fields[i]], fields[i+1])
			}
		}
	}
	tests := []struct {
		name   string
		change func(*Meta)
		set    map[string]string
		unset  []string
	}{
		{"4.1.1 and 4.1.11: nobody has authenticated", header("Authorization", "Basic YTpi", "Remote-User", "root", "Auth-Type", "Basic"),
			map[string]string{"HTTP_REMOTE_USER": "root", "HTTP_AUTH_TYPE": "Basic"}, []string{"AUTH_TYPE", "REMOTE_USER", "REMOTE_IDENT"}},
		{"4.1.2: no body", func(m *Meta) { m.ContentLength = 5 }, nil, []string{"CONTENT_LENGTH"}},
		{"4.1.2: body", func(m *Meta) { m.HasBody, m.ContentLength = true, 5 }, map[string]string{"CONTENT_LENGTH": "5"}, nil},
		{"4.1.2: empty body", func(m *Meta) { m.HasBody = true }, map[string]string{"CONTENT_LENGTH": "0"}, nil},
		{"4.1.2: large body", func(m *Meta) { m.HasBody, m.ContentLength = true, 1<<40 }, map[string]string{"CONTENT_LENGTH": "1099511627776"}, nil},
		{"4.1.2: only what was counted", header("Content-Length", "99"), nil, []string{"CONTENT_LENGTH", "HTTP_CONTENT_LENGTH"}},
		{"4.1.3: no type", func(m *Meta) { m.HasBody = true }, nil, []string{"CONTENT_TYPE"}},
		{"4.1.3: type", header("Content-Type", "a/b; c=d"), map[string]string{"CONTENT_TYPE": "a/b; c=d"}, []string{"HTTP_CONTENT_TYPE"}},
		{"4.1.3: empty type", header("Content-Type", ""), map[string]string{"CONTENT_TYPE": ""}, nil},
		{"4.1.5: no PATH_INFO", func(m *Meta) { m.Script = Script{Name: "/a"} }, map[string]string{"PATH_INFO": "", "SCRIPT_NAME": "/a"}, nil},
		{"4.1.6: with PATH_INFO", func(m *Meta) { m.DocumentRoot = "/srv"; m.Script = Script{Name: "/a", PathInfo: "/b c"} },
			map[string]string{"DOCUMENT_ROOT": "/srv", "PATH_TRANSLATED": "/srv/b c"}, nil},
		{"4.1.6: without PATH_INFO", func(m *Meta) { m.DocumentRoot = "/srv"; m.Script = Script{Name: "/a"} },
			map[string]string{"DOCUMENT_ROOT": "/srv"}, []string{"PATH_TRANSLATED"}},
		{"4.1.6: without a root", nil, nil, []string{"DOCUMENT_ROOT", "PATH_TRANSLATED"}},
		{"4.1.6: the root of the disk", func(m *Meta) { m.DocumentRoot = "/" }, map[string]string{"DOCUMENT_ROOT": "/", "PATH_TRANSLATED": "/"}, nil},
		{"4.1.7: query as it came", func(m *Meta) { m.Target.Query = "a=%20+&b" }, map[string]string{"QUERY_STRING": "a=%20+&b"}, nil},
		{"4.1.12: any token, case kept", func(m *Meta) { m.Method = "pRoPfInD" }, map[string]string{"REQUEST_METHOD": "pRoPfInD"}, nil},
		{"4.1.14: IPv6", func(m *Meta) { m.ServerName, m.ServerAddr, m.RemoteAddr = "[::1]", "::1", "2001:db8::7" },
			map[string]string{"SERVER_NAME": "[::1]", "SERVER_ADDR": "::1", "REMOTE_ADDR": "2001:db8::7", "REMOTE_HOST": "2001:db8::7"}, nil},
		{"extensions", func(m *Meta) {
			m.RemotePort, m.ServerAddr, m.RequestID, m.ScriptFilename = "4711", "192.0.2.1", "id", "/srv/x.cgi"
		},
			map[string]string{"REMOTE_PORT": "4711", "SERVER_ADDR": "192.0.2.1", "REQUEST_ID": "id", "SCRIPT_FILENAME": "/srv/x.cgi"}, nil},
		{"no extensions", nil, nil, []string{"REMOTE_PORT", "SERVER_ADDR", "REQUEST_ID", "SCRIPT_FILENAME"}},
		{"HTTPS", func(m *Meta) { m.Scheme = "https" }, map[string]string{"HTTPS": "on", "REQUEST_SCHEME": "https"}, nil},
		{"no HTTPS", nil, map[string]string{"REQUEST_SCHEME": "http"}, []string{"HTTPS"}},
		{"operator's variables", func(m *Meta) { m.Extra = []string{"PATH=/bin", "EMPTY=", "EQ=a=b"} },
			map[string]string{"PATH": "/bin", "EMPTY": "", "EQ": "a=b"}, nil},

		{"4.1.18: a field", header("X-Some-Thing", "a"), map[string]string{"HTTP_X_SOME_THING": "a"}, nil},
		{"4.1.18: an empty field", header("X-A", ""), map[string]string{"HTTP_X_A": ""}, nil},
		{"4.1.18: repeated fields", header("X-A", "1", "X-A", "2, 3", "X-A", "4"), map[string]string{"HTTP_X_A": "1, 2, 3, 4"}, nil},
		{"4.1.18: repeated cookies", header("Cookie", "a=1", "Cookie", "b=2; c=3"), map[string]string{"HTTP_COOKIE": "a=1; b=2; c=3"}, nil},
		{"4.1.18: digits", header("X-2fa", "a"), map[string]string{"HTTP_X_2FA": "a"}, nil},
		{"4.1.18: Host", func(m *Meta) { m.Host = "example.org:81" }, map[string]string{"HTTP_HOST": "example.org:81"}, nil},
		{"4.1.18: no Host", nil, nil, []string{"HTTP_HOST"}},
		{"4.1.18: Host once", func(m *Meta) { m.Host = "a"; m.Header["Host"] = []string{"b"} }, map[string]string{"HTTP_HOST": "a"}, nil},
		{"4.1.18: no values", func(m *Meta) { m.Header["X-A"] = nil }, nil, []string{"HTTP_X_A"}},
		{"4.1.18: content coding", header("Content-Encoding", "gzip"), map[string]string{"HTTP_CONTENT_ENCODING": "gzip"}, []string{"CONTENT_ENCODING"}},
		{"4.1.18: the transfer coding is removed", header("Transfer-Encoding", "chunked"), nil, []string{"HTTP_TRANSFER_ENCODING"}},
		{"httpoxy", header("Proxy", "http://evil"), nil, []string{"HTTP_PROXY"}},
		{"credentials", header("Authorization", "Basic YTpi", "Proxy-Authorization", "x"), nil, []string{"HTTP_AUTHORIZATION", "HTTP_PROXY_AUTHORIZATION"}},
		{"credentials on request", func(m *Meta) {
			m.PassAuthorization = true
			header("Authorization", "Basic YTpi", "Proxy-Authorization", "x")(m)
		},
			map[string]string{"HTTP_AUTHORIZATION": "Basic YTpi"}, []string{"HTTP_PROXY_AUTHORIZATION", "REMOTE_USER"}},
		{"underscore does not pose as a dash", header("X_foo", "evil", "X-Foo", "good"), map[string]string{"HTTP_X_FOO": "good"}, nil},
		{"underscore alone", header("X_foo", "evil", "Content_length", "9"), nil, []string{"HTTP_X_FOO", "HTTP_CONTENT_LENGTH", "CONTENT_LENGTH"}},
		{"other token characters", header("X.a", "1", "X!", "2", "X~b", "3"), nil, []string{"HTTP_X.A", "HTTP_X_A", "HTTP_X!", "HTTP_X~B"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := request(tt.change).Environ()
			for name, want := range tt.set {
				if v := values(got, name); len(v) != 1 || v[0] != want {
					t.Errorf("%s: got %q; want %q once", name, v, want)
				}
			}
			for _, name := range tt.unset {
				if v := values(got, name); v != nil {
					t.Errorf("%s: got %q; want it unset", name, v)
				}
			}
		})
	}
}

// The same request makes the same environ, byte for byte.
func TestEnvironOrder(t *testing.T) {
	m := request(func(m *Meta) {
		for _, name := range []string{"A", "B", "C", "D", "E", "F", "G", "H"} {
			m.Header[name] = []string{name}
		}
	})
	first := m.Environ()
	for range 20 {
		if got := m.Environ(); !slices.Equal(got, first) {
			t.Fatalf("got %q; want %q", got, first)
		}
	}
}

func TestSCGI(t *testing.T) {
	tests := []struct {
		name    string
		environ []string
		want    string
	}{
		{"no body", []string{"A=b"}, "28:CONTENT_LENGTH\x000\x00SCGI\x001\x00A\x00b\x00,"},
		{"body", []string{"A=b", "CONTENT_LENGTH=12", "C="}, "32:CONTENT_LENGTH\x0012\x00SCGI\x001\x00A\x00b\x00C\x00\x00,"},
		{"equals sign in a value", []string{"Q=a=b"}, "30:CONTENT_LENGTH\x000\x00SCGI\x001\x00Q\x00a=b\x00,"},
		{"SCGI is ours", []string{"SCGI=2"}, "24:CONTENT_LENGTH\x000\x00SCGI\x001\x00,"},
		{"nothing", nil, "24:CONTENT_LENGTH\x000\x00SCGI\x001\x00,"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(SCGI(tt.environ)); got != tt.want {
				t.Errorf("got %q; want %q", got, tt.want)
			}
		})
	}
}
