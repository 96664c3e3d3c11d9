package main

import (
	"strings"
	"testing"
	"time"
)

func TestBound(t *testing.T) {
	for _, tt := range []struct {
		name     string
		overload overload
		capacity float64
		want     time.Duration
	}{
		{"the queue", overload{slots: 8, queue: 64, timeout: 30 * time.Second}, 800, 90 * time.Millisecond},
		{"the patience", overload{slots: 8, queue: 10_000, timeout: 250 * time.Millisecond}, 800, 260 * time.Millisecond},
		{"no queue", overload{slots: 2, timeout: time.Second}, 200, 10 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.overload.bound(tt.capacity).Round(time.Microsecond); got != tt.want {
				t.Errorf("got %v; want %v", got, tt.want)
			}
		})
	}
}

func TestRouteConf(t *testing.T) {
	const n = 12
	conf := routeConf(n)
	if got := strings.Count(conf, "[[frame]]\n"); got != n {
		t.Errorf("got %d frames; want %d", got, n)
	}
	for _, what := range routesOf(n)[1:] {
		if want := "mount = \"" + what.path + "\"\n"; strings.Count(conf, want) != 1 {
			t.Errorf("%s: want it once in\n%s", want, conf)
		}
	}
}

func TestScaleTable(t *testing.T) {
	table := scaleTable{title: "Title", head: []string{"frames", "µs"}}
	table.add("10", "9.5")
	table.add("10000", "10.5")
	table.note("said %d", 1)
	var b strings.Builder
	table.print(&b)
	want := "\nTitle\n  frames    µs\n      10   9.5\n   10000  10.5\n  said 1\n"
	if b.String() != want {
		t.Errorf("got %q; want %q", b.String(), want)
	}
}

func TestSizeName(t *testing.T) {
	for size, want := range map[int64]string{kib: "1 KiB", mib: "1 MiB", 32 * mib: "32 MiB", 1 << 30: "1 GiB"} {
		if got := sizeName(size); got != want {
			t.Errorf("%d: got %q; want %q", size, got, want)
		}
	}
}

func TestMs(t *testing.T) {
	if got := ms(nil, 0.5); got != "–" {
		t.Errorf("nothing: got %q", got)
	}
	if got := ms([]time.Duration{3 * time.Millisecond, time.Millisecond, 2 * time.Millisecond}, 0.5); got != "2.0" {
		t.Errorf("got %q; want 2.0", got)
	}
}

func TestScaleParts(t *testing.T) {
	if _, err := parseScale([]string{"route"}); text(err) != `scale: there is no part "route": overload, lighttpd, routes, bodies, concurrency, idle` {
		t.Errorf("got %v", err)
	}
}

// TestStartGateway has each part's gateway answer, and its programs.
func TestStartGateway(t *testing.T) {
	s := testScale(t)
	for _, tt := range []struct{ name, frames, path string }{
		{"overload", overloads()[1].conf(), "/load"},
		{"good", overloads()[1].conf(), "/good"},
		{"routes", routeConf(3), "/f00001"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := s.startGateway(t.Context(), tt.frames)
			if err != nil {
				t.Fatal(err)
			}
			defer r.stop()
			c := &keptConn{address: r.address}
			defer c.close()
			if status, _, err := c.ask(t.Context(), tt.path); status != 200 || err != nil {
				t.Errorf("got %d, %v; want 200", status, err)
			}
			if residentKiB(r.roots[0].pid) == 0 || r.took == 0 {
				t.Errorf("got %d KiB after %v", residentKiB(r.roots[0].pid), r.took)
			}
		})
	}
	if row, err := s.moveBodies(t.Context(), "/body", true, 100*kib); err != nil || len(row) != 5 {
		t.Errorf("bodies: got %q, %v", row, err)
	}
	if row, err := s.idle(t.Context(), routeConf(3), "/f00001", 10, 0); err != nil || row[len(row)-1] != "10" {
		t.Errorf("idle: got %q, %v; want 10 kept", row, err)
	}
}
