package cgi

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// FuzzHeaderEnd: however the output is cut into reads, the header ends at the
// same byte, and that byte ends an empty line.
func FuzzHeaderEnd(f *testing.F) {
	for _, seed := range []string{"", "\n", "\r\n", "A: b\n\nx", "A: b\r\n\r\nx", "A: b\n\r\nx", "A: b\r\r\n\n", "A\n\r", "\r\r\n\n"} {
		f.Add([]byte(seed), uint8(1), uint8(2))
	}
	f.Fuzz(func(t *testing.T, in []byte, first, step uint8) {
		want := HeaderEnd(in, 0)
		if want > len(in) || want == 0 {
			t.Fatalf("got %d of %d bytes", want, len(in))
		}
		if want > 0 {
			block := bytes.TrimSuffix(bytes.TrimSuffix(in[:want], []byte("\n")), []byte("\r"))
			if len(block) > 0 && block[len(block)-1] != '\n' {
				t.Fatalf("%q does not end in an empty line", in[:want])
			}
			if end := HeaderEnd(in[:want-1], 0); end >= 0 {
				t.Fatalf("%q ends at %d already, not at %d", in, end, want)
			}
		}
		scanned := 0
		for have := min(int(first), len(in)); ; have = min(have+max(int(step), 1), len(in)) {
			if got := HeaderEnd(in[:have], scanned); got >= 0 || have == len(in) {
				if got != want {
					t.Fatalf("%q in steps of %d after %d: got %d; want %d", in, step, first, got, want)
				}
				return
			}
			scanned = have
		}
	})
}

func FuzzParseHeader(f *testing.F) {
	for _, seed := range []string{
		"Status: 404 Not Found\nContent-Type: text/html\n\nbody",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"404 Not Found\nX-A: b\n\n", "Location: /a?b\n\n", "Location: //a\nStatus: 301\n\n",
		"Connection: X-A, close\nX-A: b\nContent-Type: a/b\n\n",
		"Content-Type:\nContent-Type: a\n\n", "A: b\n c\n\n", "A: b\x00\n\n", "A: b\rC: d\n\n", "\n", "A",
		"Transfer-Encoding: chunked\n\n", "Status: +99\n\n", "Content-Length: 18446744073709551616\n\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := ParseHeader(in)
		if end := HeaderEnd(in, 0); end >= 0 {
			again, err2 := ParseHeader(in[:end])
			if diff := cmp.Diff(got, again); diff != "" || fmt.Sprint(err) != fmt.Sprint(err2) {
				t.Fatalf("%q: what follows the header changes it: %v, %v\n%s", in, err, err2, diff)
			}
		}
		if bytes.IndexByte(in, '\r') < 0 {
			crlf, err2 := ParseHeader(bytes.ReplaceAll(in, []byte("\n"), []byte("\r\n")))
			if diff := cmp.Diff(got, crlf); diff != "" || (err == nil) != (err2 == nil) {
				t.Fatalf("%q: CRLF changes it: %v, %v\n%s", in, err, err2, diff)
			}
		}
		if err != nil {
			checkHeaderError(t, in, err)
			return
		}
		checkResponse(t, in, got)
		if written := writeHeader(got); written != "" {
			got.Dropped = nil
			again, err := ParseHeader([]byte(written + "\n"))
			if diff := cmp.Diff(got, again, cmpopts.EquateEmpty()); err != nil || diff != "" {
				t.Fatalf("%q is written as %q and read as another: %v\n%s", in, written, err, diff)
			}
		}
	})
}

// checkHeaderError: the place that is blamed exists.
func checkHeaderError(t *testing.T, in []byte, err error) {
	t.Helper()
	var herr *HeaderError
	if !errors.As(err, &herr) {
		t.Fatalf("%q: got a %T; want a *HeaderError", in, err)
	}
	if herr.Offset < 0 || herr.Offset > len(in) || (herr.Offset == len(in) && len(in) > 0) {
		t.Fatalf("%q: %v: there is no such byte", in, err)
	}
	if line := 1 + bytes.Count(in[:herr.Offset], []byte("\n")); herr.Line != line {
		t.Fatalf("%q: %v: that byte is on line %d", in, err, line)
	}
}

