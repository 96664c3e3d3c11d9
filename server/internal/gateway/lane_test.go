package gateway_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// laneApp answers in every way that decides whether an answer stays on the
// lane.
const laneApp = `
import json, os, signal, time
def application(environ, start_response):
    what = environ["PATH_INFO"].strip("/").split("/")[0]
    plain = [("Content-Type", "text/plain")]
    if what == "env":
        body = json.dumps({k: v for k, v in sorted(environ.items()) if isinstance(v, str)}).encode()
        start_response("200 OK", plain)
        return [body]
    if what == "cookies":
        start_response("200 OK", plain + [("Set-Cookie", "a=b"), ("set-cookie", "c=d"), ("x-lower", "v"), ("X-Empty", "")])
        return [b"cookies"]
    if what == "server":
        start_response("203 Whatever", plain + [("Server", "mine"), ("date", "Thu, 01 Jan 1970 00:00:00 GMT")])
        return [b"server"]
    if what == "length":
        start_response("200 OK", plain + [("Content-Length", "4")])
        return [b"le", b"ng"]
    if what == "short":
        start_response("200 OK", plain + [("Content-Length", "9")])
        return [b"short"]
    if what == "long":
        start_response("200 OK", plain + [("Content-Length", "3")])
        return [b"long"]
    if what == "untyped":
        start_response("200 OK", [])
        return [b"untyped"]
    if what == "connection":
        start_response("200 OK", plain + [("Connection", "close")])
        return [b"connection"]
    if what in ("204", "205", "304", "299", "404", "500", "503", "101"):
        start_response(what + " Status", plain)
        return [] if what in ("204", "205", "304") else [what.encode()]
    if what == "redirect":
        start_response("302 Found", [("Location", "http://example.org/")])
        return []
    if what == "empty":
        start_response("200 OK", plain)
        return []
    if what == "large":
        start_response("200 OK", plain)
        return [b"x" * 100000]
    if what == "stream":
        start_response("200 OK", plain)
        def chunks():
            for i in range(3):
                yield b"chunk"
                time.sleep(0.02)
        return chunks()
    if what == "cut":
        start_response("200 OK", plain)
        def chunks():
            yield b"chunk"
            raise KeyError("cut")
        return chunks()
    if what == "raise":
        raise KeyError("raise")
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "hang":
        time.sleep(600)
    if what == "slow":
        time.sleep(0.2)
        start_response("200 OK", plain)
        return [b"slow"]
    if what == "chat":
        for i in range(20):
            print("chat %s" % environ["QUERY_STRING"])
            sum(range(2000))
        start_response("200 OK", plain)
        return [b"chatted"]
    if what == "pid":
        start_response("200 OK", plain)
        return [b"%d" % os.getpid()]
    if what == "say":
        print("said " + environ["QUERY_STRING"])
        start_response("200 OK", plain)
        return [b"said"]
    start_response("200 OK", plain)
    return [what.encode()]
`

