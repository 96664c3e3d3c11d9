package runner

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"framegate/server/internal/fastcgi"
	"framegate/server/internal/process"
)

func TestAddressFastCGI(t *testing.T) {
	s := fcgiServer(t, "", func(q *question) bool {
		q.say(fastcgi.Stderr, "a warning\nhalf ")
		q.say(fastcgi.Stderr, "a line")
		q.answer(fmt.Sprintf("%s %s %q", q.params["REQUEST_METHOD"], q.params["PATH_INFO"], q.stdin))
		return true
	})
	a, _ := openAt(t, FastCGI, s.address)
	if g, want := exchange(t, a, get("/x")), (got{stdout: `GET /x ""`, stderr: "a warning|half a line|"}); g != want {
		t.Errorf("got %+v; want %+v", g, want)
	}
	if g, want := exchange(t, a, post("hello")), (got{stdout: `POST  "hello"`, stderr: "a warning|half a line|"}); g != want {
		t.Errorf("got %+v; want %+v", g, want)
	}
	if g := exchange(t, a, get("/x")); g.stdout != `GET /x ""` {
		t.Errorf("got %+v", g)
	}
	// A kept connection may be closed at any time: what cannot be asked twice
	// is not asked on one, and leaves its own to be kept.
	if n := s.accepted.Load(); n != 2 {
		t.Errorf("%d connections for GET, POST and GET; want 2", n)
	}
}

// Where a body comes from makes no difference to the server.
func TestAddressBodies(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 200<<10/16)
	file := func() *os.File {
		f, err := os.Open(write(t, "body", big, 0o600))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	echo := fcgiServer(t, "", func(q *question) bool {
		q.answer(string(q.stdin))
		return true
	})
	echoSCGI := scgiServer(t, func(conn net.Conn, _ map[string]string, body io.Reader) { io.Copy(conn, body) })
	for _, protocol := range []string{FastCGI, SCGI} {
		s := echo
		if protocol == SCGI {
			s = echoSCGI
		}
		a, _ := openAt(t, protocol, s.address)
		for name, fill := range map[string]func(*process.Spec){
			"memory": func(s *process.Spec) { s.Feed = bytes.NewReader([]byte(big)) },
			"a file": func(s *process.Spec) { s.Stdin = file() },
			"stream": func(s *process.Spec) { s.Feed = io.MultiReader(strings.NewReader(big)) },
		} {
			spec := &process.Spec{Env: []string{"REQUEST_METHOD=POST", fmt.Sprintf("CONTENT_LENGTH=%d", len(big))}}
			fill(spec)
			var fed int
			ended := false
			spec.Fed = func(p []byte) { fed, ended = fed+len(p), len(p) == 0 }
			if g := exchange(t, a, spec); g.stdout != big || g.err != "" || g.code != 0 {
				t.Errorf("%s, %s: got %d bytes, code %d, %s", protocol, name, len(g.stdout), g.code, g.err)
			}
			if fed != len(big) || !ended {
				t.Errorf("%s, %s: told of %d bytes, end %v; want %d", protocol, name, fed, ended, len(big))
			}
		}
	}
}

func TestAddressSCGI(t *testing.T) {
	s := scgiServer(t, func(conn net.Conn, environ map[string]string, body io.Reader) {
		switch environ["PATH_INFO"] {
		case "/nothing":
		case "/unread": // answers and closes with the body unread: the connection is reset
			io.WriteString(conn, "unread")
		default:
			text, _ := io.ReadAll(body)
			fmt.Fprintf(conn, "%s %s %s %q", environ["SCGI"], environ["REQUEST_METHOD"], environ["PATH_INFO"], text)
		}
	})
	a, _ := openAt(t, SCGI, s.address)
	if g, want := exchange(t, a, get("/x")), (got{stdout: `1 GET /x ""`}); g != want {
		t.Errorf("got %+v; want %+v", g, want)
	}
	if g, want := exchange(t, a, post("hello")), (got{stdout: `1 POST  "hello"`}); g != want {
		t.Errorf("got %+v; want %+v", g, want)
	}
	nothing := get("/nothing")
	nothing.Again = false
	if g, want := exchange(t, a, nothing), (got{err: s.address + " closed the connection and has answered nothing", code: -1}); g != want {
		t.Errorf("got %+v; want %+v", g, want)
	}
	unread := post(strings.Repeat("x", 4<<20))
	unread.Env = append(unread.Env, "PATH_INFO=/unread")
	if g, want := exchange(t, a, unread), (got{stdout: "unread"}); g != want {
		t.Errorf("got %+v; want %+v", g, want)
	}
}

