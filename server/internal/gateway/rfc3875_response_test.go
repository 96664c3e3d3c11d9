package gateway_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"framegate/server/internal/testframe"
)

// printed is a setup whose frames print what stands at their mount.
func printed(answers map[string]string) setup {
	with := setup{answers: map[string][]testframe.Step{}}
	for mount, text := range answers {
		with.answers[mount] = []testframe.Step{testframe.Print(text)}
	}
	return with
}

// §6.2.1: a Content-Type, the status 200 unless another is given, and never a
// guessed type.
func documentResponse(t *testing.T) {
	s := start(t, printed(map[string]string{
		"/plain":   "Content-Type: text/plain\n\nhi",
		"/status":  "Content-Type: text/plain\nStatus: 418 Short\n\nhi",
		"/untyped": "X-A: b\n\n<html><script>alert(1)</script>",
		"/empty":   "Content-Type:\n\n<html><script>alert(1)</script>",
		"/nothing": "X-A: b\n\n",
		"/hidden":  "Content-Type: text/plain\nConnection: Content-Type\n\n<html><script>alert(1)</script>",
	}))
	tests := []struct {
		path    string
		status  int
		types   []string
		body    string
		warning string
	}{
		{"/plain", 200, []string{"text/plain"}, "hi", ""},
		{"/status", 418, []string{"text/plain"}, "hi", ""},
		{"/untyped", 200, []string{"application/octet-stream"}, "<html><script>alert(1)</script>", "no Content-Type"},
		{"/empty", 200, []string{"application/octet-stream"}, "<html><script>alert(1)</script>", "no Content-Type"},
		{"/hidden", 200, []string{"application/octet-stream"}, "<html><script>alert(1)</script>", "no Content-Type"},
		{"/nothing", 200, nil, "", ""},
	}
	for _, tt := range tests {
		for _, client := range []*http.Client{s.client, s.h2} {
			resp, body := s.do(client, "GET", tt.path, nil)
			if resp.StatusCode != tt.status || body != tt.body {
				t.Errorf("%s: got %d, %q; want %d, %q", tt.path, resp.StatusCode, body, tt.status, tt.body)
			}
			if diff := cmp.Diff(tt.types, resp.Header["Content-Type"]); diff != "" {
				t.Errorf("%s: Content-Type (-want +got):\n%s", tt.path, diff)
			}
		}
	}
	for i, record := range s.records() {
		got, _ := record["error"].(string)
		if want := tests[i/2].warning; (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: logged %q; want %q", record["uri"], got, want)
		}
	}
}

// §6.3.3: a status line in one of three forms, or none.
func statusForms(t *testing.T) {
	s := start(t, printed(map[string]string{
		"/none":     "Content-Type: text/plain\n\n",
		"/field":    "Status: 404 Not Here\nContent-Type: text/plain\n\n",
		"/last":     "Content-Type: text/plain\nSTATUS:404\n\n",
		"/line":     "HTTP/1.1 404 Not Here\nContent-Type: text/plain\n\n",
		"/line10":   "HTTP/1.0 404 Not Here\r\nContent-Type: text/plain\r\n\r\n",
		"/bare":     "404 Not Here\nContent-Type: text/plain\n\n",
		"/bare-crs": "404 Not Here\r\nContent-Type: text/plain\r\n\r\n",
		"/code":     "404\nContent-Type: text/plain\n\n",
	}))
	for path, want := range map[string]int{"/none": 200, "/field": 404, "/last": 404, "/line": 404, "/line10": 404, "/bare": 404, "/bare-crs": 404, "/code": 404} {
		resp, body := s.get(path)
		s.wantStatus(resp, body, want)
		if resp.Header.Get("Status") != "" || resp.Header.Get("Content-Type") != "text/plain" || resp.Proto != "HTTP/1.1" {
			t.Errorf("%s: got %s, %v", path, resp.Proto, resp.Header)
		}
	}
}

