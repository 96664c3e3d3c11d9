package gateway_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"framegate/server/internal/testframe"
)

// readers are frames that answer once they have read their body: one gets it
// spooled, the other as it comes.
func readers(top string) setup {
	command := testframe.Command(testframe.ReadAll(), testframe.Print("Content-Type: text/plain\n\nread"))
	return setup{top: top,
		frames: frameTable("spooled", `mount = "/spooled"`, command, "") +
			frameTable("streamed", `mount = "/streamed"`, command, "stream-body = true\n")}
}

func TestBodyTimeout(t *testing.T) {
	const head = " HTTP/1.1\r\nHost: h\r\n"
	for _, tt := range []struct{ name, path, body string }{
		{"spooled, nothing", "/spooled", "Content-Length: 10\r\n\r\n"},
		{"spooled, a part", "/spooled", "Content-Length: 10\r\n\r\nhello"},
		{"spooled, beyond the memory", "/spooled", "Content-Length: 4000000\r\n\r\n" + strings.Repeat("x", 2_000_000)},
		{"chunked", "/spooled", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"},
		{"inside a chunk's size", "/spooled", "Transfer-Encoding: chunked\r\n\r\n5"},
		{"streamed, nothing", "/streamed", "Content-Length: 10\r\n\r\n"},
		{"streamed, a part", "/streamed", "Content-Length: 10\r\n\r\nhello"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, readers("[http]\nbody-timeout = \"100ms\"\nmin-body-rate = 0\n"))
			w := s.dial()
			w.send("POST " + tt.path + head + tt.body)
			resp, page := w.receive("POST")
			if !resp.Close {
				t.Error("the answer does not say Connection: close")
			}
			if rest := w.everything(); rest.data != "" || rest.err != nil {
				t.Errorf("behind the answer: got %q, %v; want the end", rest.data, rest.err)
			}
			s.wantRefused(resp, page, 408, "body-timeout")
		})
	}
}

func TestBodyTimeoutAfterContinue(t *testing.T) {
	s := start(t, readers("[http]\nbody-timeout = \"100ms\"\n"))
	w := s.dial()
	w.send("POST /spooled HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
	resp, _ := w.receive("POST")
	if resp.StatusCode != 100 {
		t.Fatalf("got status %d; want 100", resp.StatusCode)
	}
	resp, page := w.receive("POST")
	s.wantRefused(resp, page, 408, "body-timeout")
}

// drip writes s byte by byte until it fails or stop is closed.
func drip(w io.Writer, stop <-chan struct{}) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			if _, err := io.WriteString(w, "x"); err != nil {
				return
			}
		}
	}
}

// Bytes that come, but too few of them: each is in time, their rate is not.
func TestMinBodyRate(t *testing.T) {
	for _, path := range []string{"/spooled", "/streamed"} {
		t.Run(path, func(t *testing.T) {
			s := start(t, readers("[http]\nbody-timeout = \"150ms\"\nmin-body-rate = \"1MiB\"\n"))
			w := s.dial()
			w.send("POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n")
			stop, done := make(chan struct{}), make(chan struct{})
			go func() { defer close(done); drip(w.Conn, stop) }()
			resp, page := w.receive("POST")
			close(stop)
			<-done
			s.wantRefused(resp, page, 408, "min-body-rate")
		})
	}
}

// What comes slowly, but as fast as it must, is let through.
func TestSlowButFastEnough(t *testing.T) {
	s := start(t, readers("[http]\nbody-timeout = \"10s\"\nmin-body-rate = 10\n"))
	for _, path := range []string{"/spooled", "/streamed"} {
		w := s.dial()
		w.send("POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\n")
		tick := time.NewTicker(time.Millisecond)
		for range 50 {
			<-tick.C
			w.send("x")
		}
		tick.Stop()
		resp, body := w.receive("POST")
		s.wantStatus(resp, body, 200)
	}
}

// A frame that is slow to read its stdin is not its client's fault, in HTTP/2
// either, where an expired deadline would end the body for good.
func TestSlowFrameIsNotTheClientsFault(t *testing.T) {
	const size = 4_000_000 // more than the pipe and the buffers on the way hold
	command := testframe.Command(testframe.Print("Content-Type: text/plain\n\n"), testframe.Drip("....", 700*time.Millisecond), testframe.Count())
	s := start(t, setup{top: "[http]\nbody-timeout = \"2s\"\nmin-body-rate = \"100MiB\"\n",
		frames: frameTable("slow", `mount = "/slow"`, command, "stream-body = true\n")})
	for name, client := range map[string]*http.Client{"HTTP/1.1": s.client, "HTTP/2": s.h2} {
		resp, body := s.do(client, "POST", "/slow", strings.NewReader(strings.Repeat("x", size)))
		if want := "...." + fmt.Sprint(size); resp.StatusCode != 200 || body != want {
			t.Errorf("%s: got %d %q; want 200 %q", name, resp.StatusCode, body, want)
		}
	}
}

func TestBodyTimeoutOverHTTP2(t *testing.T) {
	for _, path := range []string{"/spooled", "/streamed"} {
		t.Run(path, func(t *testing.T) {
			s := start(t, readers("[http]\nbody-timeout = \"100ms\"\nmin-body-rate = 0\n"))
			body, end := io.Pipe()
			defer end.CloseWithError(errors.New("the test is over"))
			go io.WriteString(end, "hello")
			resp, page := s.do(s.h2, "POST", path, body)
			s.wantRefused(resp, page, 408, "body-timeout")
		})
	}
}

// The deadline of a body that came in time must not outlive it: it would end
// the watch for a disconnect, and with it the exchange.
func TestBodyTimeoutEndsWithTheBody(t *testing.T) {
	command := testframe.Command(testframe.ReadAll(), testframe.Print("Content-Type: text/plain\n\n"), testframe.Drip("......", 150*time.Millisecond))
	for _, keys := range []string{"", "stream-body = true\n"} {
		s := start(t, setup{top: "[http]\nbody-timeout = \"500ms\"\n", frames: frameTable("late", `mount = "/late"`, command, keys)})
		for name, client := range map[string]*http.Client{"HTTP/1.1": s.client, "HTTP/2": s.h2} {
			resp, body := s.do(client, "POST", "/late", strings.NewReader("hello"))
			if resp.StatusCode != 200 || body != "......" {
				t.Errorf("%s, %q: got %d %q; want 200 and six dots", name, keys, resp.StatusCode, body)
			}
		}
	}
}

// An answer that has begun is cut, and the log says why.
func TestBodyTimeoutBehindTheHeader(t *testing.T) {
	command := testframe.Command(testframe.Print("Content-Type: text/plain\n\nbegun"), testframe.ReadAll())
	s := start(t, setup{top: "[http]\nbody-timeout = \"1s\"\nmin-body-rate = 0\n",
		frames: frameTable("early", `mount = "/early"`, command, "stream-body = true\n")})
	v := s.everything("POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello")
	if resp, body, err := v.response(); resp.StatusCode != 200 || body != "begun" || err == nil {
		t.Errorf("got %d %q, %v; want 200, what was sent, and an error", resp.StatusCode, body, err)
	}
	s.wantLogged("error", "body-timeout")
}
