package runner

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"framegate/server/internal/fastcgi"
	"framegate/server/internal/process"
)

const addressLimit = 20 * time.Second

// elsewhere is a server that somebody else has started. Each of its
// connections is served by a function of the test.
type elsewhere struct {
	address  string
	listener net.Listener
	serving  sync.WaitGroup
	accepted atomic.Int32
	mu       sync.Mutex
	open     map[net.Conn]bool
}

// fcgiHandler answers one request on a connection, and says whether to go on.
type fcgiHandler func(q *question) (more bool)

// question is a request that a test's server has read.
type question struct {
	t      *testing.T
	conn   net.Conn
	in     *bufio.Reader
	nth    int // request of its connection, from 1
	id     uint16
	params map[string]string
	stdin  []byte
}

func (q *question) answer(text string) {
	b := fastcgi.AppendStream(nil, fastcgi.Stdout, q.id, []byte(text))
	q.conn.Write(fastcgi.AppendEnd(b, q.id, 0, fastcgi.RequestComplete))
}

func (q *question) say(t fastcgi.Type, text string) {
	q.conn.Write(fastcgi.AppendRecord(nil, t, q.id, []byte(text)))
}

func (q *question) refuse(s fastcgi.ProtocolStatus) {
	q.conn.Write(fastcgi.AppendEnd(nil, q.id, 0, s))
}

// record reads one record.
func (q *question) record() (fastcgi.Header, []byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(q.in, head[:]); err != nil {
		return fastcgi.Header{}, nil, err
	}
	h, err := fastcgi.ParseHeader(head[:])
	if err != nil {
		return h, nil, err
	}
	content := make([]byte, int(h.Content)+int(h.Padding))
	_, err = io.ReadFull(q.in, content)
	return h, content[:h.Content], err
}

// read reads a request; false is the end of the connection.
func (q *question) read(stdin bool) bool {
	q.params, q.stdin = map[string]string{}, nil
	var params []byte
	for {
		h, content, err := q.record()
		if err != nil {
			return false
		}
		q.id = h.ID
		switch h.Type {
		case fastcgi.Params:
			params = append(params, content...)
			if len(content) > 0 {
				continue
			}
			pairs, err := fastcgi.ParsePairs(params)
			if err != nil {
				q.t.Error(err)
			}
			for _, pair := range pairs {
				name, value, _ := strings.Cut(pair, "=")
				q.params[name] = value
			}
			if !stdin {
				return true
			}
		case fastcgi.Stdin:
			q.stdin = append(q.stdin, content...)
			if len(content) == 0 {
				return true
			}
		}
	}
}

// serveAt starts a server at an address; "" is a Unix socket of its own.
func serveAt(t *testing.T, address string, serve func(net.Conn)) *elsewhere {
	t.Helper()
	if address == "" {
		address = "unix:" + filepath.Join(t.TempDir(), "s")
	}
	network, where := "tcp", address
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, where = "unix", path
	}
	l, err := net.Listen(network, where)
	if err != nil {
		t.Fatal(err)
	}
	if network == "tcp" {
		address = l.Addr().String()
	}
	e := &elsewhere{address: address, listener: l, open: map[net.Conn]bool{}}
	e.serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			e.accepted.Add(1)
			e.mu.Lock()
			e.open[conn] = true
			e.mu.Unlock()
			e.serving.Go(func() {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(addressLimit))
				serve(conn)
			})
		}
	})
	t.Cleanup(e.stop)
	return e
}

// stop ends the server and its connections, as if it had been killed.
func (e *elsewhere) stop() {
	e.listener.Close()
	e.mu.Lock()
	for conn := range e.open {
		conn.Close()
	}
	e.mu.Unlock()
	e.serving.Wait()
}

// fcgiServer serves FastCGI by h.
func fcgiServer(t *testing.T, address string, h fcgiHandler) *elsewhere {
	t.Helper()
	return serveAt(t, address, func(conn net.Conn) {
		q := &question{t: t, conn: conn, in: bufio.NewReader(conn)}
		for q.read(true) {
			if q.nth++; !h(q) {
				return
			}
		}
	})
}

