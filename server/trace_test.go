package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"framegate/server/internal/capture"
	"framegate/server/internal/servertest"
)

const tracedFrames = `
listen = "127.0.0.1:0"
[[frame]]
name = "hello"
mount = "/hello"
command = ["sh", "-c", 'echo "said" >&2; printf "Content-Type: text/plain\n\nhello\n"']
[[frame]]
name = "fails"
mount = "/fails"
command = ["sh", "-c", 'printf "Status: 503 No\nContent-Type: text/plain\n\n"']
[[frame]]
name = "waits"
mount = "/waits"
command = ["sh", "-c", 'read line < ./fifo; printf "Content-Type: text/plain\n\n$line\n"']
`

// traced is a server, and whoever follows it.
type traced struct {
	t   *testing.T
	dir string
	env []string
	daemon
}

func serveTraced(t *testing.T) *traced {
	t.Helper()
	s := &traced{t: t, dir: t.TempDir(), env: append(os.Environ(), "LC_ALL=C.UTF-8", "COLUMNS=160")}
	sockets, err := os.MkdirTemp("", "fg") // a socket's path is bounded
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(sockets) })
	s.env = append(s.env, "XDG_RUNTIME_DIR="+sockets)
	writeFile(t, filepath.Join(s.dir, "gateway.toml"), tracedFrames)
	if err := syscall.Mkfifo(filepath.Join(s.dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.start(s.dir, s.env, filepath.Join(s.dir, "log"), "serve"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	return s
}

func (s *traced) get(path string) {
	s.t.Helper()
	if _, err := s.daemon.get("GET", path, nil); err != nil {
		s.t.Errorf("GET %s: %v", path, err)
	}
}

// follower is a running `framegate trace`.
type follower struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout servertest.Buffer
	notes  *bufio.Reader
}

// follow starts `framegate trace ARGS...`; when it returns, what begins from
// now on will be told.
func (s *traced) follow(args ...string) *follower {
	s.t.Helper()
	f := &follower{t: s.t, cmd: exec.Command("framegate", append([]string{"trace"}, args...)...)}
	f.cmd.Dir, f.cmd.Env, f.cmd.Stdout = s.dir, s.env, &f.stdout
	stderr, err := f.cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := f.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	f.notes = bufio.NewReader(stderr)
	s.t.Cleanup(func() { f.cmd.Process.Kill(); f.cmd.Wait() })
	if line := f.note(); !strings.HasPrefix(line, "framegate: following "+s.url) {
		s.t.Fatalf("got %q; want whom it follows", line)
	}
	return f
}

// note is the next line of stderr, "" at its end.
func (f *follower) note() string {
	line, err := f.notes.ReadString('\n')
	if err != nil && err != io.EOF {
		f.t.Error(err)
	}
	return line
}

// wait is for its end, by itself or by what was done to it.
func (f *follower) wait() string {
	f.t.Helper()
	timer := time.AfterFunc(endLimit, func() { f.cmd.Process.Kill() })
	defer timer.Stop()
	for f.note() != "" {
	}
	if err := f.cmd.Wait(); err != nil {
		f.t.Errorf("framegate trace: %v", err)
	}
	return f.stdout.String()
}

// awaitLines waits until stdout has n lines.
func (f *follower) awaitLines(n int) {
	f.t.Helper()
	for end := time.Now().Add(endLimit); strings.Count(f.stdout.String(), "\n") < n; runtime.Gosched() {
		if time.Now().After(end) {
			f.t.Fatalf("got %q; want %d lines", f.stdout.String(), n)
		}
	}
}

func (f *follower) interrupt() string {
	f.t.Helper()
	f.cmd.Process.Signal(syscall.SIGINT)
	return f.wait()
}

func TestTrace(t *testing.T) {
	s := serveTraced(t)
	f := s.follow("-n", "2")
	s.get("/hello/a?x=1")
	s.get("/none") // no frame answers it
	s.get("/fails")
	got := f.wait()
	for _, want := range []string{
		`\AGET /hello/a\?x=1 → 200 OK, 6 B in [0-9.]+ ms`, `(?m)^frame hello, request [0-9a-f]{16}, in `, `(?m)^  PATH_INFO=/a$`,
		`(?m)← stderr +said$`, `(?m)← stdout +\d+ B  Content-Type: text/plain\\n\\n`, `(?m)^exit status 0, CPU `,
		`\n\nGET /fails → 503 Service Unavailable, 0 B in `,
	} {
		if !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("got\n%s\nwant a match for %s", got, want)
		}
	}
	if strings.Contains(got, "/none") || strings.Contains(got, "\x1b") {
		t.Errorf("got %q; want neither a static file nor colours", got)
	}
}

