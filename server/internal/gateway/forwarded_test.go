package gateway

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"framegate/server/internal/config"
)

// trusting is a configuration that trusts some.
func trusting(unix bool, prefixes ...string) *config.HTTP {
	h := &config.HTTP{TrustUnix: unix}
	for _, p := range prefixes {
		h.TrustedProxies = append(h.TrustedProxies, netip.MustParsePrefix(p))
	}
	return h
}

// from is a request of a peer with header fields "Name: value".
func from(peer string, fields ...string) *http.Request {
	var local net.Addr = &net.TCPAddr{}
	if peer == "unix" {
		local, peer = &net.UnixAddr{Net: "unix"}, "@"
	}
	r := &http.Request{RemoteAddr: peer, Header: http.Header{}}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Add(name, value)
	}
	return r.WithContext(context.WithValue(context.Background(), http.LocalAddrContextKey, local))
}

func TestForwarded(t *testing.T) {
	usual := trusting(false, "127.0.0.1/32", "10.0.0.0/8", "::1/128", "2001:db8::/32")
	const proxy = "10.0.0.1:5000"
	for _, tt := range []struct {
		name   string
		http   *config.HTTP // nil is usual
		peer   string
		fields []string
		want   string // "ADDR SCHEME HOST", "-" for what is not told
	}{
		// who is believed
		{"nobody by default", &config.HTTP{}, proxy, []string{"X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: h", "Forwarded: for=192.0.2.1"}, "- - -"},
		{"an untrusted peer", nil, "192.0.2.9:5000", []string{"X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: h"}, "- - -"},
		{"an untrusted peer with garbage", nil, "192.0.2.9:5000", []string{"Forwarded: ;;=\"", "X-Forwarded-Host: /"}, "- - -"},
		{"IPv6", nil, "[2001:db8::7]:5000", []string{"X-Forwarded-For: 192.0.2.1"}, "192.0.2.1 - -"},
		{"IPv6 that is not listed", nil, "[2001:db9::7]:5000", []string{"X-Forwarded-For: 192.0.2.1"}, "- - -"},
		{"IPv4 on an IPv6 socket", nil, "[::ffff:10.0.0.1]:5000", []string{"X-Forwarded-For: 192.0.2.1"}, "192.0.2.1 - -"},
		{"IPv6 with a zone", trusting(false, "fe80::/10"), "[fe80::1%eth0]:5000", []string{"X-Forwarded-For: 192.0.2.1"}, "192.0.2.1 - -"},
		{"a Unix socket", trusting(true), "unix", []string{"X-Forwarded-For: 192.0.2.1"}, "192.0.2.1 - -"},
		{"a Unix socket that is not trusted", usual, "unix", []string{"X-Forwarded-For: 192.0.2.1"}, "- - -"},
		{"TCP where a Unix socket is trusted", trusting(true), "127.0.0.1:5000", []string{"X-Forwarded-For: 192.0.2.1"}, "- - -"},
		{"a peer without an address", usual, "pipe", []string{"X-Forwarded-For: 192.0.2.1"}, "- - -"},
		{"nothing said", nil, proxy, nil, "- - -"},

		// X-Forwarded-For: the right-most address that is no trusted proxy
		{"one address", nil, proxy, []string{"X-Forwarded-For: 192.0.2.1"}, "192.0.2.1 - -"},
		{"spoofed from the left", nil, proxy, []string{"X-Forwarded-For: 1.1.1.1, 192.0.2.1"}, "192.0.2.1 - -"},
		{"spoofed as a trusted proxy", nil, proxy, []string{"X-Forwarded-For: 127.0.0.1, 192.0.2.1"}, "192.0.2.1 - -"},
		{"spoofed in a line of its own", nil, proxy, []string{"X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 192.0.2.1"}, "192.0.2.1 - -"},
		{"a chain of trusted proxies", nil, proxy, []string{"X-Forwarded-For: 1.1.1.1, 192.0.2.1, 10.0.0.2,10.0.0.3"}, "192.0.2.1 - -"},
		{"nothing but trusted proxies", nil, proxy, []string{"X-Forwarded-For: 10.0.0.4, 10.0.0.3"}, "10.0.0.4 - -"},
		{"garbage at the right", nil, proxy, []string{"X-Forwarded-For: 192.0.2.1, unknown"}, "- - -"},
		{"garbage behind a trusted proxy", nil, proxy, []string{"X-Forwarded-For: 1.1.1.1, <x>, 10.0.0.3"}, "10.0.0.3 - -"},
		{"garbage behind the client", nil, proxy, []string{"X-Forwarded-For: \x7f'--, 192.0.2.1"}, "192.0.2.1 - -"},
		{"empty members", nil, proxy, []string{"X-Forwarded-For: ,192.0.2.1, ,"}, "192.0.2.1 - -"},
		{"an empty field", nil, proxy, []string{"X-Forwarded-For: "}, "- - -"},
		{"with a port", nil, proxy, []string{"X-Forwarded-For: 192.0.2.1:4711"}, "192.0.2.1 - -"},
		{"IPv6 bare", nil, proxy, []string{"X-Forwarded-For: 2001:DB9::0:1"}, "2001:db9::1 - -"},
		{"IPv6 in brackets", nil, proxy, []string{"X-Forwarded-For: [2001:db9::1]"}, "2001:db9::1 - -"},
		{"IPv6 with a port", nil, proxy, []string{"X-Forwarded-For: [2001:db9::1]:4711"}, "2001:db9::1 - -"},
		{"IPv4 in brackets", nil, proxy, []string{"X-Forwarded-For: [192.0.2.1]"}, "- - -"},
		{"IPv4 as IPv6", nil, proxy, []string{"X-Forwarded-For: 192.0.2.1, ::ffff:10.0.0.9"}, "192.0.2.1 - -"},
		{"IPv6 with a zone inside", nil, proxy, []string{"X-Forwarded-For: fe80::1%eth0"}, "fe80::1 - -"},
		{"a name", nil, proxy, []string{"X-Forwarded-For: localhost"}, "- - -"},
		{"leading zeros", nil, proxy, []string{"X-Forwarded-For: 192.0.02.1"}, "- - -"},

		// X-Forwarded-Proto and -Host: the nearest proxy's
		{"scheme", nil, proxy, []string{"X-Forwarded-Proto: HTTPS"}, "- https -"},
		{"scheme, spoofed from the left", nil, proxy, []string{"X-Forwarded-Proto: https, http"}, "- http -"},
		{"scheme that is none", nil, proxy, []string{"X-Forwarded-Proto: gopher"}, "- - -"},
		{"host", nil, proxy, []string{"X-Forwarded-Host: example.org:8443"}, "- - example.org:8443"},
		{"host, spoofed from the left", nil, proxy, []string{"X-Forwarded-Host: evil.example, example.org"}, "- - example.org"},
		{"host that is none", nil, proxy, []string{"X-Forwarded-Host: a/b"}, `trusted-proxies: X-Forwarded-Host "a/b" is not a host`},

		// Forwarded (RFC 7239)
		{"Forwarded", nil, proxy, []string{"Forwarded: for=192.0.2.1;proto=https;host=example.org"}, "192.0.2.1 https example.org"},
		{"Forwarded in capitals", nil, proxy, []string{"Forwarded: For=192.0.2.1;PROTO=https"}, "192.0.2.1 https -"},
		{"Forwarded, spoofed from the left", nil, proxy, []string{"Forwarded: for=1.1.1.1;proto=http, for=192.0.2.1;proto=https"}, "192.0.2.1 https -"},
		{"Forwarded through two", nil, proxy, []string{"Forwarded: for=1.1.1.1;host=evil, for=192.0.2.1;host=example.org, for=10.0.0.2;host=inner"}, "192.0.2.1 - example.org"},
		{"Forwarded in lines", nil, proxy, []string{"Forwarded: for=1.1.1.1", "Forwarded: for=192.0.2.1"}, "192.0.2.1 - -"},
		{"Forwarded with IPv6 and a port", nil, proxy, []string{`Forwarded: for="[2001:db9::1]:4711"`}, "2001:db9::1 - -"},
		{"Forwarded of the unknown", nil, proxy, []string{"Forwarded: for=192.0.2.1, for=unknown;proto=https"}, "- https -"},
		{"Forwarded of the hidden", nil, proxy, []string{"Forwarded: for=192.0.2.1, for=_gazonk"}, "- - -"},
		{"Forwarded without for", nil, proxy, []string{"Forwarded: proto=https"}, "- https -"},
		{"Forwarded, commas in quotes", nil, proxy, []string{`Forwarded: for="1.1.1.1, for=1.1.1.2", for=192.0.2.1`}, "192.0.2.1 - -"},
		{"Forwarded with an open quote", nil, proxy, []string{`Forwarded: for="1.1.1.1, for=192.0.2.1`}, "trusted-proxies: Forwarded: a quoted string has no end"},
		{"Forwarded garbage", nil, proxy, []string{"Forwarded: 192.0.2.1"}, "trusted-proxies: Forwarded: not a list of name=value pairs"},
		{"Forwarded twice in one", nil, proxy, []string{"Forwarded: for=1.1.1.1;for=192.0.2.1"}, "trusted-proxies: Forwarded: one element has a parameter twice"},
		{"Forwarded with a bad host", nil, proxy, []string{`Forwarded: host="a b"`}, `trusted-proxies: Forwarded: host "a b" is not a host`},

		// both kinds
		{"both, the same", nil, proxy, []string{"X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1;host=h"}, "192.0.2.1 - h"},
		{"both, another address", nil, proxy, []string{"X-Forwarded-For: 192.0.2.1", "Forwarded: for=1.1.1.1"},
			"trusted-proxies: X-Forwarded-For says 192.0.2.1 and Forwarded 1.1.1.1: let the proxy remove the one that it does not write"},
		{"both, another scheme", nil, proxy, []string{"X-Forwarded-Proto: http", "Forwarded: proto=https"},
			"trusted-proxies: X-Forwarded-Proto says http and Forwarded https: let the proxy remove the one that it does not write"},
		{"both, another host", nil, proxy, []string{"X-Forwarded-Host: a", "Forwarded: host=b"},
			`trusted-proxies: X-Forwarded-Host says "a" and Forwarded "b": let the proxy remove the one that it does not write`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := tt.http
			if h == nil {
				h = usual
			}
			o, err := forwarded(from(tt.peer, tt.fields...), h)
			got := ""
			if err != nil {
				got = err.Error()
			} else {
				addr := ""
				if o.addr.IsValid() {
					addr = o.addr.String()
				}
				for i, s := range []string{addr, o.scheme, o.host} {
					if s == "" {
						s = "-"
					}
					got += []string{"", " ", " "}[i] + s
				}
			}
			if got != tt.want {
				t.Errorf("got %q; want %q", got, tt.want)
			}
		})
	}
}

