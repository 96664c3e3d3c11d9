package timeline

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"framegate/server/internal/capture"
)

// plain makes a text of the outside safe to show, on one line: what would not
// print is escaped as in Go or C.
func (p *page) plain(s string) string { return p.escape(s, false) }

// quoted is plain for what is shown to the byte: a backslash is escaped, too.
func (p *page) quoted(s string) string { return p.escape(s, true) }

func (p *page) escape(s string, backslash bool) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\\' && backslash:
			b.WriteString(`\\`)
		case r < 0x80 && unicode.IsPrint(r), r >= 0x80 && !p.ascii && shows(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
		i += n
	}
	return b.String()
}

// shows reports whether r is seen, and alone: variation selectors are not.
func shows(r rune) bool {
	return unicode.IsPrint(r) && (r < 0xfe00 || r > 0xfe0f) && (r < 0xe0100 || r > 0xe01ef)
}

// clip is as much of s as has room, and whether that is all.
func clip(s string, room int) (string, bool) {
	used := 0
	for i, r := range s {
		if used += runeCells(r); used > room {
			return s[:i], false
		}
	}
	return s, true
}

func cells(s string) int {
	n := 0
	for _, r := range s {
		n += runeCells(r)
	}
	return n
}

// pad fills s up to n cells, on the left where right is set.
func pad(s string, n int, right bool) string {
	fill := strings.Repeat(" ", max(n-cells(s), 0))
	if right {
		return fill + s
	}
	return s + fill
}

// duration is a time with its microseconds.
func duration(d time.Duration) string {
	if d >= 10*time.Second || d <= -10*time.Second {
		return seconds(d) + " s"
	}
	return millis(d) + " ms"
}

func millis(d time.Duration) string  { return strconv.FormatFloat(float64(d)/1e6, 'f', 3, 64) }
func seconds(d time.Duration) string { return strconv.FormatFloat(float64(d)/1e9, 'f', 6, 64) }

// size is a number of bytes for people, in eight columns at the most; below
// 10000 it is exact.
func size(n int64) string {
	if n < 10_000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f := float64(n)
	for _, unit := range []string{" KiB", " MiB", " GiB", " TiB"} {
		switch f /= 1 << 10; {
		case f < 99.95:
			return strconv.FormatFloat(f, 'f', 1, 64) + unit
		case f < 1000:
			return strconv.FormatFloat(f, 'f', 0, 64) + unit
		}
	}
	return strconv.FormatFloat(f/(1<<10), 'f', 0, 64) + " PiB"
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// words is an argument vector as one would type it.
func words(argv []string) string {
	const bare = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:,@%+"
	list := make([]string, len(argv))
	for i, w := range argv {
		if w == "" || strings.Trim(w, bare) != "" {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		list[i] = w
	}
	return strings.Join(list, " ")
}

// sorted are events in the order of time.
func sorted(events []capture.Event) []capture.Event {
	list := slices.Clone(events)
	for i := range list {
		list[i].At = max(list[i].At, 0)
	}
	slices.SortStableFunc(list, func(a, b capture.Event) int {
		switch {
		case a.At < b.At:
			return -1
		case a.At > b.At:
			return 1
		}
		return 0
	})
	return list
}
