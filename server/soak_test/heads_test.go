package soak_test

import (
	"fmt"
	"strings"
)

const host = "Host: soak.test\r\n"

// badHeads are requests that no frame may see, and what they are answered.
var badHeads = []struct {
	status  int
	request string
}{
	{400, "GET / HTTP/1.1\r\n" + host + "A: b\x00c\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\n" + host + "A: b\r\n folded\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\n" + host + "A : b\r\n\r\n"},
	{400, "GET / HTTP/1.1\nHost: soak.test\n\n"},
	{400, "GET / HTTP/1.1\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\n" + host + host + "\r\n"},
	{400, "GET /%zz HTTP/1.1\r\n" + host + "\r\n"},
	{400, "GET * HTTP/1.1\r\n" + host + "\r\n"},
	{400, "nonsense\r\n\r\n"},
	{400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"},
	{400, "POST /echo HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"},
	{400, "POST /echo HTTP/1.1\r\n" + host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{400, "POST /echo HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\na"},
	{400, "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{400, "POST /echo HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\nno size\r\n"},
	{414, "GET /" + strings.Repeat("a", 32<<10) + " HTTP/1.1\r\n" + host + "\r\n"},
	{417, "POST /echo HTTP/1.1\r\n" + host + "Expect: a-miracle\r\nContent-Length: 1\r\n\r\na"},
	{431, "GET / HTTP/1.1\r\n" + host + "A: " + strings.Repeat("a", 64<<10) + "\r\n\r\n"},
	{431, "GET / HTTP/1.1\r\n" + host + strings.Repeat("A:\r\n", 10_000) + "\r\n"},
	{501, "CONNECT x:443 HTTP/1.1\r\n" + host + "\r\n"},
	{501, "POST /echo HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip\r\n\r\n"},
	{505, "GET / HTTP/3.0\r\n" + host + "\r\n"},
}

// headClasses are malformed heads, by the status that they get.
func headClasses() []class {
	var list []class
	for i := 0; i < len(badHeads); {
		status := badHeads[i].status
		from := i
		for i < len(badHeads) && badHeads[i].status == status {
			i++
		}
		name := fmt.Sprintf("malformed head, %d kinds", i-from)
		list = append(list, class{name: name, want: fmt.Sprint(status), weight: min(2*(i-from), 12), run: func(w *worker) error {
			return malformed(w, badHeads[from+w.rnd.IntN(i-from)].request, status)
		}})
	}
	return list
}

// malformed sends the request, sometimes behind a good one; the connection
// ends with its answer.
func malformed(w *worker, text string, status int) error {
	c, err := w.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	if w.rnd.IntN(3) == 0 {
		a, err := w.do(c, &request{method: "GET", target: "/small.bin"})
		if err := whole(a, err, w.site.small); err != nil {
			return fmt.Errorf("the good request ahead: %w", err)
		}
	}
	sent := c.send([]byte(text))
	a, err := c.receive("GET")
	<-sent // refused half-way, it need not have gone out whole
	if err := refused(a, err, status); err != nil {
		return fmt.Errorf("%.60q: %w", text, err)
	}
	if rest, err := c.in.Peek(1); err == nil {
		return fmt.Errorf("%.60q: %q behind the answer", text, rest)
	}
	return nil
}
