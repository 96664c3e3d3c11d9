package gateway_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"framegate/server/internal/testframe"
)

// crew is a site with one frame in mode "worker", at /w, whose workers do the
// steps of each request's query over plain SCGI.
func crew(t *testing.T, keys string, first ...testframe.Step) *site {
	t.Helper()
	if !strings.Contains(keys, "workers") {
		keys = "workers = 1\n" + keys
	}
	return start(t, setup{frames: frameTable("w", `mount = "/w"`, testframe.Worker("scgi", first...), "mode = \"worker\"\n"+keys)})
}

func does(steps ...testframe.Step) string { return "/w?" + testframe.Query(steps...) }

// printing is an answer with a header.
func printing(steps ...testframe.Step) string {
	return does(append([]testframe.Step{testframe.Print(page)}, steps...)...)
}

func (s *site) wantText(path, want string) {
	s.t.Helper()
	if resp, body := s.get(path); resp.StatusCode != 200 || body != want {
		s.t.Errorf("got %d, %q; want %q", resp.StatusCode, body, want)
	}
}

// Whatever happens in one request, that request alone pays for it.
func TestWorkerMisbehaves(t *testing.T) {
	hang := testframe.Hang()
	for _, tt := range []struct {
		name   string
		keys   string
		steps  []testframe.Step
		status int
		text   string // of the record's error
		serial string // of the next request: a worker that was not to blame has answered before
	}{
		{"exit", "", []testframe.Step{testframe.Exit(3)}, 502, "exited with status 3 before it printed a header", "1"},
		{"exit 0", "", []testframe.Step{testframe.Exit(0)}, 502, "exited with status 0 before it printed a header", "1"},
		{"SIGKILL inside the header", "", []testframe.Step{testframe.Print("Status: 200\n"), testframe.Kill(syscall.SIGKILL)}, 502, "was killed by SIGKILL before the empty line", "1"},
		{"nothing", "", []testframe.Step{testframe.Print("")}, 502, "the worker ended its answer before it printed a header", "3"},
		{"garbage", "", []testframe.Step{testframe.Print("Hello, world\n\n")}, 502, `"Hello, world" is no header field`, "3"},
		{"garbage and a long body", "", []testframe.Step{testframe.Print("Hello, world\n\n"), testframe.Fill(1 << 20)}, 502, `"Hello, world" is no header field`, "3"},
		{"long header", `max-header = "1KiB"`, []testframe.Step{testframe.Print("A: " + strings.Repeat("a", 1<<10) + "\n\n")}, 502, "longer than max-header", "3"},
		{"first-byte-timeout", `first-byte-timeout = "50ms"`, []testframe.Step{hang}, 504, "first-byte-timeout: ", "1"},
		{"idle-timeout", `idle-timeout = "50ms"`, []testframe.Step{testframe.Print("Status: 200\n"), hang}, 504, "idle-timeout: ", "1"},
		{"total-timeout", `total-timeout = "50ms"`, []testframe.Step{hang}, 504, "total-timeout: ", "1"},
		{"deaf to SIGTERM", "first-byte-timeout = \"50ms\"\nstop-grace = \"50ms\"", []testframe.Step{testframe.Ignore(syscall.SIGTERM), hang}, 504, "first-byte-timeout: ", "1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := crew(t, tt.keys)
			if !strings.Contains(tt.keys, "timeout = \"50ms\"") {
				s.wantText(printing(testframe.Serial()), "1")
			}
			got := s.everything(strings.Replace(ask(does(tt.steps...)), "GET", "POST", 1)) // not to be tried twice
			if resp, body, err := got.response(); resp.StatusCode != tt.status || err != nil {
				t.Errorf("got %d, %v; want %d\n%s", resp.StatusCode, err, tt.status, body)
			}
			if !strings.Contains(tt.keys, "timeout = \"50ms\"") {
				s.wantText(printing(testframe.Serial()), tt.serial)
			}
			record := s.records()[min(1, len(s.records())-1)]
			if got := fmt.Sprint(record["error"]); record["level"] != "error" || !strings.Contains(got, tt.text) {
				t.Errorf("got level %v, error %q; want %q", record["level"], got, tt.text)
			}
			if record["mode"] != "worker" || record["pid"] == nil || record["cpu_ms"] != nil || record["max_rss_kib"] != nil {
				t.Errorf("got record %v", record)
			}
		})
	}
}

