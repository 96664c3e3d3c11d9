package gateway_test

import (
	"strconv"
	"strings"
	"testing"

	"framegate/server/internal/testframe"
)

// An answer that comes before its request's body reaches a client that still
// sends: closing a connection with unread bytes would reset it.
func TestAnswerAheadOfBody(t *testing.T) {
	const size = 512 << 10 // more than net/http reads to keep a connection
	tests := []struct{ name, request, path, status string }{
		{"streamed, HTTP/1.0", "1.0\r\n", "/bad", "200 OK"},
		{"streamed, Connection: close", "1.1\r\nHost: h\r\nConnection: close\r\n", "/bad", "200 OK"},
		{"streamed, kept", "1.1\r\nHost: h\r\n", "/bad", "200 OK"},
		{"not found, HTTP/1.0", "1.0\r\n", "/none", "404 Not Found"},
		{"not found, Connection: close", "1.1\r\nHost: h\r\nConnection: close\r\n", "/none", "404 Not Found"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := bad(t, "stream-body = true", testframe.Print("Content-Length: 5\n"+page+"whole"))
			w := s.dial()
			defer w.Close()
			w.send("POST " + test.path + " HTTP/" + test.request + "Content-Length: " + strconv.Itoa(size) + "\r\n\r\n")
			if _, err := w.Write([]byte(strings.Repeat("b", size))); err != nil {
				t.Errorf("the body: %v", err)
			}
			if got := w.everything(); got.err != nil || !strings.Contains(got.data, test.status) {
				t.Errorf("got %.300q, %v; want %s and an orderly end", got.data, got.err, test.status)
			}
		})
	}
}
