package soak_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"strconv"
	"time"
)

// goodClasses are the traffic that must never notice the rest.
func goodClasses() []class {
	return []class{
		{name: "hello, C", want: "200", weight: 300, good: true, run: hello("/hello?", "hello %s\n")},
		{name: "hello, sh", want: "200", weight: 60, good: true, run: hello("/sh?", "hello %s\n")},
		{name: "hello, a script", want: "200", weight: 30, good: true, run: hello("/cgi/hello/extra?", "hello %s\n")},
		{name: "hello, pipelined", want: "200 200 200", weight: 20, good: true, run: pipelined},
		{name: "HEAD", want: "200, no body", weight: 20, good: true, run: headOnly},
		{name: "client half-closes", want: "200", weight: 20, good: true, run: halfClose},
		{name: "head, byte by byte", want: "200", weight: 10, good: true, run: slowHead},
		{name: "echo, Content-Length", want: "200", weight: 100, good: true, run: echoed("/echo", false)},
		{name: "echo, chunked", want: "200", weight: 60, good: true, run: echoed("/echo", true)},
		{name: "echo, streamed", want: "200", weight: 60, good: true, run: echoed("/relay", false)},
		{name: "echo, 100-continue", want: "100, 200", weight: 20, good: true, run: expectContinue},
		{name: "event stream", want: "200", weight: 20, good: true, run: eventStream},
		{name: "download, 2 MiB", want: "200", weight: 5, good: true, run: downloaded},
		{name: "download, read slowly", want: "200", weight: 1, good: true, run: readSlowly},
		{name: "WSGI app", want: "200", weight: 6, good: true, run: wsgi},
		{name: "file, 700 B", want: "200", weight: 60, good: true, run: func(w *worker) error {
			a, err := w.ask(request{method: "GET", target: "/small.bin"})
			return whole(a, err, w.site.small)
		}},
		{name: "file, 300 KiB", want: "200", weight: 20, good: true, run: func(w *worker) error {
			a, err := w.ask(request{method: "GET", target: "/large.bin"})
			return whole(a, err, w.site.large)
		}},
		{name: "file, a range", want: "206", weight: 10, good: true, run: ranged},
	}
}

// hello asks for a target whose answer holds the request's token.
func hello(target, format string) func(w *worker) error {
	return func(w *worker) error {
		token := w.token()
		a, err := w.ask(request{method: "GET", target: target + token})
		return whole(a, err, fmt.Appendf(nil, format, token))
	}
}

func headOnly(w *worker) error {
	a, err := w.ask(request{method: "HEAD", target: "/hello?" + w.token()})
	return whole(a, err, nil)
}

// size is that of a request's body: mostly small, sometimes up to 1 MiB, with
// the sizes at which the gateway does something else.
func (w *worker) size() int {
	edges := []int{0, 0, 1, 4096, 64<<10 - 1, 64 << 10, 64<<10 + 1, 1<<20 - 1, 1 << 20}
	switch n := w.rnd.IntN(100); {
	case n < 15:
		return edges[w.rnd.IntN(len(edges))]
	case n < 70:
		return w.rnd.IntN(4 << 10)
	case n < 93:
		return w.rnd.IntN(64 << 10)
	case n < 99:
		return w.rnd.IntN(256 << 10)
	}
	return w.rnd.IntN(1 << 20)
}

func echoed(target string, chunked bool) func(w *worker) error {
	return func(w *worker) error {
		r := request{method: "POST", target: target, body: w.body(w.size()), chunked: chunked}
		a, err := w.ask(r)
		if err := whole(a, err, r.body); err != nil || target != "/echo" {
			return err
		}
		return summed(a, r.body)
	}
}

// summed compares what the frame says of the body that it has read: damage on
// the way in is told from damage on the way out.
func summed(a *answer, body []byte) error {
	h := fnv.New64a()
	h.Write(body)
	if got, want := a.header.Get("X-Sum"), fmt.Sprintf("%016x", h.Sum64()); got != want {
		return fmt.Errorf("the frame has read the sum %q; want %q", got, want)
	}
	if got, want := a.header.Get("X-Length"), strconv.Itoa(len(body)); got != want {
		return fmt.Errorf("CONTENT_LENGTH %q; want %q", got, want)
	}
	return nil
}

func wsgi(w *worker) error {
	r := request{method: "POST", target: "/app?" + w.token(), body: w.body(w.size())}
	a, err := w.ask(r)
	return whole(a, err, append([]byte("wsgi "+r.target[len("/app?"):]+"\n"), r.body...))
}

func eventStream(w *worker) error {
	token := w.token()
	var want bytes.Buffer
	for i := range 20 {
		fmt.Fprintf(&want, "data: %d of %s\n\n", i, token)
	}
	a, err := w.ask(request{method: "GET", target: "/stream?" + token})
	return whole(a, err, want.Bytes())
}

