package gateway

import "fmt"

// note is something to know about the frame that is no problem.
func (f *frame) note(format string, args ...any) {
	f.notes = append(f.notes, fmt.Sprintf(format, args...))
}

// Notes are what to know about frames: which bounds this machine cannot give
// in full. As a rule it cannot for one as for all: that is told once.
func (g *Gateway) Notes() []string {
	var texts []string // in the order of the frames
	about := map[string][]*frame{}
	for _, f := range g.frames {
		for _, text := range f.notes {
			if about[text] == nil {
				texts = append(texts, text)
			}
			about[text] = append(about[text], f)
		}
	}
	notes := make([]string, 0, len(texts))
	for _, text := range texts {
		notes = append(notes, whose(about[text], len(g.frames))+": "+text)
	}
	return notes
}

// whose names some of all the frames.
func whose(some []*frame, all int) string {
	first := fmt.Sprintf("frame %q", some[0].cfg.Name)
	switch n := len(some); {
	case n == 1:
		return first
	case n == all:
		return "all frames"
	case n == 2:
		return first + " and another"
	default:
		return fmt.Sprintf("%s and %d others", first, n-1)
	}
}
