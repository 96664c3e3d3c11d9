package fastcgi_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/fcgi"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"framegate/server/internal/fastcgi"
	"framegate/server/internal/fastcgi/fcgitest"
	"framegate/server/internal/servertest"
)

// realServer is a FastCGI server that somebody else has written.
type realServer struct {
	name   string
	start  func(t *testing.T) (network, address string)
	stderr bool              // it has a way to print on stderr
	dies   bool              // and to die of a signal
	values map[string]string // what it says of itself; nil: it never answers
}

func realServers() []realServer {
	return []realServer{
		{"net/http/fcgi", startGo, false, false, map[string]string{fastcgi.MultiplexConns: "1"}},
		{"php-fpm", func(t *testing.T) (string, string) {
			return "unix", fcgitest.StartFPM(t, 1).Socket
		}, true, true, map[string]string{fastcgi.MultiplexConns: "0"}},
		{"php-fpm over TCP", func(t *testing.T) (string, string) {
			return "tcp", fcgitest.StartFPMAt(t, freeAddress(t), 1).Socket
		}, true, true, map[string]string{fastcgi.MultiplexConns: "0"}},
		{"php-cgi, spawned", func(t *testing.T) (string, string) {
			return "unix", fcgitest.Spawn(t, servertest.Require(t, "apt install php-cgi", "php-cgi"), "-n")
		}, true, false, map[string]string{fastcgi.MultiplexConns: "0"}},
		{"php-cgi -b", startPHPCGI, true, false, map[string]string{fastcgi.MultiplexConns: "0"}},
		{"Perl's FCGI", startPerl, true, true, nil},
	}
}

func startGo(t *testing.T) (string, string) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { fcgi.Serve(l, http.HandlerFunc(goHandler)) })
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	return "unix", socket
}

func goHandler(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	var size int
	switch do := r.URL.RawQuery; {
	case do == "env":
		for name, value := range fcgi.ProcessEnv(r) {
			fmt.Fprintf(w, "%s=%s\n", name, value)
		}
	case do == "echo":
		io.Copy(w, r.Body)
	default:
		fmt.Sscanf(do, "fill=%d", &size)
		for range size / 1000 {
			if _, err := io.WriteString(w, strings.Repeat("x", 1000)); err != nil {
				return
			}
		}
	}
}