// What was printed ahead of a worker's end arrives, and is not taken for all.
func TestWorkerCutAnswers(t *testing.T) {
	const size = 200_000
	for _, tt := range []struct {
		name, keys string
		end        testframe.Step
		text       string
	}{
		{"SIGKILL", "", testframe.Kill(syscall.SIGKILL), "was killed by SIGKILL after its header"},
		{"idle-timeout", `idle-timeout = "100ms"`, testframe.Hang(), "idle-timeout: "},
		{"total-timeout without a pause", `total-timeout = "500ms"`, testframe.EndlessBody("x"), "total-timeout: "},
		{"max-output", `max-output = "300KiB"`, testframe.EndlessBody("x"), "more than max-output"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := crew(t, tt.keys)
			got := s.everything(ask(printing(testframe.Fill(size), tt.end)))
			_, body, err := got.response()
			if !strings.HasPrefix(body, strings.Repeat("x", size)) || err != io.ErrUnexpectedEOF {
				t.Errorf("%d bytes, then %v; want %d and %v", len(body), err, size, io.ErrUnexpectedEOF)
			}
			s.wantText(printing(testframe.Serial()), "1") // of another worker
			record := s.records()[0]
			if got := fmt.Sprint(record["error"]); !strings.Contains(got, tt.text) {
				t.Errorf("got error %q; want %q", got, tt.text)
			}
		})
	}
}

// A request that does no harm is put to a second worker, and to no third.
func TestWorkerSecondTry(t *testing.T) {
	s := crew(t, "workers = 2")
	file := s.dir + "/died"
	once := testframe.Once(file, testframe.Kill(syscall.SIGKILL))
	answer := []testframe.Step{once, testframe.Print(page), testframe.Print("answered "), testframe.Count()}
	resp, body := s.do(s.client, "PUT", does(answer...), strings.NewReader(strings.Repeat("b", 300_000)))
	if resp.StatusCode != 200 || body != "answered 300000" {
		t.Errorf("PUT: got %d, %q", resp.StatusCode, body)
	}
	for _, tt := range []struct {
		method string
		begun  bool
	}{{"POST", false}, {"PATCH", false}, {"GET", true}} {
		os.Remove(file)
		steps := answer
		if tt.begun {
			steps = append([]testframe.Step{testframe.Print(page)}, answer...)
		}
		request := strings.Replace(ask(does(steps...)), "GET", tt.method, 1)
		if got := s.everything(request); strings.Contains(got.data, "answered") {
			t.Errorf("%s, begun %v: was answered by a second worker", tt.method, tt.begun)
		}
	}
	// What kills everybody is not put to everybody.
	resp, _ = s.get(does(testframe.PrintErr("dying\n"), testframe.Kill(syscall.SIGKILL)))
	if resp.StatusCode != 502 {
		t.Errorf("got %d; want 502", resp.StatusCode)
	}
	s.stop()
	if n := bytes.Count(s.log.bytes(), []byte(`"message":"dying"`)); n != 2 {
		t.Errorf("%d workers died of it; want 2", n)
	}
}

// A client that goes away does not cost the worker, which finishes and takes
// the next request.
func TestWorkerClientGone(t *testing.T) {
	for _, long := range []bool{false, true} {
		t.Run(fmt.Sprintf("long %v", long), func(t *testing.T) {
			s := crew(t, "")
			begun, end := fifo(t), fifo(t)
			steps := []testframe.Step{testframe.Open(begun), testframe.Await(end)}
			if long {
				steps = append(steps, testframe.Fill(4<<20))
			}
			w := s.dial()
			w.send(ask(printing(append(steps, testframe.Print("nobody reads that"))...)))
			meet(t, begun, os.O_RDONLY)
			w.reset()
			meet(t, end, os.O_WRONLY)
			s.wantText(printing(testframe.Serial()), "2")
			s.stop()
			// A short answer may be whole before the gateway hears that its client has gone.
			n := bytes.Count(s.log.bytes(), []byte(`"error":"client closed the connection"`))
			if n > 1 || long && n != 1 {
				t.Errorf("%d records say that a client has gone; want 1:\n%s", n, s.log.bytes())
			}
		})
	}
}

