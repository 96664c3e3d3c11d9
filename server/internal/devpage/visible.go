package devpage

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible is s with everything written out that cannot be seen or that would
// play tricks, as Go and Python write it: control characters and bytes that are
// no UTF-8 as \r or \xff, and what turns the direction of text, joins or has no
// width as \u202e. Tabs stay. Pictures like ␍ would be nicer, but few fonts have
// them.
func visible(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case r == '\t':
			b.WriteByte('\t')
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\n':
			b.WriteString(`\n`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		case !unicode.IsPrint(r) && r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		case !unicode.IsPrint(r) && r != 0xa0 && r != 0x3000: // spaces of several kinds are harmless
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

// Readable reports whether s shows all that it holds.
func Readable(s string) bool {
	text := strings.NewReplacer("\n", "", "\t", "").Replace(s)
	return visible(text) == text
}

// plain reports whether all of s is printable ASCII, which most is.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// longest is how much of one value is shown.
const longest = 4 << 10

// shortened is a value as the page shows it.
func shortened(s string) string {
	if len(s) <= longest {
		return visible(s)
	}
	return visible(strings.ToValidUTF8(s[:longest], "")) + fmt.Sprintf(" … (%s in all)", bytesText(int64(len(s))))
}
