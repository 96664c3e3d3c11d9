//go:build linux && !race

package count_test

import (
	"bufio"
	"encoding/json"
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

const (
	config = `
[static]
path = "static"

[capture]
path = "captures"
on   = "failure"

[defaults]
interpreter = "python3"

[[frame]]
name    = "exec"
mount   = "/exec"
command = ["./hello"]

[[frame]]
name    = "worker"
mount   = "/worker"
app     = "hello:application"
mode    = "worker"
workers = 1
`
	helloC = `#include <unistd.h>
int main(void)
{
	static const char hello[] = "Content-Type: text/plain\r\n\r\nHello, world\n";
	return write(1, hello, sizeof hello - 1) < 0;
}
`
	helloPy = `
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
    return [b"Hello, world\n"]
`
)

// urls are the paths' requests.
func urls() map[string]string {
	return map[string]string{execC: "/exec", worker: "/worker", file: "/1KiB.bin"}
}

// laySite writes a site, and builds the program that is counted.
func laySite(t *testing.T) (dir string) {
	t.Helper()
	cc := servertest.Require(t, "apt-get install gcc libc6-dev", "cc")
	servertest.Require(t, "apt-get install python3", "python3")
	dir = t.TempDir()
	for name, text := range map[string]string{"gateway.toml": config, "hello.c": helloC, "hello.py": helloPy, "static/1KiB.bin": strings.Repeat("x", 1024)} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	command(t, dir, cc, "-O2", "-static", "-o", "hello", "hello.c")
	build(t, dir)
	return dir
}

// build compiles the gateway with counting.go.txt laid over its source.
func build(t *testing.T, dir string) {
	t.Helper()
	root, err := servertest.Root()
	if err != nil {
		t.Fatal(err)
	}
	source, err := filepath.Abs("testdata/counting.go.txt")
	if err != nil {
		t.Fatal(err)
	}
	overlay, _ := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, "server/counting.go"): source}})
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CGO_ENABLED", "0") // as it is released
	command(t, root, "go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", filepath.Join(dir, "framegate"), "./server")
}

func command(t *testing.T, dir string, argv ...string) {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
}

// server is a gateway that runs, maybe under a tracer.
type server struct {
	address string
	pid     int
}

var greeted = regexp.MustCompile(`http://([^\s/]+)`)

// start runs the gateway; prefix is a program that runs it. It is stopped when
// the test ends, or by stop.
func start(t *testing.T, dir string, prefix ...string) (s *server, stop func()) {
	t.Helper()
	argv := append(prefix, filepath.Join(dir, "framegate"), "serve", "--listen", "127.0.0.1:0")
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	// Collections come when they like; what makes them necessary is counted.
	cmd.Env = append(os.Environ(), "GOGC=off", "FRAMEGATE_COUNTS="+filepath.Join(dir, "counts"))
	log, err := os.CreateTemp(dir, "log-")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s = &server{pid: cmd.Process.Pid}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		syscall.Kill(s.pid, syscall.SIGTERM)
		io.Copy(io.Discard, stdout)
		cmd.Wait() // a tracer's status is its own
		log.Close()
	}
	t.Cleanup(stop)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	m := greeted.FindStringSubmatch(line)
	if err != nil || m == nil {
		said, _ := os.ReadFile(log.Name())
		t.Fatalf("%s: got %q, %v; want a URL\n%s", strings.Join(argv, " "), line, err, said)
	}
	s.address = m[1]
	if len(prefix) > 0 && filepath.Base(prefix[0]) == "strace" { // valgrind becomes what it runs
		s.pid = childOf(t, cmd.Process.Pid)
	}
	return s, stop
}

func childOf(t *testing.T, pid int) (child int) {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err == nil {
		_, err = fmt.Sscan(string(data), &child)
	}
	if err != nil {
		t.Fatalf("find the traced gateway: %v", err)
	}
	return child
}

// client asks for one path again and again over one connection.
type client struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	path string
}

func (s *server) dial(t *testing.T, path string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	return &client{t: t, conn: conn, in: bufio.NewReader(conn), path: path}
}

// ask makes n requests, one after another.
func (c *client) ask(n int) {
	c.t.Helper()
	for range n {
		status, body := c.get(urls()[c.path])
		if status != http.StatusOK || len(body) < len("Hello, world\n") {
			c.t.Fatalf("%s: got status %d, %q; want 200 OK", c.path, status, body)
		}
	}
}

func (c *client) get(url string) (status int, body []byte) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, "GET "+url+" HTTP/1.1\r\nHost: count\r\n\r\n"); err != nil {
		c.t.Fatal(err)
	}
	response, err := http.ReadResponse(c.in, nil)
	if err == nil {
		body, err = io.ReadAll(response.Body)
	}
	if err != nil {
		c.t.Fatalf("%s: %v", url, err)
	}
	return response.StatusCode, body
}