// While a worker hangs behind a client that has gone, its clock runs on.
func TestWorkerClientGoneAndHangs(t *testing.T) {
	s := crew(t, `total-timeout = "200ms"`)
	begun := fifo(t)
	w := s.dial()
	w.send(ask(does(testframe.Open(begun), testframe.Hang())))
	meet(t, begun, os.O_RDONLY)
	w.reset()
	until(t, "another worker", func() bool {
		resp, body := s.get(printing(testframe.Serial()))
		return resp.StatusCode == 200 && body == "1"
	})
}

// A hanging worker keeps nobody waiting but its own client, and those that
// find no other worker.
func TestWorkerHangsAlone(t *testing.T) {
	s := crew(t, "workers = 2\nmax-queue = 1")
	begun, end := fifo(t), fifo(t)
	hang := s.dial()
	hang.send(ask(printing(testframe.Open(begun), testframe.Await(end), testframe.Print("at last"))))
	meet(t, begun, os.O_RDONLY)
	for range 50 {
		s.wantText(printing(testframe.Print("meanwhile")), "meanwhile")
	}
	meet(t, end, os.O_WRONLY)
	if _, body, err := hang.everything().response(); body != "at last" || err != nil {
		t.Errorf("got %q, %v", body, err)
	}
}

func TestWorkerQueue(t *testing.T) {
	s := crew(t, "max-queue = 1")
	begun, end := fifo(t), fifo(t)
	first := s.dial()
	first.send(ask(printing(testframe.Open(begun), testframe.Await(end))))
	meet(t, begun, os.O_RDONLY)
	second := s.dial()
	second.send(ask(printing(testframe.Serial())))
	until(t, "the queue is full", func() bool {
		w := s.dial()
		defer w.Close()
		w.send(ask(printing(testframe.Serial())))
		w.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		head, _ := w.r.Peek(12)
		return string(head) == "HTTP/1.1 503"
	})
	meet(t, end, os.O_WRONLY)
	if _, body, err := second.everything().response(); err != nil || body == "" {
		t.Errorf("the one that waited: got %q, %v", body, err)
	}
}

// No request fails because its worker is being replaced.
func TestWorkerRecycledUnderLoad(t *testing.T) {
	s := crew(t, "workers = 2\nmax-requests = 20")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 60 {
				resp, body := s.do(s.client, "POST", printing(testframe.Count()), strings.NewReader("body"))
				if resp.StatusCode != 200 || body != "4" {
					t.Errorf("got %d, %q", resp.StatusCode, body)
				}
			}
		})
	}
	wg.Wait()
	pids := map[any]bool{}
	for _, record := range s.records() {
		pids[record["pid"]] = true
	}
	if len(pids) < 4 {
		t.Errorf("got %d workers for 480 requests; want several", len(pids))
	}
}

// The end of the server ends a request that nothing else would.
func TestWorkerShutdown(t *testing.T) {
	s := start(t, setup{top: `shutdown-timeout = "50ms"`,
		frames: frameTable("w", `mount = "/w"`, testframe.Worker("scgi"), "mode = \"worker\"\nworkers = 2\nstop-grace = \"50ms\"\n")})
	begun := fifo(t)
	w := s.dial()
	w.send(ask(does(testframe.Ignore(syscall.SIGTERM), testframe.Open(begun), testframe.Hang())))
	meet(t, begun, os.O_RDONLY)
	ended := time.AfterFunc(patience, func() { t.Error("the server does not end") })
	defer ended.Stop()
	record := s.records()[0]
	if got := fmt.Sprint(record["error"]); !strings.Contains(got, "shutting down") {
		t.Errorf("got error %q", got)
	}
	if got := w.everything(); !strings.Contains(got.data, "503") && got.err == nil {
		t.Errorf("got %q, %v", got.data, got.err)
	}
}

