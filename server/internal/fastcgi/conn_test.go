package fastcgi

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRequest(t *testing.T) {
	params := []string{"REQUEST_METHOD=POST", "EMPTY=", "LONG=" + strings.Repeat("v", 300)}
	body := bytes.Repeat([]byte("0123456789abcdef"), 300<<10/16)
	tests := []struct {
		name  string
		stdin io.Reader
		want  []byte
	}{
		{"no stdin", nil, nil},
		{"an empty one", bytes.NewReader(nil), nil},
		{"a byte", bytes.NewReader(body[:1]), body[:1]},
		{"as long as goes out at once", bytes.NewReader(body[:inlineStdin]), body[:inlineStdin]},
		{"a part of what is in memory", io.NewSectionReader(bytes.NewReader(body), 5, 100), body[5:105]},
		{"a byte longer", bytes.NewReader(body[:inlineStdin+1]), body[:inlineStdin+1]},
		{"longer than a record", bytes.NewReader(body[:70000]), body[:70000]},
		{"a stream", struct{ io.Reader }{bytes.NewReader(body)}, body},
		{"a stream whose end comes with its last bytes", iotest.DataErrReader(bytes.NewReader(body)), body},
		{"a stream of single bytes", iotest.OneByteReader(bytes.NewReader(body[:100])), body[:100]},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := script(t, func(s *server) {
				got := s.request(true)
				if !bytes.Equal(got.stdin, tt.want) {
					t.Errorf("got %d bytes of stdin; want %d", len(got.stdin), len(tt.want))
				}
				got.stdin = nil
				want := request{id: 1, begin: []byte{0, 1, 1, 0, 0, 0, 0, 0}, params: params}
				if diff := cmp.Diff(want, got, cmp.AllowUnexported(request{})); diff != "" {
					t.Error(diff)
				}
				s.send(stdout(1, "ok"), end(1))
				s.conn.Read(make([]byte, 1)) // until the client closes
			})
			var fed []byte
			ended := false
			a, err := c.Begin(&Request{Params: params, Stdin: tt.stdin, KeepConn: true, Fed: func(p []byte) {
				fed, ended = append(fed, p...), len(p) == 0
			}})
			if err != nil {
				t.Fatal(err)
			}
			out, err := io.ReadAll(a)
			if string(out) != "ok" || err != nil {
				t.Errorf("got %q, %v", out, err)
			}
			if !a.End() {
				t.Error("the connection cannot be used again")
			}
			if !bytes.Equal(fed, tt.want) || !ended {
				t.Errorf("told of %d bytes, end %v; want %d", len(fed), ended, len(tt.want))
			}
			c.Close()
		})
	}
}

// A connection is used again, its requests have other ids by turns, and what
// comes late for the last one is not taken for the next one's.
func TestReuse(t *testing.T) {
	c := script(t, func(s *server) {
		for i, id := range []uint16{1, 2, 1, 2} {
			if got := s.request(true); got.id != id {
				t.Errorf("request %d has id %d; want %d", i, got.id, id)
			}
			s.send(stdout(id, "hello"), end(id))
		}
		s.request(true)
		s.send(stdout(2, "late"), stdout(1, "hello"), end(1))
		io.Copy(io.Discard, s.conn)
	})
	for range 4 {
		if got, want := ask(c), (outcome{stdout: "hello", heard: true, reused: true}); got != want {
			t.Fatalf("got %+v; want %+v", got, want)
		}
		if !c.Alive() {
			t.Fatal("the connection is not alive")
		}
	}
	if got := ask(c); !errors.Is(got.err, ErrProtocol) || got.stdout != "" || got.reused {
		t.Errorf("got %+v", got)
	}
}