// scgiServer serves SCGI by h, which is given the environ and the body.
func scgiServer(t *testing.T, h func(conn net.Conn, environ map[string]string, body io.Reader)) *elsewhere {
	t.Helper()
	return serveAt(t, "", func(conn net.Conn) {
		in := bufio.NewReader(conn)
		length, err := in.ReadString(':')
		if err != nil {
			return // a probe
		}
		n, err := strconv.Atoi(strings.TrimSuffix(length, ":"))
		if err != nil {
			t.Error(err)
			return
		}
		block := make([]byte, n+1)
		if _, err := io.ReadFull(in, block); err != nil || block[n] != ',' {
			t.Errorf("the netstring: %q, %v", block, err)
			return
		}
		environ := map[string]string{}
		words := strings.Split(string(block[:n]), "\x00")
		for i := 0; i+1 < len(words); i += 2 {
			environ[words[i]] = words[i+1]
		}
		size, err := strconv.ParseInt(environ["CONTENT_LENGTH"], 10, 64)
		if err != nil {
			t.Error(err)
			return
		}
		h(conn, environ, io.LimitReader(in, size))
	})
}

// notes keeps what a runner has noted.
type notes struct {
	mu   sync.Mutex
	all  []string
	come chan string
}

func (n *notes) note(note Note) {
	text := note.What
	if note.Err != nil {
		text += ": " + note.Err.Error()
	}
	n.mu.Lock()
	n.all = append(n.all, text)
	n.mu.Unlock()
	n.come <- text
}

// await waits for a note that begins like this.
func (n *notes) await(t *testing.T, prefix string) {
	t.Helper()
	limit := time.After(addressLimit)
	for {
		select {
		case text := <-n.come:
			if strings.HasPrefix(text, prefix) {
				return
			}
		case <-limit:
			t.Fatalf("no note %q; there were %q", prefix, n.all)
		}
	}
}

// openAt opens the runner of a frame that is served at these addresses.
func openAt(t *testing.T, protocol string, addresses ...string) (*Addresses, *notes) {
	t.Helper()
	n := &notes{come: make(chan string, 1000)}
	r, err := OpenAddress(AddressOptions{Addresses: addresses, Protocol: protocol, Note: n.note})
	if err != nil {
		t.Fatal(err)
	}
	a := r.(*Addresses)
	t.Cleanup(func() { a.Close() })
	return a, n
}

// got is how an exchange has ended.
type got struct {
	stdout, stderr string
	code           int
	err            string
}

// exchange makes a request and reads its answer, as the gateway does.
func exchange(t *testing.T, a Runner, spec *process.Spec) got {
	t.Helper()
	var g got
	if spec.StderrLine == nil {
		spec.StderrLine = func(line []byte) { g.stderr += string(line) + "|" }
	}
	r, err := a.Start(t.Context(), spec)
	if err != nil {
		return got{err: err.Error(), code: -2}
	}
	r.Output().WhenBlocked(func() { r.Output().SetReadDeadline(time.Now().Add(addressLimit)) })
	out, err := io.ReadAll(r.Output())
	g.stdout = string(out)
	if err != nil {
		g.err = err.Error()
	}
	r.Stop(time.Second)
	g.code = r.Wait().Code
	return g
}

func get(path string) *process.Spec {
	return &process.Spec{Env: []string{"REQUEST_METHOD=GET", "PATH_INFO=" + path}, Again: true}
}

func post(body string) *process.Spec {
	return &process.Spec{Env: []string{"REQUEST_METHOD=POST", fmt.Sprintf("CONTENT_LENGTH=%d", len(body))}, Feed: bytes.NewReader([]byte(body))}
}

// waitFor waits until a condition holds that another goroutine brings about.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for limit := time.Now().Add(addressLimit); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("not so after %s: %s", addressLimit, what)
		}
	}
}
