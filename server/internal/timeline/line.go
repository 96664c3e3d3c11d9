package timeline

import (
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"framegate/server/internal/capture"
)

// Line is x on one line, as a log has it. Where there is no room for all of it,
// the path gives way first, then what else is known; the status, the time it
// took and how it ended stay.
func Line(w io.Writer, x *capture.Exchange, o Options) error {
	p := newLine(o)
	d := newDrawing(x)
	what := p.plain(d.Request.Method + " " + d.Request.Target)
	least := min(cells(what), p.width/4)
	when, frame := []span{{dim, d.Time.Format("15:04:05.000") + "  "}}, []span{{dim, "  " + p.plain(d.Frame)}}
	tail := append([]span{{dim, p.pick(" → ", " -> ")}}, p.answer(d)...)
	fits := func() bool { return width(when)+least+width(tail)+width(frame) <= p.width }
	tail = append(tail, p.took(d)...)
	if !fits() {
		frame = nil
	}
	if !fits() {
		tail = append([]span{{dim, p.pick(" → ", " -> ")}}, p.status(d)...)
		tail = append(tail, p.took(d)...)
	}
	if !fits() {
		when = nil
	}
	if last := len(tail) - 1; !fits() {
		tail[last].text = strings.TrimPrefix(tail[last].text, "killed by ")
	}
	line := append(when, span{bold, p.fit(what, max(p.width-width(when)-width(tail)-width(frame), 1))})
	p.line(append(append(line, tail...), frame...)...)
	_, err := w.Write(p.out)
	return err
}

// newLine is a page for one line.
func newLine(o Options) *page {
	p := newPage(o)
	if o.Whole {
		p.width = math.MaxInt32
	}
	return p
}

// took is how long x took and, where it did not end well, how it ended.
func (p *page) took(d *drawing) []span {
	var spans []span
	if d.total > 0 {
		spans = append(spans, span{dim, " in "}, span{text: duration(d.total)})
	}
	if e := d.Exit; e != nil && (e.Signal != "" || e.Code != 0) {
		spans = append(spans, span{dim, ", "}, p.end(d)[0])
	}
	return spans
}

// status is the answer's number, or that there is none.
func (p *page) status(d *drawing) []span {
	first := p.answer(d)[0]
	if d.Answer.Status != 0 {
		first.text = strconv.Itoa(d.Answer.Status)
	}
	if d.Answer.Cut {
		return []span{first, {red, ", cut"}}
	}
	return []span{first}
}

// Running is one line of exchanges that have begun and not ended, the oldest
// first, as they stand at a time. It has no line end.
func Running(list []*capture.Exchange, now time.Time, o Options) string {
	p := newLine(o)
	line := []span{{yellow, plural(len(list), "exchange") + " running"}}
	for i, x := range list {
		sep := ": "
		if i > 0 {
			sep = ", "
		}
		line = append(line, span{dim, sep}, span{text: p.plain(x.Request.Method + " " + x.Request.Target)},
			span{dim, " for " + now.Sub(x.Time).Round(100*time.Millisecond).String()})
	}
	p.line(line...)
	return strings.TrimSuffix(string(p.out), "\n")
}
