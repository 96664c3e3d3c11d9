package fastcgi

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// canned is a connection to a server that says in, at most step bytes at a
// time and, with pauses, a deadline before each; what it is told is kept.
type canned struct {
	net.Conn // nil: nothing else is called
	in       []byte
	step     int
	pauses   bool
	paused   bool
	told     bytes.Buffer
}

func (c *canned) Read(p []byte) (int, error) {
	if c.paused = c.pauses && !c.paused; c.paused {
		return 0, os.ErrDeadlineExceeded
	}
	if len(c.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), c.step)], c.in)
	c.in = c.in[n:]
	return n, nil
}

func (c *canned) Write(p []byte) (int, error)      { return c.told.Write(p) }
func (c *canned) Close() error                     { return nil }
func (c *canned) SetDeadline(time.Time) error      { return nil }
func (c *canned) SetWriteDeadline(time.Time) error { return nil }

// hear reads the answer in, with a buffer of size bytes.
func hear(t *testing.T, in []byte, step, size int, pauses bool) outcome {
	t.Helper()
	var o outcome
	c := NewConn(&canned{in: in, step: step, pauses: pauses})
	a, err := c.Begin(&Request{KeepConn: true, Stderr: func(p []byte) { o.stderr += string(p) }})
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, size)
	for idle := 0; ; {
		n, err := a.Read(buf)
		o.stdout += string(buf[:n])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = nil
		}
		if idle++; n > 0 {
			idle = 0
		}
		if idle > len(in)+10 {
			t.Fatalf("%q: nothing comes of it", in)
		}
		if err != nil {
			o.err, o.heard = err, a.Heard()
			break
		}
	}
	o.app, _ = a.AppStatus()
	o.reused = a.End()
	return o
}

// FuzzAnswer: however the server's bytes are cut, they are the same answer,
// and it is whole only when they hold the end of the request.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		join(stdout(1, "hello"), stdout(1, ""), end(1)), join(stdout(1, "hello"), stderr(1, "e"), end(1)), join(AppendEnd(nil, 1, 9, Overloaded)),
		join(padded(Stdout, 1, "a", 255), stdout(1, "b"))[:100], "HTTP/1.1 200 OK\r\n\r\n", join(stdout(2, "other"), end(1)),
		join(AppendRecord(nil, GetValuesResult, 0, nil), AppendRecord(nil, EndRequest, 1, make([]byte, 4))), "",
		join(stdout(1, ""), stdout(1, "late")), join(end(1), stdout(1, "more")),
	} {
		f.Add([]byte(seed), uint16(1), uint16(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, step, size uint16) {
		want := hear(t, in, len(in)+1, 1<<17, false)
		for _, pauses := range []bool{false, true} {
			got := hear(t, in, int(step)+1, int(size)+1, pauses)
			if got.err.Error() != want.err.Error() {
				t.Fatalf("%q in steps of %d: got %v; want %v", in, step+1, got.err, want.err)
			}
			got.err, got.reused = want.err, want.reused // the latter hangs on what has come by then
			if got != want {
				t.Fatalf("%q in steps of %d: got %+v; want %+v", in, step+1, got, want)
			}
		}
		checkAnswer(t, in, want)
	})
}

// checkAnswer holds the outcome against the records, read one after another.
func checkAnswer(t *testing.T, in []byte, got outcome) {
	t.Helper()
	var out, errs []byte
	rest := in
	whole := false
	for len(rest) >= headerLen && rest[0] == version && !whole {
		h, _ := ParseHeader(rest)
		end := headerLen + int(h.Content)
		content := rest[headerLen:min(end, len(rest))]
		switch {
		case h.ID == 1 && h.Type == Stdout:
			out = append(out, content...)
		case h.ID == 1 && h.Type == Stderr:
			errs = append(errs, content...)
		case h.ID == 1 && h.Type == EndRequest && len(content) == int(h.Content) && len(content) >= endLen:
			whole = content[4] == 0
		}
		rest = rest[min(end+int(h.Padding), len(rest)):]
	}
	if !strings.HasPrefix(string(out), got.stdout) || !strings.HasPrefix(string(errs), got.stderr) {
		t.Fatalf("%q: got %q and %q; the records hold %q and %q", in, got.stdout, got.stderr, out, errs)
	}
	if got.heard != (len(in) > 0) {
		t.Fatalf("%q: heard %v", in, got.heard)
	}
	if got.err == io.EOF && (!whole || string(out) != got.stdout || string(errs) != got.stderr) {
		t.Fatalf("%q: it looks whole: %+v", in, got)
	}
}

// FuzzRequest: what a server reads is what it was asked.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{"", "A=b", "A=b\nC=", "A\n=b\n", "A=" + strings.Repeat("v", 128)} {
		f.Add(seed, []byte(seed), uint32(0))
	}
	f.Add("A=b\nB=c", bytes.Repeat([]byte("x"), 100), uint32(70000))
	f.Fuzz(func(t *testing.T, params string, stdin []byte, long uint32) {
		want := strings.Split(params, "\n")
		want[0] += strings.Repeat("v", int(long%(1<<18)))
		conn := &canned{in: end(1), step: 100}
		c := NewConn(conn)
		a, err := c.Begin(&Request{Params: want, Stdin: bytes.NewReader(stdin)})
		if err != nil {
			t.Fatal(err)
		}
		a.feeder.Wait()
		a.End()
		streams := map[Type][]byte{}
		ended := map[Type]bool{}
		for i, r := range parse(t, conn.told.Bytes()) {
			if r.ID != 1 || ended[r.Type] || (r.Type == BeginRequest) != (i == 0) {
				t.Fatalf("record %d: %+v", i, r.Header)
			}
			streams[r.Type] = append(streams[r.Type], r.content...)
			ended[r.Type] = len(r.content) == 0
		}
		if !bytes.Equal(streams[Stdin], stdin) || !ended[Stdin] || !ended[Params] {
			t.Fatalf("got %d bytes of stdin; want %d; ended %v", len(streams[Stdin]), len(stdin), ended)
		}
		got, err := ParsePairs(streams[Params])
		for i, p := range want {
			if !strings.Contains(p, "=") {
				want[i] += "="
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Fatalf("%v\n%s", err, diff)
		}
	})
}

// FuzzParsePairs: what is read is written as what is read as the same.
func FuzzParsePairs(f *testing.F) {
	for _, seed := range []string{"", "\x01\x01Ab", "\x80\x00\x00\x01\x00A", "\xff\xff\xff\xff\xff\xff\xff\xff", "\x01\x02A=b"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		pairs, err := ParsePairs(in)
		if err != nil {
			if !errors.Is(err, ErrProtocol) || pairs != nil {
				t.Fatalf("%q: got %q, %v", in, pairs, err)
			}
			return
		}
		var b []byte
		for _, pair := range pairs {
			name, value, _ := strings.Cut(pair, "=")
			b = AppendPair(b, name, value)
		}
		again, err := ParsePairs(b)
		if diff := cmp.Diff(pairs, again, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Fatalf("%q is written as %q: %v\n%s", in, b, err, diff)
		}
	})
}
