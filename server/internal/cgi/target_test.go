package cgi

import (
	"strings"
	"testing"
)

func TestParseTarget(t *testing.T) {
	tests := []struct {
		name    string
		in      string
		uri     string // "" is in
		path    string
		query   string
		literal int // bytes of path before the first slash that came as %2F; -1: there is none
		err     error
	}{
		{name: "root", in: "/", path: "/", literal: -1},
		{name: "plain", in: "/a/b.py", path: "/a/b.py", literal: -1},
		{name: "query", in: "/a?b=c&d", path: "/a", query: "b=c&d", literal: -1},
		{name: "empty query", in: "/a?", path: "/a", literal: -1},
		{name: "query is not decoded", in: "/a?%2e%00%zz+b", path: "/a", query: "%2e%00%zz+b", literal: -1},
		{name: "second question mark", in: "/a?b?c", path: "/a", query: "b?c", literal: -1},
		{name: "dots in a query stay", in: "/a?/../b", path: "/a", query: "/../b", literal: -1},
		{name: "case kept", in: "/ABC/Def", path: "/ABC/Def", literal: -1},
		{name: "plus is a plus", in: "/a+b", path: "/a+b", literal: -1},
		{name: "space", in: "/a%20b", path: "/a b", literal: -1},
		{name: "utf-8", in: "/%E4%B8%AD%E6%96%87.py", path: "/中文.py", literal: -1},
		{name: "utf-8 undecoded", in: "/中文.py", path: "/中文.py", literal: -1},
		{name: "not utf-8", in: "/%ff%FE", path: "/\xff\xfe", literal: -1},
		{name: "decoded once", in: "/%2541", path: "/%41", literal: -1},
		{name: "decoded once, no dots", in: "/a/%252e%252e/b", path: "/a/%2e%2e/b", literal: -1},
		{name: "encoded question mark", in: "/a%3Fb", path: "/a?b", literal: -1},
		{name: "encoded number sign", in: "/a%23b", path: "/a#b", literal: -1},
		{name: "encoded line feed", in: "/a%0ab", path: "/a\nb", literal: -1},
		{name: "backslash is a character", in: `/a\..\b`, path: `/a\..\b`, literal: -1},
		{name: "semicolon", in: "/a;v=1/b", path: "/a;v=1/b", literal: -1},

		{name: "empty segments stay", in: "//a///b/", path: "//a///b/", literal: -1},
		{name: "one dot", in: "/a/./b", path: "/a/b", literal: -1},
		{name: "one dot at the end", in: "/a/.", path: "/a/", literal: -1},
		{name: "only a dot", in: "/.", path: "/", literal: -1},
		{name: "two dots", in: "/a/b/../c", path: "/a/c", literal: -1},
		{name: "two dots at the end", in: "/a/b/..", path: "/a/", literal: -1},
		{name: "back to the root", in: "/a/..", path: "/", literal: -1},
		{name: "through the root", in: "/a/../b", path: "/b", literal: -1},
		{name: "two dots over an empty segment", in: "/a//../b", path: "/a/b", literal: -1},
		{name: "empty segment then dots", in: "//../a", path: "/a", literal: -1},
		{name: "encoded dots", in: "/a/%2e%2E/b", path: "/b", literal: -1},
		{name: "half-encoded dots", in: "/a/.%2e/b", path: "/b", literal: -1},
		{name: "encoded single dot", in: "/a/%2e/b", path: "/a/b", literal: -1},
		{name: "three dots are a name", in: "/a/.../b", path: "/a/.../b", literal: -1},
		{name: "dotfile is a name", in: "/a/.b/..c/d..", path: "/a/.b/..c/d..", literal: -1},

		{name: "above the root", in: "/..", err: ErrOutside},
		{name: "above the root and down again", in: "/../etc/passwd", err: ErrOutside},
		{name: "above the root, deep", in: "/a/../../b", err: ErrOutside},
		{name: "above the root, encoded", in: "/%2e%2e/a", err: ErrOutside},
		{name: "above the root, encoded slash", in: "/a%2f..%2f..%2fb", err: ErrOutside},
		{name: "above the root, all encoded", in: "/%2e%2e%2fa", err: ErrOutside},
		{name: "above the root, then into it", in: "/../a/..", err: ErrOutside},

		{name: "encoded slash", in: "/a%2fb", path: "/a/b", literal: 2},
		{name: "encoded slash, upper case", in: "/a%2Fb/c%2fd", path: "/a/b/c/d", literal: 2},
		{name: "encoded slash first", in: "/%2fa", path: "//a", literal: 1},
		{name: "encoded slash last", in: "/a%2f", path: "/a/", literal: 2},
		{name: "dots between encoded slashes", in: "/a/b%2f..%2fc", path: "/a/c", literal: 2},
		{name: "encoded slash that dots take away", in: "/a%2fb/../../c", path: "/c", literal: -1},
		{name: "encoded slash behind the root", in: "/a/..%2fb", path: "/b", literal: -1},
		{name: "encoded slash then dot at the end", in: "/a%2f.", path: "/a/", literal: -1},

		{name: "encoded NUL", in: "/a%00.py", err: ErrNUL},
		{name: "encoded NUL first", in: "/%00", err: ErrNUL},
		{name: "NUL", in: "/a\x00b", err: ErrNUL},
		{name: "NUL beside an escape", in: "/%41\x00b", err: ErrNUL},
		{name: "percent at the end", in: "/a%", err: ErrEscape},
		{name: "percent with one digit", in: "/a%4", err: ErrEscape},
		{name: "percent with no digits", in: "/a%zz", err: ErrEscape},
		{name: "percent with half a digit", in: "/a%4g", err: ErrEscape},
		{name: "percent-u", in: "/%u0041", err: ErrEscape},

		{name: "absolute form", in: "http://host:80/a?b", uri: "/a?b", path: "/a", query: "b", literal: -1},
		{name: "absolute form, https", in: "HTTPS://host/a", uri: "/a", path: "/a", literal: -1},
		{name: "absolute form without a path", in: "http://host", uri: "/", path: "/", literal: -1},
		{name: "absolute form, query without a path", in: "http://host?q", uri: "/?q", path: "/", query: "q", literal: -1},
		{name: "absolute form, slash in the query", in: "http://host?q/r", uri: "/?q/r", path: "/", query: "q/r", literal: -1},
		{name: "absolute form, dots", in: "http://host/../a", err: ErrOutside},
		{name: "absolute form of another scheme", in: "ftp://host/a", err: ErrNotOrigin},
		{name: "a URL as a path", in: "/http://host/a", path: "/http://host/a", literal: -1},
		{name: "empty", in: "", err: ErrNotOrigin},
		{name: "asterisk", in: "*", err: ErrNotOrigin},
		{name: "authority", in: "host:443", err: ErrNotOrigin},
		{name: "relative", in: "a/b", err: ErrNotOrigin},
		{name: "query alone", in: "?a", err: ErrNotOrigin},
		{name: "fragment", in: "/a#b", err: ErrFragment},
		{name: "fragment behind a query", in: "/a?b#c", err: ErrFragment},
		{name: "fragment behind an authority", in: "http://host#c", err: ErrFragment},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseTarget(tt.in)
			if err != tt.err {
				t.Fatalf("error: got %v; want %v", err, tt.err)
			}
			if err != nil {
				return
			}
			uri := tt.uri
			if uri == "" {
				uri = tt.in
			}
			if got.URI != uri || got.Path != tt.path || got.Query != tt.query {
				t.Errorf("got URI %q, path %q, query %q; want %q, %q, %q", got.URI, got.Path, got.Query, uri, tt.path, tt.query)
			}
			literal := tt.literal
			if literal < 0 {
				literal = len(tt.path)
			}
			for n := range len(got.Path) + 1 {
				if got.LiteralPrefix(n) != (n <= literal) {
					t.Errorf("LiteralPrefix(%d) of %q: got %v; want %v", n, got.Path, got.LiteralPrefix(n), n <= literal)
				}
			}
		})
	}
}

