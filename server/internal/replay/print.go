package replay

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Colours of a terminal.
const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	dim    = "\x1b[2m"
	noTint = "\x1b[0m"
)

func tint(on bool, color, s string) string {
	if !on {
		return s
	}
	return color + s + noTint
}

// Print tells of one result: a line, and below it what differs.
func (r *Result) Print(w io.Writer, color bool) {
	verdict := tint(color, green, "same     ")
	if !r.Same {
		verdict = tint(color, red, "different")
	}
	times := fmt.Sprintf("(%s, was %s)", short(r.Is.Took), short(r.Was.Took))
	fmt.Fprintf(w, "%s  %s  %s → %s  %s\n", verdict, r.File, r.Request, arrow(r.Was.Status, r.Is.Status), tint(color, dim, times))
	for _, n := range r.Notes {
		fmt.Fprintf(w, "  note: %s\n", n)
	}
	for _, d := range r.Differences {
		d.print(w, color)
	}
}

func arrow(was, is int) string {
	if was == is {
		return fmt.Sprint(is)
	}
	return fmt.Sprintf("%d, was %d", is, was)
}

// short is a duration that one reads at a glance.
func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Microsecond).String()
}

func (d *Difference) print(w io.Writer, color bool) {
	name := d.What
	if !d.Counts {
		name += " (does not count)"
	}
	if d.Diff == "" {
		fmt.Fprintf(w, "  %s\n    %s\n    %s\n", name, tint(color, red, "- "+d.Was), tint(color, green, "+ "+d.Is))
		return
	}
	fmt.Fprintf(w, "  %s\n", name)
	for i, line := range strings.Split(strings.TrimSuffix(d.Diff, "\n"), "\n") {
		if i < 3 {
			continue // the names of two files that there are not
		}
		switch {
		case strings.HasPrefix(line, "-"):
			line = tint(color, red, visible(line))
		case strings.HasPrefix(line, "+"):
			line = tint(color, green, visible(line))
		case strings.HasPrefix(line, "@@"):
			line = tint(color, dim, line)
		default:
			line = visible(line)
		}
		fmt.Fprintf(w, "    %s\n", line)
	}
}

// visible shows control characters as what they are, and lets none of them
// command the terminal.
func visible(s string) string {
	if strings.IndexFunc(s, isControl) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\r':
			b.WriteString(`\r`)
		case isControl(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 }
