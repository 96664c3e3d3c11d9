package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

const (
	routeRounds = 3
	routeTime   = time.Second
)

// routeConf is a gateway of n frames: n-1 programs, and a worker.
func routeConf(n int) string {
	var b strings.Builder
	for i := range n - 1 {
		fmt.Fprintf(&b, "[[frame]]\nname = \"f%05d\"\nmount = \"/f%05d\"\ncommand = [\"DIR/cgi-bin/hello\"]\n", i, i)
	}
	b.WriteString("[[frame]]\nname = \"worker\"\nmount = \"/worker\"\napp = \"wsgi_hello:application\"\ndir = \"DIR/app\"\nmode = \"worker\"\nworkers = 2\ninterpreter = \"PYTHON\"\n")
	return b.String()
}

// routesOf are what is asked of a gateway of n frames.
func routesOf(n int) []struct{ what, path string } {
	return []struct{ what, path string }{
		{"a file", "/1KiB.bin"},
		{"the worker", "/worker"},
		{"the last program", fmt.Sprintf("/f%05d", n-2)},
	}
}

// measureRoutes has gateways with ever more frames asked by turns.
func measureRoutes(ctx context.Context, s *site) ([]scaleTable, error) {
	t := scaleTable{
		title: fmt.Sprintf("Routes: gateways with ever more frames, 16 connections, medians of %d rounds of %v; processor time is the gateway's own", routeRounds, routeTime),
		head:  []string{"frames", "starts in s", "memory MiB", "asked for", "req/s", "gateway µs", "of 10 frames'"},
	}
	sizes := []int{10, 100, 1000, 10_000}
	var gateways []*running
	defer func() {
		for _, r := range gateways {
			r.stop()
		}
	}()
	for _, n := range sizes {
		progress("routes: starting a gateway with %d frames", n)
		r, err := s.startGateway(ctx, routeConf(n))
		if err != nil {
			return nil, fmt.Errorf("%d frames: %w", n, err)
		}
		gateways = append(gateways, r)
	}
	samples := make([][3][]sample, len(sizes))
	for round := range routeRounds + 1 {
		for i := range sizes {
			turn := (i + round) % len(sizes) // nobody is always the first
			for k, what := range routesOf(sizes[turn]) {
				progress("routes: round %d of %d: %d frames, %s", round, routeRounds, sizes[turn], what.what)
				r := gateways[turn]
				got, err := loadWrk(ctx, s, r.server, r.url(what.path), benchCase{connections: 16}, routeTime)
				if err != nil {
					return nil, fmt.Errorf("%d frames: %s: %w", sizes[turn], what.what, err)
				}
				if round > 0 { // the first is to warm up
					samples[turn][k] = append(samples[turn][k], got)
				}
			}
		}
	}
	for k := range samples[0] {
		for i, n := range sizes {
			median := func(at int, of func(sample) float64) float64 { return quantile(column(samples[at][k], of), 0.5) }
			own := func(s sample) float64 { return s.Server }
			t.add(fmt.Sprint(n), fmt.Sprintf("%.1f", gateways[i].took.Seconds()), fmt.Sprintf("%.0f", float64(residentKiB(gateways[i].roots[0].pid))/kib),
				routesOf(n)[k].what, fmt.Sprintf("%.0f", median(i, rate)), fmt.Sprintf("%.1f", median(i, own)), fmt.Sprintf("%.2f", median(i, own)/median(0, own)))
		}
	}
	return []scaleTable{t}, nil
}
