package capture

import (
	"regexp"
	"strings"
	"time"
)

// FileName is the name of an exchange's capture. Names sort by time.
func FileName(x *Exchange) string {
	return x.Time.UTC().Format("20060102T150405.000Z") + "-" + nameOf(x.Frame, 64) + "-" + nameOf(x.ID, 32) + ".sh"
}

// BodySuffix is what a body that stands beside its capture is called besides.
const BodySuffix = ".body"

var ownName = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}\.[0-9]{3}Z-[A-Za-z0-9_-]{1,64}-[A-Za-z0-9_-]{1,32}\.sh$`)

// nameOf is s as a part of a file's name.
func nameOf(s string, longest int) string {
	safe := strings.Map(func(r rune) rune {
		switch {
		case '0' <= r && r <= '9', 'A' <= r && r <= 'Z', 'a' <= r && r <= 'z', r == '-':
			return r
		}
		return '_'
	}, s)
	if safe == "" {
		return "_"
	}
	return safe[:min(len(safe), longest)]
}

// inWords is t for a sentence.
func inWords(t time.Time) string { return t.UTC().Format("2006-01-02 at 15:04:05 UTC") }
