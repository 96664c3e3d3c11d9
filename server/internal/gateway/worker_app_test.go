package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"framegate/server/internal/capture"
	"framegate/server/internal/config"
	"framegate/server/internal/gateway"
	"framegate/server/internal/servertest"
)

// workerApp does what a request's path says.
const workerApp = `
import json, os, signal, sys, threading, time
COUNT = [0]

def application(environ, start_response):
    COUNT[0] += 1
    def say(status, *chunks):
        start_response(status, [("Content-Type", "text/plain")])
        return [c.encode() for c in chunks]
    what = environ["PATH_INFO"][1:]
    if what == "count":
        return say("200 OK", str(COUNT[0]))
    if what == "env":
        return say("200 OK", json.dumps({k: v for k, v in environ.items() if isinstance(v, str)}))
    if what == "die":
        os._exit(3)
    if what == "exit":
        sys.exit(4)
    if what == "segv":
        os.kill(os.getpid(), signal.SIGSEGV)
    if what == "raise":
        raise KeyError("broken")
    if what == "cut":
        def chunks():
            yield b"x" * 100000
            raise KeyError("too late")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return chunks()
    if what == "log":
        print("printed by", environ["QUERY_STRING"])
        os.system("echo a child of " + environ["QUERY_STRING"] + " >&2")
        sys.stderr.write("not ended by " + environ["QUERY_STRING"])
        return say("200 OK", "logged")
    if what == "read":
        return say("200 OK", str(len(environ["wsgi.input"].read())))
    if what == "sum": # the first of them dies of it, where the query names a file that is not there
        body, mark = environ["wsgi.input"].read(), environ["QUERY_STRING"]
        if mark and not os.path.exists(mark):
            open(mark, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return say("200 OK", "%d %d" % (len(body), sum(body)))
    if what == "fill":
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", environ["QUERY_STRING"])])
        return (b"x" * 65536 for _ in range(int(environ["QUERY_STRING"]) // 65536))
    if what == "ignore":
        return say("200 OK", "ignored")
    if what == "hang":
        time.sleep(600)
    if what == "later":
        threading.Timer(0.05, os._exit, [5]).start()
        return say("200 OK", "later")
    return say("404 Not Found", what)
`

// appSite serves workerApp at /w in mode "worker", and at /e in mode "exec".
func appSite(t *testing.T, keys string, watchers ...capture.Watcher) *site {
	t.Helper()
	return pythonSiteTop(t, "", workerApp, keys, watchers...)
}

func pythonSite(t *testing.T, app, keys string) *site {
	t.Helper()
	return pythonSiteTop(t, "", app, keys)
}