// twoWays asks for the same on a connection that is net/http's, because it has
// had a request that the lane does not take, and on one that is the lane's.
func (s *site) twoWays(head string) (long, short *http.Response, longBody, shortBody string) {
	s.t.Helper()
	method, _, _ := strings.Cut(head, " ")
	ask := func(w *wire) (*http.Response, string) {
		w.send(head)
		resp, err := http.ReadResponse(w.r, &http.Request{Method: method})
		for err == nil && resp.StatusCode == 100 {
			resp, err = http.ReadResponse(w.r, &http.Request{Method: method})
		}
		if err != nil {
			s.t.Fatalf("%q: %v", head, err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			body = append(body, "("+err.Error()+")"...)
		}
		return resp, string(body)
	}
	passed := s.dial()
	defer passed.Close()
	passed.send("HEAD /w/first HTTP/1.1\r\nHost: h\r\n\r\n")
	if resp, _ := passed.receive("HEAD"); resp.StatusCode != 200 {
		s.t.Fatalf("got %d", resp.StatusCode)
	}
	long, longBody = ask(passed)
	fresh := s.dial()
	defer fresh.Close()
	short, shortBody = ask(fresh)
	return long, short, longBody, shortBody
}

func laneSite(t *testing.T, keys string) *site {
	return pythonSite(t, laneApp, keys)
}

// The lane's answers are those of the long way, to the last field.
func TestLaneAnswers(t *testing.T) {
	s := laneSite(t, "workers = 2\nfirst-byte-timeout = \"1s\"")
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s", s.log.bytes())
		}
	})
	for _, path := range []string{"plain", "cookies", "server", "length", "short", "long", "untyped", "connection", "204", "205", "304", "299",
		"404", "500", "503", "101", "redirect", "empty", "large", "stream", "cut", "raise", "die", "hang", "slow", "say?x", "none%20such"} {
		long, short, longBody, shortBody := s.twoWays("GET /w/" + path + " HTTP/1.1\r\nHost: h\r\n\r\n")
		long.Header.Del("Date")
		short.Header.Del("Date")
		if path == "server" {
			long.Header.Set("Date", "")
		}
		id := func(body string) string {
			before, _, _ := strings.Cut(body, "Request id: ")
			return before
		}
		if diff := cmp.Diff(long.Header, short.Header); long.Status != short.Status || id(longBody) != id(shortBody) || long.Close != short.Close || path != "server" && diff != "" {
			t.Errorf("%s: the long way: %s, close %v, %.50q; on the lane: %s, close %v, %.50q\n%s", path,
				long.Status, long.Close, longBody, short.Status, short.Close, shortBody, diff)
		}
	}
}

// The environ on the lane is that of the long way, whatever the request's head.
func TestLaneEnviron(t *testing.T) {
	s := laneSite(t, "pass-authorization = true\nenv = { OURS = \"yes\" }")
	for _, line := range []string{
		"GET /w/env HTTP/1.1", "GET /w/env?a=b HTTP/1.1", "GET /w/env? HTTP/1.1", "GET /w/env/%C3%A9%2Fx/../y?%20 HTTP/1.1",
		"GET /w//env HTTP/1.1", "GET /w/./env HTTP/1.1", "GET http://other:80/w/env HTTP/1.1",
		"HEAD /w/env HTTP/1.1", "POST /w/env HTTP/1.1", "GET /w/env HTTP/1.0",
	} {
		for _, fields := range []string{
			"", "X-A: 1\r\nx-b:2\r\nX-C:\t 3 \t\r\nx-EMPTY:\r\n", "X-A: 1\r\nx-a: 2\r\n", "X_A: 1\r\nX.B: 2\r\nX-A: 3\r\n",
			"Cookie: a=b\r\nCookie: c=d\r\n", "Proxy: evil\r\nproxy-authorization: evil\r\nAuthorization: mine\r\n",
			"Content-Type: a/b\r\n", "content-type: a/b\r\nAccept: x\r\n", "Connection: keep-alive\r\nKeep-Alive: 1\r\n",
			"Pragma: no-cache\r\n", "TE: trailers\r\n", "Content-Length: 0\r\n", "Trailer: X\r\n", "Upgrade: h2c\r\n", "Expect: 100-continue\r\n",
			"X-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\n", "Framegate-Capture: no\r\n", "Transfer-Encodin: x\r\nConnectio: y\r\n",
			strings.Repeat("X-Many: x\r\n", 40), "Accept: " + strings.Repeat("a", 3000) + "\r\n", "Content-Language: de\r\nLocation: /x\r\n",
		} {
			head := line + "\r\nHost: h:99\r\n" + fields + "\r\n"
			long, short, longBody, shortBody := s.twoWays(head)
			if long.StatusCode != short.StatusCode || long.Header.Get("Content-Type") != short.Header.Get("Content-Type") {
				t.Errorf("%q: the long way: %s; on the lane: %s", head, long.Status, short.Status)
			}
			if strings.HasPrefix(line, "HEAD") || long.StatusCode != 200 {
				continue
			}
			if diff := cmp.Diff(environOf(t, longBody), environOf(t, shortBody)); diff != "" {
				t.Errorf("%q (-long way +lane):\n%s", head, diff)
			}
		}
	}
}

