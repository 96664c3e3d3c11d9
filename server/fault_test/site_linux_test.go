// Package fault_test breaks what a gateway stands on, the disk, descriptors,
// programs and frames, under a real `framegate serve`. After each fault the
// server lives, answers the next good request, and nothing of the run is left.
package fault_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"framegate/server/internal/servertest"
	"framegate/server/internal/testframe"
)

func TestMain(m *testing.M) {
	testframe.Main(os.Args)
	servertest.Main(m)
}

const (
	page = "Content-Type: text/plain\n\n"

	// patience bounds everything that a test waits for: it fails instead of
	// hanging.
	patience = 60 * time.Second

	// marker is a variable of every frame's environ, with the run as its
	// value: by it the processes of a run are found.
	marker = "FRAMEGATE_FAULT_RUN"
)

// site is a server and the directory that it serves.
type site struct {
	t   *testing.T
	dir string // of gateway.toml
	run string
	url string
	pid int
	log *servertest.Buffer
}

// newSite makes a directory with one good frame, at /good, one good file, at
// /plain.txt, and the CGI programs of cgi-bin; config is what comes on top.
func newSite(t *testing.T, config string) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	s.run = filepath.Base(filepath.Dir(s.dir))
	s.write("static/plain.txt", "plain\n", 0o644)
	s.write("cgi-bin/good", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\ngood\\n'\n", 0o755)
	s.write("gateway.toml", fmt.Sprintf(`
[static]
path = "static"

[defaults]
env = { %s = %q, PATH = "/usr/bin:/bin" }
stop-grace = "1s"

[[frame]]
name = "good"
mount = "/good"
command = ["cgi-bin/good"]

[[frame]]
name = "cgi"
scripts = "/cgi-bin"
dir = "cgi-bin"
`, marker, s.run)+config, 0o644)
	return s
}

// start has the site served.
func start(t *testing.T, config string) *site {
	t.Helper()
	s := newSite(t, config)
	s.serve()
	return s
}

// add puts more into the configuration.
func (s *site) add(config string) {
	s.t.Helper()
	before, err := os.ReadFile(filepath.Join(s.dir, "gateway.toml"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("gateway.toml", string(before)+config, 0o644)
}

func (s *site) serve() {
	s.t.Helper()
	server := servertest.Start(s.t, "-c", filepath.Join(s.dir, "gateway.toml"))
	s.url, s.pid, s.log = server.URL, server.PID, server.Stderr
}

// frame is the [[frame]] table of a program at /NAME.
func frame(name string, command []string, keys ...string) string {
	argv, err := json.Marshal(command) // an array of JSON is one of TOML
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("\n[[frame]]\nname = %q\nmount = %q\ncommand = %s\n%s\n", name, "/"+name, argv, strings.Join(keys, "\n"))
}

// write makes a file of the site, and returns its path.
func (s *site) write(name, content string, mode os.FileMode) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // of a file that was there
		s.t.Fatal(err)
	}
	return path
}

// answer is what a client has got; err is how the body ended.
type answer struct {
	status int
	header http.Header
	body   string
	err    error
}

// ask sends a request on a connection of its own.
func (s *site) ask(method, path string, body io.Reader, fields ...string) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		req.Header.Add(name, value)
	}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}
	resp, err := client.Do(req)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(data), err}
}

func (s *site) get(path string) answer {
	s.t.Helper()
	return s.ask("GET", path, nil)
}

// want holds an answer to its status and, if there is one, to its whole body.
func (s *site) want(a answer, status int, body string) {
	s.t.Helper()
	if a.status != status || a.err != nil || body != "" && a.body != body {
		s.t.Errorf("got %d %.200q, %v; want %d %.200q", a.status, a.body, a.err, status, body)
	}
}

// dial opens a connection whose bytes the test writes itself, with as little
// room for what comes as the kernel allows.
func (s *site) dial() net.Conn {
	s.t.Helper()
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
	}}
	conn, err := dialer.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(patience))
	s.t.Cleanup(func() { conn.Close() })
	return conn
}

// record waits for the log's record of the nth request for uri, from 1.
func (s *site) record(uri string, n int) map[string]any {
	s.t.Helper()
	var found map[string]any
	s.until("the record of "+uri, func() bool {
		seen := 0
		for line := range strings.Lines(s.log.String()) {
			record := map[string]any{}
			if strings.Contains(line, `"status":`) && json.Unmarshal([]byte(line), &record) == nil && record["uri"] == uri {
				if seen++; seen == n {
					found = record
					return true
				}
			}
		}
		return false
	})
	return found
}

// wantRecord holds a record to what its error says, "" for none.
func (s *site) wantRecord(record map[string]any, status int, text string) {
	s.t.Helper()
	got, _ := record["error"].(string)
	if record["status"] != float64(status) || !strings.Contains(got, text) || (text == "") != (got == "") {
		s.t.Errorf("record: got %v, %q; want %d, %q", record["status"], got, status, text)
	}
}

// until waits for what nothing can announce.
func (s *site) until(what string, done func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// afterwards is what every fault has to leave behind: a server that lives and
// answers, and no process of the run.
func (s *site) afterwards() {
	s.t.Helper()
	var left []string
	s.until("the end of all processes of the run", func() bool {
		left = s.processes()
		return len(left) == 0
	})
	s.want(s.get("/good"), 200, "good\n")
	s.want(s.get("/cgi-bin/good"), 200, "good\n")
	s.want(s.get("/plain.txt"), 200, "plain\n")
	if err := syscall.Kill(s.pid, 0); err != nil {
		s.t.Errorf("the server: %v", err)
	}
}

// processes are those that carry the run's marker, whoever's child they have
// become, and the server's children that nobody has reaped.
func (s *site) processes() (list []string) {
	s.t.Helper()
	mark := []byte("\x00" + marker + "=" + s.run + "\x00")
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		s.t.Fatalf("/proc: got %d processes, %v", len(stats), err)
	}
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has just ended
		}
		// PID (NAME) STATE PPID …, and the name may hold anything.
		end := bytes.LastIndexByte(stat, ')')
		fields := strings.Fields(string(stat[end+1:]))
		if end < 0 || len(fields) < 2 {
			continue
		}
		environ, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "environ"))
		zombie := fields[0] == "Z" && fields[1] == strconv.Itoa(s.pid)
		if zombie || bytes.Contains(append([]byte{0}, environ...), mark) {
			list = append(list, string(stat[:end+1])+" "+fields[0])
		}
	}
	return list
}

// fifo makes a FIFO by which a frame and its test wait for each other.
func (s *site) fifo(name string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// meet opens the other end of a FIFO that a frame opens or awaits.
func (s *site) meet(path string, flag int) {
	s.t.Helper()
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	f.Close()
}

func requireRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		servertest.Missing(t, "only root can do this")
	}
}