// §6.3: what is no header is a 502 whose log record says what is wrong.
func brokenHeaders(t *testing.T) {
	for name, tt := range map[string]struct{ text, why string }{
		"no field":            {"\nbody", "no header field at all"},
		"no output":           {"", "before it printed a header"},
		"no empty line":       {"Content-Type: text/plain\n", "before the empty line"},
		"text":                {"Hello, world\n\n", "it has no colon"},
		"two Status fields":   {"Status: 200\nStatus: 200\n\n", "a second status"},
		"status line, field":  {"200 OK\nStatus: 200\n\n", "a second status"},
		"two Content-Types":   {"Content-Type: a/b\ncontent-type: a/b\n\n", "a second Content-Type"},
		"two Locations":       {"Location: /a\nLocation: /b\n\n", "a second Location"},
		"two Content-Lengths": {"Content-Length: 1\nContent-Length: 1\n\nx", "a second Content-Length"},
		"bogus length":        {"Content-Length: -1\n\nx", "no number of bytes"},
		"bogus status":        {"Status: OK\n\n", "a status is three digits"},
		"low status":          {"Status: 99\n\n", "a status is three digits"},
		"high status":         {"Status: 600\n\n", "a status is three digits"},
		"switching protocols": {"Status: 101 Switching\nUpgrade: x\n\n", "no answer to a request"},
		"transfer coding":     {"Transfer-Encoding: chunked\n\n0\r\n\r\n", "Transfer-Encoding"},
		"NUL":                 {"X-A: b\x00c\n\n", "a NUL"},
		"bare CR":             {"X-A: b\rX-B: c\n\n", "a bare CR"},
		"bare CR in a status": {"HTTP/1.1 200 OK\rX-B: c\n\n", "a bare CR"},
		"folded":              {"X-A: b\n c\n\n", "folded"},
		"space in a name":     {"X A: b\n\n", "a space"},
		"1001 fields":         {strings.Repeat("X-A: b\n", 1001) + "\n", "more than 1000"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, printed(map[string]string{"/x": tt.text}))
			resp, body := s.get("/x")
			s.wantStatus(resp, body, 502)
			if resp.Header.Get("Date") == "" || resp.Header.Get("X-A") != "" {
				t.Errorf("got header %v", resp.Header)
			}
			s.wantLogged("error", tt.why)
		})
	}
}

// §6.3.4: other fields pass, lines may end in CRLF or LF, and what is between
// the server and its client is dropped.
func otherFields(t *testing.T) {
	s := start(t, printed(map[string]string{
		"/x": "content-TYPE: text/plain\r\nSet-Cookie: a=1\nx-repeated: 1\r\nSet-Cookie: b=2\nX-Repeated: 2\nX-Empty:\n" +
			"X-CGI-Own: kept\nX-Text: \t中 \"q\": \t\nConnection: X-Hop, close\nX-Hop: gone\nKeep-Alive: timeout=5\nTE: gone\nTrailer: gone\nUpgrade: gone\n" +
			"Proxy-Connection: gone\nDate: Thu, 01 Jan 1970 00:00:00 GMT\nServer: frame\nETag: \"e\"\r\n\r\nhi",
	}))
	want := http.Header{
		"Content-Type": {"text/plain"}, "Set-Cookie": {"a=1", "b=2"}, "X-Repeated": {"1", "2"}, "X-Empty": {""}, "X-Cgi-Own": {"kept"},
		"X-Text": {`中 "q":`}, "Date": {"Thu, 01 Jan 1970 00:00:00 GMT"}, "Server": {"frame"}, "Etag": {`"e"`},
	}
	for _, client := range []*http.Client{s.client, s.h2} {
		resp, body := s.do(client, "GET", "/x", nil)
		resp.Header.Del("Content-Length") // there if the frame ended in time to know it
		if diff := cmp.Diff(want, resp.Header); diff != "" || body != "hi" {
			t.Errorf("%s: body %q, header (-want +got):\n%s", resp.Proto, body, diff)
		}
		if resp.Close {
			t.Errorf("%s: the frame's Connection closed the client's", resp.Proto)
		}
	}
}

