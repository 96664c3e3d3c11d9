package httpguard

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// guarded is a server with room for some connections. A request for /wait is
// answered once release is closed, or given a value.
type guarded struct {
	t       *testing.T
	ln      *Listener
	addr    string
	full    chan struct{} // gets a value when a connection has to wait
	begun   chan struct{} // when a request for /wait has begun
	release chan struct{}
}

func newGuarded(t *testing.T, connections int) *guarded {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &guarded{t: t, addr: inner.Addr().String(), full: make(chan struct{}, 100), begun: make(chan struct{}, 100), release: make(chan struct{}, 100)}
	g.ln = &Listener{Listener: inner, MaxConnections: connections, Full: func() { g.full <- struct{}{} }}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	srv := &http.Server{ConnContext: ConnContext, ConnState: ConnState, Protocols: &protocols, Handler: http.HandlerFunc(g.serve)}
	served := make(chan struct{})
	go func() { defer close(served); srv.Serve(g.ln) }()
	t.Cleanup(func() { srv.Close(); <-served })
	return g
}

func (g *guarded) serve(w http.ResponseWriter, r *http.Request) {
	conn := FromRequest(r)
	defer conn.Done()
	conn.Next()
	if r.URL.Path == "/wait" {
		g.begun <- struct{}{}
		<-g.release
	}
	io.WriteString(w, "answer")
}

// testConn is a client's side.
type testConn struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func (g *guarded) dial() *testConn {
	g.t.Helper()
	c, err := net.Dial("tcp", g.addr)
	if err != nil {
		g.t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(20 * time.Second))
	g.t.Cleanup(func() { c.Close() })
	return &testConn{Conn: c, t: g.t, r: bufio.NewReader(c)}
}

func (c *testConn) ask(path string) {
	c.t.Helper()
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		c.t.Fatal(err)
	}
}

func (c *testConn) answered() {
	c.t.Helper()
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatalf("no answer: %v", err)
	}
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "answer" {
		c.t.Fatalf("got %q, %v; want the answer", body, err)
	}
}

func (c *testConn) closed() {
	c.t.Helper()
	var timeout net.Error
	if b, err := c.r.ReadByte(); err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		c.t.Fatalf("got %q, %v; want the connection to be closed", b, err)
	}
}

// count waits until so many connections are open and idle.
func (g *guarded) count(open, idle int) {
	g.t.Helper()
	var gotOpen, gotIdle int
	defer func() {
		if g.t.Failed() {
			g.t.Logf("got %d open, %d idle; want %d, %d", gotOpen, gotIdle, open, idle)
		}
	}()
	eventually(g.t, "the number of connections", func() bool {
		g.ln.mu.Lock()
		defer g.ln.mu.Unlock()
		gotOpen, gotIdle = g.ln.open, g.ln.idle.Len()
		return gotOpen == open && gotIdle == idle
	})
}

func TestIdleMakesRoom(t *testing.T) {
	g := newGuarded(t, 2)
	first, second := g.dial(), g.dial()
	first.ask("/")
	first.answered()
	g.count(2, 2)
	second.ask("/")
	second.answered()
	g.count(2, 2)
	first.ask("/") // now the second is idle for longest
	first.answered()
	g.count(2, 2)

	third := g.dial()
	third.ask("/")
	third.answered()
	second.closed()
	first.ask("/")
	first.answered()
	g.count(2, 2)
	if len(g.full) > 0 {
		t.Error("a connection had to wait, although others were idle")
	}
}

// A connection that never says anything is idle, too.
func TestSilentMakesRoom(t *testing.T) {
	g := newGuarded(t, 1)
	silent := g.dial()
	g.count(1, 1)
	other := g.dial()
	other.ask("/")
	other.answered()
	silent.closed()
}

// An exchange, a head that has begun, a body that is missing: none is idle.
func TestBusyIsNotClosed(t *testing.T) {
	for _, tt := range []struct{ name, begin, end string }{
		{"exchange", "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n", ""},
		{"exchange and the start of another", "GET /wait HTTP/1.1\r\nHost: x\r\n\r\nGET", ""},
		{"head", "GET / HTTP/1.1\r\n", "Host: x\r\n\r\n"},
		{"body", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na", "bc"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGuarded(t, 1)
			busy := g.dial()
			io.WriteString(busy, tt.begin)
			g.count(1, 0)
			other := g.dial()
			other.ask("/")
			<-g.full
			if tt.end == "" {
				<-g.begun
				g.release <- struct{}{}
			}
			io.WriteString(busy, tt.end)
			busy.answered()
			if tt.name == "exchange and the start of another" {
				busy.ask("/") // GETGET is a method like any other
				busy.answered()
			}
			other.answered()
		})
	}
}

