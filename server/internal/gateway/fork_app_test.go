package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/rs/zerolog"

	"framegate/server/internal/config"
	"framegate/server/internal/gateway"
	"framegate/server/internal/servertest"
)

// forkApp is workerApp with more ways to misbehave.
const forkApp = workerApp + `
plain = application
GONE = []

def application(environ, start_response):
    what = environ["PATH_INFO"][1:]
    if what == "pid":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return ["%d %d" % (os.getpid(), os.getppid())]
    if what == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
    if what == "stream":
        def chunks():
            while True:
                yield b"x" * 1000
                time.sleep(0.01)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return chunks()
    if what == "loop":
        while True:
            pass
    if what == "grow":
        bytearray(1 << 30)
    if what == "short":
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "10")])
        return [b"short"]
    if what == "kill":
        start_response("200 OK", [("Content-Type", "text/plain")])(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "late":
        class Late(list):
            def close(self):
                raise OSError("in close")
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
        return Late([b"whole"])
    return plain(environ, start_response)
`

// forkSite serves forkApp at /f in mode "fork", and at /e in mode "exec".
func forkSite(t *testing.T, keys string) *site {
	t.Helper()
	python := servertest.Require(t, "apt-get install python3", "/usr/bin/python3")
	s := &site{t: t, dir: t.TempDir()}
	s.write("web.py", forkApp)
	app := "app = \"web:application\"\ninterpreter = " + tomlString(python) + "\n" + keys + "\n"
	file := s.write("gateway.toml", frameTable("f", `mount = "/f"`, nil, app+"mode = \"fork\"\n")+frameTable("e", `mount = "/e"`, nil, app))
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(t.Context(), cfg, gateway.Options{Log: zerolog.New(&s.log), Software: "framegate/test"})
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

// Whatever an app does in its request, the client and the log are told the
// same in mode "fork" as in mode "exec".
func TestForkAppIsAsByExec(t *testing.T) {
	for _, tt := range []struct {
		path string
		body int
		keys string
	}{
		{"/count", 0, ""}, {"/count", 0, ""}, {"/none", 0, ""}, {"/raise", 0, ""}, {"/exit", 0, ""}, {"/die", 0, ""}, {"/segv", 0, ""},
		{"/cut", 0, ""}, {"/short", 0, ""}, {"/kill", 0, ""}, {"/late", 0, ""}, {"/log", 0, ""},
		{"/read", 0, ""}, {"/read", 10, ""}, {"/read", 200_000, ""}, {"/read", 3 << 20, ""}, {"/ignore", 3 << 20, ""},
		{"/read", 3 << 20, "stream-body = true"}, {"/ignore", 3 << 20, "stream-body = true"}, {"/read", 100, `stdin = "body"`},
		{"/hang", 0, `first-byte-timeout = "500ms"`}, {"/stubborn", 0, "first-byte-timeout = \"500ms\"\nstop-grace = \"200ms\""},
		{"/stream", 0, `total-timeout = "500ms"`}, {"/stream", 0, `max-output = "50KiB"`},
		{"/loop", 0, `cpu-time = "1s"`}, {"/grow", 0, `memory = "200MiB"`},
	} {
		t.Run(tt.path[1:]+"-"+fmt.Sprint(tt.body)+"-"+tt.keys, func(t *testing.T) {
			s := forkSite(t, tt.keys)
			ask := func(mount string) (answer string, cut bool) {
				request, err := http.NewRequest("POST", s.url+mount+tt.path, bytes.NewReader(make([]byte, tt.body)))
				if err != nil {
					t.Fatal(err)
				}
				resp, err := s.client.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				body, err := io.ReadAll(resp.Body)
				if strings.HasPrefix(tt.path, "/stream") {
					body = body[:min(len(body), 1000)] // how much came in the time is the machine's affair
				}
				return fmt.Sprint(resp.StatusCode, resp.Header["Content-Type"], withoutID(string(body))), err != nil
			}
			want, wantCut := ask("/e")
			got, gotCut := ask("/f")
			if got != want || gotCut != wantCut {
				t.Errorf("got %.300s, cut %v; by exec %.300s, cut %v", got, gotCut, want, wantCut)
			}
			s.stop()
			records := s.records()
			if len(records) != 2 {
				t.Fatalf("got %d records; want 2", len(records))
			}
			exec, fork := records[0], records[1]
			names := []string{"level", "status", "exit_code", "signal", "error"}
			if tt.path != "/ignore" { // how much has come until it has answered is the machine's affair
				names = append(names, "bytes_in")
			}
			for _, name := range names {
				if withoutTimes(exec[name]) != withoutTimes(fork[name]) {
					t.Errorf("%s: got %v; by exec %v", name, fork[name], exec[name])
				}
			}
			checkRecord(t, fork, fmt.Sprint(exec["level"]), textOf(exec["error"]), int(exec["status"].(float64)))
		})
	}
}

func withoutID(page string) string {
	return regexp.MustCompile(`[0-9a-f]{16}`).ReplaceAllString(page, "ID")
}

// withoutTimes is an error's text without what a clock said.
func withoutTimes(v any) string {
	return regexp.MustCompile(`\d+(\.\d+)?m?s after`).ReplaceAllString(fmt.Sprint(v), "T after")
}

func textOf(v any) string {
	if v == nil {
		return ""
	}
	return strings.SplitN(withoutTimes(v), " T after", 2)[0]
}

// A client that goes away ends its fork, and no other.
func TestForkAppClientGone(t *testing.T) {
	s := forkSite(t, "")
	s.wantText("/f/count", "1")
	w := s.dial()
	w.send(ask("/f/stream"))
	if _, err := w.r.ReadString('x'); err != nil {
		t.Fatal(err)
	}
	w.reset()
	s.wantText("/f/count", "1")
	for _, record := range s.records() {
		if record["uri"] == "/f/stream" {
			checkRecord(t, record, "error", "client closed the connection", 200)
			return
		}
	}
	t.Error("no record of the exchange")
}

// The process in the log is the fork; the loaded one is the same for all, and
// goes with the gateway.
func TestForkAppProcesses(t *testing.T) {
	s := forkSite(t, "")
	var pid, loaded int
	for range 3 {
		last := loaded
		_, body := s.get("/f/pid")
		if _, err := fmt.Sscan(body, &pid, &loaded); err != nil {
			t.Fatal(err)
		}
		if last != 0 && last != loaded {
			t.Errorf("got a fork of %d, and one of %d", last, loaded)
		}
	}
	records := s.records()
	if got := records[len(records)-1]["pid"]; got != float64(pid) {
		t.Errorf("the record says pid %v; want %d", got, pid)
	}
	if got := records[0]["mode"]; got != "fork" {
		t.Errorf("the record says mode %v", got)
	}
	s.stop()
	until(t, "the loaded process ends", func() bool { return syscall.Kill(loaded, 0) == syscall.ESRCH })
}