// checkResponse: nothing in it could split the response, frame it a second
// time, or speak for the connection.
func checkResponse(t *testing.T, in []byte, r *Response) {
	t.Helper()
	if r.Status < 100 || r.Status > 599 || r.ContentLength < -1 || len(r.Fields)+len(r.Dropped) > MaxFields {
		t.Fatalf("%q: got %+v", in, r)
	}
	counts := map[string]int{}
	for _, f := range r.Fields {
		name := strings.ToLower(f.Name)
		counts[name]++
		if name == "" || strings.IndexFunc(name, func(c rune) bool { return c >= 0x80 || !isToken(byte(c)) }) >= 0 {
			t.Fatalf("%q: field name %q", in, f.Name)
		}
		if strings.ContainsAny(f.Value, "\x00\r\n") || strings.Trim(f.Value, " \t") != f.Value {
			t.Fatalf("%q: value %q of %s", in, f.Value, f.Name)
		}
		switch name {
		case "status", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade":
			t.Fatalf("%q: %s is passed on", in, f.Name)
		case "content-type":
			if f.Value != r.ContentType {
				t.Fatalf("%q: Content-Type %q, field %q", in, r.ContentType, f.Value)
			}
		case "location":
			if f.Value != r.Location {
				t.Fatalf("%q: Location %q, field %q", in, r.Location, f.Value)
			}
		}
	}
	if counts["content-type"] > 1 || counts["location"] > 1 {
		t.Fatalf("%q: %v", in, counts)
	}
	if (counts["content-type"] == 0 && r.ContentType != "") || (counts["location"] == 0 && r.Location != "") {
		t.Fatalf("%q: a type or a place without its field: %+v", in, r)
	}
}

// writeHeader is r as a frame might print it, "" when nothing is left of it.
func writeHeader(r *Response) string {
	var b strings.Builder
	if r.StatusGiven {
		fmt.Fprintf(&b, "Status: %d\n", r.Status)
	}
	for _, f := range r.Fields {
		fmt.Fprintf(&b, "%s: %s\n", f.Name, f.Value)
	}
	if r.ContentLength >= 0 {
		fmt.Fprintf(&b, "Content-Length: %d\n", r.ContentLength)
	}
	return b.String()
}

func FuzzParseTarget(f *testing.F) {
	for _, seed := range []string{
		"/", "/a/b?c#d", "/a/../b", "/%2e%2e/a", "/a%2fb", "/a%2f..%2f..", "/%00", "/a\x00", "/%", "/%4", "//a//./..//b",
		"http://h/a", "http://h?a", "*", "", "/.", "/..", "/...", "/a/..%2fb", "/%252e%252e/", "/%E4%B8%AD", "/a%2f.", "/./.",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		target, err := ParseTarget(uri)
		if err != nil {
			return
		}
		checkTarget(t, target)
		again, err := ParseTarget(escapePath(target.Path))
		if err != nil || again.Path != target.Path {
			t.Fatalf("%q is the path %q; that, encoded, is %q, %v", uri, target.Path, again.Path, err)
		}
		raw, query, _ := strings.Cut(target.URI, "?")
		if query != target.Query || !strings.HasSuffix(uri, strings.TrimPrefix(target.URI, "/")) {
			t.Fatalf("%q: got URI %q, query %q", uri, target.URI, target.Query)
		}
		decoded, err := url.PathUnescape(raw)
		if err != nil {
			t.Fatalf("%q: net/url says %v", uri, err)
		}
		if !hasDots(decoded) && decoded != target.Path {
			t.Fatalf("%q: got path %q; want %q", uri, target.Path, decoded)
		}
		if whole := target.LiteralPrefix(len(target.Path)); !whole && !strings.Contains(strings.ToLower(raw), "%2f") {
			t.Fatalf("%q: no slash is encoded", uri)
		} else if whole && !hasDots(decoded) && strings.Contains(strings.ToLower(raw), "%2f") {
			t.Fatalf("%q: the encoded slash is forgotten", uri)
		}
	})
}