func TestNotKept(t *testing.T) {
	c := script(t, func(s *server) {
		if got := s.request(true); got.begin[2] != 0 {
			t.Errorf("flags %d; want none", got.begin[2])
		}
		s.send(stdout(1, "hello"), end(1))
	})
	a, err := c.Begin(&Request{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Begin(&Request{}); err != ErrBusy {
		t.Errorf("a second request: got %v", err)
	}
	if _, err := c.Values(MaxConns); err != ErrBusy {
		t.Errorf("a question: got %v", err)
	}
	io.Copy(io.Discard, a)
	if a.End() {
		t.Error("the connection may be used again")
	}
	if _, err := c.Begin(&Request{}); !errors.Is(err, ErrNotSent) {
		t.Errorf("after its end: got %v", err)
	}
}

// await waits for a server that ends its connection by itself.
func await(t *testing.T, c *Conn, alive bool) {
	t.Helper()
	limit := time.Now().Add(testLimit)
	for c.Alive() != alive {
		if time.Now().After(limit) {
			t.Fatalf("alive is not %v", alive)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestAlive(t *testing.T) {
	for _, says := range []string{"", "hello"} {
		next := make(chan struct{})
		c := script(t, func(s *server) {
			s.request(true)
			s.send(end(1))
			<-next
			s.send([]byte(says))
			if says != "" {
				io.Copy(io.Discard, s.conn)
			}
		})
		if got := ask(c); !got.reused {
			t.Fatalf("got %+v", got)
		}
		if !c.Alive() {
			t.Error("not alive while the server waits")
		}
		close(next)
		await(t, c, false)
		c.Close()
	}
}

// A server that closes a kept connection while a request is on its way: the
// request can be made again, with its body.
func TestNotSent(t *testing.T) {
	c := script(t, func(s *server) {})
	await(t, c, false)
	body := bytes.NewReader([]byte("0123456789"))
	body.Seek(2, io.SeekStart)
	_, err := c.Begin(&Request{Stdin: body, Fed: func([]byte) { t.Error("told that something was sent") }})
	if !errors.Is(err, ErrNotSent) || !errors.Is(err, syscall.EPIPE) {
		t.Errorf("got %v; want a broken pipe", err)
	}
	if rest, _ := io.ReadAll(body); string(rest) != "23456789" {
		t.Errorf("the body is now %q", rest)
	}
}

// short is a connection that takes some bytes and then no more.
type short struct{ net.Conn }

func (short) Write([]byte) (int, error) { return 3, os.ErrDeadlineExceeded }

// What was sent in part may have been understood: it is not ErrNotSent.
func TestSentInPart(t *testing.T) {
	c := script(t, func(*server) {})
	c = NewConn(short{c.NetConn()})
	_, err := c.Begin(&Request{Params: []string{"A=b"}})
	if !errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, ErrNotSent) {
		t.Errorf("got %v", err)
	}
}

// Whatever the deadline interrupts goes on afterwards.
func TestDeadlineLosesNothing(t *testing.T) {
	answer := join(padded(Stderr, 1, "oops", 3), padded(Stdout, 1, "hel", 9), stdout(1, "lo"), padded(Stdout, 1, "", 2), end(1))
	next := make(chan struct{})
	c := script(t, func(s *server) {
		s.request(true)
		for i := range len(answer) {
			<-next
			s.send([]byte(answer[i : i+1]))
		}
	})
	var errs string
	a, err := c.Begin(&Request{Stderr: func(p []byte) { errs += string(p) }})
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	buf := make([]byte, 100)
	for interrupted := 0; ; {
		c.conn.SetReadDeadline(time.Now().Add(time.Millisecond))
		n, err := a.Read(buf)
		out = append(out, buf[:n]...)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if interrupted++; interrupted <= len(answer) {
				next <- struct{}{}
			}
			continue
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if string(out) != "hello" || errs != "oops" {
		t.Errorf("got %q and %q", out, errs)
	}
	a.End()
}

// A server that fills its stderr does not keep the reader from its clocks.
func TestQuiet(t *testing.T) {
	for name, rec := range map[string][]byte{"stderr": stderr(1, strings.Repeat("e", 1000)), "empty records": stderr(1, ""), "values": AppendRecord(nil, GetValuesResult, 0, nil)} {
		t.Run(name, func(t *testing.T) {
			c := script(t, func(s *server) {
				s.request(true)
				flood := bytes.Repeat(rec, 64<<10/len(rec))
				for {
					if _, err := s.conn.Write(flood); err != nil {
						return
					}
				}
			})
			a, err := c.Begin(&Request{})
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if n, err := a.Read(make([]byte, 10)); n != 0 || err != nil {
					t.Errorf("got %d, %v", n, err)
				}
			}
			a.End()
		})
	}
}

func TestValues(t *testing.T) {
	answer := func(content []byte) []byte { return AppendRecord(nil, GetValuesResult, 0, content) }
	tests := []struct {
		name    string
		answer  []byte
		want    map[string]string
		message string
	}{
		{"all", answer(AppendPair(AppendPair(nil, MaxConns, "5"), MultiplexConns, "1")), map[string]string{MaxConns: "5", MultiplexConns: "1"}, ""},
		{"one, and another", answer(AppendPair(AppendPair(nil, "OTHER", "5"), MultiplexConns, "0")), map[string]string{MultiplexConns: "0"}, ""},
		{"none", answer(nil), map[string]string{}, ""},
		{"does not know", AppendRecord(nil, UnknownType, 0, []byte("\x09\x00\x00\x00\x00\x00\x00\x00")), nil, "FastCGI protocol error: the server answers GET_VALUES by UNKNOWN_TYPE for request 0"},
		{"garbage", answer([]byte("\x7f")), nil, "FastCGI protocol error: a pair's length is cut"},
		{"cut", answer(AppendPair(nil, MaxConns, "5"))[:12], nil, "unexpected EOF"},
		{"nothing", nil, nil, "unexpected EOF"},
		{"more", []byte(join(answer(nil), end(1))), nil, "FastCGI protocol error: something follows the answer to GET_VALUES"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := script(t, func(s *server) {
				rec, err := s.record()
				if want := "\x0e\x00FCGI_MAX_CONNS\x0f\x00FCGI_MPXS_CONNS"; rec.ID != 0 || rec.Type != GetValues || string(rec.content) != want || err != nil {
					t.Errorf("got %+v, %q, %v", rec.Header, rec.content, err)
				}
				s.send(tt.answer)
			})
			got, err := c.Values(MaxConns, MultiplexConns)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if message := ""; err != nil || tt.message != "" {
				if err != nil {
					message = err.Error()
				}
				if message != tt.message {
					t.Errorf("got %s; want %s", message, tt.message)
				}
			}
		})
	}
}
