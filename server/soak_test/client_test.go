package soak_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"
)

// patience bounds one exchange: what takes longer is lost.
const patience = 90 * time.Second

// worker is one client. It has a connection that it keeps across requests,
// good and bad ones alike, and opens others for what ends a connection.
type worker struct {
	site  *site
	addr  string
	from  net.IP // of its own, so that no run is short of ports
	rnd   *rand.Rand
	kept  *conn
	class string // of the exchange
	local string // the address that it last used
	tally *tally
}

func newWorker(s *site, addr string, id int, t *tally) *worker {
	return &worker{
		site: s, addr: addr, tally: t,
		from: net.IPv4(127, 1, byte(id>>7), byte(id&127)+1),
		rnd:  rand.New(rand.NewPCG(*seed, uint64(id))),
	}
}

// token is different for each request.
func (w *worker) token() string { return fmt.Sprintf("t%016x", w.rnd.Uint64()) }

// body is n bytes that differ from the next call's.
func (w *worker) body(n int) []byte {
	start := w.rnd.IntN(noiseSize - n)
	return w.site.noise[start : start+n : start+n]
}

type conn struct {
	*net.TCPConn
	in *bufio.Reader

	now, behind string // the classes of this exchange and of the one before
}

func (w *worker) dial() (*conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: w.from}, Timeout: patience}
	c, err := d.Dial("tcp", w.addr)
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(patience))
	w.local = c.LocalAddr().String()
	return &conn{TCPConn: c.(*net.TCPConn), in: bufio.NewReader(c)}, nil
}

// reset closes the connection by RST, whatever is still to be read or sent.
func (c *conn) reset() {
	c.SetLinger(0)
	c.Close()
}

// keep is the connection that the worker keeps, new if there is none.
func (w *worker) keep() (*conn, error) {
	if w.kept == nil {
		c, err := w.dial()
		if err != nil {
			return nil, err
		}
		w.kept = c
	}
	w.kept.behind, w.kept.now = w.kept.now, w.class
	w.kept.SetDeadline(time.Now().Add(patience))
	w.local = w.kept.LocalAddr().String()
	return w.kept, nil
}

func (w *worker) drop() {
	if w.kept != nil {
		w.kept.Close()
		w.kept = nil
	}
}

// request is what a client sends. With a body it has a Content-Length unless
// it is chunked.
type request struct {
	method, target string
	proto          string // "1.1" if empty
	header         string // further lines, each with CR LF
	body           []byte // nil is none
	chunked        bool
}

