package capture

import (
	"fmt"
	"strings"
	"unicode"
)

// quoter writes words for a POSIX shell. Text stands in single quotes; runs of
// other bytes are variables, b1 and so on, that printf fills.
type quoter struct {
	runs  []string // what b1, b2, … hold
	known map[string]int
	nul   bool // a word holds a NUL, which no program can be given
}

const (
	// Each run costs a process when the script runs: a word with more of them
	// is written in a few long ones.
	mostRuns = 8
	// Where printf is a program of its own, its argument is bounded.
	longestRun = 4 << 10
)

// word is s for the shell.
func (q *quoter) word(s string) string {
	q.nul = q.nul || strings.IndexByte(s, 0) >= 0
	if isText(s, "\n\t") {
		return singleQuoted(s)
	}
	parts := split(s)
	if len(parts) > 2*mostRuns {
		parts = nil
		for len(s) > 0 {
			n := min(len(s), longestRun)
			parts = append(parts, part{s[:n], false})
			s = s[n:]
		}
	}
	var b strings.Builder
	for _, p := range parts {
		if p.text {
			b.WriteString(singleQuoted(p.s))
		} else {
			fmt.Fprintf(&b, `"$b%d"`, q.run(p.s))
		}
	}
	return b.String()
}

// run is the number of the variable that holds s.
func (q *quoter) run(s string) int {
	if n := q.known[s]; n > 0 {
		return n
	}
	q.runs = append(q.runs, s)
	if q.known == nil {
		q.known = map[string]int{}
	}
	q.known[s] = len(q.runs)
	return len(q.runs)
}

// part of a word is text, or it is not.
type part struct {
	s    string
	text bool
}

func split(s string) []part {
	var parts []part
	for len(s) > 0 {
		n, text := 0, false
		for n < len(s) {
			r, size, valid := firstRune(s[n:])
			t := valid && (unicode.IsGraphic(r) || r == '\n' || r == '\t')
			if n > 0 && (t != text || !t && n+size > longestRun) {
				break
			}
			n, text = n+size, t
		}
		parts = append(parts, part{s[:n], text})
		s = s[n:]
	}
	return parts
}

// singleQuoted is for what does not hold a NUL.
func singleQuoted(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// printfFormat is s as a format of printf, within single quotes.
func printfFormat(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size, valid := firstRune(s)
		switch {
		case r == '%':
			b.WriteString("%%")
		case r == '\\':
			b.WriteString(`\\`)
		case valid && unicode.IsGraphic(r) && r != '\'':
			b.WriteString(s[:size])
		default:
			for i := range size {
				fmt.Fprintf(&b, `\%03o`, s[i])
			}
		}
		s = s[size:]
	}
	return b.String()
}
