package fastcgi

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// server is a server that does what a test tells it to.
type server struct {
	t    testing.TB
	conn net.Conn
}

// script connects to a server that does f with its one connection and then
// closes it.
func script(t testing.TB, f func(s *server)) *Conn {
	t.Helper()
	l := listen(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		conn, err := l.Accept()
		if err != nil {
			return // the test has failed already
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(testLimit))
		f(&server{t, conn})
	})
	t.Cleanup(wg.Wait)
	return dial(t, "unix", l.Addr().String())
}

// record reads one record, of whatever type.
func (s *server) record() (record, error) {
	var head [headerLen]byte
	if _, err := io.ReadFull(s.conn, head[:]); err != nil {
		return record{}, err
	}
	h, err := ParseHeader(head[:])
	if err != nil {
		return record{}, err
	}
	content := make([]byte, int(h.Content)+int(h.Padding))
	_, err = io.ReadFull(s.conn, content)
	return record{h, content[:h.Content]}, err
}

// request is what a server has been asked.
type request struct {
	id     uint16
	begin  []byte
	params []string
	stdin  []byte
	wrong  Type // a record that came where it must not
}

// request reads a whole request, or as far as its params.
func (s *server) request(stdin bool) request {
	s.t.Helper()
	var r request
	var params []byte
	for {
		rec, err := s.record()
		if err != nil {
			s.t.Errorf("the server reads a request: %v", err)
			return r
		}
		if rec.Type != BeginRequest && rec.ID != r.id {
			s.t.Errorf("got %s for %d; want %d", rec.Type, rec.ID, r.id)
		}
		switch rec.Type {
		case BeginRequest:
			r.id, r.begin = rec.ID, rec.content
		case Params:
			params = append(params, rec.content...)
			if len(rec.content) > 0 {
				continue
			}
			if r.params, err = ParsePairs(params); err != nil {
				s.t.Error(err)
			}
			if !stdin {
				return r
			}
		case Stdin:
			r.stdin = append(r.stdin, rec.content...)
			if len(rec.content) == 0 {
				return r
			}
		default:
			r.wrong = rec.Type
			return r
		}
	}
}

func (s *server) send(parts ...[]byte) {
	s.conn.Write(bytes.Join(parts, nil)) // the client may have gone
}

func stdout(id uint16, text string) []byte { return AppendRecord(nil, Stdout, id, []byte(text)) }
func stderr(id uint16, text string) []byte { return AppendRecord(nil, Stderr, id, []byte(text)) }
func end(id uint16) []byte                 { return AppendEnd(nil, id, 0, RequestComplete) }

// padded is a record with more padding than it needs.
func padded(t Type, id uint16, text string, padding int) []byte {
	b := AppendHeader(nil, Header{t, id, uint16(len(text)), uint8(padding)})
	return append(append(b, text...), bytes.Repeat([]byte("P"), padding)...)
}

func join(parts ...[]byte) string { return string(bytes.Join(parts, nil)) }

// outcome is how an answer has ended.
type outcome struct {
	stdout, stderr string
	err            error // nil for a good end
	heard, reused  bool
	app            uint32
}

// ask makes a request without a body and reads its answer.
func ask(c *Conn) outcome {
	var o outcome
	a, err := c.Begin(&Request{Params: []string{"A=b"}, KeepConn: true, Stderr: func(p []byte) { o.stderr += string(p) }})
	if err != nil {
		return outcome{err: err}
	}
	out, err := io.ReadAll(a)
	o.stdout, o.err, o.heard = string(out), err, a.Heard()
	o.app, _ = a.AppStatus()
	o.reused = a.End()
	return o
}