// An answer that is not whole never looks so.
func TestAddressCut(t *testing.T) {
	s := fcgiServer(t, "", func(q *question) bool {
		switch q.params["PATH_INFO"] {
		case "/cut":
			q.say(fastcgi.Stdout, "half")
			return false
		case "/garbage":
			io.WriteString(q.conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
			return false
		case "/role":
			q.refuse(fastcgi.UnknownRole)
		case "/status":
			b := fastcgi.AppendRecord(nil, fastcgi.Stdout, q.id, []byte("oops"))
			q.conn.Write(fastcgi.AppendEnd(b, q.id, 3, 0))
		}
		return true
	})
	a, _ := openAt(t, FastCGI, s.address)
	for path, want := range map[string]got{
		"/cut":     {stdout: "half", code: -1, err: s.address + " closed the connection in the middle of its answer"},
		"/garbage": {code: -1, err: s.address + `: FastCGI protocol error: not a record of version 1: "HTTP/1.1" (an HTTP server?)`},
		"/role":    {code: -1, err: s.address + ": the FastCGI server is no responder (UNKNOWN_ROLE)"},
		"/status":  {stdout: "oops", code: 3},
	} {
		if g := exchange(t, a, get(path)); g != want {
			t.Errorf("%s: got %+v; want %+v", path, g, want)
		}
	}
}

// A connection that is gone, or a server that ends without a byte: what does
// no harm is asked once more, and the rest is not.
func TestAddressAgain(t *testing.T) {
	var asked atomic.Int32
	var flaky atomic.Bool
	s := fcgiServer(t, "", func(q *question) bool {
		asked.Add(1)
		if flaky.Swap(false) {
			return false // has read it all, and says nothing
		}
		q.answer("hello " + string(q.stdin))
		return true
	})
	a, _ := openAt(t, FastCGI, s.address)
	put := post("body")
	put.Again = true
	tests := []struct {
		name  string
		spec  *process.Spec
		want  got
		asked int32
	}{
		{"idempotent", get("/"), got{stdout: "hello "}, 2},
		{"idempotent, with a body", put, got{stdout: "hello body"}, 2},
		{"not idempotent", post("body"), got{code: -1, err: s.address + " closed the connection and has answered nothing"}, 1},
	}
	for _, tt := range tests {
		for _, kept := range []bool{false, true} {
			if kept {
				if g := exchange(t, a, get("/")); g.stdout != "hello " {
					t.Fatalf("got %+v", g)
				}
			}
			flaky.Store(true)
			asked.Store(0)
			if g := exchange(t, a, tt.spec); g != tt.want || asked.Load() != tt.asked {
				t.Errorf("%s, on a kept connection %v: got %+v, asked %d times; want %+v, %d", tt.name, kept, g, asked.Load(), tt.want, tt.asked)
			}
		}
	}
}

// A server that was started anew has closed the kept connections: nobody
// notices, whatever the method.
func TestAddressRestart(t *testing.T) {
	hello := func(q *question) bool {
		q.answer("hello " + string(q.stdin))
		return true
	}
	socket := "unix:" + filepath.Join(t.TempDir(), "s")
	first := fcgiServer(t, socket, hello)
	a, _ := openAt(t, FastCGI, socket)
	if g := exchange(t, a, get("/")); g.stdout != "hello " {
		t.Fatalf("got %+v", g)
	}
	first.stop()
	fcgiServer(t, socket, hello)
	if g, want := exchange(t, a, post("body")), (got{stdout: "hello body"}); g != want {
		t.Errorf("got %+v; want %+v", g, want)
	}
}

// A kept connection is closed when another request waits to be accepted: its
// process may be the one that could.
func TestAddressKeepsNobodyWaiting(t *testing.T) {
	var one sync.Mutex // a server of one process: a connection at a time
	asked := make(chan struct{}, 10)
	release := make(chan struct{})
	s := serveAt(t, "", func(conn net.Conn) {
		one.Lock()
		defer one.Unlock()
		q := &question{t: t, conn: conn, in: bufio.NewReader(conn)}
		for q.read(true) {
			asked <- struct{}{}
			if q.params["PATH_INFO"] == "/slow" {
				<-release
			}
			q.answer("hello")
		}
	})
	a, _ := openAt(t, FastCGI, s.address)
	var wg sync.WaitGroup
	wg.Go(func() { exchange(t, a, get("/slow")) })
	<-asked
	for range 3 {
		wg.Go(func() {
			if g := exchange(t, a, get("/")); g.stdout != "hello" {
				t.Errorf("got %+v", g)
			}
		})
	}
	waitFor(t, "four connections", func() bool { return s.accepted.Load() == 4 })
	began := time.Now()
	close(release)
	wg.Wait()
	if took := time.Since(began); took > keptFor*3/4 {
		t.Errorf("it took %s: somebody waited for a kept connection's end", took)
	}
}

// Connections that wait are few, and not for ever.
func TestAddressKept(t *testing.T) {
	var open atomic.Int32
	s := serveAt(t, "", func(conn net.Conn) {
		open.Add(1)
		defer open.Add(-1)
		q := &question{t: t, conn: conn, in: bufio.NewReader(conn)}
		for q.read(true) {
			q.answer("hello")
		}
	})
	a, _ := openAt(t, FastCGI, s.address)
	for range keptRequests + 1 {
		if g := exchange(t, a, get("/")); g.stdout != "hello" {
			t.Fatalf("got %+v", g)
		}
	}
	if n := s.accepted.Load(); n != 2 {
		t.Errorf("%d connections for %d requests; want 2", n, keptRequests+1)
	}
	waitFor(t, "no connection is open", func() bool { return open.Load() == 0 })
	if g := exchange(t, a, get("/")); g.stdout != "hello" {
		t.Errorf("after that: got %+v", g)
	}
}

// Abort: the server is told, and sees the connection end.
func TestAddressStop(t *testing.T) {
	last := make(chan fastcgi.Type, 1)
	s := fcgiServer(t, "", func(q *question) bool {
		q.say(fastcgi.Stdout, "half")
		h, _, _ := q.record()
		last <- h.Type
		_, _, err := q.record()
		if err == nil {
			t.Error("the connection goes on")
		}
		return false
	})
	a, _ := openAt(t, FastCGI, s.address)
	r, err := a.Start(t.Context(), get("/"))
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 10)
	if n, err := r.Output().Read(buf); string(buf[:n]) != "half" || err != nil {
		t.Errorf("got %q, %v", buf[:n], err)
	}
	go r.Stop(time.Second)
	if _, err := r.Output().Read(buf); err != io.EOF {
		t.Errorf("got %v; want the end, as of a process that was stopped", err)
	}
	if e := r.Wait(); e.Code == 0 {
		t.Error("it looks as if it had ended well")
	}
	if got := <-last; got != fastcgi.AbortRequest {
		t.Errorf("the server was told %s; want ABORT_REQUEST", got)
	}
}

