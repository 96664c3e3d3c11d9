package fault_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"framegate/server/internal/servertest"
)

// serveWith serves the site from a shell that has done setup before.
func (s *site) serveWith(setup string) {
	s.t.Helper()
	cmd := exec.Command("/bin/sh", "-c", setup+`; exec "$0" "$@"`,
		servertest.Build(s.t), "serve", "--listen", "127.0.0.1:0", "-c", filepath.Join(s.dir, "gateway.toml"))
	s.log = new(servertest.Buffer)
	cmd.Stderr = s.log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.pid = cmd.Process.Pid
	s.t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		killer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
		defer killer.Stop()
		if err := cmd.Wait(); err != nil {
			s.t.Errorf("framegate serve: after SIGTERM: got %v; want exit status 0", err)
		}
		if log := s.log.String(); s.t.Failed() || strings.Contains(log, "DATA RACE") || strings.Contains(log, "panic") {
			s.t.Errorf("log of framegate serve:\n%s", log)
		}
	})
	greeting, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		s.t.Fatalf("framegate serve: %q, %v:\n%s", greeting, err, s.log)
	}
	s.url = regexp.MustCompile(`http://[^/\s]+`).FindString(greeting)
}

// descriptors is how many the server has open.
func (s *site) descriptors() int {
	s.t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.pid))
	if err != nil {
		s.t.Fatal(err)
	}
	return len(list)
}

// A gateway whose clients take all its descriptors says so, to them and in the
// log, and serves on once they have gone.
func TestDescriptorsExhausted(t *testing.T) {
	s := newSite(t, "")
	s.serveWith("ulimit -n 64")
	s.afterwards() // and everything is open that is opened once
	before := 0
	s.until("a number of descriptors that stays", func() bool {
		last := before
		time.Sleep(50 * time.Millisecond)
		before = s.descriptors()
		return before == last
	})

	// Each connection asks once, and stays: there comes one that is answered,
	// but for which no process can be started.
	var kept []net.Conn
	ask := func(conn net.Conn, path string) (*http.Response, string) {
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("connection %d: %v", len(kept), err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatalf("connection %d: %v", len(kept), err)
		}
		return resp, string(body)
	}
	for {
		conn := s.dial()
		kept = append(kept, conn)
		resp, body := ask(conn, "/good")
		if resp.StatusCode == 200 && body == "good\n" && len(kept) < 64 {
			continue
		}
		if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || !strings.Contains(body, "try again") {
			t.Fatalf("connection %d: got %s %q; want 200, then 503 with Retry-After", len(kept), resp.Status, body)
		}
		break
	}
	t.Logf("connection %d of %d descriptors is answered 503", len(kept), 64)
	s.wantRecord(s.record("/good", len(kept)+1), 503, "too many open files")

	// Those that come now are not accepted any more, and the log says so.
	for range 64 {
		kept = append(kept, s.dial())
	}
	s.until("the record of a connection that could not be accepted", func() bool {
		return strings.Contains(s.log.String(), "accept: too many open files") || strings.Contains(s.log.String(), "accept4: too many open files")
	})
	// On a connection that is there a file cannot be opened: an error, not a
	// 404. One that is held open can be sent, if the connection is the loop's.
	resp, body := ask(kept[0], "/plain.txt")
	switch {
	case resp.StatusCode >= 500:
		s.wantRecord(s.record("/plain.txt", 2), resp.StatusCode, "too many open files")
	case resp.StatusCode != 200 || body != "plain\n":
		t.Errorf("a file: got %s %q; want a 5xx, or the file", resp.Status, body)
	}
	resp, body = ask(kept[0], "/good")
	if resp.StatusCode != 503 {
		t.Errorf("a frame: got %s %q; want 503", resp.Status, body)
	}
	resp, body = ask(kept[0], "/cgi-bin/good")
	if resp.StatusCode < 500 {
		t.Errorf("a script: got %s %q; want a 5xx", resp.Status, body)
	}

	for _, conn := range kept {
		conn.Close()
	}
	s.until("the descriptors of before", func() bool { return s.descriptors() <= before })
	s.afterwards()
	if n := strings.Count(s.log.String(), "\n"); n > 1000 {
		t.Errorf("got %d lines of log; want a few", n)
	}
}
