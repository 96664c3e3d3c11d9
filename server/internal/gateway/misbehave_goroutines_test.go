package gateway_test

import (
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"framegate/server/internal/testframe"
)

// At most five goroutines serve a running exchange, its connection included.
func TestGoroutinesPerExchange(t *testing.T) {
	const n = 20
	for _, test := range []struct {
		name, keys, request string
		steps               []testframe.Step
		printed             int // bytes, of the steps
	}{
		{"silent", "", "GET /bad HTTP/1.1\r\nHost: h\r\n\r\n", nil, 0},
		{"streamed upload", "stream-body = true", "POST /bad HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\npart", []testframe.Step{testframe.ReadAll()}, 0},
		{"long download", "", "GET /bad HTTP/1.1\r\nHost: h\r\n\r\n", []testframe.Step{testframe.Fill(100_000)}, 100_000},
		{"echo", "stream-body = true", "POST /bad HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat("x", 100_000), []testframe.Step{testframe.Echo()}, 100_000},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := bad(t, "max-concurrent = 20\nstop-grace = \"1s\"\n"+test.keys, append(append([]testframe.Step{testframe.Print(page + "up")}, test.steps...), testframe.Hang())...)
			s.everything(ask("/plain.txt")) // the server is up with all that it has
			before := runtime.NumGoroutine()
			wires := make([]*wire, n)
			for i := range wires {
				wires[i] = s.dial()
				wires[i].send(test.request)
			}
			for _, w := range wires {
				resp, err := http.ReadResponse(w.r, nil)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(resp.Body, make([]byte, len("up")+test.printed)); err != nil {
					t.Fatal(err)
				}
			}
			// Goroutines that are on their way out may still be counted.
			until(t, "at most five goroutines for a running exchange", func() bool { return runtime.NumGoroutine()-before <= 5*n })
			if got := runtime.NumGoroutine() - before; got < 3*n {
				t.Errorf("got %d goroutines for %d exchanges: they do not run", got, n)
			}
			for _, w := range wires {
				w.reset()
			}
		})
	}
}
