package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// sample is one measurement of one contestant.
type sample struct {
	Rate     float64 `json:"rate"` // in the case's unit
	P50      float64 `json:"p50_ms,omitempty"`
	P99      float64 `json:"p99_ms,omitempty"`
	Server   float64 `json:"server_cpu_us,omitempty"`   // processor time per request
	Children float64 `json:"children_cpu_us,omitempty"` // of the programs that it started
	Broken   int     `json:"broken,omitempty"`          // connections that broke or timed out
}

// loadWrk has wrk ask for one URL over kept connections.
func loadWrk(ctx context.Context, site *site, srv *server, url string, c benchCase, d time.Duration) (sample, error) {
	if srv == nil {
		return site.physicalLimit(ctx, c, d)
	}
	serverBefore, childrenBefore := cpu(srv.pids)
	seconds := max(int(d.Seconds()+0.5), 1)
	args := []string{"-t", strconv.Itoa(min(2, c.connections)), "-c", strconv.Itoa(c.connections),
		"-d", strconv.Itoa(seconds) + "s", "--latency", "--timeout", "30s", url}
	out, err := exec.CommandContext(ctx, "wrk", args...).CombinedOutput()
	if err != nil {
		return sample{}, fmt.Errorf("wrk: %w: %s", err, out)
	}
	s, requests, err := parseWrk(out)
	if err != nil {
		return sample{}, err
	}
	server, children := cpu(srv.pids)
	s.Server = perRequest(server-serverBefore, requests)
	s.Children = perRequest(children-childrenBefore, requests)
	return s, nil
}

func perRequest(d time.Duration, n int) float64 {
	if n == 0 {
		return 0
	}
	return float64(d.Microseconds()) / float64(n)
}

var (
	wrkRate    = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	wrkTotal   = regexp.MustCompile(`(\d+) requests in`)
	wrkLatency = regexp.MustCompile(`(?m)^\s+(50|99)%\s+([0-9.]+)(us|ms|s)`)
	wrkRefused = regexp.MustCompile(`(?m)^\s+(Non-2xx.*)$`)
	wrkErrors  = regexp.MustCompile(`Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)`)
)

// parseWrk reads what wrk prints. A contestant that answers with errors has
// not run the race; one whose connections broke is told of: busybox closes
// with a reset what it has not read.
func parseWrk(out []byte) (s sample, requests int, err error) {
	if m := wrkRefused.FindSubmatch(out); m != nil {
		return s, 0, fmt.Errorf("wrk: %s", m[1])
	}
	if m := wrkErrors.FindSubmatch(out); m != nil {
		for _, n := range m[1:] {
			v, _ := strconv.Atoi(string(n))
			s.Broken += v
		}
	}
	m := wrkRate.FindSubmatch(out)
	n := wrkTotal.FindSubmatch(out)
	if m == nil || n == nil {
		return s, 0, fmt.Errorf("wrk printed no rate: %s", out)
	}
	s.Rate, _ = strconv.ParseFloat(string(m[1]), 64)
	requests, _ = strconv.Atoi(string(n[1]))
	for _, l := range wrkLatency.FindAllSubmatch(out, -1) {
		v, _ := strconv.ParseFloat(string(l[2]), 64)
		v *= map[string]float64{"us": 0.001, "ms": 1, "s": 1000}[string(l[3])]
		if string(l[1]) == "50" {
			s.P50 = v
		} else {
			s.P99 = v
		}
	}
	return s, requests, nil
}

// loadBytes moves large bodies and counts megabytes a second: of the answers,
// or of the requests where the case uploads.
func loadBytes(ctx context.Context, _ *site, srv *server, url string, c benchCase, d time.Duration) (sample, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: c.connections, DisableCompression: true, WriteBufferSize: 64 << 10,
		DialContext: (&net.Dialer{}).DialContext}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var moved atomic.Int64
	var failed error
	var once sync.Once
	begun := time.Now()
	serverBefore, _ := cpu(srv.pids)
	var clients sync.WaitGroup
	for range c.connections {
		clients.Go(func() {
			buf := make([]byte, 256<<10)
			for time.Since(begun) < d && ctx.Err() == nil {
				n, err := transfer(ctx, client, url, c.upload, buf)
				if err != nil {
					once.Do(func() { failed = err })
					return
				}
				moved.Add(n)
			}
		})
	}
	clients.Wait()
	took := time.Since(begun)
	server, _ := cpu(srv.pids)
	if failed != nil {
		return sample{}, failed
	}
	megabytes := float64(moved.Load()) / 1e6
	return sample{Rate: megabytes / took.Seconds(), Server: float64((server - serverBefore).Microseconds()) / megabytes}, nil
}

// transfer is one request; it answers the bytes of the body that counts.
func transfer(ctx context.Context, client *http.Client, url string, upload int64, buf []byte) (int64, error) {
	method, body := http.MethodGet, io.Reader(nil)
	if upload > 0 {
		method, body = http.MethodPost, io.LimitReader(zeros{}, upload)
	}
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return 0, err
	}
	if upload > 0 {
		r.ContentLength = upload
	}
	response, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, response.Body, buf)
	switch {
	case err != nil:
		return 0, err
	case response.StatusCode != http.StatusOK:
		return 0, fmt.Errorf("%s: status %s", url, response.Status)
	case response.ContentLength >= 0 && n != response.ContentLength:
		return 0, fmt.Errorf("%s: %d bytes of %d", url, n, response.ContentLength)
	case upload > 0:
		return upload, nil
	}
	return n, nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// ready waits until the server answers the case's URL as it should.
func (s *server) ready(ctx context.Context, url string, c benchCase) error {
	deadline := time.Now().Add(20 * time.Second)
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	for {
		_, err := transfer(ctx, client, url, c.upload, make([]byte, 64<<10))
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(deadline):
			return fmt.Errorf("not ready: %w: %s", err, bytes.TrimSpace(s.said()))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func progress(format string, args ...any) {
	if isTerminal() {
		fmt.Fprintf(os.Stderr, "\r\x1b[K"+format, args...)
	} else {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
	}
}

func clearProgress() {
	if isTerminal() {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}

func isTerminal() bool {
	info, err := os.Stderr.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
