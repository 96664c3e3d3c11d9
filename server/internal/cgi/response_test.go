package cgi

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseHeader(t *testing.T) {
	html := Field{"Content-Type", "text/html"}
	tests := []struct {
		name, in string
		want     Response
	}{
		{"no status", "Content-Type: text/html\n\n",
			Response{Status: 200, ContentType: "text/html", ContentLength: -1, Fields: []Field{html}}},
		{"Status field", "Status: 404 Not Found\nContent-Type: text/html\n\n",
			Response{Status: 404, StatusGiven: true, ContentType: "text/html", ContentLength: -1, Fields: []Field{html}}},
		{"Status field, last", "Content-Type: text/html\nStatus: 404 Not Found\n\n",
			Response{Status: 404, StatusGiven: true, ContentType: "text/html", ContentLength: -1, Fields: []Field{html}}},
		{"Status field, code alone", "sTATUS:204\n\n", Response{Status: 204, StatusGiven: true, ContentLength: -1}},
		{"status line with a version", "HTTP/1.1 404 Not Found\nContent-Type: text/html\n\n",
			Response{Status: 404, StatusGiven: true, ContentType: "text/html", ContentLength: -1, Fields: []Field{html}}},
		{"status line, HTTP/1.0", "HTTP/1.0 500 Oh\n\n", Response{Status: 500, StatusGiven: true, ContentLength: -1}},
		{"status line, HTTP/2", "HTTP/2 200\n\n", Response{Status: 200, StatusGiven: true, ContentLength: -1}},
		{"status line without a version", "404 Not Found\nContent-Type: text/html\n\n",
			Response{Status: 404, StatusGiven: true, ContentType: "text/html", ContentLength: -1, Fields: []Field{html}}},
		{"status line, code alone", "404\r\n\r\n", Response{Status: 404, StatusGiven: true, ContentLength: -1}},
		{"status line, code and a space", "404 \n\n", Response{Status: 404, StatusGiven: true, ContentLength: -1}},
		{"status line, reason in UTF-8", "404 找不到\n\n", Response{Status: 404, StatusGiven: true, ContentLength: -1}},
		{"a field whose name is digits", "404: no status\n\n",
			Response{Status: 200, ContentLength: -1, Fields: []Field{{"404", "no status"}}}},
		{"lowest status", "Status: 100\n\n", Response{Status: 100, StatusGiven: true, ContentLength: -1}},
		{"highest status", "Status: 599\n\n", Response{Status: 599, StatusGiven: true, ContentLength: -1}},
		{"CRLF", "Status: 201 Created\r\nX-A: b\r\n\r\n",
			Response{Status: 201, StatusGiven: true, ContentLength: -1, Fields: []Field{{"X-A", "b"}}}},
		{"mixed line ends", "X-A: b\r\nX-C: d\nX-E: f\r\n\n",
			Response{Status: 200, ContentLength: -1, Fields: []Field{{"X-A", "b"}, {"X-C", "d"}, {"X-E", "f"}}}},
		{"no empty line", "X-A: b\nX-C: d", Response{Status: 200, ContentLength: -1, Fields: []Field{{"X-A", "b"}, {"X-C", "d"}}}},
		{"cut between CR and LF", "X-A: b\r\nX-C: d\r", Response{Status: 200, ContentLength: -1, Fields: []Field{{"X-A", "b"}, {"X-C", "d"}}}},
		{"what follows the empty line is the body", "X-A: b\n\nno colon here\n",
			Response{Status: 200, ContentLength: -1, Fields: []Field{{"X-A", "b"}}}},
		{"space around values", "X-A:b\nX-B: \t c d \t\nX-C:\nX-D:   \n\n",
			Response{Status: 200, ContentLength: -1, Fields: []Field{{"X-A", "b"}, {"X-B", "c d"}, {"X-C", ""}, {"X-D", ""}}}},
		{"tab, colon and UTF-8 in a value", "X-A: a:b\tc 中\n\n",
			Response{Status: 200, ContentLength: -1, Fields: []Field{{"X-A", "a:b\tc 中"}}}},
		{"every token character", "!#$%&'*+-.^_`|~09azAZ: b\n\n",
			Response{Status: 200, ContentLength: -1, Fields: []Field{{"!#$%&'*+-.^_`|~09azAZ", "b"}}}},
		{"names keep their spelling", "content-TYPE: text/html\n\n",
			Response{Status: 200, ContentType: "text/html", ContentLength: -1, Fields: []Field{{"content-TYPE", "text/html"}}}},
		{"repeated fields of others", "Set-Cookie: a\nX-A: b\nSet-Cookie: c\n\n",
			Response{Status: 200, ContentLength: -1, Fields: []Field{{"Set-Cookie", "a"}, {"X-A", "b"}, {"Set-Cookie", "c"}}}},
		{"Content-Length", "Content-Length: 0012\n\n", Response{Status: 200, ContentLength: 12}},
		{"Content-Length, none", "Content-Length: 0\n\n", Response{Status: 200, ContentLength: 0}},
		{"local redirect", "Location: /a?b\n\n",
			Response{Status: 302, Location: "/a?b", ContentLength: -1, Fields: []Field{{"Location", "/a?b"}}}},
		{"client redirect", "Location: http://a/b#c\n\n",
			Response{Status: 302, Location: "http://a/b#c", ContentLength: -1, Fields: []Field{{"Location", "http://a/b#c"}}}},
		{"client redirect with a status", "Location: http://a/\nStatus: 307 Go\n\n",
			Response{Status: 307, StatusGiven: true, Location: "http://a/", ContentLength: -1, Fields: []Field{{"Location", "http://a/"}}}},
		{"client redirect with a document", "Status: 201\nLocation: http://a/\nContent-Type: text/html\n\n",
			Response{Status: 201, StatusGiven: true, Location: "http://a/", ContentType: "text/html", ContentLength: -1, Fields: []Field{{"Location", "http://a/"}, html}}},
		{"hop-by-hop fields", "Connection: close\nKeep-Alive: 5\nProxy-Connection: x\nTE: x\nTrailer: X-T\nUpgrade: h2c\nX-A: b\n\n",
			Response{Status: 200, ContentLength: -1, Fields: []Field{{"X-A", "b"}}, Dropped: []string{"Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Upgrade"}}},
		{"fields that Connection names", "X-A: b\nConnection: x-a , close\nX-B: c\nconnection: X-C\nX-C: d\nx-a: e\n\n",
			Response{Status: 200, ContentLength: -1, Fields: []Field{{"X-B", "c"}}, Dropped: []string{"Connection", "connection", "X-A", "X-C", "x-a"}}},
		{"Connection cannot hide the type", "Content-Type: text/html\nConnection: Content-Type\n\n",
			Response{Status: 200, ContentLength: -1, Fields: []Field{}, Dropped: []string{"Connection", "Content-Type"}}},
		{"nor the place", "Location: /a\nConnection: location\nX-A: b\n\n",
			Response{Status: 200, ContentLength: -1, Fields: []Field{{"X-A", "b"}}, Dropped: []string{"Connection", "Location"}}},
		{"Status alone is a field", "Status: 500\n\n", Response{Status: 500, StatusGiven: true, ContentLength: -1}},
		{"1000 fields", strings.Repeat("X-A: b\n", MaxFields) + "\n",
			Response{Status: 200, ContentLength: -1, Fields: repeat(Field{"X-A", "b"}, MaxFields)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseHeader([]byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&tt.want, got); diff != "" {
				t.Errorf("response (-want +got):\n%s", diff)
			}
		})
	}
}

