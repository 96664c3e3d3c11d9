package timeline

import (
	"strings"
	"time"

	"framegate/server/internal/capture"
)

// laneName is as wide as the names of the lanes.
const laneName = 9

// chart draws the whole exchange to scale: a lane each for the process and its
// three streams.
func (p *page) chart(d *drawing) {
	if d.total <= 0 || d.Pid == 0 {
		return
	}
	c := &chart{page: p, total: d.total, cols: p.width - laneName}
	p.line()
	c.axis()
	c.process(d)
	c.lane("stdin", blue, d.events, capture.StdinData, capture.StdinEnd)
	c.lane("stdout", green, d.events, capture.StdoutPut, capture.StdoutEnd)
	c.lane("stderr", yellow, d.events, capture.StderrPut, "")
}

type chart struct {
	*page
	total time.Duration
	cols  int
}

// col is the column of a time.
func (c *chart) col(at time.Duration) int {
	at = min(max(at, 0), c.total)
	return int(float64(at) / float64(c.total) * float64(c.cols-1))
}

// axis labels round times, and the last one at the right edge.
func (c *chart) axis() {
	label := func(t time.Duration) string { return strings.TrimSuffix(round(t), " ms") }
	end := duration(c.total)
	var b strings.Builder
	b.WriteString("0")
	step := tick(c.total)
	for t := step; t < c.total; t += step {
		at, text := c.col(t), label(t)
		if used := b.Len(); at > used && at+len(text)+1 < c.cols-len(end) {
			b.WriteString(strings.Repeat(" ", at-used) + text)
		}
	}
	gap := c.cols - b.Len() - len(end)
	c.line(span{dim, strings.Repeat(" ", laneName) + b.String() + strings.Repeat(" ", max(gap, 1)) + end})
}

// tick is a round step that goes two to eight times into total.
func tick(total time.Duration) time.Duration {
	step := time.Nanosecond
	for unit := step; ; unit *= 10 {
		for _, n := range []time.Duration{1, 2, 5} {
			if step = n * unit; 8*float64(step) >= float64(total) {
				return step
			}
		}
	}
}

// round is a round time without the digits it does not need.
func round(t time.Duration) string {
	text, unit := millis(t), " ms"
	if t >= 10*time.Second {
		text, unit = seconds(t), " s"
	}
	return strings.TrimRight(strings.TrimRight(text, "0"), ".") + unit
}

// process is the lane of the process, from its start to its end.
func (c *chart) process(d *drawing) {
	if d.Pid == 0 {
		return
	}
	from, to := c.col(d.ends[capture.Spawned]), c.cols-1
	last := c.pick("▸", ">")
	style := cyan
	if at, ended := d.ends[capture.Exited]; ended {
		to, last = c.col(at), c.pick("┤", "|")
		if d.Exit != nil && (d.Exit.Signal != "" || d.Exit.Code != 0) {
			style, last = red, c.pick("╳", "x")
		}
	}
	bar := last
	if to > from {
		bar = c.pick("├", "|") + strings.Repeat(c.pick("─", "-"), to-from-1) + last
	}
	c.line(span{text: pad("process", laneName, false) + strings.Repeat(" ", from)}, span{style, bar})
}

// lane marks each event of a stream, and its end.
func (c *chart) lane(name string, s style, events []capture.Event, kind, end string) {
	marks := make([]string, c.cols)
	used := false
	for _, e := range events {
		switch at := c.col(e.At); {
		case e.Kind == kind:
			marks[at], used = c.pick("█", "#"), true
		case e.Kind == end && marks[at] == "":
			marks[at] = c.pick("┤", "|")
		}
	}
	if !used {
		return
	}
	var b strings.Builder
	for _, m := range marks {
		if m == "" {
			m = " "
		}
		b.WriteString(m)
	}
	c.line(span{text: pad(name, laneName, false)}, span{s, strings.TrimRight(b.String(), " ")})
}
