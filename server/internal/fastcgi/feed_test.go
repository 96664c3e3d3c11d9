package fastcgi

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// endless is a body that does not end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// A server that answers, however much, and reads nothing.
func TestAnswerBeforeReading(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 60000/16)
	for _, stdin := range []io.Reader{bytes.NewReader(make([]byte, 8<<20)), endless{}} {
		c := script(t, func(s *server) {
			s.request(false)
			for range 50 {
				s.send(stdout(1, big))
			}
			s.send(end(1))
		})
		a, err := c.Begin(&Request{Stdin: stdin, KeepConn: true})
		if err != nil {
			t.Fatal(err)
		}
		out, err := io.ReadAll(a)
		if len(out) != 50*len(big) || err != nil {
			t.Errorf("got %d bytes, %v; want %d", len(out), err, 50*len(big))
		}
		if a.End() {
			t.Error("the rest of stdin would be the next request's")
		}
	}
}

// A server that echoes while it reads, more than any buffer on the way holds.
func TestEcho(t *testing.T) {
	c := script(t, func(s *server) {
		s.request(false)
		for {
			rec, err := s.record()
			if err != nil || rec.Type != Stdin {
				t.Errorf("got %+v, %v", rec.Header, err)
				return
			}
			if len(rec.content) == 0 {
				break
			}
			s.send(stdout(1, string(rec.content)))
		}
		s.send(end(1))
		io.Copy(io.Discard, s.conn)
	})
	body := bytes.Repeat([]byte("0123456789abcdef"), 16<<20/16)
	a, err := c.Begin(&Request{Stdin: bytes.NewReader(body), KeepConn: true})
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(a)
	if !bytes.Equal(out, body) || err != nil {
		t.Errorf("got %d bytes, %v; want %d", len(out), err, len(body))
	}
	if !a.End() {
		t.Error("the connection cannot be used again")
	}
}

// A body that its client does not send on: the answer comes all the same, and
// End waits for the one who reads the body.
func TestEndWaitsForSource(t *testing.T) {
	c := script(t, func(s *server) {
		s.request(false)
		s.send(stdout(1, "enough"), end(1))
	})
	source, client := io.Pipe()
	a, err := c.Begin(&Request{Stdin: source, KeepConn: true})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := io.ReadAll(a); string(out) != "enough" || err != nil {
		t.Errorf("got %q, %v", out, err)
	}
	ended := make(chan bool)
	go func() { ended <- a.End() }()
	client.CloseWithError(errors.New("the client has gone"))
	if <-ended {
		t.Error("the connection may be used again")
	}
}

func TestStdinFailed(t *testing.T) {
	gone := errors.New("the client has gone")
	c := script(t, func(s *server) {
		if got := s.request(true); string(got.stdin) != "half" || got.wrong != AbortRequest {
			t.Errorf("got %q and %s", got.stdin, got.wrong)
		}
	})
	failed := make(chan error, 1)
	a, err := c.Begin(&Request{
		Stdin:       io.MultiReader(strings.NewReader("half"), iotest.ErrReader(gone)),
		StdinFailed: func(err error) { failed <- err },
		Fed: func(p []byte) {
			if len(p) == 0 {
				t.Error("told that stdin has ended")
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != gone {
		t.Errorf("got %v; want %v", err, gone)
	}
	a.Abort()
	if a.End() {
		t.Error("the connection may be used again")
	}
}

func TestAbort(t *testing.T) {
	asked := make(chan struct{})
	c := script(t, func(s *server) {
		s.request(true)
		s.send(stdout(1, "hel"))
		close(asked)
		rec, err := s.record()
		if rec.Type != AbortRequest || rec.ID != 1 || len(rec.content) != 0 || err != nil {
			t.Errorf("got %+v, %v", rec.Header, err)
		}
		if rec, err := s.record(); err == nil {
			t.Errorf("got %+v; want the end", rec.Header)
		}
	})
	a, err := c.Begin(&Request{KeepConn: true})
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan error)
	go func() {
		_, err := io.ReadAll(a)
		read <- err
	}()
	<-asked
	a.Abort()
	if err := <-read; err == nil {
		t.Error("an answer that was aborted looks whole")
	}
	if a.End() {
		t.Error("the connection may be used again")
	}
}

// Neither a server that reads nothing nor a feeder that waits for it holds an
// abort up.
func TestAbortOfOneThatDoesNotRead(t *testing.T) {
	done := make(chan struct{})
	c := script(t, func(s *server) {
		s.request(false)
		<-done
	})
	defer close(done)
	a, err := c.Begin(&Request{Stdin: endless{}})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	a.Abort()
	if a.End() {
		t.Error("the connection may be used again")
	}
	if took := time.Since(began); took > testLimit/2 {
		t.Errorf("it took %s", took)
	}
}