func (r *request) head() []byte {
	var b bytes.Buffer
	proto := r.proto
	if proto == "" {
		proto = "1.1"
	}
	fmt.Fprintf(&b, "%s %s HTTP/%s\r\nHost: soak.test\r\n%s", r.method, r.target, proto, r.header)
	switch {
	case r.chunked:
		b.WriteString("Transfer-Encoding: chunked\r\n")
	case r.body != nil:
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(r.body))
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// wire is the whole request; chunk sizes are the worker's choice.
func (w *worker) wire(r *request) []byte {
	b := bytes.NewBuffer(r.head())
	if !r.chunked {
		b.Write(r.body)
		return b.Bytes()
	}
	for rest := r.body; len(rest) > 0; {
		n := min(1+w.rnd.IntN(64<<10), len(rest))
		fmt.Fprintf(b, "%x\r\n%s\r\n", n, rest[:n])
		rest = rest[n:]
	}
	b.WriteString("0\r\n\r\n")
	return b.Bytes()
}

// answer is what a client got. err is how the body ended: nil is a clean end.
type answer struct {
	status int
	header http.Header
	body   []byte
	err    error
	last   bool // no further request on this connection
}

// largestAnswer is more than any frame sends that ends by itself.
const largestAnswer = 16 << 20

func (c *conn) receive(method string) (*answer, error) {
	resp, err := http.ReadResponse(c.in, &http.Request{Method: method})
	for err == nil && resp.StatusCode < 200 { // interim answers may come at any time (RFC 9110 §15.2)
		resp, err = http.ReadResponse(c.in, &http.Request{Method: method})
	}
	if err != nil {
		return nil, fmt.Errorf("no answer: %w", err)
	}
	a := &answer{status: resp.StatusCode, header: resp.Header, last: resp.Close}
	// Closing the body would read on, to the end of what has none.
	a.body, a.err = io.ReadAll(io.LimitReader(resp.Body, largestAnswer))
	if len(a.body) == largestAnswer {
		a.last = true
	}
	return a, nil
}

// send writes data while the caller reads: an answer may begin before the
// request has ended. The result comes once the writing is over.
func (c *conn) send(data []byte) <-chan error {
	sent := make(chan error, 1)
	if len(data) <= 16<<10 { // the kernel takes it at once
		_, err := c.Write(data)
		sent <- err
		return sent
	}
	go func() {
		_, err := c.Write(data)
		sent <- err
	}()
	return sent
}

// do sends r on c and takes the answer.
func (w *worker) do(c *conn, r *request) (*answer, error) {
	sent := c.send(w.wire(r))
	a, err := c.receive(r.method)
	if err != nil {
		c.SetDeadline(time.Now()) // the writer has nothing to wait for
		<-sent
		return nil, err
	}
	if a.last {
		c.SetWriteDeadline(time.Now().Add(time.Second))
	}
	if err := <-sent; err != nil && !a.last {
		return nil, fmt.Errorf("send the request: %w", err)
	}
	return a, nil
}

// ask does r in one of the ways that a client may: on the kept connection, or
// on one of its own, with Connection: close or in HTTP/1.0.
func (w *worker) ask(r request) (*answer, error) {
	switch w.rnd.IntN(10) {
	case 0:
		r.header += "Connection: close\r\n"
		return w.alone(r)
	case 1:
		if !r.chunked { // HTTP/1.0 has no such thing
			r.proto = "1.0"
		}
		return w.alone(r)
	}
	c, err := w.keep()
	if err != nil {
		return nil, err
	}
	a, err := w.do(c, &r)
	if err != nil || a.last || a.err != nil {
		w.drop()
	}
	return a, err
}

// alone does r on a connection of its own.
func (w *worker) alone(r request) (*answer, error) {
	c, err := w.dial()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return w.do(c, &r)
}

// The three ways an exchange may be meant to end. Each returns what is wrong.

func whole(a *answer, err error, want []byte) error {
	switch {
	case err != nil:
		return err
	case a.status != http.StatusOK:
		return fmt.Errorf("status %d: %.200q", a.status, a.body)
	case a.err != nil:
		return fmt.Errorf("cut after %d of %d bytes: %w", len(a.body), len(want), a.err)
	case !bytes.Equal(a.body, want):
		return fmt.Errorf("%d bytes %.60q; want %d bytes %.60q", len(a.body), a.body, len(want), want)
	}
	return nil
}

func refused(a *answer, err error, status int) error {
	switch {
	case err != nil:
		return err
	case a.status != status:
		return fmt.Errorf("status %d: %.200q", a.status, a.body)
	case a.err != nil:
		return fmt.Errorf("status %d, but its page was cut: %w", a.status, a.err)
	case !strings.Contains(string(a.body), "Request id: "):
		return fmt.Errorf("status %d without a request id: %.200q", a.status, a.body)
	case a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") == "":
		return fmt.Errorf("status 503 without Retry-After")
	}
	return nil
}

// cut is an answer that has begun and must not look whole. What the frame
// printed before it failed is to arrive: all of it, when exact.
func cut(a *answer, err error, printed string, exact bool) error {
	switch {
	case err != nil:
		return err
	case a.status != http.StatusOK:
		return fmt.Errorf("status %d: %.200q", a.status, a.body)
	case a.err == nil:
		return fmt.Errorf("a cut answer looks whole: %.60q", a.body)
	case exact && string(a.body) != printed, !strings.HasPrefix(printed, string(a.body)):
		return fmt.Errorf("cut after %.60q; want %.60q", a.body, printed)
	}
	return nil
}