func TestParseForwarded(t *testing.T) {
	type element = map[string]string
	for _, tt := range []struct {
		lines []string
		want  []element
		err   error
	}{
		{nil, nil, nil},
		{[]string{"", " ", ",;, ;"}, nil, nil},
		{[]string{"for=a"}, []element{{"for": "a"}}, nil},
		{[]string{" for=a ; by=b\t,, host=\"c,;\\\"d\" "}, []element{{"for": "a", "by": "b"}, {"host": `c,;"d`}}, nil},
		{[]string{"for=", `for=""`}, []element{{"for": ""}, {"for": ""}}, nil},
		{[]string{"for=a", "for=b"}, []element{{"for": "a"}, {"for": "b"}}, nil},
		{[]string{"for"}, nil, errPair},
		{[]string{"for =a"}, nil, errPair},
		{[]string{"=a"}, nil, errPair},
		{[]string{"for=a b"}, nil, errPair},
		{[]string{`for="a"b`}, nil, errPair},
		{[]string{`for=a"b"`}, nil, errPair},
		{[]string{`for="a\`}, nil, errQuote},
		{[]string{`for="a\"`}, nil, errQuote},
	} {
		got, err := parseForwarded(tt.lines)
		if diff := cmp.Diff(tt.want, got); diff != "" || err != tt.err {
			t.Errorf("parseForwarded(%q): got error %v; want %v (-want +got):\n%s", tt.lines, err, tt.err, diff)
		}
	}
}

// FuzzForwarded holds forwarded to what makes it safe: an untrusted peer is
// never believed, and what stands behind a client's own fields decides.
func FuzzForwarded(f *testing.F) {
	for _, s := range []string{"192.0.2.1", "unknown, [::1]:80", "for=1.1.1.1", `for="[2001:db8::1]:4711";proto=https;host="a:1"`, `for="a\",b`, "a,b;c=d"} {
		f.Add(s, s, s, s)
	}
	h := trusting(false, "10.0.0.0/8")
	f.Fuzz(func(t *testing.T, xff, proto, host, standard string) {
		claims := http.Header{"X-Forwarded-For": {xff}, "X-Forwarded-Proto": {proto}, "X-Forwarded-Host": {host}, "Forwarded": {standard}}
		stranger := from("192.0.2.9:1")
		stranger.Header = claims
		if o, err := forwarded(stranger, h); o != (origin{}) || err != nil {
			t.Errorf("a stranger: got %+v, %v; want nothing", o, err)
		}
		// Each kind by itself, with what the proxy in front appends.
		for _, header := range []http.Header{
			{"X-Forwarded-For": {xff + ", 198.51.100.7"}},
			{"X-Forwarded-For": {xff, "198.51.100.7"}},
			{"Forwarded": {standard, "for=198.51.100.7"}},
			{"Forwarded": {standard + ", for=198.51.100.7"}},
		} {
			r := from("10.0.0.1:1")
			r.Header = header
			o, err := forwarded(r, h)
			if err == nil && o.addr.String() != "198.51.100.7" {
				t.Errorf("%q: got %v; want what the proxy has appended", header, o.addr)
			}
		}
		proxied := from("10.0.0.1:1")
		proxied.Header = claims
		o, err := forwarded(proxied, h)
		if err == nil && o.scheme != "" && o.scheme != "http" && o.scheme != "https" {
			t.Errorf("got scheme %q", o.scheme)
		}
	})
}
