package timeline

import "strings"

// page is what has been drawn so far. Everything goes through line, which lets
// nothing run over the edge.
type page struct {
	width int
	color bool
	ascii bool
	out   []byte
}

func newPage(o Options) *page {
	if o.Width == 0 {
		o.Width = defaultWidth
	}
	return &page{width: max(o.Width, leastWidth), color: o.Color, ascii: o.ASCII}
}

// span is text of one colour. It holds no control characters: what comes from
// outside goes through plain.
type span struct {
	style style
	text  string
}

// style is the parameter of a terminal's SGR sequence, "" for none.
type style string

const (
	bold    style = "1"
	dim     style = "2"
	red     style = "31"
	green   style = "32"
	yellow  style = "33"
	blue    style = "34"
	magenta style = "35"
	cyan    style = "36"
)

// pick is a text of the page's alphabet.
func (p *page) pick(unicode, ascii string) string {
	if p.ascii {
		return ascii
	}
	return unicode
}

// line writes one line, cut at the page's edge.
func (p *page) line(spans ...span) {
	room, whole := p.width, width(spans)
	if whole > p.width {
		room -= cells(p.ellipsis())
	}
	for _, s := range spans {
		text, all := clip(s.text, room)
		p.put(s.style, text)
		room -= cells(text)
		if !all || whole > p.width && room == 0 {
			p.put(dim, p.ellipsis())
			break
		}
	}
	p.out = append(p.out, '\n')
}

func (p *page) ellipsis() string { return p.pick("…", "~") }

// fit cuts a text that has more than room columns.
func (p *page) fit(text string, room int) string {
	if part, all := clip(text, room); all {
		return part
	}
	part, _ := clip(text, max(room-1, 0))
	return part + p.ellipsis()
}

func width(spans []span) int {
	n := 0
	for _, s := range spans {
		n += cells(s.text)
	}
	return n
}

func (p *page) put(s style, text string) {
	switch {
	case text == "":
	case s == "" || !p.color:
		p.out = append(p.out, text...)
	default:
		p.out = append(p.out, "\x1b["+string(s)+"m"+text+"\x1b[0m"...)
	}
}

// justified writes a line with something at its right end, which gives way
// when there is no room for both.
func (p *page) justified(left []span, right span) {
	room := p.width - width(left) - cells(right.text)
	if right.text != "" && room >= 2 {
		left = append(left, span{text: strings.Repeat(" ", room)}, right)
	}
	p.line(left...)
}

// wrapped writes a text on as many lines as it needs, broken at spaces and
// indented below its label.
func (p *page) wrapped(label span, text string) {
	indent := cells(label.text)
	room := p.width - indent
	for lines := 0; ; lines++ {
		part, all := clip(text, room)
		rest := ""
		if !all {
			if at := strings.LastIndexByte(part, ' '); at > 0 {
				part = part[:at]
			}
			rest = strings.TrimLeft(text[len(part):], " ")
			if part == "" {
				part, rest = text, ""
			}
		}
		p.line(label, span{text: part})
		if rest == "" {
			return
		}
		text, label = rest, span{text: strings.Repeat(" ", indent)}
	}
}