func downloaded(w *worker) error {
	token := w.token()
	a, err := w.ask(request{method: "GET", target: "/download?" + token})
	return whole(a, err, download(token, 2))
}

// readSlowly takes 12 MiB, more than the kernel holds, with pauses in which
// the gateway has to put the answer aside.
func readSlowly(w *worker) error {
	c, err := w.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetReadBuffer(64 << 10)
	token := w.token()
	if err := asked("/large?"+token)(w, c); err != nil {
		return err
	}
	c.in.Reset(&pausing{Reader: c.TCPConn, w: w})
	a, err := c.receive("GET")
	return whole(a, err, download(token, 12))
}

// pausing is a reader that stops for a while every now and then.
type pausing struct {
	io.Reader
	w    *worker
	left int // until the next pause
}

func (p *pausing) Read(b []byte) (int, error) {
	if p.left <= 0 {
		time.Sleep(time.Duration(p.w.rnd.IntN(400)) * time.Millisecond)
		p.left = p.w.rnd.IntN(4 << 20)
	}
	n, err := p.Reader.Read(b)
	p.left -= n
	return n, err
}

// download is what frame.c prints for the token.
func download(token string, mib int) []byte {
	h := fnv.New64a()
	io.WriteString(h, token)
	x := h.Sum64() | 1
	want := make([]byte, mib<<20)
	for i := 0; i < len(want); i += 8 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		binary.NativeEndian.PutUint64(want[i:], x)
	}
	return want
}

func ranged(w *worker) error {
	from := w.rnd.IntN(largeSize)
	to := from + w.rnd.IntN(largeSize-from)
	a, err := w.ask(request{method: "GET", target: "/large.bin", header: fmt.Sprintf("Range: bytes=%d-%d\r\n", from, to)})
	if err == nil && a.status == http.StatusPartialContent {
		a.status = http.StatusOK
	}
	return whole(a, err, w.site.large[from:to+1])
}

// pipelined sends three requests at once; the answers come in their order.
func pipelined(w *worker) error {
	c, err := w.keep()
	if err != nil {
		return err
	}
	tokens := []string{w.token(), w.token(), w.token()}
	var all []byte
	for _, token := range tokens {
		all = append(all, w.wire(&request{method: "GET", target: "/hello?" + token})...)
	}
	_, err = c.Write(all)
	for _, token := range tokens {
		var a *answer
		if err == nil {
			a, err = c.receive("GET")
		}
		if err = whole(a, err, []byte("hello "+token+"\n")); err != nil {
			w.drop()
			return err
		}
	}
	return nil
}

// halfClose ends its own side behind the request: the answer is still wanted
// (RFC 9112 §9.6).
func halfClose(w *worker) error {
	c, err := w.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	token := w.token()
	if _, err = c.Write(w.wire(&request{method: "GET", target: "/hello?" + token})); err != nil {
		return err
	}
	if err := c.CloseWrite(); err != nil {
		return err
	}
	a, err := c.receive("GET")
	return whole(a, err, []byte("hello "+token+"\n"))
}

// slowHead sends the head in pieces of a byte or a few.
func slowHead(w *worker) error {
	c, err := w.keep()
	if err != nil {
		return err
	}
	token := w.token()
	for head := w.wire(&request{method: "GET", target: "/hello?" + token}); err == nil && len(head) > 0; {
		n := min(1+w.rnd.IntN(8), len(head))
		_, err = c.Write(head[:n])
		head = head[n:]
	}
	var a *answer
	if err == nil {
		a, err = c.receive("GET")
	}
	if err = whole(a, err, []byte("hello "+token+"\n")); err != nil {
		w.drop()
	}
	return err
}

// expectContinue sends the body when the gateway asks for it.
func expectContinue(w *worker) error {
	c, err := w.keep()
	if err != nil {
		return err
	}
	r := request{method: "POST", target: "/echo", header: "Expect: 100-continue\r\n", body: w.body(1 + w.size())}
	err = continued(c, &r)
	if err != nil {
		w.drop()
	}
	return err
}

func continued(c *conn, r *request) error {
	if _, err := c.Write(r.head()); err != nil {
		return err
	}
	c.SetReadDeadline(time.Now().Add(patience))
	line, err := c.in.ReadString('\n')
	if err != nil {
		return err
	}
	if line != "HTTP/1.1 100 Continue\r\n" {
		return fmt.Errorf("got %q; want 100 Continue", line)
	}
	if line, err = c.in.ReadString('\n'); line != "\r\n" {
		return errors.Join(err, fmt.Errorf("a field %q behind 100 Continue", line))
	}
	sent := c.send(r.body)
	a, err := c.receive(r.method)
	if err := whole(a, err, r.body); err != nil {
		c.SetDeadline(time.Now())
		<-sent
		return err
	}
	return errors.Join(<-sent, summed(a, r.body))
}
