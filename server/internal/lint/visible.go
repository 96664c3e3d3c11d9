package lint

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// A cell is one character of a line as it is shown.
type cell struct {
	raw    []byte
	at     int // byte in the line
	text   string
	width  int  // columns of a terminal
	unseen bool // text stands for something that does not show
}

// cells takes a line apart into what is shown of it. Nothing in it reaches a
// terminal as a control character.
func cells(line []byte) []cell {
	var list []cell
	width := runewidth.Condition{} // of the ambiguous: one, whatever the locale
	for at := 0; at < len(line); {
		r, n := utf8.DecodeRune(line[at:])
		c := cell{raw: line[at : at+n], at: at, text: string(line[at : at+n])}
		switch {
		case r == utf8.RuneError && n == 1:
			c.text, c.unseen = fmt.Sprintf("<%02x>", line[at]), true
		case r < ' ':
			c.text, c.unseen = string('␀'+r), true
		case r == 0x7f:
			c.text, c.unseen = "␡", true
		case !unicode.IsPrint(r):
			c.text, c.unseen = fmt.Sprintf("<U+%04X>", r), true
		}
		c.width = width.StringWidth(c.text)
		list = append(list, c)
		at += n
	}
	return list
}

// visible is a text with what does not show made visible.
func visible(b []byte) string {
	var s strings.Builder
	for _, c := range cells(b) {
		s.WriteString(c.text)
	}
	return s.String()
}

// view is the part of a line that is shown, and where in it the caret stands.
type view struct {
	cells  []cell
	before int // columns ahead of the caret
	under  int // columns that it is about; at least one
	cutL   bool
	cutR   bool
}

// columns are shown of one line at the most, around the caret.
const columns = 96

// look shows a line around the bytes [from, to) of it.
func look(line []byte, from, to int) view {
	const near = 4 * columns // bytes: a line may be as long as the output
	left := max(0, from-near)
	for left < from && !utf8.RuneStart(line[left]) {
		left++
	}
	right := min(len(line), from+near)
	for right < len(line) && !utf8.RuneStart(line[right]) {
		right++
	}
	v := window(cells(line[left:right]), from-left, min(to, right)-left)
	v.cutL = v.cutL || left > 0
	v.cutR = v.cutR || right < len(line)
	if v.cutL {
		v.before++ // the "…"
	}
	return v
}

// window is what fits into the columns.
func window(list []cell, from, to int) view {
	first, last := len(list), len(list) // the cells that it is about
	for i, c := range list {
		if c.at <= from {
			first = i
		}
		if c.at < to {
			last = i + 1
		}
	}
	if n := len(list); n > 0 && from >= list[n-1].at+len(list[n-1].raw) {
		first, last = n, n
	}
	last = max(last, first)
	begin, used := first, 0
	for begin > 0 && used+list[begin-1].width <= columns/2 {
		begin--
		used += list[begin].width
	}
	if total := widthOf(list[:first]); total <= columns*2/3 {
		begin, used = 0, total
	}
	v := view{before: used, cutL: begin > 0}
	end := first
	for end < len(list) && used+list[end].width <= columns {
		used += list[end].width
		end++
	}
	v.cutR = end < len(list)
	v.cells = list[begin:end]
	v.under = max(1, widthOf(list[first:min(last, max(end, first))]))
	return v
}

func widthOf(list []cell) int {
	total := 0
	for _, c := range list {
		total += c.width
	}
	return total
}
