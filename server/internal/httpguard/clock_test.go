package httpguard

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// timed is a connection on which nothing arrives: a read ends at its deadline,
// at once.
type timed struct {
	wire
	deadline time.Time
}

func (c *timed) Read(p []byte) (int, error) {
	if n, err := c.wire.Read(p); err == nil {
		return n, nil
	}
	if c.deadline.IsZero() {
		return 0, io.EOF // it would wait for ever
	}
	time.Sleep(time.Until(c.deadline)) // what a read does until its deadline
	return 0, os.ErrDeadlineExceeded
}

func (c *timed) SetReadDeadline(t time.Time) error {
	c.deadline = t
	return nil
}

func TestHeadTimeout(t *testing.T) {
	for _, tt := range []struct {
		name, arrived  string
		method, target string
	}{
		{"one byte", "G", "", ""},
		{"half a request line", "GET /a HT", "", ""},
		{"a request line", "GET /a HTTP/1.1\r\n", "GET", "/a"},
		{"all but the last byte", "POST /a?b HTTP/1.1\r\nHost: x\r\n\r", "POST", "/a?b"},
		{"HEAD", "HEAD /a HTTP/1.1\r\nHost:", "HEAD", "/a"},
		{"a part of HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nS", "PRI", "*"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inner := &timed{wire: wire{pieces: [][]byte{[]byte(tt.arrived)}}}
			c := &Conn{Conn: inner, limits: Limits{HeaderTimeout: time.Millisecond}}
			data, err := io.ReadAll(c)
			if err != nil {
				t.Fatal(err)
			}
			want := "GET" + standIn
			if tt.method == http.MethodHead {
				want = tt.method + standIn // its answer has no body
			}
			if string(data) != want {
				t.Errorf("net/http got %q; want %q", data, want)
			}
			v := c.Next()
			if v == nil || v.Status != 408 || !strings.Contains(v.Why, "within 1ms (header-timeout)") || v.Method != tt.method || v.Target != tt.target {
				t.Errorf("got %+v; want 408 of %q %q", v, tt.method, tt.target)
			}
		})
	}
}

// Of a connection that says nothing there is nothing to tell.
func TestIdleTimeoutIsSilent(t *testing.T) {
	for _, arrived := range []string{"", "\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"} {
		c := &Conn{Conn: &timed{wire: wire{pieces: [][]byte{[]byte(arrived)}}}, limits: Limits{HeaderTimeout: time.Millisecond}}
		c.SetReadDeadline(time.Now().Add(time.Millisecond))
		data, err := io.ReadAll(c)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q: got %v; want the deadline's error", arrived, err)
		}
		if want := strings.TrimPrefix(arrived, "\r\n\r\n"); string(data) != want {
			t.Errorf("%q: got %q; want %q", arrived, data, want)
		}
		for c.open.Load() > 0 {
			if v := c.Next(); v != nil {
				t.Errorf("%q: got %+v; want no refusal", arrived, v)
			}
			c.Done()
		}
	}
}

// Net/http takes a connection for idle while the guard holds the start of a
// head. Its deadlines wait for the head's end, but for one that is over: with
// that it breaks a read off.
func TestDeadlinesDuringHead(t *testing.T) {
	inner := &timed{}
	c := &Conn{Conn: inner, limits: Limits{HeaderTimeout: time.Minute}}
	idle := time.Now().Add(time.Hour)
	c.SetReadDeadline(idle)
	if !inner.deadline.Equal(idle) {
		t.Errorf("between requests: got %v; want net/http's %v", inner.deadline, idle)
	}
	c.headBegun()
	ends := inner.deadline
	if left := time.Until(ends); left <= 0 || left > time.Minute {
		t.Errorf("in a head: got %v from now; want a minute at the most", left)
	}
	c.headBegun()
	c.SetReadDeadline(idle.Add(time.Hour))
	c.SetReadDeadline(time.Time{})
	if !inner.deadline.Equal(ends) {
		t.Errorf("in a head, later: got %v; want %v as before", inner.deadline, ends)
	}
	over := time.Unix(1, 0)
	c.SetReadDeadline(over)
	if !inner.deadline.Equal(over) {
		t.Errorf("to break a read off: got %v; want %v", inner.deadline, over)
	}
	c.SetReadDeadline(idle)
	if !inner.deadline.Equal(ends) {
		t.Errorf("after that: got %v; want %v", inner.deadline, ends)
	}
	c.headEnded()
	if !inner.deadline.Equal(idle) {
		t.Errorf("after the head: got %v; want net/http's %v", inner.deadline, idle)
	}
}

func TestNoHeadTimeout(t *testing.T) {
	inner := &timed{}
	c := &Conn{Conn: inner, limits: Limits{HeaderTimeout: -1}}
	c.SetReadDeadline(time.Now().Add(time.Hour))
	c.headBegun()
	if !inner.deadline.IsZero() {
		t.Errorf("got %v; want no deadline", inner.deadline)
	}
}

