package config

import (
	"fmt"
	"sort"
	"strings"
)

// Error is one mistake in a configuration.
type Error struct {
	File string // as the user gave it; "" when the value came from elsewhere, such as a flag
	Line int    // counted from 1
	Msg  string // what is wrong, in one line
	Hint string // what to write instead, in one line; often ""
}

// Error is "FILE:LINE: what: why", without the hint: a hint is a line of its own.
func (e *Error) Error() string {
	if e.File == "" {
		return e.Msg
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Msg)
}

// Errors are all mistakes of one configuration, by line.
// errors.As finds the first of them as an *Error.
type Errors []*Error

// Error gives each mistake a line.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As and errors.Is look at each mistake.
func (es Errors) Unwrap() []error {
	errs := make([]error, len(es))
	for i, e := range es {
		errs[i] = e
	}
	return errs
}

func (es Errors) sort() {
	// Stable: mistakes of one line keep the order in which they were found.
	sort.SliceStable(es, func(i, j int) bool { return es[i].Line < es[j].Line })
}

// problem is a mistake that does not know yet where it stands; nil is none.
type problem struct {
	msg  string
	hint string
}

func problemf(hint, format string, args ...any) *problem {
	return &problem{msg: fmt.Sprintf(format, args...), hint: hint}
}

// err is for callers outside this package: the same words without a place.
func (p *problem) err() error {
	if p == nil {
		return nil
	}
	return &Error{Msg: p.msg, Hint: p.hint}
}