func repeat(f Field, n int) []Field {
	fields := make([]Field, n)
	for i := range fields {
		fields[i] = f
	}
	return fields
}

// What is wrong is told with the line, the byte and the clause, to the letter:
// people search for these messages.
func TestParseHeaderError(t *testing.T) {
	const noColon = " is no header field: it has no colon (is something printed before the headers, or is the empty line after them missing?) (RFC 3875 §6.3)"
	const badStatus = ": a status is three digits from 100 to 599 (RFC 3875 §6.3.3)"
	tests := []struct{ name, in, want string }{
		{"nothing", "", "line 1, byte 0: no header field at all: print at least a Content-Type, then an empty line (RFC 3875 §6.3)"},
		{"empty line first", "\nA: b\n\n", "line 1, byte 0: no header field at all: print at least a Content-Type, then an empty line (RFC 3875 §6.3)"},
		{"text first", "Hello\nA: b\n\n", `line 1, byte 0: "Hello"` + noColon},
		{"text in between", "A: b\r\nHello\r\n\r\n", `line 2, byte 6: "Hello"` + noColon},
		{"a long text is cut", "A: b\n" + strings.Repeat("x", 61) + "\n\n", `line 2, byte 5: "` + strings.Repeat("x", 60) + `"…` + noColon},
		{"a traceback", "A: b\n\x1b[1mTraceback\n\n", `line 2, byte 5: "\x1b[1mTraceback"` + noColon},
		{"a lone CR as a line", "A: b\n\r\r\n\n", `line 2, byte 5: "\r"` + noColon},
		{"no name", "A: b\n: c\n\n", "line 2, byte 5: header field has no name (RFC 3875 §6.3)"},
		{"space before the colon", "Content-Type : text/html\n\n", `line 1, byte 12: field name "Content-Type " holds a space (RFC 9110 §5.1)`},
		{"space in the name", "A: b\nContent Type: text/html\n\n", `line 2, byte 12: field name "Content Type" holds a space (RFC 9110 §5.1)`},
		{"NUL in the name", "A\x00B: c\n\n", `line 1, byte 1: field name "A\x00B" holds a NUL (RFC 9110 §5.1)`},
		{"letter beyond ASCII in the name", "Ä: c\n\n", `line 1, byte 0: field name "Ä" holds byte 0xc3 (RFC 9110 §5.1)`},
		{"separator in the name", "A(b): c\n\n", `line 1, byte 1: field name "A(b)" holds byte 0x28 (RFC 9110 §5.1)`},
		{"folded", "A: b\n c\n\n", "line 2, byte 5: line begins with white space: folded header fields are obsolete (RFC 9112 §5.2)"},
		{"folded with a tab", "A: b\r\n\tc\r\n\r\n", "line 2, byte 6: line begins with white space: folded header fields are obsolete (RFC 9112 §5.2)"},
		{"folded first line", " A: b\n\n", "line 1, byte 0: line begins with white space: folded header fields are obsolete (RFC 9112 §5.2)"},
		{"NUL in a value", "A: b\nX-Y: c\x00d\n\n", "line 2, byte 11: value of X-Y holds a NUL (RFC 9110 §5.5)"},
		{"CR in a value", "A: b\nX-Y: c\rZ: d\n\n", "line 2, byte 11: value of X-Y holds a bare CR (RFC 9110 §5.5)"},
		{"CR before CRLF", "A: b\r\r\n\r\n", "line 1, byte 4: value of A holds a bare CR (RFC 9110 §5.5)"},
		{"control character in a value", "A: \x1b[0m\n\n", "line 1, byte 3: value of A holds byte 0x1b (RFC 9110 §5.5)"},
		{"DEL in a value", "A: \x7f\n\n", "line 1, byte 3: value of A holds byte 0x7f (RFC 9110 §5.5)"},
		{"NUL in a reason", "404 Not\x00Found\n\n", "line 1, byte 7: the status line holds a NUL (RFC 9112 §4)"},
		{"CR in a reason", "HTTP/1.1 200 OK\rX: y\n\n", "line 1, byte 15: the status line holds a bare CR (RFC 9112 §4)"},

		{"two Status fields", "Status: 200\nA: b\nStatus: 200\n\n", "line 3, byte 17: a second status: a response has one (RFC 3875 §6.3.3)"},
		{"status line and Status field", "200 OK\nStatus: 200\n\n", "line 2, byte 7: a second status: a response has one (RFC 3875 §6.3.3)"},
		{"status line on the second line", "A: b\n404 Not Found\n\n", `line 2, byte 5: "404 Not Found"` + noColon},
		{"empty Status", "Status:\n\n", `line 1, byte 0: status ""` + badStatus},
		{"Status without a number", "Status: OK\n\n", `line 1, byte 0: status "OK"` + badStatus},
		{"Status too low", "Status: 099 Low\n\n", `line 1, byte 0: status "099 Low"` + badStatus},
		{"Status too high", "Status: 600\n\n", `line 1, byte 0: status "600"` + badStatus},
		{"Status too long", "Status: 2000\n\n", `line 1, byte 0: status "2000"` + badStatus},
		{"Status with a sign", "Status: +99\n\n", `line 1, byte 0: status "+99"` + badStatus},
		{"Status run into its reason", "Status: 200OK\n\n", `line 1, byte 0: status "200OK"` + badStatus},
		{"status line too high", "999 What\n\n", `line 1, byte 0: status "999 What"` + badStatus},
		{"status line without a code", "HTTP/1.1 OK\n\n", `line 1, byte 0: status "OK"` + badStatus},
		{"status line with two spaces", "HTTP/1.1  200 OK\n\n", `line 1, byte 0: status " 200 OK"` + badStatus},
		{"version alone", "HTTP/1.1\n\n", `line 1, byte 0: "HTTP/1.1"` + noColon},

		{"two types", "Content-Type: a/b\nContent-type: a/b\n\n", "line 2, byte 18: a second Content-Type (RFC 3875 §6.3)"},
		{"two types, the first empty", "Content-Type:\nContent-Type: a/b\n\n", "line 2, byte 14: a second Content-Type (RFC 3875 §6.3)"},
		{"two places", "Location: /a\nLocation: /a\n\n", "line 2, byte 13: a second Location (RFC 3875 §6.3)"},
		{"two places, the first empty", "Location:\nLocation: /a\n\n", "line 2, byte 10: a second Location (RFC 3875 §6.3)"},
		{"two lengths", "Content-Length: 1\nContent-Length: 1\n\n", "line 2, byte 18: a second Content-Length (RFC 9110 §8.6)"},
		{"two lengths, the first 0", "Content-Length: 0\nContent-Length: 5\n\n", "line 2, byte 18: a second Content-Length (RFC 9110 §8.6)"},
		{"length in words", "Content-Length: ten\n\n", `line 1, byte 0: Content-Length "ten" is no number of bytes (RFC 9110 §8.6)`},
		{"length with a sign", "Content-Length: +1\n\n", `line 1, byte 0: Content-Length "+1" is no number of bytes (RFC 9110 §8.6)`},
		{"negative length", "Content-Length: -1\n\n", `line 1, byte 0: Content-Length "-1" is no number of bytes (RFC 9110 §8.6)`},
		{"length as a list", "Content-Length: 1, 1\n\n", `line 1, byte 0: Content-Length "1, 1" is no number of bytes (RFC 9110 §8.6)`},
		{"empty length", "Content-Length:\n\n", `line 1, byte 0: Content-Length "" is no number of bytes (RFC 9110 §8.6)`},
		{"length beyond int64", "Content-Length: 9223372036854775808\n\n", `line 1, byte 0: Content-Length "9223372036854775808" is no number of bytes (RFC 9110 §8.6)`},
		{"transfer coding", "A: b\nTransfer-Encoding: chunked\n\n", "line 2, byte 5: Transfer-Encoding is the server's to choose: print the body as it is (RFC 9112 §6.1)"},
		{"too many fields", strings.Repeat("A: b\n", MaxFields+1) + "\n", fmt.Sprintf("line 1001, byte %d: more than 1000 header fields (RFC 9110 §5.4)", 5*MaxFields)},
		{"too many dropped fields", strings.Repeat("TE: b\n", MaxFields+1) + "\n", fmt.Sprintf("line 1001, byte %d: more than 1000 header fields (RFC 9110 §5.4)", 6*MaxFields)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseHeader([]byte(tt.in))
			if err == nil {
				t.Fatalf("got %+v; want an error", got)
			}
			if want := "response header, " + tt.want; err.Error() != want {
				t.Errorf("got  %s\nwant %s", err, want)
			}
			var herr *HeaderError
			if !errors.As(err, &herr) {
				t.Errorf("got a %T; want a *HeaderError", err)
			}
		})
	}
}

