package httpguard_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"framegate/server/internal/httpguard"
)

// silent serves a handler that says nothing until released, and tells when a
// request has begun and when its client is known to be gone.
func silent(t *testing.T) (addr string, begun, gone chan struct{}, release chan struct{}) {
	t.Helper()
	begun, gone, release = make(chan struct{}), make(chan struct{}), make(chan struct{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{
		ConnContext: httpguard.ConnContext,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn := httpguard.FromRequest(r)
			defer conn.Done()
			conn.Next()
			conn.Begin(r.ProtoAtLeast(1, 1))
			close(begun)
			select {
			case <-r.Context().Done():
				close(gone)
			case <-release:
				io.WriteString(w, "answer")
			}
		}),
	}
	served := make(chan struct{})
	go func() { defer close(served); srv.Serve(&httpguard.Listener{Listener: ln}) }()
	t.Cleanup(func() { srv.Close(); <-served })
	return ln.Addr().String(), begun, gone, release
}

func request(t *testing.T, addr, proto string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, "GET / "+proto+"\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// A full close and a half close look the same until something is sent.
func TestClosedClientIsNoticedInSilence(t *testing.T) {
	addr, begun, gone, _ := silent(t)
	conn := request(t, addr, "HTTP/1.1")
	<-begun
	conn.Close()
	select {
	case <-gone:
	case <-time.After(20 * time.Second):
		t.Fatal("the handler was not told that its client is gone")
	}
}

func TestResetClientIsNoticedAtOnce(t *testing.T) {
	addr, begun, gone, _ := silent(t)
	conn := request(t, addr, "HTTP/1.0")
	<-begun
	conn.SetLinger(0)
	conn.Close()
	<-gone
}

func TestHalfClosedClientGetsItsAnswer(t *testing.T) {
	for _, tt := range []struct {
		proto   string
		interim bool // a probe is seen
	}{{"HTTP/1.1", true}, {"HTTP/1.0", false}} {
		t.Run(tt.proto, func(t *testing.T) {
			addr, begun, _, release := silent(t)
			conn := request(t, addr, tt.proto)
			<-begun
			if err := conn.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			in := bufio.NewReader(conn)
			if tt.interim {
				if resp, err := http.ReadResponse(in, nil); err != nil || resp.StatusCode != 100 {
					t.Fatalf("got %v, %v; want 100 Continue", resp, err)
				}
			}
			close(release)
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != 200 || string(body) != "answer" {
				t.Errorf("got %d %q, %v; want 200 answer", resp.StatusCode, body, err)
			}
		})
	}
}
