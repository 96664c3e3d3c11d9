package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"syscall"
	"time"
)

const (
	concurrencyRounds = 5
	concurrencyTime   = time.Second

	idleWanted = 10_000
	idleSpare  = 500             // descriptors for everything else
	idleRest   = 4 * time.Second // what was in use has been let go by then
)

// measureConcurrency asks over 8 connections and over 256, by turns.
func measureConcurrency(ctx context.Context, s *site) ([]scaleTable, error) {
	t := scaleTable{
		title: fmt.Sprintf("Concurrency: 8 connections and 256, by turns, medians of %d rounds of %v; the ratio's is the rounds'", concurrencyRounds, concurrencyTime),
		head:  []string{"asked for", "8: req/s", "256: req/s", "256/8 (quartiles)", "8: p99 ms", "256: p99 ms", "8: gateway µs", "256: gateway µs"},
	}
	const n = 10
	r, err := s.startGateway(ctx, routeConf(n))
	if err != nil {
		return nil, err
	}
	defer r.stop()
	for _, what := range routesOf(n) {
		var samples [2][]sample
		for round := range concurrencyRounds + 1 {
			for turn := range samples {
				which := (turn + round) % 2
				progress("concurrency: round %d of %d: %s", round, concurrencyRounds, what.what)
				got, err := loadWrk(ctx, s, r.server, r.url(what.path), benchCase{connections: []int{8, 256}[which]}, concurrencyTime)
				if err == nil {
					err = got.check(us)
				}
				if err != nil {
					return []scaleTable{t}, fmt.Errorf("%s: %w", what.what, err)
				}
				if round > 0 {
					samples[which] = append(samples[which], got)
				}
			}
		}
		few, many := samples[0], samples[1]
		var ratios []float64
		for i := range few {
			ratios = append(ratios, many[i].Rate/few[i].Rate)
		}
		median := func(list []sample, of func(sample) float64) float64 { return quantile(column(list, of), 0.5) }
		p99, own := func(s sample) float64 { return s.P99 }, func(s sample) float64 { return s.Server }
		t.add(what.what, fmt.Sprintf("%.0f", median(few, rate)), fmt.Sprintf("%.0f", median(many, rate)),
			fmt.Sprintf("%.2f (%.2f–%.2f)", quantile(ratios, 0.5), quantile(ratios, 0.25), quantile(ratios, 0.75)),
			fmt.Sprintf("%.1f", median(few, p99)), fmt.Sprintf("%.1f", median(many, p99)),
			fmt.Sprintf("%.0f", median(few, own)), fmt.Sprintf("%.0f", median(many, own)))
	}
	return []scaleTable{t}, nil
}

// measureIdle counts what connections take that have asked once and wait.
func measureIdle(ctx context.Context, s *site) ([]scaleTable, error) {
	t := scaleTable{
		title: "Idle connections, each of which has asked once: the gateway's resident memory, without the kernel's",
		head:  []string{"asked for", "connections", "before MiB", "after MiB", "KiB for each", "still kept"},
	}
	n := idleWanted
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return nil, err
	}
	if most := int(limit.Cur) - idleSpare; most < n {
		n = max(most, 0)
		t.note("RLIMIT_NOFILE is %d: not %d connections, but %d", limit.Cur, idleWanted, n)
	}
	const frames = 10
	for _, what := range routesOf(frames) {
		if what.path == "/1KiB.bin" {
			what.path = "/hello.txt"
		}
		progress("idle: %d connections that have asked for %s", n, what.what)
		row, err := s.idle(ctx, routeConf(frames), what.path, n, idleRest)
		if err != nil {
			return []scaleTable{t}, fmt.Errorf("%s: %w", what.what, err)
		}
		t.add(append([]string{what.what}, row...)...)
	}
	return []scaleTable{t}, nil
}

// idle opens n connections to a gateway that is warm, and asks over each of
// them once before they rest, and once after.
func (s *site) idle(ctx context.Context, conf, path string, n int, rest time.Duration) ([]string, error) {
	r, err := s.startGateway(ctx, conf)
	if err != nil {
		return nil, err
	}
	defer r.stop()
	if _, err := closedLoad(ctx, r.address, path, 64, time.Second); err != nil {
		return nil, err
	}
	before := residentKiB(r.roots[0].pid)
	conns := make([]*keptConn, n)
	for i := range conns {
		conns[i] = &keptConn{address: r.address}
		defer conns[i].close()
	}
	if failed, err := askAll(ctx, conns, path); failed > 0 {
		return nil, fmt.Errorf("%d of %d connections failed: %w", failed, n, err)
	}
	select {
	case <-time.After(rest):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	after := residentKiB(r.roots[0].pid)
	opened := make([]any, n)
	for i, c := range conns {
		opened[i] = c.conn
	}
	kept := 0
	askAll(ctx, conns, path) // one that was closed fails, or is opened anew
	for i, c := range conns {
		if c.conn != nil && opened[i] == any(c.conn) {
			kept++
		}
	}
	return []string{fmt.Sprint(n), fmt.Sprintf("%.1f", float64(before)/kib), fmt.Sprintf("%.1f", float64(after)/kib),
		fmt.Sprintf("%.2f", float64(after-before)/float64(n)), fmt.Sprint(kept)}, nil
}

// askAll has each connection ask once, 64 of them at a time.
func askAll(ctx context.Context, conns []*keptConn, path string) (failed int, first error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	next := make(chan *keptConn)
	var mu sync.Mutex
	var clients sync.WaitGroup
	for range 64 {
		clients.Go(func() {
			for c := range next {
				status, _, err := c.ask(ctx, path)
				if err == nil && status != http.StatusOK {
					err = fmt.Errorf("status %d", status)
				}
				if err != nil {
					mu.Lock()
					failed, first = failed+1, err
					mu.Unlock()
				}
			}
		})
	}
	for _, c := range conns {
		next <- c
	}
	close(next)
	clients.Wait()
	return failed, first
}
