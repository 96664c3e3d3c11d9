package static

import (
	"math"
	"strings"
)

// byteRange is length bytes from start on; both fit the file, and length is
// not 0.
type byteRange struct{ start, length int64 }

// rangeVerdict is what a Range field comes to for a file of a given size.
type rangeVerdict int

const (
	whole         rangeVerdict = iota // none, or one to be ignored: 200
	partial                           // 206
	unsatisfiable                     // 416
)

const (
	// maxRanges bounds what one request can make of a file; beyond it the
	// field is ignored (§14.2 allows that, §17.15 says why).
	maxRanges = 64
	// partOverhead is about what one more part costs on the wire. Ranges that
	// are closer together than this are cheaper as one.
	partOverhead = 80
)

// parseRange reads a Range field (§14.2). Unknown units, syntax errors and
// repeated fields make it as good as absent; and for an empty file, which has
// no byte to begin a range with, so does everything.
//
// Ranges that overlap or nearly touch are joined (§15.3.7.2), so that the
// answer is never much longer than the file.
func parseRange(lines []string, size int64) ([]byteRange, rangeVerdict) {
	if len(lines) != 1 || size == 0 {
		return nil, whole
	}
	unit, set, ok := strings.Cut(strings.Trim(lines[0], " \t"), "=")
	if !ok || !equalFold(unit, "bytes") { // §14.1: case-insensitive
		return nil, whole
	}
	var ranges []byteRange
	specs := 0
	for set != "" {
		var spec string
		spec, set, _ = strings.Cut(set, ",")
		if spec = strings.Trim(spec, " \t"); spec == "" {
			continue // §5.6.1.2: empty elements of a list don't count
		}
		br, ok := parseSpec(spec, size)
		if specs++; !ok || specs > maxRanges {
			return nil, whole
		}
		if br.length > 0 {
			ranges = join(ranges, br)
		}
	}
	switch {
	case specs == 0:
		return nil, whole
	case len(ranges) == 0:
		return nil, unsatisfiable
	}
	return ranges, partial
}

// parseSpec reads one int-range or suffix-range (§14.1.1, §14.1.2). Length 0
// says that it is well-formed and can't be satisfied.
func parseSpec(spec string, size int64) (br byteRange, ok bool) {
	first, last, ok := strings.Cut(spec, "-")
	if !ok {
		return br, false
	}
	if first == "" { // the last n bytes
		n, ok := parsePos(last)
		n = min(n, size)
		return byteRange{size - n, n}, ok
	}
	start, ok := parsePos(first)
	end := int64(math.MaxInt64)
	if ok && last != "" {
		end, ok = parsePos(last)
	}
	if !ok || end < start {
		return br, false
	}
	if start >= size {
		return br, true
	}
	return byteRange{start, min(end, size-1) - start + 1}, true
}

// parsePos reads 1*DIGIT. What no file can be as long as, is MaxInt64.
func parsePos(s string) (int64, bool) {
	if s == "" {
		return 0, false
	}
	var n int64
	for i := 0; i < len(s); i++ {
		digit := int64(s[i]) - '0'
		if digit < 0 || digit > 9 {
			return 0, false
		}
		if n > (math.MaxInt64-digit)/10 {
			n = math.MaxInt64
			continue
		}
		n = n*10 + digit
	}
	return n, true
}

// join adds br to ranges, which are in the order asked for and apart from each
// other, and keeps them so: br and all it touches take the place of the first
// that it touches.
func join(ranges []byteRange, br byteRange) []byteRange {
	place := -1
	kept := ranges[:0]
	for _, r := range ranges {
		if !near(r, br) {
			kept = append(kept, r)
			continue
		}
		start := min(r.start, br.start)
		br.length = max(r.start+r.length, br.start+br.length) - start
		br.start = start
		if place < 0 {
			place = len(kept)
			kept = append(kept, br)
		}
	}
	if place < 0 {
		return append(kept, br)
	}
	kept[place] = br
	return kept
}

// near reports whether a and b overlap or are less than partOverhead apart.
func near(a, b byteRange) bool {
	return a.start-partOverhead < b.start+b.length && b.start-partOverhead < a.start+a.length
}
