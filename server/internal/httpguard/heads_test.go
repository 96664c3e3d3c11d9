package httpguard

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

const host = "Host: x\r\n"

// badHeads are requests of which net/http must never see the head.
var badHeads = []struct {
	name, request string
	status        int
	why           string // part of it
}{
	{"NUL in a value", "GET / HTTP/1.1\r\n" + host + "A: b\x00c\r\n\r\n", 400, "control character"},
	{"NUL in the target", "GET /\x00 HTTP/1.1\r\n" + host + "\r\n", 400, "request line"},
	{"tab in the target", "GET /a\tb HTTP/1.1\r\n" + host + "\r\n", 400, "request line"},
	{"DEL in the target", "GET /a\x7f HTTP/1.1\r\n" + host + "\r\n", 400, "request line"},
	{"CR in a value", "GET / HTTP/1.1\r\n" + host + "A: b\rc\r\n\r\n", 400, "control character"},
	{"CR CR LF", "GET / HTTP/1.1\r\n" + host + "A: b\r\r\n\r\n", 400, "control character"},
	{"CR in a name", "GET / HTTP/1.1\r\n" + host + "A\r: b\r\n\r\n", 400, "no name has"},
	{"space before the colon", "GET / HTTP/1.1\r\n" + host + "A : b\r\n\r\n", 400, "no name has"},
	{"no colon", "GET / HTTP/1.1\r\n" + host + "A\r\n\r\n", 400, "no colon"},
	{"no name", "GET / HTTP/1.1\r\n" + host + ": b\r\n\r\n", 400, "no name"},
	{"obs-fold", "GET / HTTP/1.1\r\n" + host + "A: b\r\n c\r\n\r\n", 400, "folded"},
	{"obs-fold by tab", "GET / HTTP/1.1\r\n" + host + "A: b\r\n\tc\r\n\r\n", 400, "folded"},
	{"fold of the first field", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400, "folded"},
	{"bare LF everywhere", "GET / HTTP/1.1\nHost: x\n\n", 400, "LF without CR"},
	{"bare LF after a field", "GET / HTTP/1.1\r\n" + host + "A: b\n\r\n", 400, "LF without CR"},
	{"bare LF ends the head", "GET / HTTP/1.1\r\n" + host + "\n", 400, "LF without CR"},
	{"bare LF ahead", "\nGET / HTTP/1.1\r\n" + host + "\r\n", 400, "LF without CR"},

	{"Content-Length twice", "POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, "more than one Content-Length"},
	{"Content-Length twice the same", "POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\ncontent-length: 1\r\n\r\na", 400, "more than one Content-Length"},
	{"Content-Length list", "POST / HTTP/1.1\r\n" + host + "Content-Length: 1, 1\r\n\r\na", 400, "no number"},
	{"Content-Length word", "POST / HTTP/1.1\r\n" + host + "Content-Length: one\r\n\r\na", 400, "no number"},
	{"Content-Length empty", "POST / HTTP/1.1\r\n" + host + "Content-Length:\r\n\r\n", 400, "no number"},
	{"Content-Length +1", "POST / HTTP/1.1\r\n" + host + "Content-Length: +1\r\n\r\na", 400, "no number"},
	{"Content-Length -1", "POST / HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\na", 400, "no number"},
	{"Content-Length hex", "POST / HTTP/1.1\r\n" + host + "Content-Length: 0x1\r\n\r\na", 400, "no number"},
	{"Content-Length of 2^63", "POST / HTTP/1.1\r\n" + host + "Content-Length: 9223372036854775808\r\n\r\na", 400, "no number"},
	{"both lengths", "POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "a Content-Length and a Transfer-Encoding"},
	{"both lengths, other order", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n", 400, "a Content-Length and a Transfer-Encoding"},
	{"Transfer-Encoding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "HTTP/1.0"},
	{"Transfer-Encoding gzip", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip\r\n\r\n", 501, "chunked"},
	{"Transfer-Encoding gzip, chunked", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, "chunked"},
	{"Transfer-Encoding twice", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501, "chunked"},
	{"Transfer-Encoding identity", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: identity\r\n\r\n", 501, "chunked"},
	{"Transfer-Encoding empty", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding:\r\n\r\n", 501, "chunked"},
	{"Transfer-Encoding with a vertical tab", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: \vchunked\r\n\r\n", 400, "control character"},
	{"trailer Content-Length announced", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nTrailer: A, Content-Length\r\n\r\n0\r\n\r\n", 400, "trailer"},

	{"HTTP/0.9", "GET /\r\n\r\n", 400, "request line"},
	{"HTTP/2.0 without the preface", "GET / HTTP/2.0\r\n" + host + "\r\n", 505, "HTTP/2.0"},
	{"HTTP/3.0", "GET / HTTP/3.0\r\n" + host + "\r\n", 505, "HTTP/3.0"},
	{"HTTP/1.2", "GET / HTTP/1.2\r\n" + host + "\r\n", 505, "HTTP/1.2"},
	{"HTTP/1.10", "GET / HTTP/1.10\r\n" + host + "\r\n", 505, "HTTP/1.10"},
	{"lower-case version", "GET / http/1.1\r\n" + host + "\r\n", 400, "request line"},
	{"a word for a version", "GET / HTTP/x\r\n" + host + "\r\n", 400, "request line"},
	{"space behind the version", "GET / HTTP/1.1 \r\n" + host + "\r\n", 400, "request line"},
	{"two spaces", "GET  / HTTP/1.1\r\n" + host + "\r\n", 400, "request line"},
	{"tab for a space", "GET\t/ HTTP/1.1\r\n" + host + "\r\n", 400, "method"},
	{"space ahead", " GET / HTTP/1.1\r\n" + host + "\r\n", 400, "method"},
	{"method with a quote", "G\"T / HTTP/1.1\r\n" + host + "\r\n", 400, "method"},
	{"method of 65 bytes", strings.Repeat("M", 65) + " / HTTP/1.1\r\n" + host + "\r\n", 501, "method"},
	{"TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "method"},
	{"not HTTP at all", "hello\r\n\r\n", 400, "request line"},

	{"CONNECT", "CONNECT x:443 HTTP/1.1\r\n" + host + "\r\n", 501, "CONNECT"},
	{"CONNECT with a path", "CONNECT /a HTTP/1.1\r\n" + host + "\r\n", 501, "CONNECT"},
	{"GET *", "GET * HTTP/1.1\r\n" + host + "\r\n", 400, "OPTIONS"},
	{"GET host:443", "GET x:443 HTTP/1.1\r\n" + host + "\r\n", 400, "begin with /"},
	{"GET word", "GET a HTTP/1.1\r\n" + host + "\r\n", 400, "begin with /"},
	{"GET ftp://", "GET ftp://x/ HTTP/1.1\r\n" + host + "\r\n", 400, "begin with /"},
	{"absolute without a host", "GET http:///a HTTP/1.1\r\n" + host + "\r\n", 400, "host of the request target"},
	{"absolute with a user", "GET http://u@x/a HTTP/1.1\r\n" + host + "\r\n", 400, "host of the request target"},
	{"absolute with a bad port", "GET http://x:y/a HTTP/1.1\r\n" + host + "\r\n", 400, "host of the request target"},
	{"absolute with an open bracket", "GET http://[::1/a HTTP/1.1\r\n" + host + "\r\n", 400, "host of the request target"},
	{"bad escape", "GET /%zz HTTP/1.1\r\n" + host + "\r\n", 400, "two hex digits"},
	{"cut escape", "GET /%4 HTTP/1.1\r\n" + host + "\r\n", 400, "two hex digits"},

	{"no Host", "GET / HTTP/1.1\r\n\r\n", 400, "no Host"},
	{"empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, "Host is not"},
	{"two Hosts", "GET / HTTP/1.1\r\n" + host + host + "\r\n", 400, "more than one Host"},
	{"Host with a slash", "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", 400, "Host is not"},
	{"Host with a user", "GET / HTTP/1.1\r\nHost: u@x\r\n\r\n", 400, "Host is not"},
	{"Host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "Host is not"},
	{"Host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, "Host is not"},
	{"Host with a word for a port", "GET / HTTP/1.1\r\nHost: x:http\r\n\r\n", 400, "Host is not"},
	{"Host of a port alone", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", 400, "Host is not"},
	{"Host with an open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400, "Host is not"},
	{"Host in UTF-8", "GET / HTTP/1.1\r\nHost: b\xc3\xbccher\r\n\r\n", 400, "Host is not"},

	{"unknown expectation", "POST / HTTP/1.1\r\n" + host + "Expect: 200-ok\r\nContent-Length: 1\r\n\r\na", 417, "100-continue"},
	{"empty expectation", "POST / HTTP/1.1\r\n" + host + "Expect:\r\n\r\n", 417, "100-continue"},

	{"URL of 32 KiB", "GET /" + strings.Repeat("a", 32<<10) + " HTTP/1.1\r\n" + host + "\r\n", 414, "URL"},
	{"URL without an end", "GET /" + strings.Repeat("a", 80<<10), 414, "URL"},
	{"one field of 64 KiB", "GET / HTTP/1.1\r\n" + host + "A: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", 431, "65536 bytes"},
	{"head without an end", "GET / HTTP/1.1\r\n" + host + strings.Repeat("A: b\r\n", 20_000), 431, "65536 bytes"},
	{"10,000 lines", "GET / HTTP/1.1\r\n" + host + strings.Repeat("A:\r\n", 10_000) + "\r\n", 431, "500 header fields"},
	{"method without an end", strings.Repeat("M", 80<<10), 501, "method"},
	{"end inside the head", "GET / HTTP/1.1\r\nHost: x\r\n", 400, "ended inside"},
	{"end inside the request line", "GET / HT", 400, "ended inside"},
	{"end inside the preface", "PRI * HTTP/2.0\r\n\r\nS", 400, "ended inside"},
	{"nearly the preface", "PRI * HTTP/2.0\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 505, "HTTP/2.0"},
	{"the preface, but late", "GET / HTTP/1.1\r\n" + host + "\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP/2.0"},
}

const standIn = " / HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n"

func TestBadHeads(t *testing.T) {
	for i, test := range badHeads {
		t.Run(test.name, func(t *testing.T) {
			o := sameHoweverSplit(t, []byte(test.request), uint64(i))
			if len(o.Verdicts) == 0 {
				t.Fatalf("nothing was delivered, not even a refusal")
			}
			v := o.Verdicts[len(o.Verdicts)-1]
			if v == nil {
				t.Fatalf("it was passed on as %.200q", o.Bytes)
			}
			if v.Status != test.status || !strings.Contains(v.Why, test.why) {
				t.Errorf("got %d %q; want %d and %q", v.Status, v.Why, test.status, test.why)
			}
			if !strings.HasSuffix(o.Bytes, "GET"+standIn) || o.Error != "EOF" {
				t.Errorf("net/http got %.200q and %s; want the stand-in and EOF", o.Bytes, o.Error)
			}
		})
	}
}

// What is refused is told to the log: never a control character, never more
// than it can show.
func TestRefusalIsPrintable(t *testing.T) {
	o := pass([][]byte{[]byte("GET /\x1b[31m" + strings.Repeat("a", 300) + " HTTP/1.1\r\n\r\n")}, 4096)
	v := o.Verdicts[0]
	if v.Method != "GET" || !strings.HasPrefix(v.Target, "/?[31maaa") || len(v.Target) != 200 || v.Proto != "HTTP/1.1" {
		t.Errorf("got %q %q %q; want the request line, printable and short", v.Method, v.Target, v.Proto)
	}
}

func TestRefusedHeadHasNoBody(t *testing.T) {
	o := pass([][]byte{[]byte("HEAD / HTTP/1.1\r\n\r\n")}, 4096)
	if want := "HEAD" + standIn; o.Bytes != want {
		t.Errorf("got %q; want %q", o.Bytes, want)
	}
}

func TestGoodStreams(t *testing.T) {
	tests := []struct {
		name, stream string
		heads        int
	}{
		{"one", "GET / HTTP/1.1\r\n" + host + "\r\n", 1},
		{"HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", 1},
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", 1},
		{"absolute form", "GET http://x:80/a?b HTTP/1.1\r\n" + host + "\r\n", 1},
		{"IPv6 Host", "GET / HTTP/1.1\r\nHost: [::1]:7890\r\n\r\n", 1},
		{"a method of its own", "PROPFIND / HTTP/1.1\r\n" + host + "\r\n", 1},
		{"empty value, tabs, bytes above ASCII", "GET / HTTP/1.1\r\n" + host + "A:\r\nB:\t\xe4 \t\xff\t\r\n\r\n", 1},
		{"pipelined with bodies", "POST /a HTTP/1.1\r\n" + host + "Content-Length: 4\r\n\r\n\r\n\r\nGET /b HTTP/1.1\r\n" + host + "\r\n" +
			"POST /c HTTP/1.1\r\n" + host + "Transfer-Encoding: Chunked\r\n\r\n00a;x=\"y\"\r\n0123456789\r\n1 \t\r\nz\r\n0\r\nA: b\r\n\r\n" +
			"GET /d HTTP/1.1\r\n" + host + "\r\n", 4},
		{"body cut short", "POST /a HTTP/1.1\r\n" + host + "Content-Length: 10\r\n\r\nabc", 1},
		{"chunked body cut short", "POST /a HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\nff\r\nabc", 1},
		{"a body that looks like a head", "POST /a HTTP/1.1\r\n" + host + "Content-Length: 18\r\n\r\nGET /x\r\nbad name\r\n", 1},
		{"HTTP/2", string(preface) + "\x00\x00\x00\x04\x00\x00\x00\x00\x00GET bad\n\n", 0},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := sameHoweverSplit(t, []byte(test.stream), uint64(i))
			if o.Bytes != test.stream || o.Error != "EOF" {
				t.Errorf("got %q and %s; want the stream unchanged and EOF", o.Bytes, o.Error)
			}
			if len(o.Verdicts) != test.heads {
				t.Fatalf("got %d heads; want %d", len(o.Verdicts), test.heads)
			}
			for _, v := range o.Verdicts {
				if v != nil {
					t.Errorf("refused: %d %s", v.Status, v.Why)
				}
			}
		})
	}
}

// RFC 9112 §2.2: empty lines ahead of a request line are skipped.
func TestEmptyLinesAhead(t *testing.T) {
	const request = "GET / HTTP/1.1\r\n" + host + "\r\n"
	o := sameHoweverSplit(t, []byte("\r\n\r\n"+request+"\r\n"+request+"\r\n\r\n"), 1)
	if want := request + request; o.Bytes != want || len(o.Verdicts) != 2 || o.Error != "EOF" {
		t.Errorf("got %q, %d heads, %s; want %q, 2 heads, EOF", o.Bytes, len(o.Verdicts), o.Error, want)
	}
}

// A good head ahead of a bad one is delivered first.
func TestGoodThenBad(t *testing.T) {
	const good = "POST /a HTTP/1.1\r\n" + host + "Content-Length: 2\r\n\r\nhi"
	o := sameHoweverSplit(t, []byte(good+"GET /b HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\n"+host+"\r\n"), 1)
	if want := good + "GET" + standIn; o.Bytes != want {
		t.Errorf("got %q; want %q", o.Bytes, want)
	}
	if len(o.Verdicts) != 2 || o.Verdicts[0] != nil || o.Verdicts[1] == nil || o.Verdicts[1].Status != http.StatusBadRequest {
		t.Errorf("got verdicts %v; want a good one and a 400", o.Verdicts)
	}
}

func TestBadChunks(t *testing.T) {
	tests := []struct{ name, body, passed string }{
		{"no size", "\r\n", ""},
		{"word", "x\r\n", ""},
		{"0x", "0x1\r\na\r\n0\r\n\r\n", "0"},
		{"sign", "+1\r\na\r\n0\r\n\r\n", ""},
		{"16 digits", "1000000000000000\r\n", "100000000000000"},
		{"bare LF after the size", "1\na\r\n0\r\n\r\n", "1"},
		{"bare CR after the size", "1\ra\r\n0\r\n\r\n", "1\r"},
		{"bare LF in an extension", "1;a\nb\r\n0\r\n\r\n", "1;a"},
		{"space ahead of an extension", "1 ;a\r\nb\r\n0\r\n\r\n", "1 "},
		{"NUL in an extension", "1;a\x00\r\nb\r\n0\r\n\r\n", "1;a"},
		{"data longer than the size", "1\r\nab\r\n0\r\n\r\n", "1\r\na"},
		{"LF after the data", "1\r\na\n0\r\n\r\n", "1\r\na"},
		{"bare LF in the trailers", "0\r\nA: b\n\r\n", "0\r\nA: b"},
		{"bare LF at the end", "0\r\n\n", "0\r\n"},
		{"CR without LF at the end", "0\r\n\rG", "0\r\n\r"},
		{"extension of 3 KiB", "1;" + strings.Repeat("e", 3<<10) + "\r\n", "1;" + strings.Repeat("e", maxChunkLine)},
		{"trailers of 3 KiB", "0\r\n" + strings.Repeat("Aa: bcde\r\n", 300) + "\r\n", ""},
	}
	const head = "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n"
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := sameHoweverSplit(t, []byte(head+test.body), uint64(i))
			if o.Error != ErrChunk.Error() {
				t.Errorf("got %s after %q; want %v", o.Error, o.Bytes, ErrChunk)
			}
			if want := head + test.passed; test.passed != "" && o.Bytes != want {
				t.Errorf("passed %q; want %q", o.Bytes, want)
			}
		})
	}
}

// The failure stays: whoever reads on gets it again, never the bytes behind.
func TestBadChunkStays(t *testing.T) {
	c := &Conn{Conn: &wire{pieces: [][]byte{[]byte("POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\nx\r\n"),
		[]byte("GET / HTTP/1.1\r\n" + host + "\r\n")}}}
	io.ReadAll(c)
	if n, err := c.Read(make([]byte, 100)); n != 0 || !errors.Is(err, ErrChunk) {
		t.Errorf("got %d, %v; want 0, %v", n, err, ErrChunk)
	}
}
