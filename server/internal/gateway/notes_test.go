package gateway

import (
	"slices"
	"testing"

	"framegate/server/internal/config"
)

// What holds for several frames is one line, what is one's own another.
func TestNotes(t *testing.T) {
	const same, own = "no cgroups", "too many directories"
	for _, tt := range []struct {
		name  string
		notes [][]string // by frame: a, b, c…
		want  []string
	}{
		{"nothing", [][]string{nil, nil}, []string{}},
		{"the only frame", [][]string{{same}}, []string{`frame "a": ` + same}},
		{"all", [][]string{{same}, {same}, {same}}, []string{"all frames: " + same}},
		{"all, and one of its own", [][]string{{same}, {same, own}}, []string{"all frames: " + same, `frame "b": ` + own}},
		{"one alone", [][]string{nil, {same}, nil}, []string{`frame "b": ` + same}},
		{"each its own", [][]string{{same}, {own}}, []string{`frame "a": ` + same, `frame "b": ` + own}},
		{"two of three", [][]string{nil, {same}, {same}}, []string{`frame "b" and another: ` + same}},
		{"three of four", [][]string{nil, {same}, {same}, {same}}, []string{`frame "b" and 2 others: ` + same}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := &Gateway{}
			for i, notes := range tt.notes {
				f := &frame{cfg: &config.Frame{Name: string(rune('a' + i))}}
				for _, text := range notes {
					f.note("%s", text)
				}
				g.frames = append(g.frames, f)
			}
			if got := g.Notes(); !slices.Equal(got, tt.want) {
				t.Errorf("got %q; want %q", got, tt.want)
			}
		})
	}
}