// Into a pipe or a file the lines are whole, whatever COLUMNS says: what reads
// them looks for what stands at their ends.
func TestTraceLineIsWhole(t *testing.T) {
	s := serveTraced(t)
	s.env = append(s.env, "COLUMNS=60")
	f := s.follow("--line", "-n", "1")
	path := "/hello/" + strings.Repeat("a/long/way/", 20)
	s.get(path)
	got := f.wait()
	if want := `\A[0-9:.]{12}  GET ` + path + ` → 200 OK, 6 B in [0-9.]+ ms  hello\n\z`; !regexp.MustCompile(want).MatchString(got) {
		t.Errorf("got %q; want a match for %s", got, want)
	}
}

func TestTraceFilters(t *testing.T) {
	s := serveTraced(t)
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"hello"}, "/hello/1 /hello/2.py"},
		{[]string{"--path", "*.py"}, "/hello/2.py"},
		{[]string{"--path", "/fails*"}, "/fails"},
		{[]string{"--status", "5xx,404"}, "/fails"},
		{[]string{"--status", "200", "--path", "/hello/?"}, "/hello/1"},
		{[]string{"--longer", "1h"}, ""},
		{nil, "/hello/1 /fails /hello/2.py"},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			f := s.follow(append(tt.args, "--json")...)
			all := s.follow("--line", "-n", "3") // when it has seen them all, so has f's server
			for _, path := range []string{"/hello/1", "/fails", "/hello/2.py"} {
				s.get(path)
			}
			if lines := strings.Count(all.wait(), "\n"); lines != 3 {
				t.Errorf("--line: got %d lines; want 3", lines)
			}
			var got []string
			if tt.want != "" {
				f.awaitLines(len(strings.Fields(tt.want)))
			}
			for line := range strings.Lines(f.interrupt()) {
				var x capture.Exchange
				if err := json.Unmarshal([]byte(line), &x); err != nil {
					t.Fatalf("%v: %s", err, line)
				}
				got = append(got, x.Request.Target)
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("got %v; want %s", got, tt.want)
			}
		})
	}
}

// What hangs is what one looks for: it is told while it runs.
func TestTraceRunning(t *testing.T) {
	s := serveTraced(t)
	f := s.follow("-n", "1")
	answered := make(chan error, 1)
	go func() {
		_, err := s.daemon.get("GET", "/waits/x", nil)
		answered <- err
	}()
	if note := f.note(); !regexp.MustCompile(`^1 exchange running: GET /waits/x for [0-9.]+(ms|s)\n$`).MatchString(note) {
		t.Errorf("got %q; want what runs", note)
	}
	fifo, err := os.OpenFile(filepath.Join(s.dir, "fifo"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(fifo, "at last\n")
	fifo.Close()
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if got := f.wait(); !strings.Contains(got, " of silence\n") || !strings.Contains(got, `at last\n`) {
		t.Errorf("got\n%s\nwant the silence, and what followed", got)
	}
}

// A server that stops ends those who follow, in peace.
func TestTraceServerStops(t *testing.T) {
	s := serveTraced(t)
	f := s.follow()
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if note := f.note(); note != "framegate: the server has stopped\n" {
		t.Errorf("got %q; want that the server has stopped", note)
	}
	f.wait()
}
