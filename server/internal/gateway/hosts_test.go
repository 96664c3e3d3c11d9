package gateway

import (
	"net/http"
	"testing"

	"framegate/server/internal/config"
)

func TestListed(t *testing.T) {
	hosts := []string{"example.org", "*.example.org", "192.0.2.1", "[2001:db8::1]", "*.wild.example"}
	for _, tt := range []struct {
		host string
		want bool
	}{
		{"example.org", true},
		{"Example.ORG", true},
		{"example.org:80", true},
		{"example.org.", true},
		{"example.org.:80", true},
		{"www.example.org", true},
		{"a.b.example.org:443", true},
		{"192.0.2.1:7890", true},
		{"[2001:DB8:0::1]", true},
		{"[2001:db8::1]:7890", true},
		{"a.wild.example", true},
		{"", false},
		{"wild.example", false},
		{".wild.example", false},
		{"example.org..", false},
		{"badexample.org", false},
		{"example.org.evil.example", false},
		{"evil.example#example.org", false},
		{"192.0.2.10", false},
		{"2001:db8::1", false},
		{"[2001:db8::2]", false},
		{"[example.org]", false},
		{"*.example.org", true}, // below it, if a strange name
		{"exa%6dple.org", false},
	} {
		if got := listed(hosts, tt.host); got != tt.want {
			t.Errorf("listed(%q): got %v; want %v", tt.host, got, tt.want)
		}
	}
}

// What no client of HTTP/2 in Go can be made to send.
func TestVetHead(t *testing.T) {
	h := &config.HTTP{MaxHeader: 1024, MaxURL: 100, MaxFields: 3}
	for _, tt := range []struct {
		name   string
		host   string
		header http.Header
		status int
	}{
		{"good", "example.org:80", http.Header{"A": {"1", "2"}}, 0},
		{"no host", "", nil, 400},
		{"host with a slash", "a/b", nil, 400},
		{"host with a user", "u@h", nil, 400},
		{"four fields", "h", http.Header{"A": {"1", "2"}, "B": {""}}, 431},
	} {
		r := &http.Request{Method: "GET", Host: tt.host, RequestURI: "/", Header: tt.header, ProtoMajor: 2}
		status := 0
		if err := vetHead(r, h); err != nil {
			status = err.(*failure).status
		}
		if status != tt.status {
			t.Errorf("%s: got %d; want %d", tt.name, status, tt.status)
		}
	}
}
