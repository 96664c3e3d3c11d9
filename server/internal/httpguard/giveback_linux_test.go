package httpguard

import (
	"bufio"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"framegate/server/internal/loop"
)

// passing passes every request on.
type passing struct{ asked atomic.Int64 }

func (p *passing) Request(*loop.Conn, []byte) loop.Verdict {
	p.asked.Add(1)
	return loop.Pass
}
func (p *passing) Awake() {}
func (p *passing) Rest()  {}

// A connection that net/http has served goes back to the loop when it is idle,
// with nothing of it lost, and is passed again with the next request.
func TestIdleConnectionGoesBack(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var handler passing
	l, err := loop.New(ln, loop.Options{Handler: &handler, KeepAlive: time.Minute, Patience: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	l.Start()
	var served atomic.Int64
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
	defer c.Close()
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
