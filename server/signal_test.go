package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// slowFrame answers "begun", then waits until somebody writes to the pipe
// "go", and says what was written.
const slowFrame = `
listen = "127.0.0.1:0"
[[frame]]
name = "slow"
mount = "/slow"
command = ["sh", "-c", 'printf "Content-Type: text/plain\n\nbegun\n"; exec cat go']
`

// slowServer is a server with one exchange that runs: its first line is read.
type slowServer struct {
	daemon
	dir  string
	body *bufio.Reader
}

func startSlow(t *testing.T) *slowServer {
	t.Helper()
	s := &slowServer{dir: t.TempDir()}
	writeFile(t, filepath.Join(s.dir, "gateway.toml"), slowFrame)
	if err := syscall.Mkfifo(filepath.Join(s.dir, "go"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.start(s.dir, os.Environ(), filepath.Join(s.dir, "log"), "serve"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	response, err := s.do(t.Context(), http.MethodGet, "/slow", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	s.body = bufio.NewReader(response.Body)
	if line, err := s.body.ReadString('\n'); line != "begun\n" {
		t.Fatalf("got %q, %v; want the first line of an answer", line, err)
	}
	return s
}

// awaitRefusal returns once nobody accepts connections any more.
func (s *slowServer) awaitRefusal(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), endLimit)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", strings.TrimPrefix(s.url, "http://"))
		if errors.Is(err, syscall.ECONNREFUSED) {
			return
		}
		if err == nil {
			conn.Close()
		}
		if ctx.Err() != nil {
			t.Fatalf("still accepting connections %v after its signal", endLimit)
		}
	}
}

func (s *slowServer) log(t *testing.T) []map[string]any {
	t.Helper()
	return readLog(t, filepath.Join(s.dir, "log"))
}

func TestSignalLetsExchangesFinish(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			s := startSlow(t)
			if err := s.signal(sig); err != nil {
				t.Fatal(err)
			}
			s.awaitRefusal(t)
			writeFile(t, filepath.Join(s.dir, "go"), "finished\n")
			rest, err := io.ReadAll(s.body)
			if string(rest) != "finished\n" || err != nil {
				t.Errorf("the rest of the answer: got %q, %v; want %q", rest, err, "finished\n")
			}
			if err := s.wait(); err != nil {
				t.Errorf("the server: got %v; want exit status 0", err)
			}
			record := requestRecord(t, s.log(t), "/slow")
			if record["exit_code"] != 0.0 || record["error"] != nil {
				t.Errorf("record: got exit_code %v, error %v; want 0 and none", record["exit_code"], record["error"])
			}
		})
	}
}

func TestSecondSignalHurries(t *testing.T) {
	s := startSlow(t)
	begun := time.Now()
	for range 2 {
		if err := s.signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		s.awaitRefusal(t) // the kernel would make one of two that come at once
	}
	if rest, err := io.ReadAll(s.body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the rest of the answer: got %q, %v; want a cut connection", rest, err)
	}
	if err := s.wait(); err != nil {
		t.Errorf("the server: got %v; want exit status 0", err)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("got an end after %v; want one before shutdown-timeout, 30s", took)
	}
	record := requestRecord(t, s.log(t), "/slow")
	if got, want := record["error"], "stopped: the server is shutting down"; got != want {
		t.Errorf("record: got error %q; want %q", got, want)
	}
	if got := record["signal"]; got != "SIGTERM" {
		t.Errorf("record: got signal %v; want SIGTERM", got)
	}
	pid := int(record["pid"].(float64))
	if err := syscall.Kill(-pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the frame's process group: got %v; want none left", err)
	}
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
