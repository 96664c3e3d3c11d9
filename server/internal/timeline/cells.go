package timeline

import "github.com/mattn/go-runewidth"

// runeCells is how many columns r takes on a terminal: 中 takes two.
func runeCells(r rune) int {
	if r < 0x80 {
		return 1
	}
	c := runewidth.Condition{} // not the library's own, which goes by the locale
	return c.RuneWidth(r)
}