func environOf(t *testing.T, body string) map[string]string {
	t.Helper()
	env := map[string]string{}
	if err := json.Unmarshal([]byte(body), &env); err != nil {
		t.Fatalf("%v: %.200q", err, body)
	}
	for _, name := range []string{"REQUEST_ID", "REMOTE_PORT"} {
		if env[name] == "" {
			t.Errorf("%s is not set", name)
		}
		delete(env, name)
	}
	return env
}

// Requests that come together, or in pieces, are answered one by one.
func TestLanePieces(t *testing.T) {
	s := laneSite(t, "")
	w := s.dial()
	w.send("GET /w/first HTTP/1.1\r\nHost: h\r\n\r\n")
	w.receive("GET")
	for i, pieces := range [][]string{
		{"GET /w/a HTTP/1.1\r\nHost: h\r\n\r\nGET /w/b HTTP/1.1\r\nHost: h\r\n\r\n"},
		{"GET /w/a HTTP/1.1\r\nHo", "st: h\r\n\r\nGET /w/b HTTP/1.1\r\nHost: h\r\n\r\n"},
		{"GET /w/a HTTP/1.1\r\nHost: h\r\n\r\nG", "ET /w/b HTTP/1.1\r\nHost: h\r\n\r\n"},
		{"\r\nGET /w/a HTTP/1.1\r\nHost: h\r\n\r\n", "\r\n\r\nGET /w/b HTTP/1.1\r\nHost: h\r\n\r\n"},
		{"GET /w/a HTTP/1.1\r\nHost: h\r\n\r\n", "GET /w/b HTTP/1.1\r\nHost: h\r\n\r\n"},
	} {
		for _, piece := range pieces {
			w.send(piece)
			time.Sleep(time.Millisecond) // so that they arrive apart, most often
		}
		for _, want := range []string{"a", "b"} {
			if _, body := w.receive("GET"); body != want {
				t.Errorf("%d: got %q; want %q", i, body, want)
			}
		}
	}
	// What is no request is refused as ever.
	w.send("GET /w/a HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n")
	if resp, _ := w.receive("GET"); resp.StatusCode != 400 {
		t.Errorf("two Hosts: got %d", resp.StatusCode)
	}
}

// Each request has its record, and its lines, on either way.
func TestLaneLog(t *testing.T) {
	s := laneSite(t, "workers = 2")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			w := s.dial()
			for j := range 25 {
				w.send(fmt.Sprintf("GET /w/say?%d-%d HTTP/1.1\r\nHost: h\r\n\r\n", i, j))
				w.receive("GET")
			}
		})
	}
	wg.Wait()
	s.stop()
	ids := map[string]string{}
	said := map[string]string{}
	for line := range bytes.Lines(s.log.bytes()) {
		r := map[string]any{}
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		id := fmt.Sprint(r["request_id"])
		switch _, query, ok := strings.Cut(fmt.Sprint(r["uri"]), "?"); {
		case ok:
			ids[id] = query
			for _, name := range []string{"remote", "method", "host", "proto", "status", "bytes_in", "bytes_out", "duration_ms", "frame", "mode", "queue_ms", "pid", "spawn_ms", "first_byte_ms"} {
				if r[name] == nil {
					t.Errorf("no %s in %s", name, line)
				}
			}
		case r["stream"] == "stderr":
			said[id] = fmt.Sprint(r["message"])
		}
	}
	if len(ids) != 100 {
		t.Errorf("got %d records; want 100", len(ids))
	}
	for id, query := range ids {
		if said[id] != "said "+query {
			t.Errorf("%s: got %q", query, said[id])
		}
	}
}