func TestAnswers(t *testing.T) {
	hello := stdout(1, "hello")
	tests := []struct {
		name, answer string
		want         outcome
		message      string // of an error that is ErrProtocol
	}{
		{"in order", join(hello, stdout(1, ""), end(1)), outcome{stdout: "hello", reused: true}, ""},
		{"an application's status", join(hello, AppendEnd(nil, 1, 7, 0)), outcome{stdout: "hello", app: 7, reused: true}, ""},
		{"no end of stdout", join(hello, end(1)), outcome{stdout: "hello", reused: true}, ""},
		{"nothing but the end", join(end(1)), outcome{reused: true}, ""},
		{"stderr between", join(stderr(1, "E1"), stdout(1, "a"), stderr(1, "E2"), stdout(1, "b"), stdout(1, ""), stderr(1, "E3"), stderr(1, ""), end(1)),
			outcome{stdout: "ab", stderr: "E1E2E3", reused: true}, ""},
		{"most padding", join(padded(Stdout, 1, "a", 255), padded(Stderr, 1, "e", 255), padded(Stdout, 1, "", 255), padded(EndRequest, 1, "\x00\x00\x00\x09\x00\x00\x00\x00", 255)),
			outcome{stdout: "a", stderr: "e", app: 9, reused: true}, ""},
		{"a long END_REQUEST", join(hello, AppendRecord(nil, EndRequest, 1, make([]byte, 20))), outcome{stdout: "hello", reused: true}, ""},
		{"what nobody has asked for", join(AppendRecord(nil, GetValuesResult, 0, []byte("\x01\x01Ab")), AppendRecord(nil, UnknownType, 0, make([]byte, 8)), hello, end(1)),
			outcome{stdout: "hello", reused: true}, ""},
		{"something behind the end", join(hello, end(1), stdout(1, "more")), outcome{stdout: "hello"}, ""},

		{"CANT_MPX_CONN", join(AppendEnd(nil, 1, 0, CantMultiplex)), outcome{err: &StatusError{CantMultiplex}}, ""},
		{"OVERLOADED", join(AppendEnd(nil, 1, 0, Overloaded)), outcome{err: &StatusError{Overloaded}}, ""},
		{"UNKNOWN_ROLE", join(AppendEnd(nil, 1, 0, UnknownRole)), outcome{err: &StatusError{UnknownRole}}, ""},
		{"a status of its own", join(hello, AppendEnd(nil, 1, 0, 9)), outcome{stdout: "hello", err: &StatusError{9}}, ""},

		{"nothing", "", outcome{err: io.ErrUnexpectedEOF}, ""},
		{"cut in a header", "\x01\x06\x00", outcome{err: io.ErrUnexpectedEOF}, ""},
		{"cut in stdout", join(hello)[:10], outcome{stdout: "he", err: io.ErrUnexpectedEOF}, ""},
		{"cut in the padding", join(hello)[:14], outcome{stdout: "hello", err: io.ErrUnexpectedEOF}, ""},
		{"cut behind stdout", join(hello, stdout(1, "")), outcome{stdout: "hello", err: io.ErrUnexpectedEOF}, ""},
		{"cut in the end", join(hello, end(1))[:30], outcome{stdout: "hello", err: io.ErrUnexpectedEOF}, ""},
		{"cut in stderr", join(hello, stderr(1, "12345678"))[:26], outcome{stdout: "hello", stderr: "12", err: io.ErrUnexpectedEOF}, ""},

		{"another request's", join(hello, stdout(2, "secret"), end(1)), outcome{stdout: "hello"}, "the server sent STDOUT for request 2; the request is 1"},
		{"another request's end", join(hello, end(7)), outcome{stdout: "hello"}, "the server sent END_REQUEST for request 7; the request is 1"},
		{"the connection's stdout", join(stdout(0, "hello")), outcome{}, "the server sent STDOUT for request 0; the request is 1"},
		{"stdout after its end", join(hello, stdout(1, ""), hello), outcome{stdout: "hello"}, "the server sent STDOUT after its end"},
		{"a request", join(AppendBegin(nil, 1, Responder, true)), outcome{}, "the server sent BEGIN_REQUEST"},
		{"GET_VALUES", join(AppendRecord(nil, GetValues, 0, nil)), outcome{}, "the server sent GET_VALUES"},
		{"an unknown type", join(AppendRecord(nil, 200, 1, nil)), outcome{}, "the server sent type 200"},
		{"a short END_REQUEST", join(hello, AppendRecord(nil, EndRequest, 1, make([]byte, 4))), outcome{stdout: "hello"}, "END_REQUEST has 4 bytes; want 8"},
		{"HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", outcome{}, `not a record of version 1: "HTTP/1.1" (an HTTP server?)`},
		{"garbage behind a record", join(hello) + "\x00\x00garbage", outcome{stdout: "hello"}, `not a record of version 1: "\x00\x00garbag"`},
	}
	for _, tt := range tests {
		for _, way := range []string{"at once", "byte by byte"} {
			t.Run(tt.name+", "+way, func(t *testing.T) {
				done := make(chan struct{}) // the server keeps the connection while the answer is judged
				defer close(done)
				c := script(t, func(s *server) {
					s.request(true)
					if way == "at once" {
						s.send([]byte(tt.answer))
					} else {
						for i := range len(tt.answer) {
							s.send([]byte(tt.answer[i : i+1]))
						}
					}
					if tt.want.err != io.ErrUnexpectedEOF {
						<-done
					}
				})
				got := ask(c)
				want := tt.want
				want.heard = tt.answer != ""
				if tt.message != "" {
					if !errors.Is(got.err, ErrProtocol) || !strings.HasSuffix(got.err.Error(), ": "+tt.message) {
						t.Errorf("got error %v; want %s", got.err, tt.message)
					}
					got.err = nil
				} else if want.err != nil && got.err != nil && got.err.Error() == want.err.Error() {
					got.err, want.err = nil, nil
				}
				if way == "byte by byte" && slices.Contains([]string{"something behind the end", "most padding", "a long END_REQUEST"}, tt.name) {
					want.reused = got.reused // it hangs on what has come by then
				}
				if got != want {
					t.Errorf("got %+v\nwant %+v", got, want)
				}
			})
		}
	}
}

func TestStatusError(t *testing.T) {
	for status, want := range map[ProtocolStatus]string{CantMultiplex: "CANT_MPX_CONN", Overloaded: "OVERLOADED", UnknownRole: "UNKNOWN_ROLE", 9: "protocol status 9"} {
		if got := (&StatusError{status}).Error(); !strings.Contains(got, want) {
			t.Errorf("got %q; want %q in it", got, want)
		}
	}
}
