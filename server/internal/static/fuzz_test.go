package static

import (
	"strconv"
	"strings"
	"testing"
)

// FuzzRange holds parseRange against the set of bytes that a plain reading of
// the field asks for.
func FuzzRange(f *testing.F) {
	for _, seed := range []string{"bytes=0-4", "bytes=-3", "bytes=7-", "bytes=0-0,-1", "bytes=5-2", "lines=1-2", "bytes=0-,0-,0-"} {
		f.Add(seed, uint16(10))
	}
	f.Fuzz(func(t *testing.T, header string, n uint16) {
		size := int64(n)
		ranges, verdict := parseRange([]string{header}, size)
		if verdict != partial {
			if len(ranges) > 0 {
				t.Fatalf("verdict %d with ranges %v", verdict, ranges)
			}
			return
		}
		if len(ranges) == 0 || len(ranges) > maxRanges {
			t.Fatalf("got %d ranges; want 1 to %d", len(ranges), maxRanges)
		}
		asked := askedBytes(t, header, size)
		sent := make([]bool, size)
		for _, br := range ranges {
			if br.start < 0 || br.length <= 0 || br.start+br.length > size {
				t.Fatalf("range %+v does not fit %d bytes", br, size)
			}
			gap := 0
			for i := br.start; i < br.start+br.length; i++ {
				if sent[i] {
					t.Fatalf("byte %d is sent twice: %v", i, ranges)
				}
				sent[i] = true
				if gap++; asked[i] {
					gap = 0
				}
				if gap >= partOverhead {
					t.Fatalf("%d bytes on end that nobody asked for, up to %d: %v", gap, i, ranges)
				}
			}
		}
		for i := range asked {
			if asked[i] && !sent[i] {
				t.Fatalf("byte %d was asked for and is not sent: %v", i, ranges)
			}
		}
	})
}

// askedBytes reads a field that parseRange took for valid, in another way.
func askedBytes(t *testing.T, header string, size int64) []bool {
	asked := make([]bool, size)
	_, set, _ := strings.Cut(header, "=")
	for spec := range strings.SplitSeq(set, ",") {
		if spec = strings.Trim(spec, " \t"); spec == "" {
			continue
		}
		number := func(s string) int64 {
			n, err := strconv.ParseUint(s, 10, 63)
			if err != nil && !strings.Contains(err.Error(), "out of range") {
				t.Fatalf("%q is taken for valid", header)
			}
			return int64(n) // out of range: the largest number
		}
		first, last, _ := strings.Cut(spec, "-")
		from, to := int64(0), size-1
		switch {
		case first == "":
			from = max(0, size-number(last))
		case last == "":
			from = number(first)
		default:
			from, to = number(first), min(to, number(last))
		}
		for i := from; i <= to; i++ {
			asked[i] = true
		}
	}
	return asked
}

// FuzzAcceptEncoding holds the ranking against the weights that a plain
// reading of the field gives.
func FuzzAcceptEncoding(f *testing.F) {
	for _, seed := range []string{"", "gzip", "gzip, deflate, br, zstd", "br;q=0.5, *;q=0", "identity;q=0.1,*", "x-gzip;q=1.000", "gzip;q=0,gzip"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		weights := plainWeights(header)
		weight := func(name string) float64 {
			if q, ok := weights[name]; ok {
				return q
			}
			if q, ok := weights["*"]; ok {
				return q
			}
			return -1
		}
		ranked := acceptEncoding([]string{header})
		in := map[uint8]bool{}
		for at, i := range ranked.order[:ranked.n] {
			in[i] = true
			q := weight(codings[i].name)
			if q <= 0 || q < weight("identity") {
				t.Errorf("%s has weight %v, identity %v; want it left out", codings[i].name, q, weight("identity"))
			}
			if at == 0 {
				continue
			}
			before := ranked.order[at-1]
			if p := weight(codings[before].name); p < q || p == q && before > i {
				t.Errorf("%s (%v) is before %s (%v)", codings[before].name, p, codings[i].name, q)
			}
		}
		if len(in) != ranked.n {
			t.Errorf("a coding is there twice: %v", ranked)
		}
		for i := range codings {
			q := weight(codings[i].name)
			if !in[uint8(i)] && q > 0 && q >= weight("identity") {
				t.Errorf("%s has weight %v; want it in", codings[i].name, q)
			}
		}
	})
}

func plainWeights(header string) map[string]float64 {
	weights := map[string]float64{}
	for element := range strings.SplitSeq(header, ",") {
		parts := strings.Split(element, ";")
		name := strings.Map(asciiLower, strings.Trim(parts[0], " \t"))
		if name == "x-gzip" {
			name = "gzip"
		}
		q := 1.0
		switch {
		case name == "" || strings.ContainsAny(name, " \t") || len(parts) > 2:
			continue
		case len(parts) == 2:
			digits, ok := strings.CutPrefix(strings.Map(asciiLower, strings.Trim(parts[1], " \t")), "q=")
			if !ok || len(digits) > 5 || strings.Trim(digits, "0123456789.") != "" {
				continue
			}
			var err error
			if q, err = strconv.ParseFloat(digits, 64); err != nil || q > 1 || digits[0] == '.' || strings.HasPrefix(digits, "00") || strings.HasPrefix(digits, "01") {
				continue
			}
		}
		if _, ok := weights[name]; !ok {
			weights[name] = q
		}
	}
	return weights
}

func asciiLower(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}