// A connection that the lane has served is idle for as long as any other, and
// ends with the server at once.
func TestLaneKeepAlive(t *testing.T) {
	s := pythonSiteTop(t, "[http]\nkeep-alive = \"300ms\"\n", laneApp, "")
	w := s.dial()
	for range 5 {
		w.send("GET /w/a HTTP/1.1\r\nHost: h\r\n\r\n")
		w.receive("GET")
		time.Sleep(100 * time.Millisecond) // together longer than keep-alive
	}
	begun := time.Now()
	if _, err := w.r.ReadByte(); err != io.EOF {
		t.Errorf("got %v; want the end of the connection", err)
	}
	if idle := time.Since(begun); idle > 10*time.Second {
		t.Errorf("the connection was idle for %s", idle)
	}

	s = laneSite(t, "")
	w = s.dial()
	for range 3 {
		w.send("GET /w/a HTTP/1.1\r\nHost: h\r\n\r\n")
		w.receive("GET")
	}
	begun = time.Now()
	s.stop()
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("the server took %s to end", took)
	}
}

// A request on the lane is answered although the server is to end.
func TestLaneShutdown(t *testing.T) {
	s := laneSite(t, "")
	first := s.dial()
	first.send("GET /w/a HTTP/1.1\r\nHost: h\r\n\r\n")
	first.receive("GET") // the worker runs
	w := s.dial()
	w.send("GET /w/a HTTP/1.1\r\nHost: h\r\n\r\n")
	w.receive("GET")
	w.send("GET /w/slow HTTP/1.1\r\nHost: h\r\n\r\n")
	time.Sleep(50 * time.Millisecond) // most often it is at the worker then
	s.stop()
	if resp, body := w.receive("GET"); resp.StatusCode != 200 || body != "slow" {
		t.Errorf("got %d, %q", resp.StatusCode, body)
	}
	if _, err := w.r.ReadByte(); err == nil {
		t.Error("the connection is still open")
	}
	if n := len(s.records()); n != 3 {
		t.Errorf("got %d records; want 3", n)
	}
}

// Connections that the lane serves count, and make room when they are idle.
func TestLaneMaxConnections(t *testing.T) {
	s := pythonSiteTop(t, "[http]\nmax-connections = 2\n", laneApp, "workers = 2")
	for range 5 {
		w := s.dial()
		for range 3 {
			w.send("GET /w/a HTTP/1.1\r\nHost: h\r\n\r\n")
			if resp, _ := w.receive("GET"); resp.StatusCode != 200 {
				t.Errorf("got %d", resp.StatusCode)
			}
		}
	}
}

// Clients that go, at whatever point, leave nothing behind.
func TestLaneClientGone(t *testing.T) {
	s := laneSite(t, "workers = 2")
	for _, path := range []string{"a", "slow", "large", "stream", "cut", "die"} {
		for range 3 {
			w := s.dial()
			w.send("GET /w/a HTTP/1.1\r\nHost: h\r\n\r\n")
			w.receive("GET")
			w.send("GET /w/" + path + " HTTP/1.1\r\nHost: h\r\n\r\n")
			w.reset()
		}
	}
	until(t, "all workers are free", func() bool {
		resp, _ := s.get("/w/a")
		return resp.StatusCode == 200
	})
}

// Whatever becomes of a request, those that its worker had got behind it are
// answered as if nothing was, each with its own answer.
func TestLaneMix(t *testing.T) {
	const clients, requests = 12, 40
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := laneSite(t, "workers = 2\nfirst-byte-timeout = \"30s\"")
	kinds := []struct {
		path   string
		status int
		body   string // its beginning
	}{
		{"500", 500, "500"}, {"large", 200, strings.Repeat("x", 100)}, {"stream", 200, "chunkchunk"}, {"slow", 200, "slow"},
		{"raise", 500, "500 Internal"}, {"untyped", 200, "untyped"}, {"cut", 0, ""}, {"die", 502, "502"}, {"say?x", 200, "said"},
	}
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			w := s.dial()
			for j := range requests {
				path, status, body := fmt.Sprintf("token-%d-%d", i, j), 200, fmt.Sprintf("token-%d-%d", i, j)
				if kind := kinds[rng.IntN(len(kinds))]; rng.IntN(6) == 0 && (kind.path != "die" || j == requests/2) {
					path, status, body = kind.path, kind.status, kind.body
				}
				w.send("GET /w/" + path + " HTTP/1.1\r\nHost: h\r\n\r\n")
				resp, err := http.ReadResponse(w.r, &http.Request{Method: "GET"})
				if err != nil {
					t.Errorf("%s: %v", path, err)
					return
				}
				got, err := io.ReadAll(resp.Body)
				switch {
				case status == 0 && err != nil:
					w = s.dial()
				case resp.StatusCode != status || err != nil || !strings.HasPrefix(string(got), body):
					t.Errorf("%s: got %s, %.60q, %v; want %d, %.60q", path, resp.Status, got, err, status, body)
				case resp.Close || rng.IntN(10) == 0:
					w = s.dial()
				}
			}
		})
	}
	wg.Wait()
}

