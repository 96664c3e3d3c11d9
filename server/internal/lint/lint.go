// Package lint judges what a frame has printed, in a compiler's voice: where,
// what, why, and what to write instead. It knows neither HTTP nor the gateway:
// what the gateway makes of a header is what package cgi makes of it.
package lint

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"framegate/server/internal/capture"
)

// Severity is how bad a finding is.
type Severity int

const (
	Note    Severity = iota // worth knowing
	Warning                 // an answer came about, perhaps not the one that was meant
	Error                   // no answer, a cut one, or a wrong one
)

func (s Severity) String() string {
	switch s {
	case Error:
		return "error"
	case Warning:
		return "warning"
	}
	return "note"
}

// MarshalText writes the severity as its word.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the severity's word.
func (s *Severity) UnmarshalText(text []byte) error {
	for _, known := range []Severity{Note, Warning, Error} {
		if known.String() == string(text) {
			*s = known
			return nil
		}
	}
	return fmt.Errorf("unknown severity %q", text)
}

// Finding is one thing that is not as it should be.
type Finding struct {
	Code     string   `json:"code"` // its name, "text-before-header"
	Severity Severity `json:"severity"`
	Line     int      `json:"line"`   // of stdout, from 1; 0 where there is none to name
	Column   int      `json:"column"` // byte in that line, from 1
	Offset   int64    `json:"offset"` // byte of stdout, from 0; -1 where there is none to name
	Length   int      `json:"length"` // bytes from there that it is about; 0 is the place itself
	What     string   `json:"what"`
	Why      string   `json:"why"` // with the section: "… (RFC 3875 §6.3.1)"
	Fix      string   `json:"fix"` // what to write instead
}

// Context is what is known about an output beside its bytes.
type Context struct {
	// Method of the request; "" is GET.
	Method string
	// Size is how much was printed when raw is only the beginning of it, -1
	// when that is not known. 0 says that raw is all.
	Size int64
}

// Output judges what a frame printed.
func Output(raw []byte, c Context) []Finding {
	j := newJudge(raw, c)
	j.output()
	return j.findings()
}

// Exchange judges a whole exchange: its output, its end and its timing.
func Exchange(x *capture.Exchange) []Finding {
	j := newJudge(x.Stdout.Head, contextOf(x))
	j.exchange(x)
	return j.findings()
}

// Worst is the worst severity among the findings, -1 without any.
func Worst(findings []Finding) Severity {
	worst := Severity(-1)
	for _, f := range findings {
		worst = max(worst, f.Severity)
	}
	return worst
}

// judge looks at one output and takes down what it finds.
type judge struct {
	raw   []byte
	ctx   Context
	kinds map[string]Kind
	found []Finding
	count map[string]int // by code
}

// mostOfAKind is how often a mistake is shown that is made all over a header.
const mostOfAKind = 5

func newJudge(raw []byte, c Context) *judge {
	j := &judge{raw: raw, ctx: c, kinds: map[string]Kind{}, count: map[string]int{}}
	for _, k := range Kinds() {
		j.kinds[k.Code] = k
	}
	return j
}

// partial reports whether raw is only the beginning of the output: nothing may
// be said about what does not follow.
func (j *judge) partial() bool { return j.ctx.Size < 0 || j.ctx.Size > int64(len(j.raw)) }

// size is that of the whole output, -1 when it is not known.
func (j *judge) size() int64 {
	if j.ctx.Size < 0 {
		return -1
	}
	return max(j.ctx.Size, int64(len(j.raw)))
}

// says is what a finding says that its kind does not say for all of them.
type says struct{ what, why, fix string }

// place is some bytes of the output.
type place struct{ at, length int }

// nowhere is for findings that are about no byte of the output.
func nowhere() place { return place{at: -1} }

// report takes a finding down.
func (j *judge) report(code string, p place, s says) {
	k, known := j.kinds[code]
	if !known {
		panic("lint: no kind " + code)
	}
	if j.count[code]++; j.count[code] > mostOfAKind {
		return
	}
	f := Finding{Code: code, Severity: k.Severity, Offset: -1, What: k.What, Why: k.Why, Fix: k.Fix}
	if s.what != "" {
		f.What = s.what
	}
	if s.why != "" {
		f.Why = s.why
	}
	if s.fix != "" {
		f.Fix = s.fix
	}
	if k.Section != "" {
		f.Why += " (" + k.Section + ")"
	}
	if p.at >= 0 {
		before := j.raw[:p.at]
		f.Offset, f.Length = int64(p.at), p.length
		f.Line = 1 + bytes.Count(before, []byte("\n"))
		f.Column = p.at - bytes.LastIndexByte(before, '\n')
	}
	j.found = append(j.found, f)
}

// findings are those of the output by their place, then those of the exchange.
func (j *judge) findings() []Finding {
	for i := len(j.found) - 1; i >= 0; i-- {
		f := &j.found[i]
		if more := j.count[f.Code] - mostOfAKind; more > 0 {
			f.What += fmt.Sprintf("; and %d more like this", more)
			j.count[f.Code] = 0
		}
	}
	slices.SortStableFunc(j.found, func(a, b Finding) int {
		return cmp.Compare(uint64(a.Offset), uint64(b.Offset)) // -1 is the last
	})
	return j.found
}