// A client that does not send its body on, and a server that has answered:
// the exchange ends when the client does.
func TestAddressUnfinishedBody(t *testing.T) {
	for _, protocol := range []string{FastCGI, SCGI} {
		t.Run(protocol, func(t *testing.T) {
			s := serveAt(t, "", func(conn net.Conn) {
				if protocol == SCGI {
					io.CopyN(io.Discard, conn, 10)
					io.WriteString(conn, "enough")
					return
				}
				q := &question{t: t, conn: conn, in: bufio.NewReader(conn)}
				q.read(false)
				q.answer("enough")
			})
			a, _ := openAt(t, protocol, s.address)
			body, client := io.Pipe()
			spec := &process.Spec{Env: []string{"CONTENT_LENGTH=1000000"}, Feed: body, FeedFailed: func(err error) { t.Errorf("told of %v", err) }}
			r, err := a.Start(t.Context(), spec)
			if err != nil {
				t.Fatal(err)
			}
			out, err := io.ReadAll(r.Output())
			if string(out) != "enough" || err != nil {
				t.Errorf("got %q, %v", out, err)
			}
			<-r.Done()
			r.Stop(time.Second)
			go client.CloseWithError(errors.New("the client has gone"))
			r.Wait()
		})
	}
}

// A body that its client does not finish is the gateway's to judge.
func TestAddressFeedFailed(t *testing.T) {
	for _, protocol := range []string{FastCGI, SCGI} {
		s := serveAt(t, "", func(conn net.Conn) { io.Copy(io.Discard, conn) })
		a, _ := openAt(t, protocol, s.address)
		gone := errors.New("the client has gone")
		body, client := io.Pipe()
		failed := make(chan error, 1)
		r, err := a.Start(t.Context(), &process.Spec{Env: []string{"CONTENT_LENGTH=10"}, Feed: body, FeedFailed: func(err error) { failed <- err }})
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(client, "half")
		client.CloseWithError(gone)
		if err := <-failed; err != gone {
			t.Errorf("%s: got %v; want %v", protocol, err, gone)
		}
		r.Stop(time.Second)
		r.Wait()
	}
}

// The clock: a read ends at its deadline, and what comes later is read later.
func TestAddressDeadline(t *testing.T) {
	next := make(chan struct{})
	s := fcgiServer(t, "", func(q *question) bool {
		<-next
		q.answer("late")
		return true
	})
	a, _ := openAt(t, FastCGI, s.address)
	r, err := a.Start(t.Context(), get("/"))
	if err != nil {
		t.Fatal(err)
	}
	blocked := 0
	r.Output().WhenBlocked(func() { blocked++ })
	r.Output().SetReadDeadline(time.Now().Add(time.Millisecond))
	if _, err := r.Output().Read(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) || blocked != 1 {
		t.Errorf("got %v, told %d times that it waits", err, blocked)
	}
	close(next)
	r.Output().SetReadDeadline(time.Time{})
	if out, err := io.ReadAll(r.Output()); string(out) != "late" || err != nil {
		t.Errorf("got %q, %v", out, err)
	}
	r.Wait()
}

func TestAddressCancelledStart(t *testing.T) {
	s := serveAt(t, "", func(conn net.Conn) { io.Copy(io.Discard, conn) })
	a, _ := openAt(t, FastCGI, s.address)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Start(ctx, get("/")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
