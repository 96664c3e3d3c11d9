package cgi

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func mustParse(t testing.TB, uri string) Target {
	t.Helper()
	target, err := ParseTarget(uri)
	if err != nil {
		t.Fatalf("parse %q: %v", uri, err)
	}
	return target
}

func TestSplitMount(t *testing.T) {
	tests := []struct {
		uri, prefix string
		name, info  string
		ok          bool
	}{
		{"/", "/", "", "/", true},
		{"/a/b", "/", "", "/a/b", true},
		{"/a%2fb", "/", "", "/a/b", true},
		{"//a", "/", "", "//a", true},
		{"/shop", "/shop", "/shop", "", true},
		{"/shop/", "/shop", "/shop", "/", true},
		{"/shop/a", "/shop", "/shop", "/a", true},
		{"/shop//a", "/shop", "/shop", "//a", true},
		{"/shop/a%2fb", "/shop", "/shop", "/a/b", true},
		{"/shop/%2fa", "/shop", "/shop", "//a", true},
		{"/shop?q=/x", "/shop", "/shop", "", true},
		{"/%73hop/a", "/shop", "/shop", "/a", true},
		{"/a/../shop/b", "/shop", "/shop", "/b", true},
		{"/shop/a/..", "/shop", "/shop", "/", true},
		{"/a/b/c", "/a/b", "/a/b", "/c", true},
		{"/caf%C3%A9/x", "/café", "/café", "/x", true},

		{"/shopping", "/shop", "", "", false},
		{"/sho", "/shop", "", "", false},
		{"/", "/shop", "", "", false},
		{"/Shop", "/shop", "", "", false},
		{"//shop", "/shop", "", "", false},
		{"/a/shop", "/shop", "", "", false},
		{"/shop/..", "/shop", "", "", false},
		{"/shop/../a", "/shop", "", "", false},
		{"/shop%2fa", "/shop", "", "", false},
		{"/shop%2f", "/shop", "", "", false},
		{"/%2fshop", "/shop", "", "", false},
		{"/a%2fb/c", "/a/b", "", "", false},
		{"/a/b%2fc", "/a/b", "", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.uri+" at "+tt.prefix, func(t *testing.T) {
			got, ok := SplitMount(mustParse(t, tt.uri), tt.prefix)
			want := Script{Name: tt.name, PathInfo: tt.info}
			if ok != tt.ok || got != want {
				t.Errorf("got %+v, %v; want %+v, %v", got, ok, want, tt.ok)
			}
		})
	}
}

// tree is a directory of scripts for tests; a name that it lacks is no file.
var tree = map[string]FileKind{
	"hello":       RegularFile,
	"hello.cgi":   RegularFile,
	"sub":         Directory,
	"sub/deep":    Directory,
	"sub/deep/x":  RegularFile,
	"sub/y":       RegularFile,
	"fifo":        OtherFile,
	".hidden":     RegularFile,
	"sub/.hidden": RegularFile,
	"a b":         RegularFile,
	"脚本":          RegularFile,
	"img.png":     RegularFile,
	"a/b":         RegularFile, // what no lookup may ask for in one segment
}

func lookupTree(name string) (FileKind, error) { return tree[name], nil }

