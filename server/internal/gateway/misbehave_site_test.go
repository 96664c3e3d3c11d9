package gateway_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"framegate/server/internal/testframe"
)

// ask is the head of a request for path that closes its connection.
func ask(path string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
}

// sent is what a client has got on a connection until its end.
type sent struct {
	t    *testing.T
	data string
	err  error // nil when the end was an orderly one
}

// everything sends bytes and reads to the end of the connection.
func (s *site) everything(request string) sent {
	s.t.Helper()
	w := s.dial()
	defer w.Close()
	w.send(request)
	return w.everything()
}

func (w *wire) everything() sent {
	data, err := io.ReadAll(w.r)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		w.s.t.Fatalf("the connection hangs after %.300q", data)
	}
	return sent{w.s.t, string(data), err}
}

// response parses what was sent; the error is that of reading the body.
func (v sent) response() (*http.Response, string, error) {
	v.t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(v.data)), &http.Request{Method: "GET"})
	if err != nil {
		v.t.Fatalf("%.300q (%v): no response: %v", v.data, v.err, err)
	}
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

// wantPage holds an error answer to what every one of them is: whole, dated,
// not to be cached or sniffed, with its request id.
func (v sent) wantPage(status int, record map[string]any) {
	v.t.Helper()
	resp, body, err := v.response()
	if err != nil || v.err != nil {
		v.t.Errorf("the error answer was cut: %v, %v", err, v.err)
	}
	if resp.StatusCode != status {
		v.t.Errorf("got status %d; want %d\n%s", resp.StatusCode, status, body)
	}
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Server": "framegate/test",
		"Content-Type": "text/plain; charset=utf-8", "Content-Length": fmt.Sprint(len(body)),
	} {
		if got := resp.Header.Get(name); got != want {
			v.t.Errorf("%s: got %q; want %q", name, got, want)
		}
	}
	if _, err := http.ParseTime(resp.Header.Get("Date")); err != nil {
		v.t.Errorf("Date: got %q; want the time (RFC 9110 §6.6.1)", resp.Header.Get("Date"))
	}
	title := fmt.Sprintf("%d %s\n\n", status, http.StatusText(status))
	id := fmt.Sprintf("\nRequest id: %s\n", record["request_id"])
	if !strings.HasPrefix(body, title) || !strings.HasSuffix(body, id) {
		v.t.Errorf("got page %q; want it to begin with %q and to end in %q", body, title, id)
	}
}

// wantRecord is the one record of a site's one request, held to its level and
// to what its error says; no process may be left.
func (s *site) wantRecord(level, text string, status int) map[string]any {
	s.t.Helper()
	list := s.records()
	if len(list) != 1 {
		s.t.Fatalf("got %d records; want 1: %v", len(list), list)
	}
	checkRecord(s.t, list[0], level, text, status)
	return list[0]
}

func checkRecord(t *testing.T, record map[string]any, level, text string, status int) {
	t.Helper()
	got := fmt.Sprint(record["error"])
	if record["level"] != level || (text == "") != (record["error"] == nil) || !strings.Contains(got, text) && text != "" {
		t.Errorf("got level %v, error %q; want %s, %q", record["level"], got, level, text)
	}
	if record["status"] != float64(status) {
		t.Errorf("record: got status %v; want %d", record["status"], status)
	}
	fields := []string{"request_id", "remote", "method", "host", "uri", "proto", "bytes_in", "bytes_out", "duration_ms"}
	if record["frame"] != nil {
		fields = append(fields, "mode", "queue_ms")
	}
	if pid, ok := record["pid"].(float64); ok {
		fields = append(fields, "spawn_ms", "exit_code", "cpu_ms", "max_rss_kib")
		if err := syscall.Kill(int(pid), 0); err != syscall.ESRCH {
			t.Errorf("process %v: kill 0 says %v; want %v", pid, err, syscall.ESRCH)
		}
	}
	for _, name := range fields {
		if record[name] == nil {
			t.Errorf("the record has no %s: %v", name, record)
		}
	}
}

// bad is a site with one frame, at /bad, that does steps.
func bad(t *testing.T, keys string, steps ...testframe.Step) *site {
	t.Helper()
	return start(t, setup{frames: frameTable("bad", `mount = "/bad"`, testframe.Command(steps...), keys)})
}

// fifo makes a FIFO by which a frame and its test wait for each other.
func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// meet opens the other end of a FIFO that a frame opens or awaits.
func meet(t *testing.T, path string, flag int) {
	t.Helper()
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

// reset closes a connection the hard way.
func (w *wire) reset() {
	w.Conn.(*net.TCPConn).SetLinger(0)
	w.Close()
}

// until waits for what nothing can announce.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}
