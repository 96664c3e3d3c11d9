// Package lint judges what a frame has printed, in a compiler's voice: where,
// what, why, and what to write instead.
package lint

import (
	"framegate/server/internal/capture"
)

// Severity is how bad a finding is.
type Severity int

const (
	Note    Severity = iota // worth knowing
	Warning                 // an answer came about, perhaps not the one that was meant
	Error                   // no answer, a cut one, or a wrong one
)

// Finding is one thing that is not as it should be.
type Finding struct {
	Code     string // its name, "text-before-header"
	Severity Severity
	Line     int   // of stdout, from 1; 0 where there is none to name
	Column   int   // byte in that line, from 1
	Offset   int64 // byte of stdout, from 0; -1 where there is none to name
	What     string
	Why      string // with the section: "RFC 3875 §6.3.1: …"
	Fix      string // what to write instead
}

// Exchange judges a whole exchange: its output, its end and its timing.
func Exchange(x *capture.Exchange) []Finding { return nil }