func TestSplitScripts(t *testing.T) {
	tests := []struct {
		uri, prefix      string
		name, info, file string // all empty: no such script
	}{
		{"/cgi-bin/hello", "/cgi-bin", "/cgi-bin/hello", "", "hello"},
		{"/cgi-bin/hello/", "/cgi-bin", "/cgi-bin/hello", "/", "hello"},
		{"/cgi-bin/hello/a/b", "/cgi-bin", "/cgi-bin/hello", "/a/b", "hello"},
		{"/cgi-bin/hello//a", "/cgi-bin", "/cgi-bin/hello", "//a", "hello"},
		{"/cgi-bin/hello/a%2fb", "/cgi-bin", "/cgi-bin/hello", "/a/b", "hello"},
		{"/cgi-bin/hello/%2fb", "/cgi-bin", "/cgi-bin/hello", "//b", "hello"},
		{"/cgi-bin/hello?/x", "/cgi-bin", "/cgi-bin/hello", "", "hello"},
		{"/cgi-bin/hello.cgi/hello", "/cgi-bin", "/cgi-bin/hello.cgi", "/hello", "hello.cgi"},
		{"/cgi-bin/sub/deep/x/y", "/cgi-bin", "/cgi-bin/sub/deep/x", "/y", "sub/deep/x"},
		{"/cgi-bin/sub/y", "/cgi-bin", "/cgi-bin/sub/y", "", "sub/y"},
		{"/cgi-bin/a%20b/c", "/cgi-bin", "/cgi-bin/a b", "/c", "a b"},
		{"/cgi-bin/%E8%84%9A%E6%9C%AC", "/cgi-bin", "/cgi-bin/脚本", "", "脚本"},
		{"/cgi-bin/sub/../hello/z", "/cgi-bin", "/cgi-bin/hello", "/z", "hello"},
		{"/hello/a", "/", "/hello", "/a", "hello"},
		{"/sub/y/a", "/", "/sub/y", "/a", "sub/y"},
		// What comes first is the script, whatever follows looks like.
		{"/cgi-bin/img.png/x.php", "/cgi-bin", "/cgi-bin/img.png", "/x.php", "img.png"},

		{uri: "/cgi-bin", prefix: "/cgi-bin"},
		{uri: "/cgi-bin/", prefix: "/cgi-bin"},
		{uri: "/", prefix: "/"},
		{uri: "/cgi-bin/none", prefix: "/cgi-bin"},
		{uri: "/cgi-bin/none/hello", prefix: "/cgi-bin"},
		{uri: "/cgi-bin/sub", prefix: "/cgi-bin"},
		{uri: "/cgi-bin/sub/", prefix: "/cgi-bin"},
		{uri: "/cgi-bin/sub/none", prefix: "/cgi-bin"},
		{uri: "/cgi-bin/fifo", prefix: "/cgi-bin"},
		{uri: "/cgi-bin/.hidden", prefix: "/cgi-bin"},
		{uri: "/cgi-bin/%2ehidden", prefix: "/cgi-bin"},
		{uri: "/cgi-bin/sub/.hidden", prefix: "/cgi-bin"},
		{uri: "/cgi-bin//hello", prefix: "/cgi-bin"},
		{uri: "/cgi-bin/sub//y", prefix: "/cgi-bin"},
		{uri: "/cgi-bin/HELLO", prefix: "/cgi-bin"},
		{uri: "/cgi-bin/hello.", prefix: "/cgi-bin"},
		{uri: "/cgi-bin/hello%20", prefix: "/cgi-bin"},
		{uri: "/cgi-bin/sub%2fy", prefix: "/cgi-bin"},
		{uri: "/cgi-bin/a%2fb", prefix: "/cgi-bin"},
		{uri: "/cgi-bin/hello%2fa", prefix: "/cgi-bin"},
		{uri: "/cgi-bin%2fhello", prefix: "/cgi-bin"},
		{uri: "/cgi-bin/%2fhello", prefix: "/cgi-bin"},
		{uri: "/cgi-bin/../hello", prefix: "/cgi-bin"},
		{uri: "/sub%2fy", prefix: "/"},
		{uri: "/other/hello", prefix: "/cgi-bin"},
	}
	for _, tt := range tests {
		t.Run(tt.uri+" at "+tt.prefix, func(t *testing.T) {
			got, err := SplitScripts(mustParse(t, tt.uri), tt.prefix, lookupTree)
			want := Script{Name: tt.name, PathInfo: tt.info, File: tt.file}
			if got != want || (err == nil) != (tt.file != "") {
				t.Errorf("got %+v, %v; want %+v", got, err, want)
			}
			if err != nil && err != ErrNoScript {
				t.Errorf("error: got %v; want %v", err, ErrNoScript)
			}
		})
	}
}

