package httpguard

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"framegate/server/internal/loop"
)

// passing passes every request on.
type passing struct{ asked atomic.Int64 }

func (p *passing) Length(_ *loop.Conn, b []byte) int { return len(b) }

func (p *passing) Request(*loop.Conn, []byte) loop.Verdict {
	p.asked.Add(1)
	return loop.Pass
}
func (p *passing) Awake() {}
func (p *passing) Rest()  {}

// dialLoop connects to net/http behind a loop, which counts what it has served.
func dialLoop(t *testing.T, handler loop.Handler, served *atomic.Int64) (net.Conn, *loop.Loop) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := loop.New(ln, loop.Options{Handler: handler, KeepAlive: time.Minute, Patience: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	l.Start()
	srv := &http.Server{IdleTimeout: time.Minute, ConnContext: ConnContext, ConnState: ConnState,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn := FromRequest(r)
			conn.Begin(true)
			conn.Next()
			defer conn.Done()
			served.Add(1)
			w.Write([]byte("served"))
		})}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(&Listener{Listener: l}) }()
	t.Cleanup(func() {
		srv.Close()
		<-done
		l.Kill()
		l.Wait()
	})
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, l
}

// A connection that net/http has served goes back to the loop when it is idle,
// with nothing of it lost, and is passed again with the next request.
func TestIdleConnectionGoesBack(t *testing.T) {
	var handler passing
	var served atomic.Int64
	c, l := dialLoop(t, &handler, &served)
	r := bufio.NewReader(c)
	for i := range int64(3) {
		if _, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		resp.Body.Close()
		if handler.asked.Load() != i+1 || served.Load() != i+1 {
			t.Fatalf("got %d on the loop, %d behind it; want %d each", handler.asked.Load(), served.Load(), i+1)
		}
		for deadline := time.Now().Add(30 * time.Second); l.Connections() != 1; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the connection is not the loop's again")
			}
		}
	}
}

// returning passes every request on, as one that has only taken too long.
type returning struct{ passing }

func (p *returning) Length(_ *loop.Conn, b []byte) int { return len(b) }

func (p *returning) Request(c *loop.Conn, head []byte) loop.Verdict {
	p.asked.Add(1)
	c.Await(p)
	c.Pass(head, kept{})
	return loop.Answered
}
func (p *returning) Gone(*loop.Conn)           {}
func (p *returning) Written(*loop.Conn, error) {}

type kept struct{}

func (kept) Returns() bool { return true }

// A connection whose request only took too long for the loop is the loop's
// again when it is answered, however soon the next request comes.
func TestConnectionReturns(t *testing.T) {
	var handler returning
	c, _ := dialLoop(t, &handler, new(atomic.Int64))
	r := bufio.NewReader(c)
	const requests = 200
	for i := range requests {
		if _, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "served" {
			t.Fatalf("request %d: got %q, %v", i, body, err)
		}
	}
	// One that net/http has seen the beginning of already stays for that once.
	if asked := handler.asked.Load(); asked < requests/4 {
		t.Errorf("the loop saw %d of %d requests", asked, requests)
	}
}
