package gateway_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
)

// lostApp says which process it is, and waits ahead of that where the query
// names a file that is not there yet.
const lostApp = `
import os, signal
def application(environ, start_response):
    mark = environ["QUERY_STRING"]
    if mark and not os.path.exists(mark):
        with open(mark + ".new", "w") as f:
            f.write(str(os.getpid()))
        os.rename(mark + ".new", mark)
        signal.pause()
    body = b"%d" % os.getpid()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
`

// lostWorkers are the lines of the log on workers that have ended.
func (s *site) lostWorkers() []string {
	s.t.Helper()
	s.stop()
	var list []string
	for line := range bytes.Lines(s.log.bytes()) {
		r := map[string]any{}
		if err := json.Unmarshal(line, &r); err != nil {
			s.t.Fatalf("log line %q: %v", line, err)
		}
		if r["message"] == "a worker has ended by itself" || r["message"] == "a worker was lost" {
			list = append(list, fmt.Sprintf("%v: %v %v %v: %v", r["level"], r["frame"], r["mode"], r["pid"], r["error"]))
		}
	}
	return list
}

// A worker that is killed at a request which another one answers has its line
// in the log, whichever way the request has come, and whoever was behind it.
func TestWorkerLostIsLogged(t *testing.T) {
	for _, tt := range []struct {
		name   string
		first  string // what the connection has had before
		behind int
	}{
		{"net/http", "HEAD", 0}, // the lane does not take it
		{"lane", "GET", 0},
		{"lane, others behind", "GET", 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			workers := 2
			if tt.behind > 0 {
				workers = 1
			}
			s := pythonSite(t, lostApp, fmt.Sprintf("workers = %d", workers))
			w := s.dial()
			w.send(tt.first + " /w/ HTTP/1.1\r\nHost: h\r\n\r\n")
			w.receive(tt.first)
			mark := s.dir + "/mark"
			w.send("GET /w/?" + mark + " HTTP/1.1\r\nHost: h\r\n\r\n")
			var pid int
			until(t, "the worker to be at it", func() bool {
				data, _ := os.ReadFile(mark)
				pid, _ = strconv.Atoi(string(data))
				return pid > 0
			})
			others := make([]*wire, tt.behind)
			for i := range others {
				others[i] = s.dial()
				others[i].send("GET /w/ HTTP/1.1\r\nHost: h\r\n\r\n")
			}
			s.get("/nothing") // so that those have been seen
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			for _, w := range append(others, w) {
				if resp, body := w.receive("GET"); resp.StatusCode != 200 || body == strconv.Itoa(pid) {
					t.Errorf("got %s, %q; want the answer of another worker than %d", resp.Status, body, pid)
				}
			}
			want := []string{fmt.Sprintf("warn: w worker %d: killed by SIGKILL", pid)}
			if got := s.lostWorkers(); !slices.Equal(got, want) {
				t.Errorf("got %q; want %q", got, want)
			}
		})
	}
}

// A request that fails of it says so in its record, which is the only line.
func TestWorkerLostIsInTheRecord(t *testing.T) {
	s := laneSite(t, "workers = 2")
	request := "POST /w/die HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx"
	w := s.dial()
	w.send(request)
	if resp, _ := w.receive("POST"); resp.StatusCode != 502 {
		t.Errorf("got %s; want 502", resp.Status)
	}
	if got := s.lostWorkers(); len(got) > 0 {
		t.Errorf("got %q; want nothing", got)
	}
	if got := s.records(); len(got) != 1 || got[0]["signal"] != "SIGKILL" {
		t.Errorf("got %v; want one record, with the signal", got)
	}
}
