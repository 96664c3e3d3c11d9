package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"framegate/server/internal/servertest"
)

func TestMain(m *testing.M) { servertest.Main(m) }

// testSite needs a compiler, and what asks.
func testSite(t *testing.T) *site {
	t.Helper()
	servertest.Require(t, "apt-get install gcc libc6-dev", "cc")
	servertest.Require(t, "apt-get install wrk", "wrk")
	servertest.Require(t, "apt-get install python3", "/usr/bin/python3")
	s, err := laySite(t.Context(), servertest.Build(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.remove)
	return s
}

// testScale needs no more than a compiler.
func testScale(t *testing.T) *site {
	t.Helper()
	servertest.Require(t, "apt-get install gcc libc6-dev", "cc")
	servertest.Require(t, "apt-get install python3", "/usr/bin/python3")
	s, err := layScale(t.Context(), servertest.Build(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.remove)
	return s
}

func find(t *testing.T, name string) benchCase {
	t.Helper()
	for _, c := range allCases() {
		if c.name == name {
			return c
		}
	}
	t.Fatalf("%s: no such case", name)
	return benchCase{}
}

// TestRun measures for a moment, for real: the whole way from a case to its
// figures.
func TestRun(t *testing.T) {
	s := testSite(t)
	o := &options{rounds: 1, seconds: 100 * time.Millisecond, among: regexp.MustCompile("^(" + goCGI + "|" + limit + ")$")}
	for _, name := range []string{"c-1", "c-up-100KiB"} {
		t.Run(name, func(t *testing.T) {
			got, err := o.measure(t.Context(), s, find(t, name))
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range got.Contestants {
				if c.Error != "" || c.Median.Rate <= 0 || c.Ratio <= 0 {
					t.Errorf("%s: got %+v; want a rate and a ratio", c.Name, c)
				}
			}
			ours := got.Contestants[0]
			if !ours.Kept || ours.PeakKiB == 0 || ours.Median.Requests == 0 {
				t.Errorf("got %+v; want ours to keep connections, and what it took", ours)
			}
		})
	}
	leftNothing(t, s)
}

// TestWrongAnswer has a contestant that is fast, and wrong.
func TestWrongAnswer(t *testing.T) {
	s := testSite(t)
	c := find(t, "c-1")
	c.answer, c.contestants = "something else", []string{us}
	o := &options{rounds: 1, seconds: 100 * time.Millisecond}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if got, err := o.measure(ctx, s, c); err != context.DeadlineExceeded {
		t.Errorf("got %v, %v; want nothing measured within the deadline", got, err)
	}
	leftNothing(t, s)
}

// TestInterrupted ends a run in the midst of a measurement.
func TestInterrupted(t *testing.T) {
	s := testSite(t)
	c := find(t, "wsgi-worker-1")
	c.contestants = []string{us}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c.load = func(ctx context.Context, _ *site, srv *server, _ string, _ benchCase, _ time.Duration) (sample, error) {
		if n := len(tree(srv.roots[0].pid)); n < 3 {
			t.Errorf("got %d processes; want the gateway and two workers at least", n)
		}
		cancel()
		return sample{}, ctx.Err()
	}
	o := &options{rounds: 1, seconds: time.Second}
	if got, err := o.measure(ctx, s, c); err != context.Canceled {
		t.Errorf("got %v, %v; want the end that was asked for", got, err)
	}
	leftNothing(t, s)
}

// leftNothing waits for the end of what works in the site: the gateway's
// guardian ends behind it.
func leftNothing(t *testing.T, s *site) {
	t.Helper()
	var left []int
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		left = nil
		for _, p := range processes() {
			cwd, _ := os.Readlink(filepath.Join("/proc", strconv.Itoa(p.pid), "cwd"))
			if cwd == s.path("app") || cwd == s.path("cgi-bin") {
				left = append(left, p.pid)
			}
		}
		if len(left) == 0 {
			return
		}
	}
	t.Errorf("processes %v are still there", left)
}

// TestCPU tells a server from the programs that it runs.
func TestCPU(t *testing.T) {
	s := testSite(t)
	c := find(t, "wsgi-worker-16")
	srv, url, err := s.start(us, c)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.stop()
	if _, err := srv.ready(t.Context(), url, c); err != nil {
		t.Fatal(err)
	}
	server, children := cpu(srv.roots)
	own := tree(srv.roots[0].pid)
	if server <= 0 || children <= 0 {
		t.Errorf("got %v and %v of %d processes; want both to have taken some", server, children, len(own))
	}
}
