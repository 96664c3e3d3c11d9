// Package capture_test holds captures to their promise: what a program sees
// under `sh FILE` is byte for byte what it saw behind the real server, under
// each shell that is here.
package capture_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"framegate/server/internal/cgi"
	"framegate/server/internal/process"
	"framegate/server/internal/servertest"
)

func TestMain(m *testing.M) {
	// What the tests were started with must not reach what they start.
	if err := process.SealInherited(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	servertest.Main(m)
}

// site is a running server and the directory of its configuration.
type site struct {
	*servertest.Server
	t   *testing.T
	dir string
}

// serve starts a server with that gateway.toml. Files are its neighbours.
func serve(t *testing.T, config string, files map[string]string, flags ...string) *site {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "gateway.toml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	return &site{servertest.Start(t, append(flags, "-c", file)...), t, dir}
}

// answer is a response and the capture of its exchange.
type answer struct {
	status int
	body   string
	file   string
}

// ask sends a request and waits for its capture.
func (s *site) ask(r *http.Request) answer {
	s.t.Helper()
	before := len(s.captures())
	status, body := s.send(r)
	var files []string
	s.until("the capture", func() bool { files = s.captures(); return len(files) > before })
	return answer{status, body, files[before]}
}

func (s *site) send(r *http.Request) (status int, body string) {
	s.t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil && err != io.ErrUnexpectedEOF { // it was cut: the capture tells
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

func (s *site) request(method, path string, body io.Reader) *http.Request {
	s.t.Helper()
	r, err := http.NewRequest(method, s.URL+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// captures are the files of the log's records.
func (s *site) captures() []string {
	var files []string
	for _, rec := range s.records("captured") {
		files = append(files, fmt.Sprint(rec["file"]))
	}
	return files
}

// records are those of the log with that message.
func (s *site) records(message string) []map[string]any {
	var list []map[string]any
	lines := strings.SplitAfter(s.Stderr.String(), "\n")
	for _, line := range lines {
		var rec map[string]any
		if strings.HasSuffix(line, "\n") && json.Unmarshal([]byte(line), &rec) == nil && rec["message"] == message {
			list = append(list, rec)
		}
	}
	return list
}

func (s *site) until(what string, done func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: not within 20 s\n%s", what, s.Stderr)
		}
	}
}

// shell is one that captures run under.
type shell struct {
	name string
	argv []string
	text bool // it knows characters, and no other bytes
}

func shells(t *testing.T) []shell {
	t.Helper()
	var list []shell
	for _, s := range []shell{
		{"dash", []string{"dash"}, false},
		{"bash", []string{"bash", "--posix"}, false},
		{"busybox", []string{"busybox", "sh"}, false},
		{"mksh", []string{"mksh"}, false},
		{"ksh93", []string{"ksh93"}, false},
		{"zsh", []string{"zsh", "--emulate", "sh"}, false},
		{"yash", []string{"yash"}, true},
	} {
		if _, err := exec.LookPath(s.argv[0]); err == nil {
			list = append(list, s)
		} else if os.Getenv("FRAMEGATE_REQUIRE") == "all" {
			t.Fatalf("%s is missing: apt-get install dash bash busybox mksh ksh93u+m zsh yash", s.argv[0])
		}
	}
	return list
}

// run runs a capture to its end.
func (s shell) run(t *testing.T, file string, args ...string) (stdout, stderr string, state *os.ProcessState) {
	t.Helper()
	cmd := exec.Command(s.argv[0], append(append(s.argv[1:len(s.argv):len(s.argv)], file), args...)...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "TMPDIR="+cmd.Dir)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Run() // how it ends is its state
	if left, err := os.ReadDir(cmd.Dir); err != nil || len(left) > 0 {
		t.Errorf("%s: in TMPDIR: got %v, %v; want nothing left", s.name, left, err)
	}
	return out.String(), errs.String(), cmd.ProcessState
}

// differ shows where two texts part, "" when they are the same.
func differ(got, want string) string {
	if got == want {
		return ""
	}
	at := 0
	for at < len(got) && at < len(want) && got[at] == want[at] {
		at++
	}
	from := max(at-40, 0)
	return fmt.Sprintf("byte %d of %d and %d: got %.100q; want %.100q", at, len(got), len(want), got[from:], want[from:])
}

// behindHeader is the body of what a program has printed.
func behindHeader(out string) string {
	if end := cgi.HeaderEnd([]byte(out), 0); end >= 0 {
		return out[end:]
	}
	return ""
}

// same runs the capture of a under every shell: the program must print what
// the server has passed on, and stderr hold what note says alone.
func (a answer) same(t *testing.T, note string) {
	t.Helper()
	script, err := os.ReadFile(a.file)
	if err != nil {
		t.Fatal(err)
	}
	for _, sh := range shells(t) {
		out, errs, state := sh.run(t, a.file)
		if sh.text && strings.Contains(string(script), "YASH_VERSION") {
			if state.ExitCode() != 125 || !strings.Contains(errs, "take another shell") {
				t.Errorf("%s: got exit status %d, stderr %q; want it to refuse", sh.name, state.ExitCode(), errs)
			}
			continue
		}
		if diff := differ(behindHeader(out), a.body); diff != "" {
			t.Errorf("%s: %s", sh.name, diff)
		}
		if errs != note || state.ExitCode() != 0 {
			t.Errorf("%s: got exit status %d, stderr %q; want 0 and %q", sh.name, state.ExitCode(), errs, note)
		}
	}
}
