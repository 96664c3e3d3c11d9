package httpguard

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// FuzzGuard holds the guard against net/http: what it lets through is parsed
// there, and parsed the same way (method, target, body, where the next message
// begins), and no way of cutting the bytes up changes that. Two readers that
// disagree make a smuggled request.
func FuzzGuard(f *testing.F) {
	for _, test := range badHeads {
		if len(test.request) < 1<<10 {
			f.Add([]byte(test.request), uint64(0))
		}
	}
	for _, stream := range []string{
		"POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\n2;e\r\nab\r\n0\r\nA: b\r\n\r\n\r\nHEAD http://y/%41 HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: [::1]:1\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\nPUT /",
		string(preface) + "\x00\x00\x00\x04\x00\x00\x00\x00\x00",
	} {
		f.Add([]byte(stream), uint64(1))
	}
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		o := sameHoweverSplit(t, data, seed)
		checkParsed(t, o)
	})
}

// checkParsed reads what was let through as net/http does, one message for
// each verdict.
func checkParsed(t *testing.T, o outcome) {
	t.Helper()
	left := []byte(o.Bytes)
	source := &counter{r: strings.NewReader(o.Bytes)}
	reader := bufio.NewReaderSize(source, 4096)
	for i, v := range o.Verdicts {
		if v != nil {
			if !bytes.HasSuffix(left, []byte(standIn)) || i != len(o.Verdicts)-1 || v.Status < 400 || v.Why == "" {
				t.Fatalf("refusal %d of %d: %+v ahead of %q", i, len(o.Verdicts), v, left)
			}
			return
		}
		want := readPlain(t, left)
		got, err := http.ReadRequest(reader)
		if err != nil {
			t.Fatalf("let through, but net/http says %v: %q", err, left)
		}
		if got.Method != want.method || got.RequestURI != want.target {
			t.Fatalf("got %q %q; want %q %q", got.Method, got.RequestURI, want.method, want.target)
		}
		body, err := io.ReadAll(got.Body)
		switch {
		case err != nil && (!want.whole || want.trailers):
			return // the connection ends here for both
		case err != nil:
			t.Fatalf("a whole body, but net/http says %v: %q", err, left)
		case !want.whole:
			t.Fatalf("a cut body, but net/http takes it as whole: %q of %q", body, left)
		case !bytes.Equal(body, want.body):
			t.Fatalf("got body %q; want %q", body, want.body)
		}
		left = left[want.length:]
		if consumed := source.n - reader.Buffered(); consumed != len(o.Bytes)-len(left) {
			t.Fatalf("net/http has read %d bytes of %q; want %d", consumed, o.Bytes, len(o.Bytes)-len(left))
		}
	}
	if len(left) > 0 && !bytes.HasPrefix(left, preface) {
		t.Fatalf("%q was let through without a verdict", left)
	}
}

// message is one request as its plainest reading has it.
type message struct {
	method, target string
	body           []byte
	whole          bool // the body is all there
	trailers       bool // whose syntax only net/http looks at
	length         int  // of everything, when whole
}

// readPlain is that reading. It knows only lines in CR LF, as the guard has
// promised to let nothing else through.
func readPlain(t *testing.T, b []byte) message {
	t.Helper()
	head, rest, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	if !ok {
		t.Fatalf("a verdict without a head: %q", b)
	}
	lines := strings.Split(string(head), "\r\n")
	words := strings.Split(lines[0], " ")
	if len(words) != 3 {
		t.Fatalf("let through the request line %q", lines[0])
	}
	m := message{method: words[0], target: words[1]}
	size, chunked := 0, false
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		switch strings.ToLower(name) {
		case "content-length":
			n, err := strconv.ParseInt(strings.Trim(value, " \t"), 10, 64)
			if err != nil {
				t.Fatalf("let through %q", line)
			}
			size = int(min(n, 1<<40))
		case "transfer-encoding":
			chunked = true
		}
	}
	before := len(head) + 4
	switch {
	case chunked:
		n, err := m.dechunk(rest)
		m.whole, m.length = err == nil, before+n
	case size <= len(rest):
		m.whole, m.body, m.length = true, rest[:size], before+size
	}
	return m
}

var errCut = errors.New("cut")

// dechunk returns how long the chunked body at the start of b is.
func (m *message) dechunk(b []byte) (int, error) {
	total := 0
	line := func() (string, error) {
		l, rest, ok := bytes.Cut(b, []byte("\r\n"))
		if !ok {
			return "", errCut
		}
		b, total = rest, total+len(l)+2
		return string(l), nil
	}
	for {
		l, err := line()
		if err != nil {
			return 0, err
		}
		digits, _, _ := strings.Cut(l, ";")
		size, err := strconv.ParseUint(strings.TrimRight(digits, " \t"), 16, 60)
		if err != nil || size > uint64(len(b)) {
			return 0, errCut
		}
		if size == 0 {
			break
		}
		m.body = append(m.body, b[:size]...)
		b, total = b[size:], total+int(size)
		if l, err := line(); err != nil || l != "" {
			return 0, errCut
		}
	}
	for {
		l, err := line()
		if l == "" || err != nil {
			return total, err
		}
		m.trailers = true
	}
}

type counter struct {
	r io.Reader
	n int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}
