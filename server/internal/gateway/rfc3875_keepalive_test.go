package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"framegate/server/internal/testframe"
)

// One connection survives everything that a request and a frame may rightly,
// or wrongly but harmlessly, do.
func keepAliveSurvives(t *testing.T) {
	with := printed(map[string]string{
		"/doc":     "Content-Type: text/plain\n\ndoc",
		"/sized":   "Content-Type: text/plain\nContent-Length: 3\n\ndoc",
		"/long":    "Content-Type: text/plain\nContent-Length: 3\n\ndocument",
		"/204":     "Status: 204\n\n",
		"/304":     "Status: 304\nETag: \"e\"\n\n",
		"/hints":   "Status: 103\nLink: </a>\n\nContent-Type: text/plain\n\ndoc",
		"/local":   "Location: /doc\n\n",
		"/client":  "Location: http://h/doc\n\n",
		"/broken":  "no header\n\n",
		"/silent":  "",
		"/nph":     "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\ndoc",
		"/failing": "Status: 500\nContent-Type: text/plain\n\ndoc",
	})
	with.answers["/exits"] = []testframe.Step{testframe.Print("Content-Type: text/plain\n\ndoc"), testframe.Exit(3)}
	with.answers["/reads"] = []testframe.Step{testframe.ReadAll(), testframe.Print("Content-Type: text/plain\n\ndoc")}
	with.answers["/bulk"] = []testframe.Step{testframe.Print("Content-Type: text/plain\n\n"), testframe.Fill(300 << 10)}
	s := start(t, with)
	large := strings.Repeat("x", 200<<10)
	sized := func(path, body string, fields ...string) string {
		head := append([]string{"POST " + path + " HTTP/1.1", "Host: h", fmt.Sprintf("Content-Length: %d", len(body))}, fields...)
		return strings.Join(head, "\r\n") + "\r\n\r\n" + body
	}
	steps := []struct {
		send   string // "METHOD PATH", or a whole request
		status []int
		body   string // "" is not compared
	}{
		{"GET /doc", []int{200}, "doc"},
		{"GET /sized", []int{200}, "doc"},
		{"GET /long", []int{200}, "doc"},
		{"GET /bulk", []int{200}, strings.Repeat("x", 300<<10)},
		{"HEAD /doc", []int{200}, ""},
		{"HEAD /bulk", []int{200}, ""},
		{"GET /204", []int{204}, ""},
		{"GET /304", []int{304}, ""},
		{"GET /hints", []int{103, 200}, "doc"},
		{"GET /local", []int{200}, "doc"},
		{"GET /client", []int{302}, ""},
		{"GET /broken", []int{502}, ""},
		{"GET /silent", []int{502}, ""},
		{"GET /nph", []int{200}, "doc"},
		{"GET /failing", []int{500}, "doc"},
		{"GET /exits", []int{200}, "doc"},
		{"GET /nothing", []int{404}, ""},
		{"GET /../x", []int{404}, ""},
		{"GET /plain.txt", []int{200}, "plain\n"},
		{"OPTIONS *", []int{200}, ""},
		{sized("/reads", "hello"), []int{200}, "doc"},
		{sized("/reads", large), []int{200}, "doc"},
		{sized("/reads", ""), []int{200}, "doc"},
		{sized("/doc", "nobody reads this"), []int{200}, "doc"},
		{sized("/doc", large), []int{200}, "doc"},
		{sized("/doc", "hello", "Expect: 100-continue"), []int{100, 200}, "doc"},
		{sized("/local", "hello"), []int{200}, "doc"},
		{sized("/broken", large), []int{502}, ""},
		{"POST /reads HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", []int{200}, "doc"},
		{"POST /doc HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: t\r\n\r\n", []int{200}, "doc"},
		{"GET /doc", []int{200}, "doc"},
	}
	w := s.dial()
	for _, step := range steps {
		request := step.send
		if !strings.Contains(request, "\r\n") {
			request += " HTTP/1.1\r\nHost: h\r\n\r\n"
		}
		w.send(request)
		line, _, _ := strings.Cut(request, "\r\n")
		method, _, _ := strings.Cut(line, " ")
		for i, status := range step.status {
			resp, body := w.receive(method)
			if resp.StatusCode != status {
				t.Fatalf("%s: got status %d; want %d\n%s", line, resp.StatusCode, status, body)
			}
			if i+1 < len(step.status) {
				continue
			}
			if resp.Close {
				t.Fatalf("%s: the connection is closed after it", line)
			}
			if step.body != "" && body != step.body {
				t.Errorf("%s: got %d bytes %.60q; want %d bytes %.60q", line, len(body), body, len(step.body), step.body)
			}
		}
	}
	// And again, all sent at once.
	w.send("GET /doc HTTP/1.1\r\nHost: h\r\n\r\n" + sized("/doc", "unread") + "HEAD /sized HTTP/1.1\r\nHost: h\r\n\r\n" + sized("/reads", "hello"))
	for _, method := range []string{"GET", "POST", "HEAD", "POST"} {
		if resp, body := w.receive(method); resp.StatusCode != 200 || (method != "HEAD" && body != "doc") {
			t.Errorf("pipelined %s: got %d, %q", method, resp.StatusCode, body)
		}
	}
	for _, record := range s.records() {
		if record["remote"] != w.LocalAddr().String() {
			t.Errorf("%s came from %v; want one connection", record["uri"], record["remote"])
		}
	}
}
