package gateway_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"framegate/server/internal/testframe"
)

const hostLine = "Host: h\r\n"

// badRequests are what no frame may ever see. Package httpguard has a longer
// table of heads; this one goes through the listener, net/http and the log.
var badRequests = []struct {
	name, request string
	status        int
}{
	{"NUL in a value", "GET /bad HTTP/1.1\r\n" + hostLine + "A: b\x00c\r\n\r\n", 400},
	{"NUL in the target", "GET /bad\x00 HTTP/1.1\r\n" + hostLine + "\r\n", 400},
	{"tab in the target", "GET /bad\t HTTP/1.1\r\n" + hostLine + "\r\n", 400},
	{"CR in a value", "GET /bad HTTP/1.1\r\n" + hostLine + "A: b\rc\r\n\r\n", 400},
	{"obs-fold", "GET /bad HTTP/1.1\r\n" + hostLine + "A: b\r\n c\r\n\r\n", 400},
	{"bare LF", "GET /bad HTTP/1.1\nHost: h\n\n", 400},
	{"bare LF in one line", "GET /bad HTTP/1.1\r\n" + hostLine + "A: b\n\r\n", 400},
	{"space before the colon", "GET /bad HTTP/1.1\r\n" + hostLine + "A : b\r\n\r\n", 400},

	{"Content-Length twice", "POST /bad HTTP/1.1\r\n" + hostLine + "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", 400},
	{"Content-Length is a word", "POST /bad HTTP/1.1\r\n" + hostLine + "Content-Length: one\r\n\r\na", 400},
	{"Content-Length is negative", "POST /bad HTTP/1.1\r\n" + hostLine + "Content-Length: -1\r\n\r\na", 400},
	{"Content-Length with Transfer-Encoding", "POST /bad HTTP/1.1\r\n" + hostLine + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	{"Transfer-Encoding in HTTP/1.0", "POST /bad HTTP/1.0\r\n" + hostLine + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	{"Transfer-Encoding gzip", "POST /bad HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: gzip\r\n\r\n", 501},
	{"a trailer that frames", "POST /bad HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n0\r\n\r\n", 400},
	{"unknown expectation", "POST /bad HTTP/1.1\r\n" + hostLine + "Expect: tea\r\nContent-Length: 1\r\n\r\na", 417},

	{"bad chunk size", "POST /bad HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: chunked\r\n\r\nx\r\na\r\n0\r\n\r\n", 400},
	{"bare LF after a chunk size", "POST /bad HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n", 400},
	{"chunk longer than its size", "POST /bad HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", 400},
	{"trailer that is none", "POST /bad HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nbad\r\n\r\n", 400},

	{"HTTP/0.9", "GET /bad\r\n\r\n", 400},
	{"HTTP/3.0", "GET /bad HTTP/3.0\r\n" + hostLine + "\r\n", 505},
	{"half of HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nGET /bad HTTP/1.1\r\n" + hostLine + "\r\n", 505},
	{"not HTTP", "\x16\x03\x01\x02\x00\x01\r\n\r\n", 400},
	{"CONNECT", "CONNECT h:443 HTTP/1.1\r\n" + hostLine + "\r\n", 501},
	{"GET *", "GET * HTTP/1.1\r\n" + hostLine + "\r\n", 400},
	{"GET host:443", "GET h:443 HTTP/1.1\r\n" + hostLine + "\r\n", 400},
	{"absolute target without a host", "GET http:///bad HTTP/1.1\r\n" + hostLine + "\r\n", 400},

	{"no Host", "GET /bad HTTP/1.1\r\n\r\n", 400},
	{"empty Host", "GET /bad HTTP/1.1\r\nHost:\r\n\r\n", 400},
	{"two Hosts", "GET /bad HTTP/1.1\r\n" + hostLine + hostLine + "\r\n", 400},
	{"malformed Host", "GET /bad HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},

	{"%00", "GET /bad/%00 HTTP/1.1\r\n" + hostLine + "Connection: close\r\n\r\n", 400},
	{"bad escape", "GET /bad/%zz HTTP/1.1\r\n" + hostLine + "\r\n", 400},
	{"fragment", "GET /bad#a HTTP/1.1\r\n" + hostLine + "Connection: close\r\n\r\n", 400},
	{"dots out of the root", "GET /../bad HTTP/1.1\r\n" + hostLine + "Connection: close\r\n\r\n", 404},
	{"encoded dots out of the root", "GET /%2e%2e/bad HTTP/1.1\r\n" + hostLine + "Connection: close\r\n\r\n", 404},
	{"two slashes", "GET //bad HTTP/1.1\r\n" + hostLine + "Connection: close\r\n\r\n", 404},

	{"URL of 32 KiB", "GET /bad" + strings.Repeat("a", 32<<10) + " HTTP/1.1\r\n" + hostLine + "\r\n", 414},
	{"field of 64 KiB", "GET /bad HTTP/1.1\r\n" + hostLine + "A: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", 431},
	{"head of 1 MiB", "GET /bad HTTP/1.1\r\n" + hostLine + strings.Repeat("A: "+strings.Repeat("a", 1000)+"\r\n", 1000) + "\r\n", 431},
	{"10,000 lines", "GET /bad HTTP/1.1\r\n" + hostLine + strings.Repeat("A: b\r\n", 10_000) + "\r\n", 431},
}

var requestID = regexp.MustCompile(`Request id: ([0-9a-f]+)\n$`)

// TestBadInput: a wrong request is answered, dated and logged, and its
// connection ends: never a hang, never a frame that runs.
func TestBadInput(t *testing.T) {
	s := bad(t, "", testframe.Print(page+"RUN"))
	status := map[string]float64{} // by request id
	for _, test := range badRequests {
		t.Run(test.name, func(t *testing.T) {
			s.t = t
			got := s.everything(test.request)
			resp, body, err := got.response()
			if resp.StatusCode != test.status || err != nil || got.err != nil {
				t.Errorf("got %d %q, %v, %v; want %d and an orderly end", resp.StatusCode, body, err, got.err, test.status)
			}
			if _, err := http.ParseTime(resp.Header.Get("Date")); err != nil {
				t.Errorf("Date: got %q; want the time (RFC 9110 §6.6.1)", resp.Header.Get("Date"))
			}
			if !resp.Close {
				t.Errorf("Connection: got %q; want close", resp.Header.Get("Connection"))
			}
			if strings.Count(got.data, "\r\nDate: ") != 1 {
				t.Errorf("got more than one answer: %q", got.data)
			}
			id := requestID.FindStringSubmatch(body)
			if id == nil {
				t.Fatalf("the page has no request id: %q", body)
			}
			status[id[1]] = float64(test.status)
			if len(test.request) > 2000 {
				return
			}
			if again, _, _ := s.bytewise(test.request).response(); again.StatusCode != test.status {
				t.Errorf("byte by byte: got %d; want %d", again.StatusCode, test.status)
			}
		})
	}
	s.t = t
	for _, record := range s.records() {
		id := fmt.Sprint(record["request_id"])
		if want, ok := status[id]; ok && (record["status"] != want || record["error"] == nil) {
			t.Errorf("record %v; want status %v and an error", record, want)
		}
		if record["pid"] != nil {
			t.Errorf("record %v: a frame was run", record)
		}
		delete(status, id)
	}
	if len(status) > 0 {
		t.Errorf("answers without a record: %v", status)
	}
}

// bytewise is everything, with each byte in a write of its own.
func (s *site) bytewise(request string) sent {
	s.t.Helper()
	w := s.dial()
	defer w.Close()
	for _, b := range []byte(request) {
		if _, err := w.Write([]byte{b}); err != nil {
			break // it is refused before its end
		}
	}
	return w.everything()
}

// Whatever is wrong with a request, those before it on the connection are
// answered, and it is answered after them.
func TestGoodThenBadIsAnsweredInOrder(t *testing.T) {
	for name, last := range map[string]string{
		"bad head":  "GET /bad HTTP/1.1\r\n\r\nGET /bad HTTP/1.1\r\n" + hostLine + "\r\n",
		"bad chunk": "POST /bad HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: chunked\r\n\r\nx\r\n",
		"cut head":  "GET /bad HTTP/1.1\r\nHo",
		"cut body":  "POST /bad HTTP/1.1\r\n" + hostLine + "Content-Length: 9\r\n\r\nabc",
	} {
		t.Run(name, func(t *testing.T) { goodThenBad(t, last) })
	}
}

func goodThenBad(t *testing.T, last string) {
	s := bad(t, "", testframe.Print(page), testframe.Count())
	const good = "POST /bad HTTP/1.1\r\n" + hostLine + "Content-Length: 3\r\n\r\nabc"
	w := s.dial()
	w.send(good + good + last)
	if err := w.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if resp, body := w.receive("POST"); resp.StatusCode != 200 || body != "3" {
			t.Errorf("got %d %q; want 200 %q", resp.StatusCode, body, "3")
		}
	}
	if resp, body := w.receive("GET"); resp.StatusCode != 400 || !resp.Close {
		t.Errorf("got %d %q, close %v; want 400 and close", resp.StatusCode, body, resp.Close)
	}
	if rest := w.everything(); rest.data != "" || rest.err != nil {
		t.Errorf("behind the refusal: got %q, %v; want nothing", rest.data, rest.err)
	}
	if list := s.records(); len(list) != 3 {
		t.Errorf("got %d records; want 3", len(list))
	}
}

// The refusal arrives although the client is still sending.
func TestRefusalMeetsUnreadBytes(t *testing.T) {
	s := bad(t, "", testframe.Print(page))
	got := s.everything("POST /bad HTTP/1.1\r\nContent-Length: 500000\r\n\r\n" + strings.Repeat("x", 500_000))
	if resp, _, err := got.response(); resp.StatusCode != 400 || err != nil || got.err != nil {
		t.Errorf("got %d, %v, %v; want a whole 400", resp.StatusCode, err, got.err)
	}
}

func TestPipelining(t *testing.T) {
	const n = 50
	s := bad(t, "", testframe.Print("Content-Type: text/plain\n\n"), testframe.Echo())
	w := s.dial()
	var all bytes.Buffer
	for i := range n {
		switch body := fmt.Sprintf("body %d", i); i % 3 {
		case 0:
			fmt.Fprintf(&all, "POST /bad HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", hostLine, len(body), body)
		case 1:
			fmt.Fprintf(&all, "POST /bad HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", hostLine, len(body), body)
		default:
			fmt.Fprintf(&all, "\r\nGET /plain.txt HTTP/1.1\r\n%s\r\n", hostLine)
		}
	}
	go all.WriteTo(w)
	for i := range n {
		want := fmt.Sprintf("body %d", i)
		if i%3 == 2 {
			want = "plain\n"
		}
		if resp, body := w.receive("POST"); resp.StatusCode != 200 || body != want || resp.Close {
			t.Fatalf("answer %d: got %d %q, close %v; want 200 %q", i, resp.StatusCode, body, resp.Close, want)
		}
	}
	if list := s.records(); len(list) != n {
		t.Errorf("got %d records; want %d", len(list), n)
	}
}

// OPTIONS * is about the server, and the absolute form names a path.
func TestOddButGoodTargets(t *testing.T) {
	s := bad(t, "", testframe.Print(page+"ran"))
	for request, want := range map[string]string{
		"OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n":                                 "",
		"GET http://h/bad?x HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n":                    "ran",
		"GET HTTPS://h:1/bad HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n":                       "ran",
		"\r\n\r\nGET /bad HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n":                          "ran",
		"GET /bad HTTP/1.0\r\n\r\n":                                                                  "ran",
		"GET /bad/./x/.. HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n":                    "ran",
		"GET /bad HTTP/1.1\r\nhOsT: h\r\nX-Bytes: \xe4\xff\r\nX-Empty:\r\nConnection: close\r\n\r\n": "ran",
	} {
		got := s.everything(request)
		if resp, body, err := got.response(); resp.StatusCode != 200 || body != want || err != nil || got.err != nil {
			t.Errorf("%q: got %d %q, %v, %v; want 200 %q", request, resp.StatusCode, body, err, got.err, want)
		}
	}
}

// A request that ends early is answered as far as it can be.
func TestRequestEndsEarly(t *testing.T) {
	for name, request := range map[string]string{
		"in the head": "GET /bad HTTP/1.1\r\nHost:", "in the body": "POST /bad HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc",
		"in a chunk": "POST /bad HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\na\r\nabc",
	} {
		t.Run(name, func(t *testing.T) {
			s := bad(t, "", testframe.Print(page+"RUN"))
			w := s.dial()
			w.send(request)
			if err := w.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			got := w.everything()
			if resp, body, err := got.response(); resp.StatusCode != 400 || err != nil {
				t.Errorf("got %d %q, %v; want 400", resp.StatusCode, body, err)
			}
			record := s.records()
			if len(record) != 1 || record[0]["pid"] != nil {
				t.Errorf("got records %v; want one, without a process", record)
			}
		})
	}
}

// Over HTTP/2 there is no head to read: the handler looks for itself.
func TestHTTP2Host(t *testing.T) {
	s := bad(t, "", testframe.Print(page+"ran"))
	for host, want := range map[string]int{"h": 200, "[::1]:80": 200, "h:http": 400, ":80": 400, "[::1": 400} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", s.url+"/bad", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		resp, err := s.h2.Do(req)
		if err != nil {
			t.Errorf("host %q: %v", host, err)
			continue
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.ProtoMajor != 2 || resp.StatusCode != want {
			t.Errorf("host %q: got %s %d; want HTTP/2 and %d", host, resp.Proto, resp.StatusCode, want)
		}
	}
}