// The lookup meets the names in order and stops at the first answer: nothing
// below a script is ever looked at.
func TestSplitScriptsAsks(t *testing.T) {
	tests := []struct {
		uri  string
		want []string
	}{
		{"/cgi-bin/sub/deep/x/y/z", []string{"sub", "sub/deep", "sub/deep/x"}},
		{"/cgi-bin/hello/sub/y", []string{"hello"}},
		{"/cgi-bin/none/hello", []string{"none"}},
		{"/cgi-bin/sub/.hidden/x", []string{"sub"}},
		{"/cgi-bin/sub/deep%2fx", []string{"sub"}},
		{"/cgi-bin/a%2fb", nil},
		{"/elsewhere/hello", nil},
	}
	for _, tt := range tests {
		t.Run(tt.uri, func(t *testing.T) {
			var asked []string
			SplitScripts(mustParse(t, tt.uri), "/cgi-bin", func(name string) (FileKind, error) {
				asked = append(asked, name)
				return tree[name], nil
			})
			if !slices.Equal(asked, tt.want) {
				t.Errorf("got %q; want %q", asked, tt.want)
			}
		})
	}
}

func TestSplitScriptsError(t *testing.T) {
	broken := errors.New("disk on fire")
	_, err := SplitScripts(mustParse(t, "/cgi-bin/hello"), "/cgi-bin", func(string) (FileKind, error) { return NoFile, broken })
	if err != broken {
		t.Errorf("got %v; want %v", err, broken)
	}
}

// scriptURI is §3.3's script URI without its scheme and authority: what a
// client has to ask for to reach the same script with the same PATH_INFO.
func scriptURI(s Script, query string) string {
	uri := escapePath(s.Name) + escapePath(s.PathInfo)
	if query != "" {
		uri += "?" + query
	}
	return uri
}

// escapePath encodes everything but what a path may hold (RFC 3986 §3.3).
func escapePath(path string) string {
	const plain = "/-._~!$&'()*+,;=:@abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(path) {
		c := path[i]
		if strings.IndexByte(plain, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteString("%" + string(digits[c>>4]) + string(digits[c&15]))
	}
	return b.String()
}

// §3.3: split, rebuild, split again. The pieces that paths are made of are
// put together in every order, up to four of them.
func TestScriptURIRoundTrip(t *testing.T) {
	pieces := []string{"", "cgi-bin", "hello", "sub", "y", "..", ".", "%2e%2e", "a%2fb", "%2f", "%25", "%3Fq", "%E8%84%9A%E6%9C%AC", ".hidden"}
	scripts, mounts := 0, 0
	var walk func(path string, depth int)
	walk = func(path string, depth int) {
		if path != "" {
			if target, err := ParseTarget(path + "?q=%2e"); err == nil {
				s, m := checkRoundTrip(t, target)
				scripts, mounts = scripts+s, mounts+m
			}
		}
		if depth == 0 {
			return
		}
		for _, piece := range pieces {
			walk(path+"/"+piece, depth-1)
		}
	}
	walk("", 4)
	if scripts < 100 || mounts < 1000 {
		t.Errorf("got %d paths to a script and %d to a mount: too few to say anything", scripts, mounts)
	}
}

// checkRoundTrip holds the splits of target to §3.3 and reports how many
// there were.
func checkRoundTrip(t *testing.T, target Target) (scripts, mounts int) {
	t.Helper()
	for _, prefix := range []string{"/", "/cgi-bin"} {
		if s, ok := SplitMount(target, prefix); ok {
			mounts++
			again, ok := SplitMount(mustParse(t, scriptURI(s, target.Query)), prefix)
			if !ok || again != s {
				t.Errorf("mount %s: %q splits into %+v, its script URI %q into %+v, %v", prefix, target.URI, s, scriptURI(s, target.Query), again, ok)
			}
		}
		s, err := SplitScripts(target, prefix, lookupTree)
		if err != nil {
			continue
		}
		scripts++
		rebuilt := mustParse(t, scriptURI(s, target.Query))
		again, err := SplitScripts(rebuilt, prefix, lookupTree)
		if err != nil || again != s || rebuilt.Query != target.Query {
			t.Errorf("scripts %s: %q splits into %+v, its script URI %q into %+v, %v", prefix, target.URI, s, rebuilt.URI, again, err)
		}
		if s.Name+s.PathInfo != target.Path {
			t.Errorf("%q: SCRIPT_NAME %q and PATH_INFO %q are not the path %q", target.URI, s.Name, s.PathInfo, target.Path)
		}
	}
	return scripts, mounts
}
