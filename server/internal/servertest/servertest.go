// Package servertest builds the framegate binary and runs `framegate serve`
// for tests that want the real thing: flags, signals, sockets and all.
//
// A test package uses it like this:
//
//	func TestMain(m *testing.M) { servertest.Main(m) }
//
//	func TestHello(t *testing.T) {
//		s := servertest.Start(t, "-c", "testdata/gateway.toml")
//		resp, err := http.Get(s.URL + "/hello")
//		...
//	}
//
// The server inherits the test's environment and working directory, so
// t.Setenv and t.Chdir before Start reach it.
package servertest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	startTimeout = 30 * time.Second // until the line with the URL; a cold disk, two cores, the race detector
	stopTimeout  = 30 * time.Second // from SIGTERM to the end
)

// built holds the one binary of this test process. It is not in a
// t.TempDir: that would vanish with the first test that asked for it.
var built struct {
	sync.Mutex
	dir, path string
	err       error
}

// Main runs the tests and removes what Build made. A package that calls
// Build or Start calls it from its TestMain.
func Main(m *testing.M) {
	code := m.Run()
	built.Lock()
	defer built.Unlock()
	if built.dir != "" {
		os.RemoveAll(built.dir) // a leftover in the temp directory is no reason to fail
	}
	os.Exit(code)
}

// Build compiles ./server once per test process and returns the binary's
// path. Under `go test -race` the binary has the race detector, too.
func Build(t testing.TB) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if built.path == "" && built.err == nil {
		built.path, built.err = build()
	}
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

func build() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	if built.dir, err = os.MkdirTemp("", "framegate-servertest-"); err != nil {
		return "", err
	}
	path := filepath.Join(built.dir, "framegate")
	args := []string{"build", "-o", path}
	if raceEnabled {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "./server")...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build framegate: %w\n%s", err, out)
	}
	return path, nil
}

// Root is the repository's root: the nearest directory upwards with a go.mod.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("find the repository: no go.mod in any parent directory")
		}
		dir = filepath.Dir(dir)
	}
}

// Server is one running `framegate serve`.
type Server struct {
	URL    string  // "http://127.0.0.1:PORT", without a slash at the end
	PID    int     // of the server's process, whose children the frames are
	Stderr *Buffer // the log so far, complete once the test's cleanup is over
}

// Start runs `framegate serve --listen 127.0.0.1:0 ARGS...`, waits for the
// line on stdout that names the URL, and stops the server when the test ends.
// The test fails if the server dies early, reports a data race, does not end
// after SIGTERM or ends with a status other than 0; then its log is shown.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	cmd := exec.Command(Build(t), append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	stdout, greeting := io.Pipe()
	s := &Server{Stderr: new(Buffer)}
	cmd.Stdout, cmd.Stderr = greeting, s.Stderr
	// A frame that outlives the server may hold its stdout or stderr open:
	// this bounds the Wait for them, and makes it an error.
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.PID = cmd.Process.Pid

	firstURL := make(chan string, 1) // closed at the end of stdout
	go readURL(stdout, firstURL)
	done := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		greeting.Close()
		done <- err
	}()
	t.Cleanup(func() { s.stop(t, cmd, done) })

	select {
	case url, ok := <-firstURL:
		if !ok {
			t.Fatal("framegate serve: ended without a line that names its URL")
		}
		s.URL = strings.TrimSuffix(url, "/")
	case <-time.After(startTimeout):
		t.Fatalf("framegate serve: no URL on stdout after %v", startTimeout)
	}
	return s
}

var urlPattern = regexp.MustCompile(`https?://[^\s/]+/?`)

// readURL sends the first URL that r shows, then drains r, so that the server
// never blocks on its own greeting.
func readURL(r io.Reader, urls chan<- string) {
	defer close(urls)
	lines := bufio.NewReader(r)
	for found := false; ; {
		line, err := lines.ReadString('\n')
		if url := urlPattern.FindString(line); url != "" && !found {
			found = true
			urls <- url
		}
		if err != nil {
			return
		}
	}
}

func (s *Server) stop(t testing.TB, cmd *exec.Cmd, done <-chan error) {
	t.Helper()
	cmd.Process.Signal(syscall.SIGTERM) // an error means that it is gone, which Wait tells
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("framegate serve: after SIGTERM: got %v; want exit status 0", err)
		}
	case <-time.After(stopTimeout):
		t.Errorf("framegate serve: still running %v after SIGTERM", stopTimeout)
		cmd.Process.Kill()
		<-done // bounded by WaitDelay
	}
	if strings.Contains(s.Stderr.String(), "WARNING: DATA RACE") {
		t.Error("framegate serve: data race, see its log")
	}
	if t.Failed() {
		t.Logf("log of framegate serve:\n%s", s.Stderr)
	}
}

// Buffer is a bytes.Buffer that may be read while it is written.
type Buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write appends p.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String is everything that was written so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