func pythonSiteTop(t *testing.T, top, source, keys string, watchers ...capture.Watcher) *site {
	t.Helper()
	python := servertest.Require(t, "apt-get install python3", "/usr/bin/python3")
	s := &site{t: t, dir: t.TempDir()}
	s.write("web.py", source)
	if !strings.Contains(keys, "workers") {
		keys = "workers = 1\n" + keys
	}
	app := "app = \"web:application\"\ninterpreter = " + tomlString(python) + "\n"
	file := s.write("gateway.toml", top+frameTable("w", `mount = "/w"`, nil, app+"mode = \"worker\"\n"+keys)+
		frameTable("e", `mount = "/e"`, nil, app))
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(t.Context(), cfg, gateway.Options{Log: zerolog.New(&s.log), Software: "framegate/test", Watchers: watchers})
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range g.Problems() {
		t.Error(problem)
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = ln.Addr().String()
	s.url = "http://" + s.addr
	s.client, s.h2 = newClient(false), newClient(true)
	s.serve(g, ln)
	return s
}

func TestWorkerApp(t *testing.T) {
	s := appSite(t, "")
	for i := range 5 {
		s.wantText("/w/count", fmt.Sprint(i+1)) // one process, which keeps its globals
	}
	for _, tt := range []struct {
		path   string
		status int
		text   string // of the record's error
		lives  bool
	}{
		{"/w/raise", 500, "the application failed: the answer says so", true},
		{"/w/exit", 500, "the application failed: the answer says so", true},
		{"/w/none", 404, "", true},
		{"/w/die", 502, "the worker exited with status 3 before it printed a header", false},
		{"/w/segv", 502, "the worker was killed by SIGSEGV before it printed a header", false},
	} {
		_, before := s.get("/w/count")
		resp, _ := s.do(s.client, "POST", tt.path, nil)
		if resp.StatusCode != tt.status {
			t.Errorf("%s: got %d; want %d", tt.path, resp.StatusCode, tt.status)
		}
		_, after := s.get("/w/count")
		if lives := after != "1"; lives != tt.lives {
			t.Errorf("%s: the counter goes from %s to %s; want the worker's life %v", tt.path, before, after, tt.lives)
		}
	}
	s.stop()
	for _, want := range []string{"KeyError: 'broken'", "the worker exited with status 3", `"signal":"SIGSEGV"`} {
		if !bytes.Contains(s.log.bytes(), []byte(want)) {
			t.Errorf("the log does not say %q", want)
		}
	}
}

// An answer that breaks off in the middle is cut, and its worker lives.
func TestWorkerAppCut(t *testing.T) {
	s := appSite(t, "")
	s.wantText("/w/count", "1")
	got := s.everything(ask("/w/cut"))
	if _, body, err := got.response(); len(body) != 100_000 || err == nil {
		t.Errorf("got %d bytes, %v; want 100000 and a cut", len(body), err)
	}
	s.wantText("/w/count", "3")
	record := s.records()[1]
	if got := fmt.Sprint(record["error"]); got != "the application failed in the middle of its answer" {
		t.Errorf("got error %q", got)
	}
}

// Each line belongs to its request, whoever has printed it.
func TestWorkerAppStderr(t *testing.T) {
	s := appSite(t, "workers = 2")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 10 {
				s.wantText(fmt.Sprintf("/w/log?r%d-%d", i, j), "logged")
			}
		})
	}
	wg.Wait()
	s.stop()
	lines := map[string][]string{}
	ids := map[string]string{}
	for line := range bytes.Lines(s.log.bytes()) {
		var r struct {
			ID      string `json:"request_id"`
			Message string
			URI     string
		}
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		if _, query, ok := strings.Cut(r.URI, "?"); ok {
			ids[query] = r.ID
		} else if r.Message != "" {
			lines[r.ID] = append(lines[r.ID], r.Message)
		}
	}
	if len(ids) != 40 {
		t.Errorf("got %d records; want 40", len(ids))
	}
	for query, id := range ids {
		want := []string{"a child of " + query, "not ended by " + query, "printed by " + query}
		slices.Sort(lines[id])
		if diff := cmp.Diff(want, lines[id]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
}

// The environ is that of mode "exec", whatever of it is on the wire.
func TestWorkerAppEnviron(t *testing.T) {
	s := appSite(t, "env = { OURS = \"yes\" }")
	// The same request, in one mode and in the other.
	environ := func(path string, fields ...string) map[string]string {
		_, body := s.get(path, fields...)
		env := map[string]string{}
		if err := json.Unmarshal([]byte(body), &env); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		for name, value := range env {
			env[name] = strings.ReplaceAll(strings.ReplaceAll(value, "/w/", "/e/"), s.dir+"/w", s.dir+"/e")
		}
		for _, name := range []string{"REQUEST_ID", "REMOTE_PORT", "SCRIPT_NAME", "OURS"} {
			delete(env, name)
		}
		return env
	}
	for _, fields := range [][]string{nil, {"X-Y: 1", "X-Y: 2", "Cookie: a=b", "Cookie: c=d", "Proxy: no", "X_Y: no", "Content-Type: text/x"}} {
		for _, path := range []string{"env", "env?a=b&c", "env?%20"} {
			if diff := cmp.Diff(environ("/e/"+path, fields...), environ("/w/"+path, fields...)); diff != "" {
				t.Errorf("%s %q (-exec +worker):\n%s", path, fields, diff)
			}
		}
	}
	// Nothing of one request is left for the next.
	s.get("/w/env?secret", "X-Secret: secret", "Cookie: secret")
	if _, body := s.get("/w/env"); strings.Contains(body, "secret") {
		t.Errorf("a request's variables are seen by the next: %s", body)
	}
}

func TestWorkerAppBodies(t *testing.T) {
	for _, keys := range []string{"", "stream-body = true"} {
		s := appSite(t, keys)
		for _, n := range []int{0, 1, 70_000, 3 << 20} {
			if _, got := s.do(s.client, "POST", "/w/read", bytes.NewReader(make([]byte, n))); got != fmt.Sprint(n) {
				t.Errorf("%s: %d bytes: got %q", keys, n, got)
			}
			s.do(s.client, "POST", "/w/ignore", bytes.NewReader(make([]byte, n)))
		}
	}
}

// A worker that ends by itself between two requests costs neither.
func TestWorkerAppEndsBetween(t *testing.T) {
	s := appSite(t, "workers = 2")
	for range 3 {
		s.wantText("/w/later", "later")
		until(t, "its end", func() bool {
			resp, count := s.get("/w/count")
			if resp.StatusCode != 200 {
				t.Errorf("got %d", resp.StatusCode)
			}
			return count == "1"
		})
	}
}

// watcher keeps what it is shown.
type watcher struct {
	mu   sync.Mutex
	seen []*capture.Exchange
}

func (*watcher) Interest() capture.Interest { return capture.Everything }
func (*watcher) Started(*capture.Exchange)  {}
func (w *watcher) Ended(x *capture.Exchange) {
	w.mu.Lock()
	w.seen = append(w.seen, x)
	w.mu.Unlock()
}

// A capture of a worker's exchange is a program that can be run again: the
// same app in mode "exec", with the whole environ.
func TestWorkerAppCapture(t *testing.T) {
	w := &watcher{}
	s := appSite(t, "", w)
	s.do(s.client, "POST", "/w/raise?q", strings.NewReader("body"))
	s.stop()
	if len(w.seen) != 1 {
		t.Fatalf("got %d exchanges", len(w.seen))
	}
	x := w.seen[0]
	if slices.Contains(x.Program.Argv, "--worker") || x.Program.Argv[len(x.Program.Argv)-1] != "web:application" {
		t.Errorf("got argv %q", x.Program.Argv)
	}
	for _, want := range []string{"SCRIPT_NAME=/w", "PATH_INFO=/raise", "QUERY_STRING=q", "GATEWAY_INTERFACE=CGI/1.1", "CONTENT_LENGTH=4"} {
		if !slices.Contains(x.Program.Env, want) {
			t.Errorf("no %s in %q", want, x.Program.Env)
		}
	}
	if x.Pid == 0 || x.Exit != nil || x.Mode != "worker" || !strings.Contains(x.Failure, "the application failed") || string(x.Stdin.Head) != "body" {
		t.Errorf("got %+v", x)
	}
	if !strings.Contains(strings.Join(x.Stderr.Last, "\n"), "KeyError: 'broken'") || !strings.HasPrefix(string(x.Stdout.Head), "Status: 500") {
		t.Errorf("got stderr %q, stdout %q", x.Stderr.Last, x.Stdout.Head)
	}
}

// Under a sandbox, with limits, a worker works.
func TestWorkerAppConfined(t *testing.T) {
	s := appSite(t, "sandbox = true\nmemory = \"1GiB\"\nopen-files = 64\ncpu-time = \"10s\"")
	s.wantText("/w/count", "1")
	if _, got := s.do(s.client, "POST", "/w/read", bytes.NewReader(make([]byte, 3<<20))); got != fmt.Sprint(3<<20) {
		t.Errorf("got %q", got)
	}
}
