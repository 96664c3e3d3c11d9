//go:build linux && !race

package count_test

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"testing"
)

const (
	allocWindows  = 5
	allocRequests = 200
)

// TestAllocations counts what the gateway allocates, and how many goroutines
// it starts, for each request.
func TestAllocations(t *testing.T) {
	dir := laySite(t)
	s, _ := start(t, dir)
	for _, path := range []string{execC, worker, file} {
		c := s.dial(t, path)
		c.ask(allocRequests) // everything is warm
		var objects, bytes, started counted
		for range allocWindows {
			before, nothing := snapshot(t, dir), snapshot(t, dir)
			c.ask(allocRequests)
			after := snapshot(t, dir)
			each := func(i int) float64 {
				own := nothing[i] - before[i] // of looking
				return float64(after[i]-nothing[i]-own) / allocRequests
			}
			objects, bytes, started = append(objects, each(0)), append(bytes, each(1)), append(started, each(2))
		}
		judge(t, path, allocations, objects)
		judge(t, path, allocated, bytes)
		judge(t, path, goroutines, started)
	}
}

// snapshot asks the gateway for its allocations, their bytes and its
// goroutines so far.
func snapshot(t *testing.T, dir string) (n [3]int64) {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(dir, "counts"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	text, err := io.ReadAll(conn)
	if err == nil {
		_, err = fmt.Sscan(string(text), &n[0], &n[1], &n[2])
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}
