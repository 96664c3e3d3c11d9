package process

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// However the text comes, its lines are the same.
func TestLines(t *testing.T) {
	text := "one\ntwo\r\n\n" + strings.Repeat("x", longestLine+10) + "\nlast"
	want := []string{"one", "two", "", strings.Repeat("x", longestLine), strings.Repeat("x", 10), "last"}
	for _, step := range []int{1, 7, 1000, len(text)} {
		var got []string
		l := NewLines(func(line []byte) { got = append(got, string(line)) })
		for rest := text; len(rest) > 0; {
			n, err := l.Write([]byte(rest[:min(step, len(rest))]))
			if err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		l.Flush()
		l.Flush()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("in steps of %d:\n%s", step, diff)
		}
	}
	NewLines(nil).Write([]byte("nobody\nlistens"))
}
