package gateway_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
)

// aliveApp says which process it is. Where the query names a file that is not
// there yet, it closes its connection ahead of that, and lives on whatever it is told.
const aliveApp = `
import os, signal
def application(environ, start_response):
    mark = environ["QUERY_STRING"]
    if mark and not os.path.exists(mark):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with open(mark + ".new", "w") as f:
            f.write(str(os.getpid()))
        os.rename(mark + ".new", mark)
        os.closerange(3, 1024)
        os.close(0)
        while True:
            signal.pause()
    body = b"%d" % os.getpid()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
`

// marked is the worker that has written a mark.
func marked(t *testing.T, mark string) int {
	t.Helper()
	data, err := os.ReadFile(mark)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(string(data))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// A worker that closes its connection and lives on costs what one costs that
// dies: its request is another's, or fails at once. The server's end does not
// wait for it any longer than its ladder takes, and leaves nothing of it.
func TestWorkerLivesOn(t *testing.T) {
	for _, tt := range []struct {
		method, body string
		at           int // once
		status       int
	}{
		{"GET", "", 1, 200},
		{"HEAD", "", 1, 200}, // the lane does not take it
		{"PUT", "x", 1, 200},
		{"POST", "x", 1, 502},
		{"GET", "", 6, 200},
		{"POST", "x", 6, 502},
	} {
		t.Run(fmt.Sprint(tt.method, tt.at), func(t *testing.T) {
			s := pythonSite(t, aliveApp, "workers = 2\nstop-grace = \"300ms\"")
			var wg sync.WaitGroup
			for i := range tt.at {
				wg.Go(func() {
					w := s.dial()
					w.send(fmt.Sprintf("%s /w/?%s/mark%d HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", tt.method, s.dir, i, len(tt.body), tt.body))
					if resp, _ := w.receive(tt.method); resp.StatusCode != tt.status {
						t.Errorf("got %s; want %d", resp.Status, tt.status)
					}
				})
			}
			wg.Wait()
			if resp, _ := s.get("/w/"); resp.StatusCode != 200 {
				t.Errorf("the next request: got %s", resp.Status)
			}
			got := s.lostWorkers() // at the end
			slices.Sort(got)
			var want []string
			for i := range tt.at {
				pid := marked(t, fmt.Sprintf("%s/mark%d", s.dir, i))
				if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
					t.Errorf("kill 0 says %v of worker %d; want %v", err, pid, syscall.ESRCH)
				}
				if tt.status == 200 {
					want = append(want, fmt.Sprintf("warn: w worker %d: closed its connection", pid))
				}
			}
			if slices.Sort(want); !slices.Equal(got, want) {
				t.Errorf("got %q; want %q", got, want)
			}
			failed := 0
			for _, r := range s.records() {
				if r["status"] != 502.0 {
					continue
				}
				failed++
				if got := r["error"]; got != "the worker closed its connection before it printed a header" {
					t.Errorf("got error %q", got)
				}
			}
			if want := tt.at; tt.status == 502 && failed != want {
				t.Errorf("got %d records of failures; want %d", failed, want)
			}
		})
	}
}