func TestWithPath(t *testing.T) {
	tests := []struct {
		in, path string
		literal  bool // all of the new path
	}{
		{"/a/", "/a/index.html", true},
		{"/", "/index.html", true},
		{"/%61/", "/a/index.html", true},
		{"/a%2f", "/a/index.html", false},
		{"/a%2fb/", "/a/b/index.html", false},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			target, err := ParseTarget(tt.in + "?q")
			if err != nil {
				t.Fatal(err)
			}
			got := target.WithPath(target.Path + "index.html")
			if got.Path != tt.path || got.LiteralPrefix(len(tt.path)) != tt.literal {
				t.Errorf("got %q, literal %v; want %q, %v", got.Path, got.LiteralPrefix(len(tt.path)), tt.path, tt.literal)
			}
			if got.URI != tt.in+"?q" || got.Query != "q" {
				t.Errorf("got URI %q, query %q; want %q, %q", got.URI, got.Query, tt.in+"?q", "q")
			}
		})
	}
}

func TestParseTargetLong(t *testing.T) {
	const n = 8 << 10
	long := strings.Repeat("/a", n) + strings.Repeat("/..", n)
	got, err := ParseTarget(long + "/b")
	if err != nil || got.Path != "/b" {
		t.Errorf("got %q, %v; want %q", got.Path, err, "/b")
	}
	if _, err := ParseTarget(long + "/../b"); err != ErrOutside {
		t.Errorf("one more: got %v; want %v", err, ErrOutside)
	}
}