func TestHTTP2MakesRoom(t *testing.T) {
	g := newGuarded(t, 1)
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: &protocols}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 20 * time.Second}
	get := func(path string) error {
		resp, err := client.Get("http://" + g.addr + path)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.ReadAll(resp.Body)
		return err
	}
	if err := get("/"); err != nil {
		t.Fatal(err)
	}
	g.count(1, 1)
	busy := make(chan error, 1)
	go func() { busy <- get("/wait") }()
	<-g.begun
	g.count(1, 0)
	other := g.dial()
	other.ask("/")
	<-g.full
	g.release <- struct{}{}
	if err := <-busy; err != nil {
		t.Errorf("the busy one: %v", err)
	}
	other.answered()
}

// gate is a connection whose bytes have arrived when it is closed.
type gate struct {
	wire
	reading, read chan struct{}
}

func (g *gate) Read(p []byte) (int, error) {
	close(g.reading)
	<-g.read
	return g.wire.Read(p)
}

func (g *gate) Close() error { return nil }

// A request that arrives while its connection is closed is not let through:
// its answer would get nowhere.
func TestNothingFromAClosedConnection(t *testing.T) {
	l := &Listener{MaxConnections: 1}
	inner := &gate{wire: wire{pieces: [][]byte{[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")}}, reading: make(chan struct{}), read: make(chan struct{})}
	c := &Conn{Conn: inner}
	if !l.admit(c) {
		t.Fatal("the first connection: got no place")
	}
	type result struct {
		n   int
		err error
	}
	results := make(chan result, 1)
	go func() {
		n, err := c.Read(make([]byte, 4096))
		results <- result{n, err}
	}()
	<-inner.reading
	if !l.admit(&Conn{Conn: &wire{}}) {
		t.Fatal("the second connection: got no place")
	}
	close(inner.read)
	if r := <-results; r.n != 0 || r.err != io.EOF {
		t.Errorf("got %d bytes, %v; want 0, EOF", r.n, r.err)
	}
	if v := len(c.verdicts); v != 0 {
		t.Errorf("got %d heads; want none", v)
	}
	c.gone()
	c.gone()
	if l.open != 1 {
		t.Errorf("got %d open; want 1, the second", l.open)
	}
}

func TestCloseEndsWaiting(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	full := make(chan struct{}, 1)
	l := &Listener{Listener: inner, MaxConnections: 1, Full: func() { full <- struct{}{} }}
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	first, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	first.(*Conn).working()
	waits, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer waits.Close()
	accepted := make(chan error, 1)
	go func() { _, err := l.Accept(); accepted <- err }()
	<-full
	l.Close()
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: got %v; want %v", err, net.ErrClosed)
	}
	waits.SetReadDeadline(time.Now().Add(20 * time.Second))
	var timeout net.Error
	if _, err := waits.Read(make([]byte, 1)); err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("the connection that waited: got %v; want it closed", err)
	}
}

// However connections end, each gives its place back, once.
func TestPlacesAreGivenBack(t *testing.T) {
	g := newGuarded(t, 3)
	var left []*testConn
	for i := range 40 {
		c := g.dial()
		switch i % 4 {
		case 0:
			c.ask("/")
			c.answered()
		case 1:
			io.WriteString(c, "GET / HTTP/1.1\r\nbad\r\n\r\n")
		case 2:
			c.ask("/")
			c.Conn.(*net.TCPConn).SetLinger(0)
		}
		if i%5 != 0 {
			c.Close()
		} else {
			left = append(left, c)
		}
	}
	last := g.dial()
	last.ask("/")
	last.answered()
	g.ln.mu.Lock()
	open := g.ln.open
	g.ln.mu.Unlock()
	if open > 3 {
		t.Errorf("got %d open; want 3 at the most", open)
	}
	for _, c := range left {
		c.Close()
	}
	last.Close()
	g.count(0, 0)
}