// A worker that hangs does not keep those waiting that it has got meanwhile.
func TestLaneBehindOneThatHangs(t *testing.T) {
	s := pythonSiteTop(t, "shutdown-timeout = \"10ms\"\n", laneApp,
		"workers = 2\nfirst-byte-timeout = \"1h\"\ntotal-timeout = \"1h\"\nstop-grace = \"10ms\"")
	hung := s.dial()
	hung.send("GET /w/hang HTTP/1.1\r\nHost: h\r\n\r\n")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			w := s.dial()
			for j := range 30 {
				token := fmt.Sprintf("token-%d-%d", i, j)
				w.send("GET /w/" + token + " HTTP/1.1\r\nHost: h\r\n\r\n")
				if resp, body := w.receive("GET"); resp.StatusCode != 200 || body != token {
					t.Errorf("got %s, %q; want %q", resp.Status, body, token)
				}
			}
		})
	}
	wg.Wait()
}

// Files are answered on the lane as they are on the long way.
func TestLaneFiles(t *testing.T) {
	s := start(t, setup{files: map[string]string{"static/page.html": strings.Repeat("<p>page\n", 500), "static/page.html.gz": "not really",
		"static/large.bin": strings.Repeat("0123456789abcdef", 60_000), "static/empty.css": "", "static/dir/index.html": "index"}})
	one := s.dial()
	one.send("GET /plain.txt HTTP/1.1\r\nHost: h\r\n\r\n")
	first, _ := one.receive("GET")
	tag, modified := first.Header.Get("Etag"), first.Header.Get("Last-Modified")
	if tag == "" || modified == "" {
		t.Fatalf("got %v", first.Header)
	}
	ask := func(w *wire, head string) (*http.Response, string) {
		w.send(head)
		return w.receive("GET")
	}
	for _, path := range []string{"/plain.txt", "/plain.txt?a=b", "/page.html", "/large.bin", "/empty.css", "/dir/", "/dir", "/none", "/./plain.txt", "/pl%61in.txt", "/..%2fx"} {
		for _, fields := range []string{
			"", "If-None-Match: " + tag + "\r\n", "If-None-Match: \"other\"\r\n", "If-None-Match: *\r\n", "If-Modified-Since: " + modified + "\r\n",
			"If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n", "If-Modified-Since: nonsense\r\n", "Range: bytes=1-3\r\n", "If-Match: \"x\"\r\n",
			"Accept-Encoding: gzip\r\n", "Accept-Encoding: gzip;q=0, *\r\n", "Cookie: x\r\nAccept: */*\r\n", "If-Unmodified-Since: " + modified + "\r\n",
		} {
			head := "GET " + path + " HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n"
			passed := s.dial()
			passed.send("HEAD /plain.txt HTTP/1.1\r\nHost: h\r\n\r\n")
			passed.receive("HEAD")
			long, longBody := ask(passed, head)
			short, shortBody := ask(s.dial(), head)
			long.Header.Del("Date")
			short.Header.Del("Date")
			if diff := cmp.Diff(long.Header, short.Header); long.Status != short.Status || diff != "" || longBody != shortBody && long.StatusCode < 400 {
				t.Errorf("%q: the long way: %s, %d bytes; on the lane: %s, %d bytes\n%s", head, long.Status, len(longBody), short.Status, len(shortBody), diff)
			}
		}
	}
}
