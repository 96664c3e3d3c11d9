package gateway_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// What a request prints is its own, however many the worker has in advance.
func TestLinesOfThoseInAdvance(t *testing.T) {
	s := laneSite(t, "workers = 1")
	const clients, requests, lines = 12, 20, 20
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			w := s.dial()
			for j := range requests {
				w.send(fmt.Sprintf("GET /w/chat?%d-%d HTTP/1.1\r\nHost: h\r\n\r\n", i, j))
				w.receive("GET")
			}
		})
	}
	wg.Wait()
	s.stop()
	queries, said := map[string]string{}, map[string][]string{}
	for line := range bytes.Lines(s.log.bytes()) {
		r := map[string]any{}
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		id := fmt.Sprint(r["request_id"])
		if _, query, ok := strings.Cut(fmt.Sprint(r["uri"]), "?"); ok {
			queries[id] = query
		} else if r["stream"] == "stderr" {
			said[id] = append(said[id], fmt.Sprint(r["message"]))
		}
	}
	if len(queries) != clients*requests {
		t.Errorf("got %d records; want %d", len(queries), clients*requests)
	}
	strange := 0
	for id, query := range queries {
		if len(said[id]) != lines {
			strange++
			t.Logf("%s has %d lines; want %d", query, len(said[id]), lines)
		}
		for _, line := range said[id] {
			if line != "chat "+query {
				strange++
				t.Logf("%s has said %q", query, line)
			}
		}
	}
	if strange > 0 {
		t.Errorf("%d requests and lines are not as they should be", strange)
	}
}

// A worker that never runs out of requests is weighed all the same, and
// replaced without one of them being lost.
func TestBusyWorkerIsReplaced(t *testing.T) {
	s := laneSite(t, "workers = 1\nmax-rss = \"1 MiB\"") // any Python has more
	var first atomic.Value
	var replaced atomic.Bool
	deadline := time.Now().Add(30 * time.Second)
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			w := s.dial()
			for !replaced.Load() && time.Now().Before(deadline) {
				w.send("GET /w/pid HTTP/1.1\r\nHost: h\r\n\r\n")
				resp, pid := w.receive("GET")
				if resp.StatusCode != 200 {
					t.Errorf("got %s", resp.Status)
					return
				}
				if !first.CompareAndSwap(nil, pid) && first.Load() != pid {
					replaced.Store(true)
				}
			}
		})
	}
	wg.Wait()
	if !replaced.Load() {
		t.Errorf("worker %v is still there", first.Load())
	}
}
