package capture

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// encodeValue is s as it stands behind "#: NAME: ": as it is where a reader
// can tell every byte of it, else as a JSON string.
func encodeValue(s string) string {
	if s == "" || s[0] == '"' || s != strings.TrimSpace(s) || !isText(s, "") {
		return quoteJSON(s)
	}
	return s
}

// isText reports whether s is UTF-8 and shows all that it holds, but for the
// control characters in also.
func isText(s, also string) bool {
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			return false
		case !unicode.IsGraphic(r) && !strings.ContainsRune(also, r):
			return false
		}
	}
	return true
}

// firstRune is the first character of s, and how long it is; no UTF-8 is one
// byte of utf8.RuneError, which valid text has in three.
func firstRune(s string) (r rune, size int, valid bool) {
	r, size = utf8.DecodeRuneInString(s)
	return r, size, r != utf8.RuneError || size > 1
}

// quoteJSON is s as a JSON string. JSON has no word for a byte that is no
// UTF-8: as Python has it ("surrogateescape"), the byte 0x80 is \udc80.
func quoteJSON(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for len(s) > 0 {
		r, size, valid := firstRune(s)
		switch {
		case !valid:
			fmt.Fprintf(&b, `\udc%02x`, s[0])
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsGraphic(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		s = s[size:]
	}
	b.WriteByte('"')
	return b.String()
}

var errQuoted = errors.New("not a JSON string")

// decodeValue is the inverse of encodeValue.
func decodeValue(s string) (string, error) {
	if !strings.HasPrefix(s, `"`) {
		return s, nil
	}
	if len(s) < 2 || !strings.HasSuffix(s, `"`) {
		return "", errQuoted
	}
	s = s[1 : len(s)-1]
	var b strings.Builder
	for len(s) > 0 {
		i := strings.IndexAny(s, `\"`)
		if i < 0 {
			b.WriteString(s)
			break
		}
		b.WriteString(s[:i])
		size, err := decodeEscape(&b, s[i:])
		if err != nil {
			return "", err
		}
		s = s[i+size:]
	}
	return b.String(), nil
}

// decodeEscape writes what the escape at the beginning of s stands for, and
// returns how long it is.
func decodeEscape(b *strings.Builder, s string) (size int, err error) {
	const plain, meant = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	if len(s) < 2 || s[0] != '\\' {
		return 0, errQuoted
	}
	if i := strings.IndexByte(plain, s[1]); i >= 0 {
		b.WriteByte(meant[i])
		return 2, nil
	}
	unit, ok := unitOf(s)
	if !ok {
		return 0, errQuoted
	}
	if !utf16.IsSurrogate(unit) {
		b.WriteRune(unit)
		return 6, nil
	}
	if low, ok := unitOf(s[6:]); ok {
		if r := utf16.DecodeRune(unit, low); r != unicode.ReplacementChar {
			b.WriteRune(r)
			return 12, nil
		}
	}
	if unit < 0xdc80 || unit > 0xdcff {
		return 0, errQuoted
	}
	b.WriteByte(byte(unit))
	return 6, nil
}

// unitOf is the \uXXXX at the beginning of s.
func unitOf(s string) (rune, bool) {
	if len(s) < 6 || s[:2] != `\u` {
		return 0, false
	}
	n, err := strconv.ParseUint(s[2:6], 16, 16)
	return rune(n), err == nil
}
