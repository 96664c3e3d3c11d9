package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// sample is one measurement of one contestant.
type sample struct {
	Rate     float64 `json:"rate"` // in the case's unit
	Requests int     `json:"requests,omitempty"`
	P50      float64 `json:"p50_ms,omitempty"`
	P99      float64 `json:"p99_ms,omitempty"`
	Server   float64 `json:"server_cpu_us,omitempty"`   // processor time of a request, or of a megabyte
	Children float64 `json:"children_cpu_us,omitempty"` // of the programs that it runs
	Broken   int     `json:"broken,omitempty"`          // connections that broke or timed out
}

// mostBroken is the share of requests that may fail on a busy machine without
// making the figure worthless.
const mostBroken = 0.01

// check refuses a measurement in which too much went wrong. Busybox alone may
// reset its connections: it closes each one without having read it to its end.
func (s *sample) check(contestant string) error {
	if contestant != busybox && float64(s.Broken) > mostBroken*float64(s.Requests) {
		return fmt.Errorf("%d of %d requests failed", s.Broken, s.Requests)
	}
	return nil
}

var errNothing = errors.New("no request came to its end: it takes a longer --time")

// loadWrk has wrk ask for one URL over kept connections.
func loadWrk(ctx context.Context, site *site, srv *server, url string, c benchCase, d time.Duration) (sample, error) {
	if srv == nil {
		return site.physicalLimit(ctx, c, d)
	}
	args := []string{"-t", strconv.Itoa(min(2, c.connections)), "-c", strconv.Itoa(c.connections),
		"-d", wholeSeconds(d) + "s", "--latency", "--timeout", "30s", url}
	return srv.charge(func() (sample, error) {
		out, err := exec.CommandContext(ctx, "wrk", args...).CombinedOutput()
		if err != nil {
			return sample{}, fmt.Errorf("wrk: %w: %s", err, out)
		}
		return parseWrk(out)
	})
}

// wholeSeconds is the only length that wrk and h2load take.
func wholeSeconds(d time.Duration) string { return strconv.Itoa(max(int(d.Seconds()+0.5), 1)) }

// charge notes what the server's processes took for each of the requests that
// load makes.
func (srv *server) charge(load func() (sample, error)) (sample, error) {
	serverBefore, childrenBefore := cpu(srv.roots)
	s, err := load()
	server, children := cpu(srv.roots)
	if err == nil && s.Requests > 0 {
		s.Server = float64((server - serverBefore).Microseconds()) / float64(s.Requests)
		s.Children = float64((children - childrenBefore).Microseconds()) / float64(s.Requests)
	}
	return s, err
}

var (
	wrkRate    = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	wrkTotal   = regexp.MustCompile(`(\d+) requests in`)
	wrkLatency = regexp.MustCompile(`(?m)^\s+(50|99)%\s+([0-9.]+)(us|ms|s|m)\s*$`)
	wrkRefused = regexp.MustCompile(`(?m)^\s+(Non-2xx.*)$`)
	wrkErrors  = regexp.MustCompile(`Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)`)
)

// parseWrk reads what wrk prints. A contestant that answers with errors has
// not run the race.
func parseWrk(out []byte) (s sample, err error) {
	if m := wrkRefused.FindSubmatch(out); m != nil {
		return s, fmt.Errorf("wrk: %s", m[1])
	}
	if m := wrkErrors.FindSubmatch(out); m != nil {
		for _, n := range m[1:] {
			s.Broken += int(float(n))
		}
	}
	m := wrkRate.FindSubmatch(out)
	n := wrkTotal.FindSubmatch(out)
	if m == nil || n == nil {
		return s, fmt.Errorf("wrk printed no rate: %s", out)
	}
	s.Rate, s.Requests = float(m[1]), int(float(n[1]))
	if s.Requests == 0 {
		return s, errNothing
	}
	perMillisecond := map[string]float64{"us": 1000, "ms": 1, "s": 1.0 / 1000, "m": 1.0 / 60000}
	for _, l := range wrkLatency.FindAllSubmatch(out, -1) {
		v := float(l[2]) / perMillisecond[string(l[3])]
		if string(l[1]) == "50" {
			s.P50 = v
		} else {
			s.P99 = v
		}
	}
	return s, nil
}

// float is a number that a pattern has found to be one.
func float(b []byte) float64 {
	v, _ := strconv.ParseFloat(string(b), 64)
	return v
}

var (
	h2Rate   = regexp.MustCompile(`finished in [0-9.]+\w+, ([0-9.]+) req/s`)
	h2Total  = regexp.MustCompile(`requests: \d+ total, \d+ started, \d+ done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout`)
	h2Status = regexp.MustCompile(`status codes: \d+ 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx`)
)

// loadH2 has h2load ask by HTTP/2 without TLS, as behind a proxy.
func loadH2(ctx context.Context, _ *site, srv *server, url string, c benchCase, d time.Duration) (sample, error) {
	return srv.charge(func() (sample, error) {
		out, err := exec.CommandContext(ctx, "h2load", "-t", "2", "-c", strconv.Itoa(c.connections), "-m", "16", "-D", wholeSeconds(d), url).CombinedOutput()
		if err != nil {
			return sample{}, fmt.Errorf("h2load: %w: %s", err, out)
		}
		return parseH2(out)
	})
}

// parseH2 reads what h2load prints. It has no percentiles.
func parseH2(out []byte) (s sample, err error) {
	rate, total, status := h2Rate.FindSubmatch(out), h2Total.FindSubmatch(out), h2Status.FindSubmatch(out)
	if rate == nil || total == nil || status == nil {
		return s, fmt.Errorf("h2load printed no rate: %s", out)
	}
	for _, n := range status[1:] {
		if float(n) > 0 {
			return s, fmt.Errorf("h2load: %s", status[0])
		}
	}
	s.Rate, s.Requests = float(rate[1]), int(float(total[1]))
	for _, n := range total[2:] {
		s.Broken += int(float(n))
	}
	return s, nil
}
