package httpguard

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// wire is a connection on which pieces arrive, one per Read at the most, and
// then the end.
type wire struct {
	net.Conn
	pieces [][]byte
}

func (w *wire) SetReadDeadline(time.Time) error { return nil }

func (w *wire) Read(p []byte) (int, error) {
	if len(w.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(p, w.pieces[0])
	if w.pieces[0] = w.pieces[0][n:]; len(w.pieces[0]) == 0 {
		w.pieces = w.pieces[1:]
	}
	return n, nil
}

// outcome is what net/http and the handlers get to see of a connection.
type outcome struct {
	Bytes    string
	Verdicts []*Refusal
	Error    string // what reading ended with
}

// pass sends pieces through a guard and reads them in steps of size bytes.
func pass(pieces [][]byte, size int) outcome {
	return drain(&Conn{Conn: &wire{pieces: pieces}}, size)
}

// drain reads c to its end; a request is answered as soon as its head is read.
func drain(c *Conn, size int) outcome {
	var o outcome
	for buf := make([]byte, size); ; {
		n, err := c.Read(buf)
		o.Bytes += string(buf[:n])
		for range len(c.verdicts) {
			o.Verdicts = append(o.Verdicts, c.Next())
			c.Done()
		}
		if err != nil {
			o.Error = err.Error()
			return o
		}
	}
}

// split cuts data at random places; the mean length of a piece is mean.
func split(data []byte, mean int, r *rand.Rand) [][]byte {
	var pieces [][]byte
	for len(data) > 0 {
		n := min(1+r.IntN(2*mean), len(data))
		pieces = append(pieces, data[:n])
		data = data[n:]
	}
	return pieces
}

func bytewise(data []byte) [][]byte {
	pieces := make([][]byte, len(data))
	for i := range data {
		pieces[i] = data[i : i+1]
	}
	return pieces
}

// sameHoweverSplit holds every way to deliver data against the whole delivery
// and returns that.
func sameHoweverSplit(t *testing.T, data []byte, seed uint64) outcome {
	t.Helper()
	whole := pass([][]byte{data}, 4096)
	ways := map[string]outcome{
		"whole, one large read": pass([][]byte{data}, 128<<10),
		"whole, one-byte reads": pass([][]byte{data}, 1),
	}
	if len(data) < 8<<10 { // quadratic in the length of a head
		ways["byte by byte"] = pass(bytewise(data), 4096)
	}
	r := rand.New(rand.NewPCG(seed, 0))
	for i, mean := range []int{2, 7, 40, 700} {
		if len(data)/mean < 10_000 {
			ways[[]string{"pieces of about 2", "of 7", "of 40", "of 700"}[i]] = pass(split(data, mean, r), 1+r.IntN(4096))
		}
	}
	for way, got := range ways {
		if diff := cmp.Diff(whole, got); diff != "" {
			t.Errorf("%s: %.200q differs from the whole delivery (-whole +got):\n%.2000s", way, data, diff)
		}
	}
	return whole
}

// On net.Pipe and on TCP the pieces are cut by somebody else.
func TestRealConnections(t *testing.T) {
	const stream = "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
		"3\r\nabc\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\nGET /c HTTP/1.1\r\nHost: x\r\nbad name: 1\r\n\r\n"
	want := pass([][]byte{[]byte(stream)}, 4096)
	for name, connect := range map[string]func(*testing.T) (client, server net.Conn){"net.Pipe": pipe, "TCP": tcp} {
		t.Run(name, func(t *testing.T) {
			client, server := connect(t)
			go func() {
				for _, b := range []byte(stream) {
					client.Write([]byte{b})
				}
				client.Close()
			}()
			if diff := cmp.Diff(want, drain(&Conn{Conn: server}, 4096)); diff != "" {
				t.Errorf("differs from the whole delivery (-whole +got):\n%s", diff)
			}
		})
	}
}

func pipe(t *testing.T) (client, server net.Conn) {
	client, server = net.Pipe()
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

func tcp(t *testing.T) (client, server net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if client, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

// RFC 9112 §9.6: a client that half-closes still wants its answer, one that
// resets does not.
func TestHalfCloseIsNoDisconnect(t *testing.T) {
	client, server := tcp(t)
	client.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	client.(*net.TCPConn).CloseWrite()

	c := &Conn{Conn: server}
	buf := make([]byte, 4096)
	if _, err := c.Read(buf); err != nil {
		t.Fatalf("the head: got %v; want no error", err)
	}
	server.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	var timeout net.Error
	if _, err := c.Read(buf); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("a half-closed connection under an exchange: got %v; want to wait until the deadline", err)
	}
	server.SetReadDeadline(time.Time{})
	client.(*net.TCPConn).SetLinger(0)
	client.Close()
	if _, err := c.Read(buf); err == nil || err == io.EOF {
		t.Fatalf("a reset connection: got %v; want an error", err)
	}
	c.Done()
}

// What is wrong with a request must not cut the answer to the one before it,
// while which net/http reads on to learn of a disconnect.
func TestEarlierAnswerIsNotCut(t *testing.T) {
	const good = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	tests := []struct {
		name, second string
		want         error // for the second request
	}{
		{"bad head", "GET / HTTP/1.1\r\n\r\n", io.EOF},
		{"bad chunk", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", ErrChunk},
		{"cut body", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx", io.EOF},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client, server := tcp(t)
			client.Write([]byte(good + test.second))
			client.(*net.TCPConn).CloseWrite()
			c := &Conn{Conn: server}
			for range 2 {
				server.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
				var err error
				for buf := make([]byte, 4096); err == nil; {
					_, err = c.Read(buf)
				}
				var timeout net.Error
				if !errors.As(err, &timeout) || !timeout.Timeout() {
					t.Fatalf("under the first request: got %v; want to wait until the deadline", err)
				}
			}
			if v := c.Next(); v != nil {
				t.Errorf("the first request: got %+v; want no refusal", v)
			}
			c.Done()
			server.SetReadDeadline(time.Time{})
			if _, err := c.Read(make([]byte, 1)); err != test.want {
				t.Errorf("under the second request: got %v; want %v", err, test.want)
			}
		})
	}
}

// Between exchanges the end of the client's side is the end.
func TestEndBetweenRequests(t *testing.T) {
	client, server := tcp(t)
	client.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	client.(*net.TCPConn).CloseWrite()
	c := &Conn{Conn: server}
	buf := make([]byte, 4096)
	if _, err := c.Read(buf); err != nil {
		t.Fatal(err)
	}
	c.Next()
	c.Done()
	if _, err := c.Read(buf); err != io.EOF {
		t.Errorf("got %v; want EOF", err)
	}
}
