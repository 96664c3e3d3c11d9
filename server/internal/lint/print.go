package lint

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// Print writes findings in a compiler's voice: name:line:column, what, the
// line with a mark below it that says why, and what to write instead. raw is
// the output that they are about, or its beginning.
func Print(w io.Writer, name string, findings []Finding, raw []byte, color bool) error {
	p := printer{name: name, raw: raw, ink: inks(color)}
	for i, f := range findings {
		if i > 0 {
			p.out.WriteByte('\n')
		}
		p.finding(f)
	}
	_, err := w.Write(p.out.Bytes())
	return err
}

// Summary counts the findings: "1 error, 2 warnings"; "" without any.
func Summary(findings []Finding) string {
	var counts [Error + 1]int64
	for _, f := range findings {
		counts[f.Severity]++
	}
	var parts []string
	for s := Error; s >= Note; s-- {
		if counts[s] > 0 {
			parts = append(parts, count(counts[s], s.String()))
		}
	}
	return strings.Join(parts, ", ")
}

// Print writes what there is to know about a kind of finding.
func (k Kind) Print(w io.Writer, color bool) error {
	ink := inks(color)
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s: %s %s\n\n", ink.severity(k.Severity), ink.bold(k.What), ink.dim("["+k.Code+"]"))
	why := k.Why
	if k.Section != "" {
		why += " (" + k.Section + ")"
	}
	fmt.Fprintf(&out, "  why            %s\n", why)
	fmt.Fprintf(&out, "  write instead  %s\n", k.Fix)
	fmt.Fprintf(&out, "  the gateway    %s\n\n", k.Gateway)
	fmt.Fprintf(&out, "%s\n", k.Text)
	_, err := w.Write(out.Bytes())
	return err
}

type printer struct {
	out  bytes.Buffer
	name string
	raw  []byte
	ink  ink
}

func (p *printer) finding(f Finding) {
	place := p.name
	if f.Line > 0 {
		place += fmt.Sprintf(":%d:%d", f.Line, f.Column)
	}
	fmt.Fprintf(&p.out, "%s %s: %s %s\n", p.ink.bold(place+":"), p.ink.severity(f.Severity), p.ink.bold(visible([]byte(f.What))), p.ink.dim("["+f.Code+"]"))
	why := visible([]byte(f.Why))
	if f.Line == 0 || f.Offset < 0 || f.Offset > int64(len(p.raw)) {
		fmt.Fprintf(&p.out, "  %s\n", why)
	} else {
		p.line(f, why)
	}
	fmt.Fprintf(&p.out, "  %s %s\n", p.ink.help("write instead:"), visible([]byte(f.Fix)))
}

// line shows the finding's line and, below it, a mark and why.
func (p *printer) line(f Finding, why string) {
	at := int(f.Offset)
	begin := bytes.LastIndexByte(p.raw[:at], '\n') + 1
	end := len(p.raw)
	if lf := bytes.IndexByte(p.raw[at:], '\n'); lf >= 0 {
		end = at + lf
	}
	line := p.raw[begin:end]
	from := at - begin
	to := min(from+f.Length, len(line))
	if text, crlf := bytes.CutSuffix(line, []byte("\r")); crlf && end < len(p.raw) && to <= len(text) && from <= len(text) {
		line = text // a line end like any other: it is not what this is about
	}
	if at < len(p.raw) && p.raw[at] == '\n' && f.Length > 0 {
		line = append(bytes.Clone(line), '\n') // the line end itself is what it is about
		to = len(line)
	}
	v := look(line, from, to)
	number := fmt.Sprint(f.Line)
	gutter := "  " + number + " | "
	if len(v.cells) == 0 {
		gutter = strings.TrimRight(gutter, " ")
	}
	p.out.WriteString(p.ink.dim(gutter))
	if v.cutL {
		p.out.WriteString(p.ink.dim("…"))
	}
	for _, c := range v.cells {
		if c.unseen {
			p.out.WriteString(p.ink.unseen(c.text))
		} else {
			p.out.WriteString(c.text)
		}
	}
	if v.cutR {
		p.out.WriteString(p.ink.dim("…"))
	}
	margin := "\n" + p.ink.dim("  "+strings.Repeat(" ", len(number))+" | ")
	mark := p.ink.mark("^" + strings.Repeat("~", v.under-1))
	fmt.Fprintf(&p.out, "%s%s%s", margin, strings.Repeat(" ", v.before), mark)
	if v.before+v.under > columns/3 {
		fmt.Fprintf(&p.out, "%s%s\n", margin, why)
	} else {
		fmt.Fprintf(&p.out, " %s\n", why)
	}
}

// ink colours text for a terminal, or leaves it as it is.
type ink struct{ on bool }

func inks(on bool) ink { return ink{on} }

func (i ink) paint(code, text string) string {
	if !i.on {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (i ink) bold(s string) string   { return i.paint("1", s) }
func (i ink) dim(s string) string    { return i.paint("2", s) }
func (i ink) mark(s string) string   { return i.paint("1;32", s) }
func (i ink) help(s string) string   { return i.paint("1;36", s) }
func (i ink) unseen(s string) string { return i.paint("7", s) }

func (i ink) severity(s Severity) string {
	switch s {
	case Error:
		return i.paint("1;31", s.String())
	case Warning:
		return i.paint("1;35", s.String())
	}
	return i.paint("1;36", s.String())
}