// A read that is broken off inside a head goes on later.
func TestHeadSurvivesBreakOff(t *testing.T) {
	client, server := tcp(t)
	c := &Conn{Conn: server}
	io.WriteString(client, "GET / HTTP/1.1\r\n")
	begun := make(chan error, 1)
	go func() {
		_, err := c.Read(make([]byte, 1))
		begun <- err
	}()
	eventually(t, "the read is inside the head", func() bool {
		c.clock.mu.Lock()
		defer c.clock.mu.Unlock()
		return c.clock.running
	})
	c.SetReadDeadline(time.Unix(1, 0))
	if err := <-begun; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v; want the deadline's error", err)
	}
	c.SetReadDeadline(time.Time{})
	io.WriteString(client, "Host: x\r\n\r\n")
	buf := make([]byte, 4096)
	n, err := c.Read(buf)
	if got, want := string(buf[:n]), "GET / HTTP/1.1\r\nHost: x\r\n\r\n"; err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if v := c.Next(); v != nil {
		t.Errorf("got %+v; want no refusal", v)
	}
}

// eventually waits until something that another goroutine does is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never so: %s", what)
		}
	}
}

// Bytes that come one by one do not move the end of the clock.
func TestDribbleIsRefused(t *testing.T) {
	client, server := tcp(t)
	c := &Conn{Conn: server, limits: Limits{HeaderTimeout: 50 * time.Millisecond}}
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		io.WriteString(client, "GET / HTTP/1.1\r\nX: ")
		for {
			select {
			case <-tick.C:
				io.WriteString(client, "x")
			case <-stop:
				return
			}
		}
	}()
	begun := time.Now()
	data, err := io.ReadAll(c)
	took := time.Since(begun)
	close(stop)
	<-done
	if v := c.Next(); err != nil || string(data) != "GET"+standIn || v == nil || v.Status != 408 {
		t.Errorf("got %q, %v, %+v; want the stand-in and a 408", data, err, v)
	}
	if took < 50*time.Millisecond || took > 20*time.Second {
		t.Errorf("took %v; want 50ms and not much more", took)
	}
}

func TestLimits(t *testing.T) {
	limits := Limits{MaxHeader: 1 << 10, MaxURL: 100, MaxFields: 3}
	url := func(n int) string { return "GET /" + strings.Repeat("a", n-1) + " HTTP/1.1\r\nHost: x\r\n\r\n" }
	for _, tt := range []struct {
		name, head string
		limits     Limits
		status     int // 0 is let through
		why        string
	}{
		{"a URL of 100", url(100), limits, 0, ""},
		{"a URL of 101", url(101), limits, 414, "100 bytes"},
		{"three fields", "GET / HTTP/1.1\r\nHost: x\r\nA:\r\nB:\r\n\r\n", limits, 0, ""},
		{"four fields", "GET / HTTP/1.1\r\nHost: x\r\nA:\r\nB:\r\nC:\r\n\r\n", limits, 431, "3 header fields"},
		{"a head of 1024", "GET / HTTP/1.1\r\nHost: x\r\nA:" + strings.Repeat("a", 1024-16-9-2-4) + "\r\n\r\n", limits, 0, ""},
		{"a head of 1025", "GET / HTTP/1.1\r\nHost: x\r\nA:" + strings.Repeat("a", 1025-16-9-2-4) + "\r\n\r\n", limits, 431, "1024 bytes"},
		{"a head without an end", "GET / HTTP/1.1\r\nHost: x\r\nA:" + strings.Repeat("a", 2000), limits, 431, "1024 bytes"},
		{"a request line as long as the head may be", "GET /" + strings.Repeat("a", 1020), Limits{MaxHeader: 1 << 10}, 414, "1024 bytes"},
		{"a request line without an end", "GET /" + strings.Repeat("a", 2000), limits, 414, "100 bytes"},
		{"larger than by default", "GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("A: "+strings.Repeat("a", 200)+"\r\n", 1000) + "\r\n",
			Limits{MaxHeader: 1 << 20, MaxFields: 1001}, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, pieces := range [][][]byte{{[]byte(tt.head)}, bytewise([]byte(tt.head))[:min(len(tt.head), 3000)]} {
				if len(tt.head) > 3000 && len(pieces) > 1 {
					continue
				}
				c := &Conn{Conn: &wire{pieces: pieces}, limits: tt.limits}
				data, err := io.ReadAll(c)
				v := c.Next()
				switch {
				case err != nil:
					t.Errorf("in %d pieces: %v", len(pieces), err)
				case tt.status == 0 && (v != nil || string(data) != tt.head):
					t.Errorf("in %d pieces: got %+v, %.100q; want it let through", len(pieces), v, data)
				case tt.status != 0 && (v == nil || v.Status != tt.status || !strings.Contains(v.Why, tt.why)):
					t.Errorf("in %d pieces: got %+v; want %d %q", len(pieces), v, tt.status, tt.why)
				}
			}
		})
	}
}

var _ net.Conn = (*timed)(nil)
