package fastcgi

import (
	"bytes"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
)

// environ is what a browser's request makes.
func environ() []string {
	list := []string{"GATEWAY_INTERFACE=CGI/1.1", "REQUEST_METHOD=GET", "SCRIPT_NAME=/php/index.php", "QUERY_STRING=a=b&c=d", "REMOTE_ADDR=127.0.0.1"}
	for range 20 {
		list = append(list, "HTTP_SOMETHING="+strings.Repeat("v", 40))
	}
	return list
}

// answerAll answers each request with the same bytes, as soon as its last
// record has come. It allocates nothing.
func answerAll(conn net.Conn, answers [2][]byte) {
	last := AppendRecord(nil, Stdin, 1, nil)
	buf := make([]byte, 64<<10)
	for i, have := 0, 0; ; {
		n, err := conn.Read(buf[have:])
		if err != nil {
			return
		}
		if have += n; bytes.HasSuffix(buf[:have], last) {
			conn.Write(answers[i%2])
			i, have = i+1, 0
			last[3] = byte(1 + i%2)
		}
	}
}

func kept(t testing.TB, body string) *Conn {
	answer := func(id uint16) []byte {
		b := AppendStream(nil, Stdout, id, []byte("Content-Type: text/plain\r\n\r\n"+body))
		return append(b, join(stdout(id, ""), end(id))...)
	}
	return script(t, func(s *server) { answerAll(s.conn, [2][]byte{answer(1), answer(2)}) })
}

// round is one request on a kept connection.
func round(t testing.TB, c *Conn, r *Request, buf []byte) (n int64) {
	a, err := c.Begin(r)
	if err != nil {
		t.Fatal(err)
	}
	for {
		m, err := a.Read(buf)
		n += int64(m)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !a.End() {
		t.Fatal("the connection was closed")
	}
	return n
}

func BenchmarkSmall(b *testing.B) { benchmark(b, "hello", nil) }
func BenchmarkPost(b *testing.B)  { benchmark(b, "hello", make([]byte, 4<<10)) }
func BenchmarkMiB(b *testing.B)   { benchmark(b, strings.Repeat("x", 1<<20), nil) }

func benchmark(b *testing.B, body string, stdin []byte) {
	c := kept(b, body)
	defer c.Close()
	buf := make([]byte, 64<<10)
	r := &Request{Params: environ(), KeepConn: true}
	b.ReportAllocs()
	b.SetBytes(int64(len(body) + len(stdin)))
	for b.Loop() {
		if stdin != nil {
			r.Stdin = bytes.NewReader(stdin)
		}
		round(b, c, r, buf)
	}
}

// A request on a kept connection costs the Answer and nothing else.
func TestAllocations(t *testing.T) {
	c := kept(t, "hello")
	defer c.Close()
	buf := make([]byte, 4<<10)
	r := &Request{Params: environ(), KeepConn: true}
	runtime.GC() // what pools hold is theirs from here on
	got := testing.AllocsPerRun(200, func() { round(t, c, r, buf) })
	if got > 2 { // one, and what a collection takes from the pools
		t.Errorf("got %.1f allocations; want 1", got)
	}
}