func checkTarget(t *testing.T, target Target) {
	t.Helper()
	if !strings.HasPrefix(target.Path, "/") || !strings.HasPrefix(target.URI, "/") {
		t.Fatalf("%q: path %q", target.URI, target.Path)
	}
	if strings.ContainsRune(target.Path, 0) {
		t.Fatalf("%q: path %q holds a NUL", target.URI, target.Path)
	}
	if hasDots(target.Path) {
		t.Fatalf("%q: path %q has a dot segment", target.URI, target.Path)
	}
}

func hasDots(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// FuzzSplit holds the route splitter to §3.3 on a directory that has one
// script, file, and what leads to it.
func FuzzSplit(f *testing.F) {
	for _, seed := range [][2]string{
		{"/cgi-bin/a/b/c", "a/b"}, {"/cgi-bin/a%2fb/c", "a/b"}, {"/cgi-bin/a/../b", "b"}, {"/cgi-bin/.a", ".a"},
		{"/cgi-bin//a", "a"}, {"/a", "a"}, {"/cgi-bin/a%2fb", "a"}, {"/cgi-bin/%61?q", "a"}, {"/cgi-bin%2fa", "a"}, {"/cgi-bin/a/%2f", "a"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, uri, file string) {
		target, err := ParseTarget(uri)
		if err != nil {
			return
		}
		lookup := func(name string) (FileKind, error) {
			for segment := range strings.SplitSeq(name, "/") {
				if segment == "" || segment[0] == '.' || strings.ContainsRune(segment, 0) {
					t.Fatalf("%q: asked for %q", uri, name)
				}
			}
			switch {
			case name == file:
				return RegularFile, nil
			case strings.HasPrefix(file, name+"/"):
				return Directory, nil
			}
			return NoFile, nil
		}
		for _, prefix := range []string{"/", "/cgi-bin"} {
			if s, ok := SplitMount(target, prefix); ok {
				checkScript(t, target, s)
				again, ok := SplitMount(mustParse(t, scriptURI(s, target.Query)), prefix)
				if !ok || again != s {
					t.Fatalf("%q is %+v, its script URI %q is %+v, %v", uri, s, scriptURI(s, target.Query), again, ok)
				}
			}
			s, err := SplitScripts(target, prefix, lookup)
			if err != nil {
				continue
			}
			checkScript(t, target, s)
			if s.File != file {
				t.Fatalf("%q: got script %q; there is only %q", uri, s.File, file)
			}
			again, err := SplitScripts(mustParse(t, scriptURI(s, target.Query)), prefix, lookup)
			if err != nil || again != s {
				t.Fatalf("%q is %+v, its script URI %q is %+v, %v", uri, s, scriptURI(s, target.Query), again, err)
			}
		}
	})
}

func checkScript(t *testing.T, target Target, s Script) {
	t.Helper()
	switch {
	case s.Name+s.PathInfo != target.Path:
		t.Fatalf("%q: SCRIPT_NAME %q and PATH_INFO %q are not the path %q", target.URI, s.Name, s.PathInfo, target.Path)
	case s.Name != "" && (s.Name[0] != '/' || strings.HasSuffix(s.Name, "/")), s.PathInfo != "" && s.PathInfo[0] != '/':
		t.Fatalf("%q: SCRIPT_NAME %q, PATH_INFO %q", target.URI, s.Name, s.PathInfo)
	case !target.LiteralPrefix(len(s.Name)):
		t.Fatalf("%q: SCRIPT_NAME %q holds a slash that was encoded", target.URI, s.Name)
	}
}
