package static

import "strings"

// coding is a content coding (§8.4.1) that a file may lie in beside the
// original.
type coding struct {
	name   string // in Content-Encoding
	ext    string // of the neighbour, after the original's whole name
	suffix string // of the entity tag
}

// codings are those looked for, the best first among equal weights: what
// compresses better.
var codings = [...]coding{
	{"br", ".br", "-br"},
	{"zstd", ".zst", "-zst"},
	{"gzip", ".gz", "-gz"},
}

// ranking is indexes into codings, the client's favourite first.
type ranking struct {
	order [len(codings)]uint8
	n     int
}

// unlisted is the weight of a coding that Accept-Encoding doesn't name.
const unlisted = -1

// acceptEncoding ranks the codings that the client prefers to the plain file,
// after §12.5.3. Weights are in thousandths. Elements with a syntax error
// count as not there, and of repeated ones the first counts.
//
// A client that accepts neither a coding nor identity still gets the plain
// file: the RFC allows that, and a page that can't be shown helps nobody.
func acceptEncoding(lines []string) (r ranking) {
	var weights [len(codings)]int
	for i := range weights {
		weights[i] = unlisted
	}
	identity, star := unlisted, unlisted
	for _, line := range lines {
		for line != "" {
			var element string
			element, line, _ = strings.Cut(line, ",")
			name, q, ok := parseCoding(element)
			if !ok {
				continue
			}
			weight := &star
			switch i := codingIndex(name); {
			case i >= 0:
				weight = &weights[i]
			case equalFold(name, "identity"):
				weight = &identity
			case name != "*":
				continue
			}
			if *weight == unlisted {
				*weight = q
			}
		}
	}
	if identity == unlisted {
		identity = star // no "*" either: acceptable, but what is named comes first
	}
	for i, q := range weights {
		if q == unlisted {
			q = star
		}
		if q <= 0 || q < identity {
			continue
		}
		weights[i] = q
		at := r.n
		for ; at > 0 && weights[r.order[at-1]] < q; at-- {
			r.order[at] = r.order[at-1]
		}
		r.order[at] = uint8(i)
		r.n++
	}
	return r
}

func codingIndex(name string) int {
	if equalFold(name, "x-gzip") { // §8.4.1.3
		name = "gzip"
	}
	for i := range codings {
		if equalFold(name, codings[i].name) {
			return i
		}
	}
	return -1
}

// parseCoding reads `codings [ weight ]`: a token, or a token, ";", "q=" and a
// qvalue (§12.4.2) with optional white space around the semicolon.
func parseCoding(element string) (name string, q int, ok bool) {
	name, weight, weighted := strings.Cut(element, ";")
	name = strings.Trim(name, " \t")
	if name == "" || strings.ContainsAny(name, " \t") {
		return "", 0, false
	}
	if !weighted {
		return name, 1000, true
	}
	weight = strings.Trim(weight, " \t")
	if len(weight) < 3 || weight[0]|0x20 != 'q' || weight[1] != '=' {
		return "", 0, false
	}
	q, ok = parseQvalue(weight[2:])
	return name, q, ok
}

// parseQvalue reads ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ) as
// thousandths.
func parseQvalue(s string) (int, bool) {
	if s == "" || len(s) > 5 || s[0] != '0' && s[0] != '1' || len(s) > 1 && s[1] != '.' {
		return 0, false
	}
	q := int(s[0]-'0') * 1000
	for i, unit := 2, 100; i < len(s); i, unit = i+1, unit/10 {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		q += int(s[i]-'0') * unit
	}
	return q, q <= 1000
}

// equalFold is strings.EqualFold for ASCII alone: to that one, "ſ" is an "s".
func equalFold(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// neighbour opens the precompressed form of e that the client likes best, nil
// if there is none. It counts only if it is a regular file and at least as new
// as the original: whoever edits a file and forgets to compress it again must
// see the edit. An empty file is no compressed form of anything. Whatever else
// is wrong with a neighbour, the original is still right.
func (f *Files) neighbour(e entry, accept []string) (entry, *coding) {
	ranked := acceptEncoding(accept)
	for _, i := range ranked.order[:ranked.n] {
		n, err := f.open(e.name + codings[i].ext)
		if err != nil {
			continue
		}
		if n.info.Mode().IsRegular() && n.info.Size() > 0 && !n.info.ModTime().Before(e.info.ModTime()) {
			return n, &codings[i]
		}
		n.file.Close()
	}
	return entry{}, nil
}
