package process

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDrainLines(t *testing.T) {
	full := strings.Repeat("x", longestLine)
	for _, tt := range []struct {
		name, in string
		want     []string
	}{
		{"lines", "a\nb\r\n\nc", []string{"a", "b", "", "c"}},
		{"longest line", full + "\n", []string{full}},
		{"longest line, CR LF", full + "\r\nnext\n", []string{full, "next"}},
		{"one byte more", full + "y\n", []string{full, "y"}},
		{"several pieces", full + full + "yz", []string{full, full, "yz"}},
		{"nothing", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, w, err := outputPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if _, err := w.WriteString(tt.in); err != nil { // less than a pipe holds
				t.Fatal(err)
			}
			w.Close()
			var got []string
			drainLines(r, func(line []byte) { got = append(got, string(line)) })
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("got (-want +got):\n%s", diff)
			}
		})
	}
}
