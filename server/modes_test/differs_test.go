// Package modes_test holds the table "What differs" of docs/modes.md: one app,
// in each mode.
package modes_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"framegate/server/internal/servertest"
)

func TestMain(m *testing.M) { servertest.Main(m) }

const app = `import atexit, os, signal, threading
here, imported, asked = os.getcwd(), os.getpid(), 0
threading.Thread(target=threading.Event().wait, name="flusher", daemon=True).start()
atexit.register(lambda: print("the import's end"))
class Kept:
    def __del__(self, write=os.write):
        write(2, b"the object's end\n")

def application(environ, start_response):
    global asked
    asked += 1
    path = environ["PATH_INFO"]
    said = {
        "/asked": lambda: min(asked, 2),
        "/imported": lambda: imported == os.getpid(),
        "/thread": lambda: "flusher" in [t.name for t in threading.enumerate()],
        "/environ": lambda: "REQUEST_METHOD" in os.environ,
        "/once": lambda: environ["wsgi.run_once"],
        "/chdir": lambda: (os.getcwd() == here, os.chdir("/"))[0],
        "/handler": lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN) == signal.SIG_DFL,
        "/atexit": lambda: atexit.register(lambda: print("the request's end")) and "",
        "/keep": lambda: globals().update(kept=Kept()) or "",
        "/exit": lambda: os._exit(3),
    }[path]()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(said).encode()]
`

type site struct {
	t *testing.T
	*servertest.Server
	client *http.Client
}

func serve(t *testing.T, mode string) *site {
	t.Helper()
	dir := t.TempDir()
	conf := fmt.Sprintf("[[frame]]\nname = \"app\"\nmount = \"/\"\napp = \"app:application\"\nmode = %q\n", mode)
	if mode == "worker" {
		conf += "workers = 1\n"
	}
	for name, text := range map[string]string{"app.py": app, "gateway.toml": conf} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	return &site{t, servertest.Start(t, "-c", filepath.Join(dir, "gateway.toml")), client}
}

func (s *site) get(path string) (status int, body string) {
	s.t.Helper()
	response, err := s.client.Get(s.URL + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, string(data)
}

// record waits for the log record of the last request to path: it may be
// written after the answer has gone out.
func (s *site) record(path string) (record map[string]any) {
	s.t.Helper()
	for limit := time.Now().Add(30 * time.Second); time.Now().Before(limit); {
		for _, line := range strings.Split(s.Stderr.String(), "\n") {
			var r map[string]any
			if json.Unmarshal([]byte(line), &r) == nil && r["uri"] == path {
				record = r
			}
		}
		if record != nil {
			return record
		}
	}
	s.t.Fatalf("no log record of %s:\n%s", path, s.Stderr.String())
	return nil
}

func TestWhatDiffers(t *testing.T) {
	modes := []string{"exec", "fork", "worker"}
	answers := []struct {
		path string
		want []string // of the second request, in each mode
	}{
		{"/asked", []string{"1", "1", "2"}},
		{"/imported", []string{"True", "False", "True"}},
		{"/thread", []string{"True", "False", "True"}},
		{"/environ", []string{"True", "True", "False"}},
		{"/once", []string{"True", "True", "False"}},
		{"/chdir", []string{"True", "True", "False"}},
		{"/handler", []string{"True", "True", "False"}},
	}
	for i, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			s := serve(t, mode)
			for _, tt := range answers {
				s.get(tt.path)
				if status, got := s.get(tt.path); status != 200 || got != tt.want[i] {
					t.Errorf("%s: got %d %q; want %q", tt.path, status, got, tt.want[i])
				}
			}
			s.get("/atexit")
			record := s.record("/atexit")
			for _, key := range []string{"exit_code", "cpu_ms", "max_rss_kib"} {
				if _, is := record[key]; is != (mode != "worker") {
					t.Errorf("the log record of a request has %s: %v", key, is)
				}
			}
			log := s.Stderr.String()
			if got, want := strings.Contains(log, "the request's end"), mode != "worker"; got != want {
				t.Errorf("the request's own exit functions have run: got %v; want %v", got, want)
			}
			s.get("/keep")
			s.record("/keep")
			if got, want := strings.Contains(s.Stderr.String(), "the object's end"), mode == "exec"; got != want {
				t.Errorf("the destructor of what is there at the end has run: got %v; want %v", got, want)
			}
			if got, want := strings.Contains(log, "the import's end"), mode == "exec"; got != want {
				t.Errorf("the import's exit functions have run: got %v; want %v", got, want)
			}
			if status, _ := s.get("/exit"); status != http.StatusBadGateway {
				t.Errorf("os._exit(): got %d; want 502", status)
			}
			if got := s.record("/exit")["exit_code"]; got != 3.0 {
				t.Errorf("os._exit(3): got exit_code %v in the log; want 3", got)
			}
			if status, got := s.get("/once"); status != 200 {
				t.Errorf("the request after it: got %d %q", status, got)
			}
		})
	}
}
