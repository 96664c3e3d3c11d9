package gateway_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"framegate/server/internal/capture"
)

// bodyApp does to a body whatever applications do.
const bodyApp = `
import hashlib, os, signal, sys, time
def application(environ, start_response):
    what = environ["PATH_INFO"].strip("/").split("/")[0]
    body = environ["wsgi.input"]
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "once" and not os.path.exists("died"):
        open("died", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "unread":
        data = b""
    elif what == "pieces":
        data = body.read(7) + body.read(0) + body.readline() + b"".join(body.readlines(100)) + b"".join(body)
    else:
        data = body.read()
    if what == "say":
        print("said %d" % len(data), file=sys.stderr)
    if what == "slow":
        time.sleep(0.15)
    if what == "raise":
        raise KeyError("raise")
    status = "500 Odd" if what == "500" else "200 OK"
    answer = "%s %s %s %d %s" % (what, environ["REQUEST_METHOD"], environ.get("CONTENT_LENGTH"), len(data), hashlib.sha256(data).hexdigest())
    start_response(status, [("Content-Type", "text/plain")])
    return [answer.encode()]
`

// bodyOf is one that differs from byte to byte, with line ends in it.
func bodyOf(size int) string {
	rng := rand.New(rand.NewPCG(uint64(size), 1))
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return string(b)
}

func upload(method, path, body string, fields ...string) string {
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n%s\r\n%s", method, path, len(body), strings.Join(append(fields, ""), "\r\n"), body)
}

// A body that the lane has taken is the one that the long way brings, whatever
// becomes of it, and so is the answer.
func TestLaneBodies(t *testing.T) {
	s := pythonSiteTop(t, "", bodyApp, "workers = 2\nmax-body = 220000")
	same := func(request string) {
		t.Helper()
		long, short, longBody, shortBody := s.twoWays(request)
		long.Header.Del("Date")
		short.Header.Del("Date")
		longBody, _, _ = strings.Cut(longBody, "Request id: ")
		shortBody, _, _ = strings.Cut(shortBody, "Request id: ")
		if diff := cmp.Diff(long.Header, short.Header); long.Status != short.Status || longBody != shortBody || long.Close != short.Close || diff != "" {
			t.Errorf("%.60q: the long way: %s, close %v, %.200q; on the lane: %s, close %v, %.200q\n%s", request,
				long.Status, long.Close, longBody, short.Status, short.Close, shortBody, diff)
		}
	}
	for _, size := range []int{0, 1, 1000, 32<<10 - 300, 32 << 10, 64 << 10, 100 << 10, 200 << 10, 220_000, 220_001, 300_000} {
		for _, path := range []string{"all", "pieces", "unread"} {
			same(upload("POST", "/w/"+path, bodyOf(size)))
		}
	}
	for _, path := range []string{"500", "raise", "slow", "say", "die"} {
		for _, size := range []int{10, 100 << 10} {
			same(upload("POST", "/w/"+path, bodyOf(size)))
		}
	}
	body := bodyOf(5000)
	for _, method := range []string{"GET", "PUT", "PATCH", "DELETE", "OPTIONS", "POST /w/x HTTP/1.1\r\nX:"} {
		same(upload(method, "/w/all", body))
	}
	for _, field := range []string{"Expect: 100-continue", "Content-Length: 5000", "Content-Length: 1", "Content-Type: a/b", "Connection: close", "TE: trailers"} {
		same(upload("POST", "/w/all", body, field))
	}
	for _, length := range []string{"-1", "+3", "0x3", "3, 3", "003", "", "3 3", "99999999999999999999", "18446744073709551619"} {
		same("POST /w/all HTTP/1.1\r\nHost: h\r\nContent-Length: " + length + "\r\n\r\nabc")
	}
	same("POST /w/all HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
	same("POST /w/all HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc")
	for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
		same(upload(method, "/w/all", ""))
		same(method + " /w/all HTTP/1.1\r\nHost: h\r\n\r\n")
		same(method + " /plain.txt HTTP/1.1\r\nHost: h\r\n\r\n")
	}
	same(upload("POST", "/none", body))
	same(upload("POST", "/e/all", body))
}

// What is as long as the lane takes at most, and what is longer.
func TestLaneLongestBody(t *testing.T) {
	s := pythonSite(t, bodyApp, "")
	for _, more := range []int{-1, 0, 1, 1000} {
		size := 256<<10 - 1 - len(upload("POST", "/w/all", strings.Repeat("x", 200_000))) + 200_000 + more
		_, _, long, short := s.twoWays(upload("POST", "/w/all", bodyOf(size)))
		if want := fmt.Sprintf("all POST %d %d ", size, size); long != short || !strings.HasPrefix(short, want) {
			t.Errorf("%d: the long way: %.80q, on the lane: %.80q; want %q", size, long, short, want)
		}
	}
}

