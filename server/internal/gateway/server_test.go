package gateway_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"framegate/server/internal/testframe"
)

// oneRecord is the record of a site's one request.
func (s *site) oneRecord() map[string]any {
	s.t.Helper()
	records := s.records()
	if len(records) != 1 {
		s.t.Fatalf("got %d records; want 1: %v", len(records), records)
	}
	return records[0]
}

// wantRefused holds a page and the one record to a refusal: what it says and
// that both name the same request.
func (s *site) wantRefused(resp *http.Response, page string, status int, why string) {
	s.t.Helper()
	s.wantStatus(resp, page, status)
	record := s.oneRecord()
	if got := fmt.Sprint(record["error"]); record["status"] != float64(status) || !strings.Contains(got, why) {
		s.t.Errorf("record: got %v, error %q; want %d, %q", record["status"], got, status, why)
	}
	if id := fmt.Sprint(record["request_id"]); !strings.Contains(page, id) {
		s.t.Errorf("the page does not name the request %s:\n%s", id, page)
	}
}

func TestHeaderTimeout(t *testing.T) {
	for _, tt := range []struct{ name, begin, method, uri string }{
		{"one byte", "P", "", ""},
		{"half a header", "POST /dump?q HTTP/1.1\r\nHost: h\r\n", "POST", "/dump?q"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, setup{top: "[http]\nheader-timeout = \"300ms\"\n"})
			w := s.dial()
			w.send(tt.begin)
			resp, page := w.receive("GET")
			if !resp.Close {
				t.Error("the answer does not say Connection: close")
			}
			if rest := w.everything(); rest.data != "" || rest.err != nil {
				t.Errorf("behind the answer: got %q, %v; want the end", rest.data, rest.err)
			}
			s.wantRefused(resp, page, 408, "header-timeout")
			record := s.oneRecord()
			if record["method"] != tt.method || record["uri"] != tt.uri {
				t.Errorf("record: got %v %v; want %q %q", record["method"], record["uri"], tt.method, tt.uri)
			}
		})
	}
}

// Whoever says nothing gets nothing, at the start and between requests.
func TestIdleConnectionsEndSilently(t *testing.T) {
	s := start(t, setup{top: "[http]\nheader-timeout = \"300ms\"\nkeep-alive = \"60ms\"\n"})
	if got := s.dial().everything(); got.data != "" || got.err != nil {
		t.Errorf("a new connection: got %q, %v; want the end", got.data, got.err)
	}
	w := s.dial()
	w.send("GET /plain.txt HTTP/1.1\r\nHost: h\r\n\r\n")
	resp, body := w.receive("GET")
	s.wantStatus(resp, body, 200)
	if got := w.everything(); got.data != "" || got.err != nil {
		t.Errorf("between requests: got %q, %v; want the end", got.data, got.err)
	}
	if record := s.oneRecord(); record["status"] != 200.0 {
		t.Errorf("got record %v; want the one of the request", record)
	}
}

// Keep-alive does not cut a header that began in time.
func TestSecondHeaderTimesOutWithAnAnswer(t *testing.T) {
	s := start(t, setup{top: "[http]\nheader-timeout = \"300ms\"\nkeep-alive = \"20ms\"\n"})
	w := s.dial()
	w.send("GET /plain.txt HTTP/1.1\r\nHost: h\r\n\r\nGET /second")
	resp, body := w.receive("GET")
	s.wantStatus(resp, body, 200)
	resp, body = w.receive("GET")
	s.wantStatus(resp, body, 408)
}

func TestKeepAliveOff(t *testing.T) {
	s := start(t, setup{top: "[http]\nkeep-alive = \"0\"\n"})
	w := s.dial()
	w.send("GET /plain.txt HTTP/1.1\r\nHost: h\r\n\r\n")
	resp, body := w.receive("GET")
	s.wantStatus(resp, body, 200)
	if !resp.Close {
		t.Error("the answer does not say Connection: close")
	}
	if rest := w.everything(); rest.data != "" || rest.err != nil {
		t.Errorf("behind the answer: got %q, %v; want the end", rest.data, rest.err)
	}
	resp, body = s.do(s.h2, "GET", "/plain.txt", nil)
	s.wantStatus(resp, body, 200)
}

func TestLimitsOfHeader(t *testing.T) {
	const top = "[http]\nmax-header = \"2KiB\"\nmax-url = 100\nmax-fields = 20\n"
	long := func(n int) string { return strings.Repeat("a", n) }
	var many []string
	for i := range 30 {
		many = append(many, fmt.Sprintf("X-%d: y", i))
	}
	for _, tt := range []struct {
		name, path string
		fields     []string
		status     int
		why        string
	}{
		{"within all", "/dump/" + long(90), []string{"X-Long: " + long(1000)}, 200, ""},
		{"long URL", "/dump/" + long(100), nil, 414, "100 bytes"},
		{"large header", "/dump", []string{"X-Long: " + long(2048)}, 431, "2048 bytes"},
		{"many fields", "/dump", many, 431, "20 header fields"},
		{"huge header", "/dump", []string{"X-Long: " + long(300_000)}, 431, "2048 bytes"},
	} {
		for name, client := range map[string]func(*site) *http.Client{
			"HTTP/1.1": func(s *site) *http.Client { return s.client },
			"HTTP/2":   func(s *site) *http.Client { return s.h2 },
		} {
			t.Run(tt.name+" over "+name, func(t *testing.T) {
				s := start(t, setup{top: top})
				resp, page := s.do(client(s), "GET", tt.path, nil, tt.fields...)
				if tt.status == 200 {
					s.wantStatus(resp, page, 200)
					return
				}
				s.wantRefused(resp, page, tt.status, tt.why)
			})
		}
	}
}

func TestMaxConnections(t *testing.T) {
	s := start(t, setup{
		top:     "[http]\nmax-connections = 1\n",
		answers: map[string][]testframe.Step{"/hang": {testframe.Print("Content-Type: text/plain\n\nbegun"), testframe.Hang()}},
	})
	idle := s.dial()
	idle.send("GET /plain.txt HTTP/1.1\r\nHost: h\r\n\r\n")
	resp, body := idle.receive("GET")
	s.wantStatus(resp, body, 200)

	busy := s.dial() // takes the place of the idle one
	busy.send(ask("/hang"))
	resp, err := http.ReadResponse(busy.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, len("begun"))); err != nil {
		t.Fatal(err)
	}
	if got := idle.everything(); got.data != "" || got.err != nil {
		t.Errorf("the idle connection: got %q, %v; want the end", got.data, got.err)
	}

	waits := s.dial()
	waits.send(ask("/plain.txt"))
	warned := func() bool { return bytes.Contains(s.log.bytes(), []byte("max-connections are busy")) }
	for deadline := time.Now().Add(patience); !warned(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no warning:\n%s", s.log.bytes())
		}
	}
	busy.Conn.(*net.TCPConn).SetLinger(0) // its client goes away, with a reset
	busy.Close()
	resp, body = waits.receive("GET")
	s.wantStatus(resp, body, 200)
}