// A worker whose client reads slowly is free as soon as it has printed.
func TestWorkerSlowClient(t *testing.T) {
	s := crew(t, "")
	w := s.dial()
	w.send(ask(printing(testframe.Fill(8 << 20))))
	if _, err := w.r.ReadByte(); err != nil {
		t.Fatal(err)
	}
	s.wantText(printing(testframe.Serial()), "2")
	if n, err := io.Copy(io.Discard, w.r); n < 8<<20 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestWorkerBodies(t *testing.T) {
	for _, keys := range []string{"", "stream-body = true"} {
		s := crew(t, keys)
		for _, n := range []int{0, 1, 100_000, 3 << 20} {
			for _, body := range []io.Reader{
				bytes.NewReader(make([]byte, n)),
				struct{ io.Reader }{bytes.NewReader(make([]byte, n))}, // chunked
			} {
				resp, got := s.do(s.client, "POST", printing(testframe.Count()), body)
				if resp.StatusCode != 200 || got != fmt.Sprint(n) {
					t.Errorf("%s: %d bytes: got %d, %q", keys, n, resp.StatusCode, got)
				}
				// One that is not read costs nothing but itself.
				resp, got = s.do(s.client, "POST", printing(testframe.Print("no")), bytes.NewReader(make([]byte, n)))
				if resp.StatusCode != 200 || got != "no" {
					t.Errorf("%s: %d bytes unread: got %d, %q", keys, n, resp.StatusCode, got)
				}
			}
		}
	}
}

// A client that breaks off its body does not cost the worker.
func TestWorkerBodyBreaksOff(t *testing.T) {
	s := crew(t, "stream-body = true")
	begun := fifo(t)
	w := s.dial()
	w.send("POST " + printing(testframe.Open(begun), testframe.Count()) + " HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nsome")
	meet(t, begun, os.O_RDONLY)
	w.reset()
	until(t, "the worker is free", func() bool {
		resp, _ := s.get(printing(testframe.Serial()))
		return resp.StatusCode == 200
	})
}

// The environ that a worker is given is that of mode "exec".
func TestWorkerEnviron(t *testing.T) {
	s := start(t, setup{frames: frameTable("w", `mount = "/w"`, testframe.Worker("scgi"), "mode = \"worker\"\nenv = { OURS = \"yes\" }\n")})
	for name, want := range map[string]string{
		"SCRIPT_NAME": "/w", "PATH_INFO": "/a b", "REQUEST_METHOD": "GET", "HTTP_X_Y": "1, 2", "OURS": "yes",
		"GATEWAY_INTERFACE": "CGI/1.1", "SERVER_PROTOCOL": "HTTP/1.1", "CONTENT_LENGTH": "0", "SCGI": "1",
	} {
		path := strings.Replace(printing(testframe.Var(name)), "/w", "/w/a%20b", 1)
		if _, got := s.get(path, "X-Y: 1", "X-Y: 2"); got != want {
			t.Errorf("%s: got %q; want %q", name, got, want)
		}
	}
}

// Local redirects, HEAD and HTTP/2 are as with any frame.
func TestWorkerAnswers(t *testing.T) {
	s := crew(t, "")
	s.wantText(does(testframe.Print("Location: "+printing(testframe.Print("behind"))+"\n\n")), "behind")
	for range 3 {
		resp, body := s.do(s.h2, "HEAD", printing(testframe.Fill(100_000)), nil)
		if resp.StatusCode != 200 || body != "" {
			t.Errorf("HEAD: got %d, %q", resp.StatusCode, body)
		}
		if resp, body = s.do(s.h2, "GET", printing(testframe.Fill(100_000)), nil); resp.StatusCode != 200 || len(body) != 100_000 {
			t.Errorf("GET: got %d, %d bytes", resp.StatusCode, len(body))
		}
	}
	s.wantText(printing(testframe.Serial()), "9")
}

// A program that is missing, or does not stay, is told to each request.
func TestWorkerCannotStart(t *testing.T) {
	s := crew(t, "", testframe.PrintErr("not today\n"), testframe.Exit(7))
	for range 3 {
		resp, _ := s.get("/w")
		if resp.StatusCode != 502 && resp.StatusCode != 503 {
			t.Errorf("got %d; want 502 or 503", resp.StatusCode)
		}
	}
	var found bool
	for _, record := range s.records() {
		found = found || strings.Contains(fmt.Sprint(record["error"]), "exited with status 7")
	}
	if !found {
		t.Errorf("nothing tells why:\n%s", s.log.bytes())
	}
}
