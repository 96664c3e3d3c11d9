package timeline

import (
	"io"
	"strings"
	"time"

	"framegate/server/internal/capture"
)

// Line is x on one line, as a log has it.
func Line(w io.Writer, x *capture.Exchange, o Options) error {
	p := newPage(o)
	d := newDrawing(x)
	line := []span{{dim, d.Time.Format("15:04:05.000") + "  "}}
	tail := append([]span{{dim, p.pick(" → ", " -> ")}}, p.answer(d)...)
	if d.total > 0 {
		tail = append(tail, span{dim, " in "}, span{text: duration(d.total)})
	}
	if e := d.Exit; e != nil && (e.Signal != "" || e.Code != 0) {
		tail = append(tail, span{dim, ", "}, p.end(d)[0])
	}
	tail = append(tail, span{dim, "  " + p.plain(d.Frame)})
	what := p.plain(d.Request.Method + " " + d.Request.Target)
	line = append(line, span{bold, p.fit(what, max(p.width-width(line)-width(tail), p.width/4))})
	p.line(append(line, tail...)...)
	_, err := w.Write(p.out)
	return err
}

// Running is one line of exchanges that have begun and not ended, the oldest
// first, as they stand at a time. It has no line end.
func Running(list []*capture.Exchange, now time.Time, o Options) string {
	p := newPage(o)
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
