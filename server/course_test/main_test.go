// Package course_test walks through the steps in which the well-known Chinese
// Python web course builds its own server and framework. At each step the
// project, written anew here in the shape that it has by then, is served
// unchanged: `framegate serve PORT mini_frame:application` in its directory.
package course_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"framegate/server/internal/servertest"
)

func TestMain(m *testing.M) { servertest.Main(m) }

// A visit is one request and its whole answer.
type visit struct {
	path        string // as it goes over the wire
	status      int
	contentType string
	body        string            // with ID for the id of a request; "" when contains says enough
	contains    []string          // what stands somewhere in the body
	header      map[string]string // patterns that other fields must match
}

// A stage is a project at one step of the course.
type stage struct {
	dir        string // below testdata
	toml       string // the small gateway.toml of the second round
	always     []visit
	plain      []visit // only without gateway.toml
	configured []visit // only with it
	warnings   []string
	logged     []string // lines of the frame's stderr
	after      func(t *testing.T, dir string)
}

// copyProject puts a project where it may write.
func copyProject(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", name))); err != nil {
		t.Fatal(err)
	}
	return dir
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// check serves the project without and with its gateway.toml.
func (st stage) check(t *testing.T) {
	servertest.Require(t, "apt-get install python3", "python3")
	t.Run("plain", func(t *testing.T) {
		dir := copyProject(t, st.dir)
		st.serve(t, dir, slices.Concat(st.always, st.plain))
	})
	for _, mode := range []string{"exec", "fork", "worker"} {
		t.Run("configured-"+mode, func(t *testing.T) {
			dir := copyProject(t, st.dir)
			writeFile(t, filepath.Join(dir, "gateway.toml"), fmt.Sprintf("%smode = %q\n", st.toml, mode))
			st.serve(t, dir, slices.Concat(st.always, st.configured))
		})
	}
}

func (st stage) serve(t *testing.T, dir string, visits []visit, flags ...string) {
	t.Helper()
	var s *servertest.Server
	// The log is whole once the server has ended: this runs after Start's own cleanup.
	t.Cleanup(func() {
		if s != nil {
			st.checkLog(t, s.Stderr.String())
		}
		if st.after != nil {
			st.after(t, dir)
		}
	})
	servertest.Build(t) // looks for the repository above the current directory
	t.Chdir(dir)
	s = servertest.Start(t, append(flags, "0", "mini_frame:application")...)
	for _, v := range visits {
		v.check(t, s.URL)
	}
}

var requestID = regexp.MustCompile(`(Request id:) [0-9a-f]{16}\b`)

func (v visit) check(t *testing.T, base string) {
	t.Helper()
	client := http.Client{Timeout: time.Minute}
	resp, err := client.Get(base + v.path)
	if err != nil {
		t.Errorf("GET %s: %v", v.path, err)
		return
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("GET %s: %v after %q", v.path, err, data)
	}
	body := requestID.ReplaceAllString(string(data), "$1 ID")
	for _, part := range v.contains {
		if !strings.Contains(body, part) {
			t.Errorf("GET %s: got %q; want %q in it", v.path, body, part)
		}
	}
	if resp.StatusCode != v.status || (body != v.body && v.contains == nil) {
		t.Errorf("GET %s: got %d %q; want %d %q", v.path, resp.StatusCode, body, v.status, v.body)
	}
	if got := resp.Header.Get("Content-Type"); got != v.contentType {
		t.Errorf("GET %s: got Content-Type %q; want %q", v.path, got, v.contentType)
	}
	for name, pattern := range v.header {
		if got := resp.Header.Get(name); !regexp.MustCompile(pattern).MatchString(got) {
			t.Errorf("GET %s: got %s: %s; want a match for %s", v.path, name, got, pattern)
		}
	}
}

// checkLog looks for the warnings, which must be these and no others, and for
// what the frame has printed.
func (st stage) checkLog(t *testing.T, log string) {
	t.Helper()
	var warnings, printed []string
	for line := range strings.Lines(log) {
		var record struct{ Level, Stream, Message string }
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Errorf("log: got %q: %v; want JSON", line, err)
			continue
		}
		if record.Stream != "stderr" {
			continue
		}
		text, isWarning := strings.CutPrefix(record.Message, "framegate: warning: ")
		switch {
		case !isWarning:
			printed = append(printed, text)
		case record.Level != "warn":
			t.Errorf("log: got level %q of %q; want warn", record.Level, text)
		case !slices.Contains(warnings, text):
			warnings = append(warnings, text)
		}
	}
	slices.Sort(warnings)
	if want := slices.Sorted(slices.Values(st.warnings)); !slices.Equal(warnings, want) {
		t.Errorf("warnings: got\n%s\nwant\n%s", strings.Join(warnings, "\n"), strings.Join(want, "\n"))
	}
	for _, want := range st.logged {
		if !slices.ContainsFunc(printed, func(got string) bool { return strings.Contains(got, want) }) {
			t.Errorf("log: got no line with %q in\n%s", want, strings.Join(printed, "\n"))
		}
	}
}
