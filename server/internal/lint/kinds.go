package lint

import (
	"slices"
	"strings"
)

// Kind is one mistake that lint knows.
type Kind struct {
	Code     string // its name
	Severity Severity
	What     string // the finding in a few words, unless one says it better itself
	Why      string // likewise
	Section  string // "RFC 3875 §6.3"; "" where no RFC has a say
	Fix      string // likewise
	Gateway  string // what the gateway makes of it: Refused and so on
	Text     string // when it comes about and how to get rid of it, for --explain
}

// What the gateway makes of a mistake.
const (
	Refused    = "answers 502"
	Cut        = "cuts the answer"
	Drops      = "leaves it out"
	DropsEnd   = "leaves its end out"
	CutOrDrops = "cuts the answer, or leaves its end out"
	Passes     = "passes it on"
	Guards     = "sends application/octet-stream"
	Noted      = "logs it"
	Stands     = "–" // there is nothing to be made of it
)

// Kinds are all that lint knows, in the order of the documentation.
func Kinds() []Kind {
	return slices.Concat(shapeKinds(), lineKinds(), fieldKinds(), valueKinds(), bodyKinds(), exchangeKinds())
}

// KindOf is the kind of that code.
func KindOf(code string) (Kind, bool) {
	for _, k := range Kinds() {
		if k.Code == code {
			return k, true
		}
	}
	return Kind{}, false
}

// Nearest is the code that a mistyped one most likely stands for, or "".
func Nearest(code string) string {
	var codes []string
	for _, k := range Kinds() {
		codes = append(codes, k.Code)
	}
	if near := nearest(code, codes); near != "" {
		return near
	}
	for _, k := range codes { // as far as somebody has remembered it
		if len(code) >= 3 && strings.HasPrefix(k, code) {
			return k
		}
	}
	return ""
}