func TestLocalRedirect(t *testing.T) {
	tests := []struct {
		in   string
		want bool
	}{
		{"Location: /a\n\n", true},
		{"location:/a?b=c\n\n", true},
		{"Location: /\n\n", true},
		{"Location: //host/a\n\n", false},
		{"Location: http://host/a\n\n", false},
		{"Location: a\n\n", false},
		{"Location: ?a\n\n", false},
		{"Location:\n\n", false},
		{"Location: /a\nStatus: 302\n\n", false},
		{"HTTP/1.1 302 Found\nLocation: /a\n\n", false},
		{"Location: /a\nContent-Type: text/html\n\n", false},
		{"Location: /a\nSet-Cookie: a\n\n", false},
		{"Location: /a\nContent-Length: 0\n\n", false},
		{"Location: /a\nConnection: close\n\n", false},
		{"X-A: /a\n\n", false},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			resp, err := ParseHeader([]byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if got := resp.LocalRedirect(); got != tt.want {
				t.Errorf("got %v; want %v", got, tt.want)
			}
		})
	}
}

func TestBodyAllowed(t *testing.T) {
	for status, want := range map[int]bool{100: false, 103: false, 199: false, 200: true, 203: true, 204: false, 205: false, 206: true, 302: true, 303: true, 304: false, 305: true, 404: true, 500: true} {
		if got := BodyAllowed(status); got != want {
			t.Errorf("%d: got %v; want %v", status, got, want)
		}
	}
}
