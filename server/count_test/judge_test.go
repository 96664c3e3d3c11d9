//go:build linux && !race

package count_test

import (
	"fmt"
	"slices"
	"testing"
)

// counted are the windows' counts, per request.
type counted []float64

func (c counted) median() float64 {
	sorted := slices.Sorted(slices.Values(c))
	return sorted[len(sorted)/2]
}

// judge compares what was counted with its ceiling.
func judge(t *testing.T, path, count string, got counted) {
	t.Helper()
	for _, c := range ceilings() {
		if c.path == path && c.count == count {
			t.Logf("%-8s %-18s %9.1f of %g (windows: %.1f to %.1f)", path, count, got.median(), c.most, slices.Min(got), slices.Max(got))
			if why := c.verdict(got); why != "" {
				t.Error(why)
			}
			return
		}
	}
	t.Errorf("%s, %s: no ceiling", path, count)
}

// verdict is "", or what is wrong and what to do.
func (c ceiling) verdict(got counted) string {
	if got.median() <= c.most {
		return ""
	}
	return fmt.Sprintf("%s: %s for each request: got %.1f (windows: %.1f to %.1f); the ceiling is %g\n"+
		"It is made of: %s.\n"+
		"Find what has become dearer: go test -v ./server/count_test, here and before your change.\n"+
		"If it is worth that, raise the ceiling as ceilings_test.go says, in the same commit.",
		c.path, c.count, got.median(), slices.Min(got), slices.Max(got), c.most, c.why)
}

func TestVerdict(t *testing.T) {
	c := ceiling{path: "exec", count: "system calls", most: 40, why: "pipes"}
	for _, tt := range []struct {
		name string
		got  counted
		want string
	}{
		{"below", counted{39, 38, 37}, ""},
		{"at", counted{40, 40, 40}, ""},
		{"one-window-over", counted{90, 40, 39}, ""},
		{"over", counted{41, 42, 40}, "exec: system calls for each request: got 41.0 (windows: 40.0 to 42.0); the ceiling is 40\n" +
			"It is made of: pipes.\n" +
			"Find what has become dearer: go test -v ./server/count_test, here and before your change.\n" +
			"If it is worth that, raise the ceiling as ceilings_test.go says, in the same commit."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := c.verdict(tt.got); got != tt.want {
				t.Errorf("got %q; want %q", got, tt.want)
			}
		})
	}
}