// §6.4: the body is read to its end and sent as it is; a Content-Length is
// kept to the byte.
func bodyUnmodified(t *testing.T) {
	binary := string(noise(200<<10)) + "\r\n\x00\xff\n"
	s := start(t, setup{
		scripts: "", files: map[string]string{
			"big":           binary,
			"cgi-bin/big":   "#!/bin/sh\nprintf 'Content-Type: image/png\\n\\n'\ncat ../big\n",
			"cgi-bin/sized": "#!/bin/sh\nprintf 'Content-Type: image/png\\nContent-Length: %d\\n\\n' $(wc -c < ../big)\ncat ../big\n",
		},
		answers: map[string][]testframe.Step{
			"/long":   {testframe.Print("Content-Type: text/plain\nContent-Length: 5\n\nhello, and more")},
			"/zero":   {testframe.Print("Content-Type: text/plain\nContent-Length: 0\n\nmore")},
			"/short":  {testframe.Print("Content-Type: text/plain\nContent-Length: 50\n\nhello")},
			"/header": {testframe.Print("Content-Type: text/plain\n\nStatus: 404\n\n")},
		},
	})
	for _, client := range []*http.Client{s.client, s.h2} {
		for _, path := range []string{"/cgi-bin/big", "/cgi-bin/sized"} {
			if resp, body := s.do(client, "GET", path, nil); body != binary {
				t.Errorf("%s over %s: got %d bytes, or others; want %d", path, resp.Proto, len(body), len(binary))
			}
		}
		for path, want := range map[string]string{"/long": "hello", "/zero": "", "/header": "Status: 404\n\n"} {
			resp, body := s.do(client, "GET", path, nil)
			s.wantStatus(resp, body, 200)
			if body != want {
				t.Errorf("%s over %s: got %q; want %q", path, resp.Proto, body, want)
			}
		}
		resp, err := client.Get(s.url + "/short")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil || string(body) != "hello" {
			t.Errorf("a body that is too short, over %s: got %q, %v; want what there was and an error", resp.Proto, body, err)
		}
	}
	for _, record := range s.records() {
		why, _ := record["error"].(string)
		switch {
		case record["uri"] == "/long" && strings.Contains(why, "longer than the Content-Length of 5") && record["level"] == "warn":
		case record["uri"] == "/zero" && strings.Contains(why, "longer than the Content-Length of 0") && record["level"] == "warn":
		case record["uri"] == "/short" && strings.Contains(why, "45 bytes shorter") && record["level"] == "error":
		case why == "" && record["uri"] != "/long" && record["uri"] != "/zero" && record["uri"] != "/short":
		default:
			t.Errorf("%s: logged %v: %q", record["uri"], record["level"], why)
		}
	}
}

