package soak_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"framegate/server/internal/servertest"
)

// server is a running `framegate serve`, whose log is read and not kept: a
// long run's would be gigabytes.
type server struct {
	cmd   *exec.Cmd
	addr  string
	ended chan error
	own   []string // processes that it has from the start

	mu      sync.Mutex
	records int64    // of requests
	alarms  []string // lines that no log should have
	recent  []string // the last lines, for a finding: a ring
	next    int      // the oldest of them
}

const (
	startLimit = 30 * time.Second
	stopLimit  = 30 * time.Second
)

var addrPattern = regexp.MustCompile(`http://([^/\s]+)`)

func startServer(t *testing.T, s *site) *server {
	t.Helper()
	cmd := exec.Command(servertest.Build(t), "serve", "-c", s.config, "--listen", "127.0.0.1:0")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	srv := &server{cmd: cmd, ended: make(chan error, 1)}
	greeting := make(chan string, 1)
	go func() {
		var pumps sync.WaitGroup
		pumps.Go(func() { srv.readLog(stderr) })
		pumps.Go(func() {
			lines := bufio.NewReader(stdout)
			line, _ := lines.ReadString('\n')
			greeting <- line
			io.Copy(io.Discard, lines)
		})
		pumps.Wait()
		srv.ended <- cmd.Wait()
	}()
	t.Cleanup(func() { srv.stop(t) })
	select {
	case line := <-greeting:
		found := addrPattern.FindStringSubmatch(line)
		if found == nil {
			t.Fatalf("framegate serve: ended without a greeting:\n%s", srv.tail(10))
		}
		srv.addr = found[1]
	case <-time.After(startLimit):
		t.Fatal("framegate serve: no greeting")
	}
	return srv
}

func (s *server) pid() int { return s.cmd.Process.Pid }

// alarming is what a log line has when the server itself is at fault.
var alarming = [][]byte{[]byte("panic"), []byte("DATA RACE"), []byte("goroutine "), []byte("fatal error"), []byte("http server")}

func (s *server) readLog(r io.Reader) {
	lines := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := lines.ReadSlice('\n')
		if len(line) > 0 {
			s.logged(line)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

func (s *server) logged(line []byte) {
	fromFrame := bytes.Contains(line, []byte(`"stream":"stderr"`))
	s.mu.Lock()
	defer s.mu.Unlock()
	if bytes.Contains(line, []byte(`"status":`)) && !fromFrame {
		s.records++
	}
	if fromFrame {
		return
	}
	if len(s.recent) < recentLines {
		s.recent = append(s.recent, string(line))
	} else {
		s.recent[s.next] = string(line)
		s.next = (s.next + 1) % recentLines
	}
	for _, word := range alarming {
		if bytes.Contains(line, word) && len(s.alarms) < 50 {
			s.alarms = append(s.alarms, strings.TrimSpace(string(line)))
			return
		}
	}
}

// recentLines is what a few seconds of the heaviest load log.
const recentLines = 8 << 10

// tail is the last n lines of the log.
func (s *server) tail(n int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := append(slices.Clone(s.recent[s.next:]), s.recent[:s.next]...)
	return strings.Join(lines[max(len(lines)-n, 0):], "")
}

// forget gives the memory of the log's lines back.
func (s *server) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recent, s.next = nil, 0
}

// record is the last line of the log that names the client remote, or "".
func (s *server) record(remote string) string {
	name := `"remote":"` + remote + `"`
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.recent) - 1; i >= 0; i-- {
		if line := s.recent[(s.next+i)%len(s.recent)]; strings.Contains(line, name) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// stop ends the server by SIGTERM and judges how it went.
func (s *server) stop(t *testing.T) {
	s.cmd.Process.Signal(syscall.SIGTERM) // an error means that it is gone: ended tells
	select {
	case err := <-s.ended:
		if err != nil {
			t.Errorf("framegate serve: after SIGTERM: got %v; want exit status 0", err)
		}
	case <-time.After(stopLimit):
		s.cmd.Process.Signal(syscall.SIGQUIT) // Go's runtime tells where each goroutine is
		<-s.ended
		t.Errorf("framegate serve: still running %v after SIGTERM:\n%s", stopLimit, s.tail(recentLines))
	}
	for _, alarm := range s.alarms {
		t.Errorf("in the log: %.500s", alarm)
	}
	if t.Failed() {
		t.Logf("the end of the log:\n%s", s.tail(10))
	}
}
