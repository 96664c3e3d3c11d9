package fault_test

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"framegate/server/internal/testframe"
)

// TestFrames is what a frame can do to a gateway by itself.
func TestFrames(t *testing.T) {
	whole, hang := testframe.Print(page+"whole"), testframe.Hang()
	drip := strings.Repeat("drip ", 40)
	s := start(t, frame("after", testframe.Command(whole, testframe.ReadAll()))+
		frame("after-streamed", testframe.Command(whole, testframe.ReadAll()), "stream-body = true")+
		frame("after-sized", testframe.Command(testframe.Print("Content-Length: 5\n"+page+"whole"), testframe.ReadAll()), "stream-body = true")+
		frame("closes", testframe.Command(whole, testframe.CloseStdout(), hang))+
		frame("closes-stubborn", testframe.Command(testframe.Ignore(syscall.SIGTERM), whole, testframe.CloseStdout(), hang))+
		frame("endless-header", testframe.Command(testframe.EndlessHeader()))+
		frame("drip", testframe.Command(testframe.Drip(page+drip, 10*time.Millisecond))))
	upload := strings.Repeat("u", 1<<20-1)
	for _, test := range []struct {
		name, body string // of the request
		status     int
		answer     string
		signal     any    // that has ended the process
		text       string // of the record's error
	}{
		{"after", upload, 200, "whole", nil, ""},
		{"after-streamed", upload, 200, "whole", nil, ""},
		{"after-sized", upload, 200, "whole", nil, ""},
		{"closes", "", 200, "whole", "SIGTERM", "closed its stdout and lived on"},
		{"closes-stubborn", "", 200, "whole", "SIGKILL", "closed its stdout and lived on"},
		{"endless-header", "", 502, "", "SIGTERM", "longer than max-header"},
		{"drip", "", 200, drip, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := s.in(t)
			s.want(s.ask("POST", "/"+test.name, strings.NewReader(test.body)), test.status, test.answer)
			record := s.record("/"+test.name, 1)
			s.wantRecord(record, test.status, test.text)
			if record["signal"] != test.signal {
				t.Errorf("got signal %v; want %v", record["signal"], test.signal)
			}
			s.afterwards()
		})
	}
}

// in is the site for a subtest.
func (s *site) in(t *testing.T) *site {
	sub := *s
	sub.t = t
	return &sub
}

// A frame that is noisy on stderr is not held up by the log, and the log takes
// a bounded part of it, in bytes and in lines. With FRAMEGATE_LONG=1 the noise
// is 1 GiB.
func TestNoise(t *testing.T) {
	size := 64 << 20
	if os.Getenv("FRAMEGATE_LONG") == "1" {
		size = 1 << 30
	}
	for _, test := range []struct {
		name        string
		size, width int
		least       int // bytes that are logged
	}{
		{"no line feed", size, 0, 1 << 19},
		{"lines of 200", size, 200, 1 << 19},
		{"lines of 2", size / 16, 2, 9_000}, // a line costs more than its bytes
	} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, frame("noise", testframe.Command(testframe.Noise(test.size, test.width), testframe.Print(page+"whole"))))
			s.want(s.get("/noise"), 200, "whole")
			s.wantRecord(s.record("/noise", 1), 200, "")
			log := s.log.String()
			logged := 0
			for line := range strings.Lines(log) {
				if _, message, ok := strings.Cut(line, `"message":"n`); ok {
					logged += 1 + len(message)
				}
			}
			if n := strings.Count(log, "the rest is dropped"); n != 1 {
				t.Errorf("got %d lines that tell of a rest; want 1", n)
			}
			if logged < test.least || len(log) > 4<<20 {
				t.Errorf("of %d bytes of stderr %d are in a log of %d; want %d or more, in 4 MiB at the most", test.size, logged, len(log), test.least)
			}
			s.afterwards()
		})
	}
}

// A body without an end is passed on until its client leaves; then the frame
// ends, even one that does not want to.
func TestEndlessBody(t *testing.T) {
	endless := testframe.EndlessBody("endless ")
	s := start(t, frame("endless", testframe.Command(testframe.Print(page), endless))+
		frame("stubborn", testframe.Command(testframe.Ignore(syscall.SIGTERM), testframe.Ignore(syscall.SIGPIPE), testframe.Print(page), endless)))
	for name, signal := range map[string]string{"endless": "SIGTERM", "stubborn": "SIGKILL"} {
		t.Run(name, func(t *testing.T) {
			s := s.in(t)
			conn := s.dial()
			fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: h\r\n\r\n", name)
			if _, err := io.CopyN(io.Discard, conn, 4<<20); err != nil {
				t.Fatal(err)
			}
			conn.Close()
			record := s.record("/"+name, 1)
			s.wantRecord(record, 200, "client closed the connection")
			if got := record["signal"]; got != signal && got != "SIGPIPE" {
				t.Errorf("got signal %v; want %v", got, signal)
			}
			s.afterwards()
		})
	}
}