// §4.3.3: the frame sees HEAD, the client no body.
func head(t *testing.T) {
	s := start(t, setup{files: map[string]string{
		"cgi-bin/head":  "#!/bin/sh\nprintf 'Content-Type: text/plain\\nX-Method: %s\\n\\nbody' \"$REQUEST_METHOD\"\n",
		"cgi-bin/sized": "#!/bin/sh\nprintf 'Content-Type: text/plain\\nContent-Length: 4\\nX-Method: %s\\n\\nbody' \"$REQUEST_METHOD\"\n",
		"cgi-bin/none":  "#!/bin/sh\nprintf 'Content-Type: text/plain\\nContent-Length: 4\\nX-Method: %s\\n\\n' \"$REQUEST_METHOD\"\n",
		"cgi-bin/large": "#!/bin/sh\nprintf 'Content-Type: text/plain\\nX-Method: %s\\n\\n' \"$REQUEST_METHOD\"\nhead -c 3000000 /dev/zero\n",
	}})
	w := s.dial()
	for path, length := range map[string]string{"head": "", "sized": "4", "none": "4", "large": ""} {
		w.send("HEAD /cgi-bin/" + path + " HTTP/1.1\r\nHost: h\r\n\r\n") // all on one connection
		resp, _ := w.receive("HEAD")
		if resp.StatusCode != 200 || resp.Header.Get("X-Method") != "HEAD" || resp.Header.Get("Content-Type") != "text/plain" {
			t.Errorf("%s: got %d, %v", path, resp.StatusCode, resp.Header)
		}
		if got := resp.Header.Get("Content-Length"); length != "" && got != length {
			t.Errorf("%s: Content-Length: got %q; want %q", path, got, length)
		}
		if resp, body := s.do(s.h2, "HEAD", "/cgi-bin/"+path, nil); resp.Header.Get("X-Method") != "HEAD" || body != "" {
			t.Errorf("%s over HTTP/2: got %v, %q", path, resp.Header, body)
		}
	}
	for _, record := range s.records() {
		if record["error"] != nil {
			t.Errorf("%s: logged %q", record["uri"], record["error"])
		}
	}

	// A frame that goes on behind the header is stopped with the server.
	s = start(t, setup{
		top:     `shutdown-timeout = "100ms"`,
		answers: map[string][]testframe.Step{"/hang": {testframe.Print("Content-Type: text/plain\n\n"), testframe.Hang()}},
	})
	resp, body := s.do(s.h2, "HEAD", "/hang", nil)
	s.wantStatus(resp, body, 200)
	s.wantLogged("error", "shutting down")
}

// RFC 9110 §15.2: interim responses pass ahead of the final one, and HTTP/1.0
// knows none.
func interim(t *testing.T) {
	s := start(t, printed(map[string]string{
		"/hints": "Status: 103 Early Hints\nLink: </a.css>; rel=preload\n\nHTTP/1.1 102 Processing\r\n\r\nStatus: 201 Made\nContent-Type: text/plain\n\nhi",
	}))
	w := s.dial()
	w.send("GET /hints HTTP/1.1\r\nHost: h\r\n\r\n")
	first, _ := w.receive("GET")
	second, _ := w.receive("GET")
	last, body := w.receive("GET")
	if first.StatusCode != 103 || first.Header.Get("Link") != "</a.css>; rel=preload" || second.StatusCode != 102 || last.StatusCode != 201 || body != "hi" {
		t.Errorf("got %d %v, %d, %d %q", first.StatusCode, first.Header, second.StatusCode, last.StatusCode, body)
	}
	if last.Header.Get("Link") != "" || last.Header.Get("Server") != "framegate/test" {
		t.Errorf("final header: got %v; want no Link, and our Server", last.Header)
	}
	if resp, body := s.raw("GET /hints HTTP/1.0"); resp.StatusCode != 201 || body != "hi" {
		t.Errorf("HTTP/1.0: got %d, %q; want 201, %q", resp.StatusCode, body, "hi")
	}

	var seen []int
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
		seen = append(seen, code)
		return nil
	}}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "GET", s.url+"/hints", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.h2.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if diff := cmp.Diff([]int{103, 102}, seen); diff != "" || resp.StatusCode != 201 {
		t.Errorf("HTTP/2: got %d, interim (-want +got):\n%s", resp.StatusCode, diff)
	}
}

