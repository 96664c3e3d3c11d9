package loop_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"framegate/server/internal/loop"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script answers by the path of a request. What is called on the loop alone
// needs no lock.
type script struct {
	pending *loop.Conn // of /wait
	large   []byte
	file    string
	written chan error
	gone    atomic.Int64
	bodies  atomic.Int64
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func (s *script) Awake() {}
func (s *script) Rest()  {}

func (s *script) Length(_ *loop.Conn, b []byte) int {
	head, _, whole := bytes.Cut(b, []byte("\r\n\r\n"))
	if !whole {
		return 0
	}
	_, length, _ := bytes.Cut(head, []byte("Content-Length: "))
	n, _ := strconv.Atoi(string(length))
	return len(head) + 4 + n
}

func (s *script) Request(c *loop.Conn, whole []byte) loop.Verdict {
	_, path, _ := bytes.Cut(whole, []byte(" "))
	path, _, _ = bytes.Cut(path, []byte(" "))
	if head, body, _ := bytes.Cut(whole, []byte("\r\n\r\n")); len(body) > 0 && string(path) == "/echo" {
		s.bodies.Add(1)
		c.Await(s)
		c.Answer(fmt.Appendf(nil, "%d %s", len(head), body), loop.File{}, time.Now().Add(time.Minute))
		return loop.Answered
	}
	c.Await(s)
	soon := time.Now().Add(time.Minute)
	switch string(path) {
	case "/ok":
		c.Answer([]byte(ok), loop.File{}, soon)
	case "/large":
		c.Answer(s.large, loop.File{}, soon)
	case "/never": // and the client does not read it
		c.Answer(s.large, loop.File{}, time.Now())
	case "/file":
		f, err := os.Open(s.file)
		if err != nil {
			return loop.Pass
		}
		defer f.Close()
		fd, left := dup(f)
		c.Answer([]byte("HTTP/1.1 200 OK\r\n\r\n"), loop.File{FD: fd, Left: left}, soon)
	case "/wait":
		s.pending = c
		return loop.Pending
	default:
		return loop.Pass
	}
	return loop.Answered
}

func (s *script) Gone(c *loop.Conn) {
	s.gone.Add(1)
	s.pending = nil
	c.Pass([]byte("GET /wait HTTP/1.1\r\n\r\n"), "kept")
}

func (s *script) Written(_ *loop.Conn, err error) { s.written <- err }

// open starts a loop, which the test closes at its end.
func open(t *testing.T, s *script, o loop.Options) *loop.Loop {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.written = make(chan error, 10)
	o.Handler = s
	if o.KeepAlive == 0 {
		o.KeepAlive = time.Minute
	}
	if o.Patience == 0 {
		o.Patience = time.Minute
	}
	l, err := loop.New(ln, o)
	if err != nil {
		t.Fatal(err)
	}
	l.Start()
	t.Cleanup(func() {
		l.Close()
		l.Kill()
		l.Wait()
	})
	return l
}

type client struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, l *loop.Loop) *client {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &client{t, c, bufio.NewReader(c)}
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) expect(want string) {
	c.t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c.r, got); err != nil || string(got) != want {
		c.t.Fatalf("got %.100q, %v; want %.100q", got, err, want)
	}
}

// passed is the next connection that is not the loop's.
func passed(t *testing.T, l *loop.Loop) *loop.Passed {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*loop.Passed)
}

func TestAnswers(t *testing.T) {
	l := open(t, &script{}, loop.Options{})
	c := dial(t, l)
	for range 3 {
		c.send("GET /ok HTTP/1.1\r\n\r\n")
		c.expect(ok)
	}
	if n := l.Connections(); n != 1 {
		t.Errorf("got %d connections; want 1", n)
	}
}

// What is not one whole head is passed with every byte that was read.
func TestPasses(t *testing.T) {
	for _, text := range []string{
		"GET /other HTTP/1.1\r\n\r\n", "GET /ok HTTP/1.1\r\nHo", "GET /ok HTTP/1.1\r\n\r\nGET", "G", "\r\n", strings.Repeat("x", 65536),
	} {
		l := open(t, &script{}, loop.Options{})
		c := dial(t, l)
		c.send(text)
		p := passed(t, l)
		rest := make([]byte, len(text)-len(p.Head))
		if _, err := io.ReadFull(p.Conn, rest); err != nil || string(p.Head)+string(rest) != text {
			t.Errorf("got %.50q and %.50q, %v; want %.50q", p.Head, rest, err, text)
		}
		if p.Kept != nil || p.Home != l {
			t.Errorf("got %v, %v", p.Kept, p.Home)
		}
		if _, err := p.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		c.expect("hello")
	}
}

// A client that reads late gets all of it, and then its next answer.
func TestLargeAnswers(t *testing.T) {
	s := &script{large: bytes.Repeat([]byte("0123456789"), 2<<20), file: t.TempDir() + "/file"}
	if err := os.WriteFile(s.file, s.large, 0o600); err != nil {
		t.Fatal(err)
	}
	l := open(t, s, loop.Options{})
	for path, want := range map[string]string{"/large": string(s.large), "/file": "HTTP/1.1 200 OK\r\n\r\n" + string(s.large)} {
		c := dial(t, l)
		c.send("GET " + path + " HTTP/1.1\r\n\r\n")
		c.expect(want[:1000])
		c.send("GET /ok HTTP/1.1\r\n\r\n") // it waits for its turn
		c.expect(want[1000:])
		if err := <-s.written; err != nil {
			t.Errorf("%s: got %v", path, err)
		}
		c.expect(ok)
	}
}