// startPHPCGI starts a php-cgi that makes its socket itself, and waits for it.
func startPHPCGI(t *testing.T) (string, string) {
	socket := filepath.Join(t.TempDir(), "s")
	fcgitest.Start(t, servertest.Require(t, "apt install php-cgi", "php-cgi"), "-n", "-b", socket)
	limit := time.Now().Add(20 * time.Second)
	for {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			conn.Close()
			return "unix", socket
		}
		if time.Now().After(limit) {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func startPerl(t *testing.T) (string, string) {
	perl := servertest.Require(t, "apt install perl", "perl")
	if exec.Command(perl, "-MFCGI", "-e1").Run() != nil {
		servertest.Missing(t, "Perl's FCGI is missing: apt install libfcgi-perl")
	}
	return "unix", fcgitest.Spawn(t, perl, "testdata/fcgi.pl")
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func connect(t *testing.T, network, address string) *fastcgi.Conn {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { conn.Close() })
	return fastcgi.NewConn(conn)
}

// reply is what came back for one request.
type reply struct {
	head, body, stderr string
	err                error
	reused             bool
}

func do(t *testing.T, c *fastcgi.Conn, query string, body []byte, more ...string) reply {
	t.Helper()
	script, err := filepath.Abs("testdata/fcgi.php")
	if err != nil {
		t.Fatal(err)
	}
	c.NetConn().SetDeadline(time.Now().Add(20 * time.Second))
	var r reply
	a, err := c.Begin(&fastcgi.Request{
		KeepConn: true,
		Params: append([]string{
			"REQUEST_METHOD=POST", "SERVER_PROTOCOL=HTTP/1.1", "QUERY_STRING=" + query, "REQUEST_URI=/fcgi.php?" + query,
			"SCRIPT_NAME=/fcgi.php", "SCRIPT_FILENAME=" + script, "REDIRECT_STATUS=200", "HTTP_HOST=localhost",
			"CONTENT_TYPE=application/octet-stream", fmt.Sprintf("CONTENT_LENGTH=%d", len(body)),
		}, more...),
		Stdin:  bytes.NewReader(body),
		Stderr: func(p []byte) { r.stderr += string(p) },
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(a)
	r.head, r.body, _ = strings.Cut(string(out), "\r\n\r\n")
	r.err = err
	r.reused = a.End()
	return r
}

func TestRealServers(t *testing.T) {
	for _, s := range realServers() {
		t.Run(s.name, func(t *testing.T) {
			network, address := s.start(t)
			c := connect(t, network, address)
			s.checkEnvirons(t, c)
			s.checkBodies(t, c)
			if s.stderr {
				if got := do(t, c, "stderr", nil); !strings.Contains(got.stderr, "a warning") || got.body != "and an answer" || got.err != nil || !got.reused {
					t.Errorf("stderr: got %+v", got)
				}
			}
			c.Close()
			checkAbort(t, network, address)
			s.checkValues(t, network, address)
			if s.dies {
				if got := do(t, connect(t, network, address), "die", nil); !errors.Is(got.err, io.ErrUnexpectedEOF) || got.reused {
					t.Errorf("a crash: got %+v", got)
				}
			}
		})
	}
}

// checkEnvirons: short and long values arrive, a lot of them, too.
func (s *realServer) checkEnvirons(t *testing.T, c *fastcgi.Conn) {
	var many []string
	for i := range 500 {
		many = append(many, fmt.Sprintf("HTTP_X_%03d=%s", i, strings.Repeat("v", i+1)))
	}
	got := do(t, c, "env", nil, many...)
	if got.err != nil || !got.reused {
		t.Errorf("many variables: got %v, reused %v, stderr %q", got.err, got.reused, got.stderr)
	}
	if s.name == "net/http/fcgi" {
		return // it makes header fields of them
	}
	for _, line := range append(many, "QUERY_STRING=env", "SCRIPT_NAME=/fcgi.php") {
		if !strings.Contains(got.body, line+"\n") {
			t.Fatalf("%.20q is not there", line)
		}
	}
}

// checkBodies: one connection carries answers and bodies of all lengths.
func (s *realServer) checkBodies(t *testing.T, c *fastcgi.Conn) {
	random := bytes.Repeat([]byte("0123456789abcdef"), 3<<20/16)
	for _, n := range []int{0, 1, 1000, 32 << 10, 65535, 65536, 3 << 20} {
		got := do(t, c, "echo", random[:n])
		if got.body != string(random[:n]) || got.err != nil || !got.reused {
			t.Fatalf("a body of %d: got %d bytes, %v, reused %v", n, len(got.body), got.err, got.reused)
		}
	}
	for _, n := range []int{1000, 100_000, 10_000_000} {
		got := do(t, c, fmt.Sprintf("fill=%d", n), nil)
		if len(got.body) != n || got.err != nil || !got.reused {
			t.Fatalf("an answer of %d: got %d bytes, %v, reused %v", n, len(got.body), got.err, got.reused)
		}
	}
}

// checkAbort: the server is free for others once its answer is not wanted.
func checkAbort(t *testing.T, network, address string) {
	c := connect(t, network, address)
	script, _ := filepath.Abs("testdata/fcgi.php")
	a, err := c.Begin(&fastcgi.Request{Params: []string{"REQUEST_METHOD=GET", "SERVER_PROTOCOL=HTTP/1.1", "REQUEST_URI=/?fill=1000000000", "QUERY_STRING=fill=1000000000", "SCRIPT_FILENAME=" + script, "REDIRECT_STATUS=200"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(a, make([]byte, 10000)); err != nil {
		t.Error(err)
	}
	a.Abort()
	a.End()
	c = connect(t, network, address)
	defer c.Close() // a process of PHP's serves a kept connection alone
	if got := do(t, c, "echo", []byte("next")); got.body != "next" || got.err != nil {
		t.Errorf("after an abort: got %+v", got)
	}
}

func (s *realServer) checkValues(t *testing.T, network, address string) {
	if s.values == nil {
		return
	}
	c := connect(t, network, address)
	defer c.Close()
	got, err := c.Values(fastcgi.MaxConns, fastcgi.MaxReqs, fastcgi.MultiplexConns)
	if err != nil {
		t.Errorf("values: %v", err)
	}
	for name, want := range s.values {
		if got[name] != want {
			t.Errorf("%s: got %q; want %q", name, got[name], want)
		}
	}
}
