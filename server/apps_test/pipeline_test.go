package apps_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestPipeline writes many requests at once on one connection. The answers
// must come in order, each whole, and a body that its frame did not read must
// not be taken for the next request.
func TestPipeline(t *testing.T) {
	static := noise(1000)
	s := httpServer(t, static)
	large := strings.Repeat("GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n", 10_000) // 340 kB

	exchanges := []struct {
		name, method, target, header, body string
		status                             int
		want                               string
	}{
		{"get", "GET", "/hello", "", "", 200, "hello, world\nmethod: GET\nscript: /hello\npath: \nquery: \n"},
		{"unread", "POST", "/ignore/1", "Content-Length: 5\r\n", "GET /", 200, "POST /1\n"},
		{"unread-large", "POST", "/ignore/2", fmt.Sprintf("Content-Length: %d\r\n", len(large)), large, 200, "POST /2\n"},
		{"unread-chunked", "PUT", "/ignore/3", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n", 200, "PUT /3\n"},
		{"head", "HEAD", "/hello", "", "", 200, ""},
		{"get-with-body", "GET", "/ignore/4", "Content-Length: 3\r\n", "abc", 200, "GET /4\n"},
		{"static", "GET", "/data.bin", "", "", 200, string(static)},
		{"read-chunked", "POST", "/hello", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 200,
			"hello, world\nmethod: POST\nscript: /hello\npath: \nquery: \nbody: 5 bytes\nabcde"},
		{"method-not-allowed", "DELETE", "/hello", "", "", 405, "only GET, HEAD, POST and PUT\n"},
		{"last", "GET", "/hello?name=end", "Connection: close\r\n", "", 200, "hello, end\nmethod: GET\nscript: /hello\npath: \nquery: name=end\n"},
	}
	var requests bytes.Buffer
	for _, e := range exchanges {
		fmt.Fprintf(&requests, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n%s", e.method, e.target, e.header, e.body)
	}

	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute)) // a hang is a failure, not the end of the whole run
	written := make(chan error, 1)
	go func() {
		_, err := conn.Write(requests.Bytes())
		written <- err
	}()

	answers := bufio.NewReader(conn)
	for _, e := range exchanges {
		resp, err := http.ReadResponse(answers, &http.Request{Method: e.method})
		if err != nil {
			t.Fatalf("%s: %v", e.name, err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatalf("%s: %v", e.name, err)
		}
		if resp.StatusCode != e.status || string(body) != e.want {
			t.Errorf("%s: got %d %.200q; want %d %.200q", e.name, resp.StatusCode, body, e.status, e.want)
		}
	}
	if rest, err := io.ReadAll(answers); len(rest) > 0 || err != nil {
		t.Errorf("after the last answer: got %.200q, %v; want the end", rest, err)
	}
	if err := <-written; err != nil {
		t.Errorf("write: %v", err)
	}
}
