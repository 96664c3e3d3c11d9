package gateway

import (
	"bytes"
	"testing"
)

// What is kept of a long stream is not copied again and again as it arrives,
// and is not made room for before it does.
func TestHeadGrowsInFewSteps(t *testing.T) {
	const most = 1<<20 + 100
	piece := bytes.Repeat([]byte("x"), 32<<10)
	var h head
	steps := 0
	for range 40 {
		before := cap(h.buf)
		h.put(piece, most)
		if cap(h.buf) != before {
			steps++
		}
		if room := cap(h.buf); room > 5*len(h.buf) {
			t.Errorf("got room for %d bytes behind %d", room, len(h.buf))
		}
	}
	if steps > 5 {
		t.Errorf("got %d steps to %d bytes; want 5 at the most", steps, len(h.buf))
	}
	if len(h.buf) != most || h.size != int64(40*len(piece)) {
		t.Errorf("got %d bytes kept of %d; want %d of %d", len(h.buf), h.size, most, 40*len(piece))
	}
}
