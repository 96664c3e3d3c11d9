package devpage

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// textWidth is how wide the text is filled where it is filled.
const textWidth = 100

// Text is the page for whoever does not read HTML.
func (p *Page) Text() []byte {
	x := p.Exchange
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\nRequest id: %s\n", p.title(), visible(p.Sentence), x.ID)
	if p.Cause != "" {
		fmt.Fprintf(&b, "\nCause: %s\n", lines(p.Cause))
	}
	if p.Hint != "" {
		fmt.Fprintf(&b, "hint: %s\n", lines(p.Hint))
	}
	p.textFindings(&b)
	if len(x.Stderr.Last) > 0 {
		b.WriteString("\nstderr:\n")
		if x.Stderr.Dropped > 0 {
			fmt.Fprintf(&b, "(%d lines before these)\n", x.Stderr.Dropped)
		}
		for _, line := range x.Stderr.Last {
			b.WriteString(shortened(line) + "\n")
		}
	}
	if p.ran() && x.Pid != 0 {
		p.textOutput(&b)
	}
	if p.ran() {
		p.textSurroundings(&b)
	}
	if len(p.Served) > 0 {
		b.WriteString("\nServed here:\n")
		for _, route := range p.Served {
			fmt.Fprintf(&b, "  %s → %s\n", route.URL, route.Runs)
		}
	}
	for i, c := range p.Commands {
		if i == 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s: %s\n", c.Name, c.Line)
	}
	return []byte(b.String())
}

func (p *Page) textFindings(b *strings.Builder) {
	for i := range p.Findings {
		f := &p.Findings[i]
		at := ""
		if f.Line > 0 {
			at = where(f) + ": "
		}
		fmt.Fprintf(b, "\n%s: %s%s [%s]\n", f.Severity, at, visible(f.What), f.Code)
		if f.Why != "" {
			fmt.Fprintf(b, "  %s\n", visible(f.Why))
		}
		if f.Fix != "" {
			fmt.Fprintf(b, "  write instead: %s\n", strings.ReplaceAll(lines(f.Fix), "\n", "\n    "))
		}
	}
}

// textOutput shows the first lines of stdout, and bytes where there is one to
// look at.
func (p *Page) textOutput(b *strings.Builder) {
	const most = 20
	o := newOutput(&p.Exchange.Stdout, p.bad(), p.bodyAt())
	if p.Exchange.Stdout.Size == 0 {
		b.WriteString("\nstdout: nothing\n")
		return
	}
	fmt.Fprintf(b, "\nstdout, %s:\n", o.Size)
	for i, l := range o.Lines {
		if i == most {
			b.WriteString("…\n")
			break
		}
		b.WriteString(short(l.Before+l.Bad+l.After, 2*textWidth) + "\n")
	}
	if o.Hex != nil {
		fmt.Fprintf(b, "%s:\n", strings.ToLower(o.At))
	}
	for _, row := range o.Hex {
		b.WriteString(strings.TrimRight(row.text(), " ") + "\n")
	}
}

// text is a row as xxd would print it, but for brackets around the bad bytes.
func (r *hexRow) text() string {
	var hex, chars strings.Builder
	within := false
	for _, c := range r.Cells {
		between := " "
		switch {
		case c.Bad && !within:
			between = "["
		case !c.Bad && within:
			between = "]"
		}
		hex.WriteString(between + c.Hex)
		within = c.Bad
		chars.WriteString(c.Char)
	}
	if within {
		hex.WriteByte(']')
	}
	return fmt.Sprintf("  %s %-26s %s", r.Offset, hex.String(), chars.String())
}

// textSurroundings is what the program had around it, and how long it took.
func (p *Page) textSurroundings(b *strings.Builder) {
	x := p.Exchange
	all, _ := split(x.Program.Env)
	words := make([]string, len(all))
	for i, v := range all {
		words[i] = visible(v.Name) + "=" + Word(shortened(v.Value))
	}
	b.WriteString("\nEnviron:\n" + fill(words))
	if d := p.compare(); d != nil {
		fmt.Fprintf(b, "\nNot as in your shell: %s\n", d.short())
	}
	var times []string
	for _, m := range moments(x) {
		times = append(times, m.At+" "+m.What+";")
	}
	if n := len(times); n > 0 {
		times[n-1] = strings.TrimSuffix(times[n-1], ";")
		b.WriteString("\nTimes:\n" + fill(times))
	}
}

// fill puts words into lines.
func fill(words []string) string {
	var b strings.Builder
	width := 0
	for _, w := range words {
		n := utf8.RuneCountInString(w) + 1
		if width > 0 && width+n > textWidth {
			b.WriteByte('\n')
			width = 0
		}
		if width == 0 {
			b.WriteByte(' ')
		}
		b.WriteString(" " + w)
		width += n
	}
	if width > 0 {
		b.WriteByte('\n')
	}
	return b.String()
}

// short is the beginning of s.
func short(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// short is the differences in one sentence.
func (d *differences) short() string {
	var parts []string
	if len(d.Unset) > 0 {
		text := "no " + strings.Join(d.Unset, ", ")
		if d.PassEnv != "" {
			text += " (" + d.PassEnv + ")"
		}
		parts = append(parts, text)
	}
	for _, c := range d.Changed {
		parts = append(parts, visible(c.Name)+" is another one")
	}
	parts = append(parts, d.Place...)
	return strings.Join(append(parts, "no terminal"), "; ") + "."
}