// A request that may be answered twice gets its body twice, and another is not
// repeated.
func TestLaneBodyForASecondWorker(t *testing.T) {
	for method, want := range map[string]int{"PUT": 200, "POST": 502} {
		s := pythonSite(t, bodyApp, "workers = 2")
		w := s.dial()
		w.send("GET /w/first HTTP/1.1\r\nHost: h\r\n\r\n")
		w.receive("GET") // the workers are ready
		w.send(upload(method, "/w/once", bodyOf(100<<10)))
		resp, got := w.receive(method)
		if resp.StatusCode != want || want == 200 && !strings.HasPrefix(got, "once PUT 102400 102400 ") {
			t.Errorf("%s: got %d, %.80q; want %d", method, resp.StatusCode, got, want)
		}
	}
}

// Bodies that come together with others, or in pieces, go to their own requests,
// and clients that go in the middle of one leave nothing behind.
func TestLaneBodyMix(t *testing.T) {
	s := pythonSite(t, bodyApp, "workers = 2")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			w := s.dial()
			for j := range 40 {
				body := bodyOf(1 + rng.IntN(1<<rng.IntN(19)))
				path := []string{"all", "all", "all", "500", "slow", "get"}[rng.IntN(6)]
				request := upload("POST", "/w/"+path, body)
				want := fmt.Sprintf("%s POST %d %d ", path, len(body), len(body))
				if path == "get" {
					request, want = fmt.Sprintf("GET /w/get?%d HTTP/1.1\r\nHost: h\r\n\r\n", j), "get GET None 0 "
				}
				if rng.IntN(10) == 0 {
					w.send(request[:rng.IntN(len(request))])
					w.reset()
					w = s.dial()
				}
				twice := rng.IntN(10) == 0
				if twice {
					request += request
				}
				for len(request) > 0 {
					n := len(request)
					if rng.IntN(2) == 0 {
						n = 1 + rng.IntN(n)
					}
					w.send(request[:n])
					request = request[n:]
				}
				for range 1 + map[bool]int{true: 1}[twice] {
					if _, got := w.receive("POST"); !strings.HasPrefix(got, want) {
						t.Errorf("got %.80q; want %q", got, want)
					}
				}
			}
		})
	}
	wg.Wait()
}

// A body has its place in the log, and in the capture of an exchange that fails
// on the lane.
func TestLaneBodyIsRecorded(t *testing.T) {
	kept := make(chan *capture.Exchange, 10)
	s := pythonSiteTop(t, "", bodyApp, "", failures(kept))
	w := s.dial()
	body := bodyOf(3000)
	for _, path := range []string{"all", "all", "500"} { // the worker is ready for the second
		w.send(upload("POST", "/w/"+path, body))
		w.receive("POST")
	}
	x := <-kept
	if string(x.Stdin.Head) != body || x.Stdin.Size != 3000 {
		t.Errorf("got a body of %d bytes, %d of them kept; want it", x.Stdin.Size, len(x.Stdin.Head))
	}
	events := map[string]int64{}
	for _, e := range x.Events {
		events[e.Kind] += e.Bytes
	}
	if _, ended := events[capture.StdinEnd]; events[capture.StdinData] != 3000 || !ended {
		t.Errorf("got %v; want all of the body fed, and its end", events)
	}
	s.stop()
	for _, r := range s.records() {
		if got := fmt.Sprint(r["bytes_in"]); got != "3000" || r["method"] != http.MethodPost {
			t.Errorf("got %s bytes in by %s", got, r["method"])
		}
	}
}

// failures are told of failing exchanges alone.
type failures chan *capture.Exchange

func (failures) Interest() capture.Interest  { return capture.Failures }
func (failures) Started(*capture.Exchange)   {}
func (f failures) Ended(x *capture.Exchange) { f <- x }

// A client that is slow with its body is held to the clocks of the long way.
func TestLaneSlowBody(t *testing.T) {
	s := pythonSiteTop(t, "[http]\nbody-timeout = \"200ms\"\n", bodyApp, "")
	w := s.dial()
	request := upload("POST", "/w/all", bodyOf(100<<10))
	w.send(request[:50_000])
	if resp, _ := w.receive("POST"); resp.StatusCode != http.StatusRequestTimeout {
		t.Errorf("got %s; want 408", resp.Status)
	}
	late := pythonSiteTop(t, "", bodyApp, "").dial()
	late.send(request[:60_000])
	time.Sleep(150 * time.Millisecond) // slow is longer than the lane waits
	late.send(request[60_000:])
	if resp, got := late.receive("POST"); resp.StatusCode != 200 || !strings.HasPrefix(got, "all POST 102400 102400 ") {
		t.Errorf("got %s, %.80q", resp.Status, got)
	}
}

// The environ of a request that has a body is that of the long way.
func TestLaneEnvironWithBody(t *testing.T) {
	s := laneSite(t, "")
	for _, fields := range [][]string{nil, {"Content-Type: a/b", "X-A: 1"}, {"content-TYPE:c"}, {"Content-Encoding: gzip", "Cookie: a=b"}} {
		request := upload("POST", "/w/env?a=b", "hello", fields...)
		_, _, long, short := s.twoWays(request)
		if diff := cmp.Diff(environOf(t, long), environOf(t, short)); diff != "" || !json.Valid([]byte(long)) {
			t.Errorf("%v (-long way +lane):\n%s", fields, diff)
		}
	}
}