func TestSlowClientIsGivenUp(t *testing.T) {
	s := &script{large: bytes.Repeat([]byte("0123456789"), 4<<20)}
	l := open(t, s, loop.Options{})
	dial(t, l).send("GET /never HTTP/1.1\r\n\r\n")
	if err := <-s.written; !errors.Is(err, loop.ErrSlow) {
		t.Errorf("got %v; want %v", err, loop.ErrSlow)
	}
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	l := open(t, &script{}, loop.Options{KeepAlive: 50 * time.Millisecond})
	used, fresh := dial(t, l), dial(t, l)
	used.send("GET /ok HTTP/1.1\r\n\r\n")
	used.expect(ok)
	for _, c := range []*client{used, fresh} {
		if _, err := c.r.ReadByte(); err != io.EOF {
			t.Errorf("got %v; want %v", err, io.EOF)
		}
	}
}

// A request that is under way is its owner's to pass when its client ends, when
// it takes long, and when the loop closes.
func TestPendingRequests(t *testing.T) {
	for name, end := range map[string]func(l *loop.Loop, c *client){
		"the client ends":  func(_ *loop.Loop, c *client) { c.Conn.(*net.TCPConn).CloseWrite() },
		"it takes long":    func(*loop.Loop, *client) {},
		"the loop closes":  func(l *loop.Loop, _ *client) { l.Close() },
		"the client sends": func(_ *loop.Loop, c *client) { c.send("x") },
	} {
		t.Run(name, func(t *testing.T) {
			s, o := &script{}, loop.Options{}
			if name == "it takes long" {
				o.Patience = 10 * time.Millisecond
			}
			l := open(t, s, o)
			c := dial(t, l)
			c.send("GET /wait HTTP/1.1\r\n\r\n")
			for name != "it takes long" && !waits(l, s) {
				time.Sleep(time.Millisecond)
			}
			end(l, c)
			p := passed(t, l)
			if p.Kept != "kept" || string(p.Head) != "GET /wait HTTP/1.1\r\n\r\n" || s.gone.Load() != 1 {
				t.Errorf("got %v, %q, %d times gone", p.Kept, p.Head, s.gone.Load())
			}
			p.Write([]byte(ok))
			c.expect(ok)
		})
	}
}

// waits reports whether the request is under way.
func waits(l *loop.Loop, s *script) bool {
	is := make(chan bool, 1)
	return l.Post(func() { is <- s.pending != nil }) && <-is
}

// A shutdown waits for whoever answers what was passed to have it, or until it
// may wait no longer.
func TestSettle(t *testing.T) {
	for name, end := range map[string]func(p *loop.Passed, cancel func()){
		"the request is taken": func(p *loop.Passed, _ func()) { p.Taken() },
		"it takes too long":    func(_ *loop.Passed, cancel func()) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{}
			l := open(t, s, loop.Options{})
			dial(t, l).send("GET /wait HTTP/1.1\r\n\r\n")
			for !waits(l, s) {
				time.Sleep(time.Millisecond)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			settled := make(chan struct{})
			go func() {
				l.Settle(ctx)
				close(settled)
			}()
			p := passed(t, l)
			if c, err := l.Accept(); err == nil {
				t.Errorf("got %v; want no other connection", c)
			}
			select {
			case <-settled:
				t.Error("it did not wait")
			case <-time.After(20 * time.Millisecond): // that it waits shows by nothing else
			}
			end(p, cancel)
			<-settled
		})
	}
}

// After Close no connection is lost that has come: those without a request are
// passed, idle ones are closed, and then Accept fails.
func TestClose(t *testing.T) {
	l := open(t, &script{}, loop.Options{})
	idle, fresh := dial(t, l), dial(t, l)
	idle.send("GET /ok HTTP/1.1\r\n\r\n")
	idle.expect(ok)
	l.Close()
	p := passed(t, l)
	fresh.send("hello")
	if got, err := io.ReadAll(io.LimitReader(p.Conn, 5)); string(got) != "hello" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v; want %v", err, net.ErrClosed)
	}
	if _, err := idle.r.ReadByte(); err != io.EOF {
		t.Errorf("got %v; want %v", err, io.EOF)
	}
	l.Wait()
	if l.Post(func() {}) {
		t.Error("a loop that has ended has taken something")
	}
	if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
		c.Close()
		t.Error("it still listens")
	}
}

func TestManyConnections(t *testing.T) {
	l := open(t, &script{}, loop.Options{})
	var all []*client
	for range 300 {
		all = append(all, dial(t, l))
	}
	for range 2 {
		for _, c := range all {
			c.send("GET /ok HTTP/1.1\r\n\r\n")
		}
		for _, c := range all {
			c.expect(ok)
		}
	}
}
