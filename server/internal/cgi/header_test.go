package cgi

import (
	"strings"
	"testing"
)

func TestHeaderEnd(t *testing.T) {
	tests := []struct {
		name, in string
		want     int // -1: not there yet
	}{
		{"nothing", "", -1},
		{"LF", "A: b\n\nbody", 6},
		{"CRLF", "A: b\r\n\r\nbody", 8},
		{"LF then CRLF", "A: b\n\r\nbody", 7},
		{"CRLF then LF", "A: b\r\n\nbody", 7},
		{"mixed lines", "A: b\r\nC: d\nE: f\r\n\nbody", 18},
		{"no body", "A: b\n\n", 6},
		{"the first end counts", "A: b\n\nC: d\n\n", 6},
		{"empty line first", "\nA: b\n\n", 1},
		{"empty CRLF line first", "\r\nA: b\n\n", 2},
		{"one line", "A: b\n", -1},
		{"line and a CR", "A: b\n\r", -1},
		{"bare CR is no end", "A: b\r\rbody", -1},
		{"CR CR LF is no empty line", "A: b\n\r\r\nC: d\n", -1},
		{"CR of its own in front", "\rA: b\n\n", 7},
		{"no line break", "A: b", -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := HeaderEnd([]byte(tt.in), 0); got != tt.want {
				t.Errorf("got %d; want %d", got, tt.want)
			}
			checkIncremental(t, []byte(tt.in))
		})
	}
}

// checkIncremental gives HeaderEnd the input in two and in three pieces, cut
// everywhere: however it arrives, the end is the same.
func checkIncremental(t *testing.T, in []byte) {
	t.Helper()
	want := HeaderEnd(in, 0)
	for i := range len(in) + 1 {
		if end := HeaderEnd(in[:i], 0); end >= 0 {
			if end != want {
				t.Errorf("%q, first %d bytes: got %d; want %d", in, i, end, want)
			}
			continue
		}
		if got := HeaderEnd(in, i); got != want {
			t.Errorf("%q, cut at %d: got %d; want %d", in, i, got, want)
		}
		for j := i; j < min(len(in), i+4); j++ {
			if end := HeaderEnd(in[:j], i); end >= 0 {
				if end != want {
					t.Errorf("%q, cut at %d and %d: got %d; want %d", in, i, j, end, want)
				}
				continue
			}
			if got := HeaderEnd(in, j); got != want {
				t.Errorf("%q, cut at %d and %d: got %d; want %d", in, i, j, got, want)
			}
		}
	}
}

// The few bytes that matter to HeaderEnd, in every order, against a plain
// reading of what an empty line is.
func TestHeaderEndExhaustive(t *testing.T) {
	const alphabet = "a\r\n"
	var walk func(in string)
	walk = func(in string) {
		want := -1
		for i := range in {
			first := i == 0 || in[i-1] == '\n'
			if first && in[i] == '\n' {
				want = i + 1
				break
			}
			if first && strings.HasPrefix(in[i:], "\r\n") {
				want = i + 2
				break
			}
		}
		if got := HeaderEnd([]byte(in), 0); got != want {
			t.Fatalf("%q: got %d; want %d", in, got, want)
		}
		checkIncremental(t, []byte(in))
		if len(in) < 7 {
			for _, c := range alphabet {
				walk(in + string(c))
			}
		}
	}
	walk("")
}
