package loop_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"framegate/server/internal/loop"
)

// upload is a request with a body, and its answer.
func upload(body string) (request, answer string) {
	head := fmt.Sprintf("POST /echo HTTP/1.1\r\nContent-Length: %d", len(body))
	return head + "\r\n\r\n" + body, fmt.Sprintf("%d %s", len(head), body)
}

// A body is gathered, in however many pieces it comes, ahead of its request's
// being answered.
func TestBodies(t *testing.T) {
	s := &script{}
	l := open(t, s, loop.Options{})
	c := dial(t, l)
	for i, size := range []int{1, 100, 5000, 65_000, 65_490, 65_536, 200_000, 1000, 70_000} {
		body := strings.Repeat("0123456\r\n\r\n", size/11+1)[:size]
		request, answer := upload(body)
		for _, cut := range []int{len(request), len(request) - size, len(request) - size + 1, len(request) - 1} {
			c.send(request[:cut])
			if cut < len(request) {
				await(l, 1)
				c.send(request[cut:])
			}
			c.expect(answer)
		}
		if n := s.bodies.Load(); n != int64(4*(i+1)) {
			t.Fatalf("%d: %d requests were answered; want %d", size, n, 4*(i+1))
		}
		c.send("GET /ok HTTP/1.1\r\n\r\n")
		c.expect(ok)
	}
	if n := l.Connections(); n != 1 {
		t.Errorf("got %d connections; want 1", n)
	}
}

// Where a body does not come, or more than it, all that was read is passed.
func TestBodiesArePassed(t *testing.T) {
	request, _ := upload(strings.Repeat("x", 100_000))
	for name, test := range map[string]struct {
		text string
		end  func(l *loop.Loop, c *client)
	}{
		"the client ends":          {request[:90_000], func(_ *loop.Loop, c *client) { c.Conn.(*net.TCPConn).CloseWrite() }},
		"the client is slow":       {request[:90_000], func(*loop.Loop, *client) {}},
		"the loop closes":          {request[:90_000], func(l *loop.Loop, _ *client) { l.Close() }},
		"more comes behind it":     {request + "GET", func(*loop.Loop, *client) {}},
		"more than a long request": {request + request, func(*loop.Loop, *client) {}},
	} {
		t.Run(name, func(t *testing.T) {
			s, o := &script{}, loop.Options{}
			if o.Patience = time.Hour; name == "the client is slow" {
				o.Patience = 10 * time.Millisecond
			}
			l := open(t, s, o)
			c := dial(t, l)
			c.send("GET /ok HTTP/1.1\r\n\r\n")
			c.expect(ok)
			c.send(test.text)
			if name == "the loop closes" { // or it would only be closed
				await(l, 1)
			}
			test.end(l, c)
			p := passed(t, l)
			rest := make([]byte, len(test.text)-len(p.Head))
			if _, err := io.ReadFull(p.Conn, rest); err != nil || string(p.Head)+string(rest) != test.text {
				t.Errorf("got %d and %d bytes, %v; want those %d that were sent", len(p.Head), len(rest), err, len(test.text))
			}
			if p.Kept != nil || s.bodies.Load() != 0 {
				t.Errorf("got %v, and %d answers", p.Kept, s.bodies.Load())
			}
		})
	}
}

// await returns when a body is waited for on so many connections.
func await(l *loop.Loop, connections int) {
	for n := make(chan int, 1); ; runtime.Gosched() {
		if !l.Post(func() { n <- l.Gathering() }) || <-n == connections {
			return
		}
	}
}

// What clients promise takes no memory without end.
func TestBodiesAreBounded(t *testing.T) {
	l := open(t, &script{}, loop.Options{})
	begin := func() *client {
		c := dial(t, l)
		c.send("POST /echo HTTP/1.1\r\nContent-Length: 20000000\r\n\r\nbegun")
		return c
	}
	gathered := []*client{begin(), begin()}
	await(l, 2)
	third := begin()
	p := passed(t, l)
	if !bytes.HasSuffix(p.Head, []byte("begun")) || p.RemoteAddr().String() != third.LocalAddr().String() {
		t.Errorf("got %q of %s; want the third", p.Head, p.RemoteAddr())
	}
	gathered[0].Close()
	passed(t, l)
	begin()
	await(l, 2)
}

// A client that goes in the middle of a body, or of an answer to one, takes
// nothing with it, and the buffers are others' then.
func TestBodiesOfMany(t *testing.T) {
	l := open(t, &script{}, loop.Options{Patience: time.Second})
	go func() { // whom nobody serves
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			c := dial(t, l)
			for j := range 20 {
				body := strings.Repeat(fmt.Sprintf("%d-%d ", i, j), 1+i*j*30)
				request, answer := upload(body)
				if (i+j)%7 == 0 {
					c.send(request[:len(request)-len(body)/2])
					c.Close()
					c = dial(t, l)
				}
				c.send(request)
				c.expect(answer)
			}
		})
	}
	wg.Wait()
}