// RFC 9110 §6.4.1: what may have no body gets none, whatever the frame prints.
func bodyless(t *testing.T) {
	answers := map[string]string{}
	for _, status := range []string{"204", "205", "304"} {
		answers["/"+status] = "Status: " + status + "\nX-A: b\n\n"
		answers["/"+status+"b"] = "Status: " + status + "\nContent-Type: text/plain\nX-A: b\n\nHTTP/1.1 200 OK\r\n\r\n"
		answers["/"+status+"c"] = "Status: " + status + "\nContent-Type: text/plain\nContent-Length: 2\nX-A: b\n\nhi"
	}
	s := start(t, printed(answers))
	w := s.dial()
	for path := range answers {
		w.send("GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n") // all on one connection
		resp, body := w.receive("GET")
		if got := "/" + resp.Status[:3]; got != path[:4] || body != "" || resp.Header.Get("X-A") != "b" {
			t.Errorf("%s: got %s, %q, %v", path, resp.Status, body, resp.Header)
		}
		if resp.StatusCode == 204 && (resp.Header["Content-Length"] != nil || resp.TransferEncoding != nil) {
			t.Errorf("%s: a 204 has a framing: %v %v (RFC 9110 §8.6)", path, resp.Header, resp.TransferEncoding)
		}
		if resp, body := s.do(s.h2, "GET", path, nil); "/"+resp.Status[:3] != path[:4] || body != "" {
			t.Errorf("%s over HTTP/2: got %s, %q", path, resp.Status, body)
		}
	}
}

// HTTP/1.0 has no chunks: the end of the body is the end of the connection,
// or its length.
func http10(t *testing.T) {
	s := start(t, printed(map[string]string{
		"/open":  "Content-Type: text/plain\n\n" + strings.Repeat("x", 100<<10),
		"/sized": "Content-Type: text/plain\nContent-Length: 2\n\nhi",
	}))
	resp, body := s.raw("GET /open HTTP/1.0")
	if resp.TransferEncoding != nil || len(body) != 100<<10 || !resp.Close {
		t.Errorf("got %v, %d bytes, close %v", resp.TransferEncoding, len(body), resp.Close)
	}
	w := s.dial()
	for range 2 {
		w.send("GET /sized HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
		if resp, body := w.receive("GET"); body != "hi" || resp.Close {
			t.Errorf("keep-alive: got %q, close %v", body, resp.Close)
		}
	}
}

// An answer goes out as the frame prints it, not when it has ended.
func flushed(t *testing.T) {
	answer := testframe.Command(testframe.Print("Content-Type: text/plain\n\nfirst"), testframe.Echo())
	s := start(t, setup{frames: frameTable("slow", `mount = "/slow"`, answer, "stream-body = true\n")})
	for _, client := range []*http.Client{s.client, s.h2} {
		r, w := io.Pipe()
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/slow", r)
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = 4
		resp, err := client.Do(req) // no byte of the body has been sent
		if err != nil {
			t.Fatal(err)
		}
		first := make([]byte, 5)
		if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "first" {
			t.Errorf("%s: got %q, %v; want %q", resp.Proto, first, err, "first")
		}
		go func() {
			io.WriteString(w, "last")
			w.Close()
		}()
		if rest, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(rest, []byte("last")) {
			t.Errorf("%s: got %q, %v; want %q", resp.Proto, rest, err, "last")
		}
		resp.Body.Close()
	}
}

// §6.1: three clocks, each with its answer.
func timeouts(t *testing.T) {
	frame := func(steps []testframe.Step, keys string) setup {
		return setup{frames: frameTable("slow", `mount = "/slow"`, testframe.Command(steps...), keys)}
	}
	for key, keys := range map[string]string{
		"first-byte-timeout": "first-byte-timeout = \"100ms\"\n",
		"total-timeout":      "total-timeout = \"100ms\"\n",
	} {
		s := start(t, frame([]testframe.Step{testframe.Hang()}, keys))
		resp, body := s.get("/slow")
		s.wantStatus(resp, body, 504)
		s.wantLogged("error", key)
	}
	s := start(t, frame([]testframe.Step{testframe.Print("Content-Type: text/plain\n\npart"), testframe.Hang()}, "idle-timeout = \"100ms\"\n"))
	resp, err := s.client.Get(s.url + "/slow")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if string(body) != "part" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %q, %v; want %q and a cut connection", body, err, "part")
	}
	s.wantLogged("error", "idle-timeout")
}
