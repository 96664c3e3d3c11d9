package gateway

import (
	"path"
	"slices"
	"strings"
)

// globs are the patterns of all frames, in file order. Most begin or end with
// plain text ("*.py", "/api/*"), by which they are found: a look-up costs as
// many looks into a map as there are lengths of such texts, however many
// patterns there are.
type globs struct {
	list  []pattern
	last  globIndex // those that are held against the last segment
	whole globIndex // those that are held against the whole path
}

type pattern struct {
	glob  string
	frame *frame
}

// globIndex finds patterns by the longer one of their plain beginning and their
// plain end.
type globIndex struct{ begin, end textIndex }

// textIndex has the places of patterns in the list, ascending, by text.
type textIndex struct {
	places  map[string][]int
	lengths []int // of texts, ascending
}

func (g *globs) add(glob string, f *frame) {
	index := &g.last
	if strings.Contains(glob, "/") {
		index = &g.whole
	}
	index.add(glob, len(g.list))
	g.list = append(g.list, pattern{glob, f})
}

// globMeta are the bytes that path.Match gives a meaning.
const globMeta = `*?[\`

func (x *globIndex) add(glob string, place int) {
	begin, end := glob, ""
	if first := strings.IndexAny(glob, globMeta); first >= 0 {
		begin = glob[:first]
		// What follows a class or a backslash may belong to it.
		if end = glob[strings.LastIndexAny(glob, globMeta)+1:]; strings.ContainsAny(glob, `[\`) {
			end = ""
		}
	}
	if len(end) > len(begin) {
		x.end.add(end, place)
	} else {
		x.begin.add(begin, place)
	}
}

func (t *textIndex) add(text string, place int) {
	if t.places == nil {
		t.places = map[string][]int{}
	}
	t.places[text] = append(t.places[text], place)
	if at, known := slices.BinarySearch(t.lengths, len(text)); !known {
		t.lengths = slices.Insert(t.lengths, at, len(text))
	}
}

// find returns the frame of the first pattern that target, a path, matches.
func (g *globs) find(target string) *frame {
	if len(g.list) == 0 {
		return nil
	}
	best := g.first(&g.whole, target, len(g.list))
	best = g.first(&g.last, target[strings.LastIndexByte(target, '/')+1:], best)
	if best == len(g.list) {
		return nil
	}
	return g.list[best].frame
}

// first returns the place of the first pattern that subject matches, if it is
// ahead of best, else best.
func (g *globs) first(x *globIndex, subject string, best int) int {
	for _, n := range x.begin.lengths {
		if n > len(subject) {
			break
		}
		best = g.firstOf(x.begin.places[subject[:n]], subject, best)
	}
	for _, n := range x.end.lengths {
		if n > len(subject) {
			break
		}
		best = g.firstOf(x.end.places[subject[len(subject)-n:]], subject, best)
	}
	return best
}

func (g *globs) firstOf(places []int, subject string, best int) int {
	for _, place := range places {
		if place >= best {
			break
		}
		// The configuration has checked that the pattern is well-formed.
		if ok, _ := path.Match(g.list[place].glob, subject); ok {
			return place
		}
	}
	return best
}
