package timeline

import (
	"strconv"
	"strings"
	"time"

	"framegate/server/internal/capture"
)

// table is the layout of the list of events.
type table struct {
	*page
	seconds bool
	digits  int // columns of a time
	total   time.Duration
}

const (
	nameCells  = 8 // as "answered"
	bytesCells = 9 // as " 99.9 KiB"
)

func (t *table) unit() string {
	if t.seconds {
		return "s"
	}
	return "ms"
}

func (t *table) number(d time.Duration) string {
	if t.seconds {
		return seconds(d)
	}
	return millis(d)
}

// since is the column of the time since the row above, if there is room for it.
func (t *table) since(text string) string {
	if t.width < defaultWidth {
		return ""
	}
	return "  " + pad(text, t.digits+1, true)
}

func (t *table) row(r row, before time.Duration) {
	way := " "
	switch r.way {
	case into:
		way = t.pick("→", ">")
	case outOf:
		way = t.pick("←", "<")
	}
	bytes := ""
	if r.bytes >= 0 {
		bytes = size(r.bytes)
	}
	left := []span{
		{text: pad(t.number(r.at), t.digits, true)}, {dim, t.since("+" + t.number(r.at-before))},
		{r.style, "  " + way + " " + pad(r.name, nameCells, false)}, {dim, pad(bytes, bytesCells, true) + "  "},
	}
	text := span{text: r.text}
	if r.quiet {
		text.style = dim
	}
	if r.tag == "" || t.width < 60 {
		t.line(append(left, text)...)
		return
	}
	text.text = t.fit(text.text, t.width-width(left)-cells(r.tag)-2)
	t.justified(append(left, text), span{dim, r.tag})
}

// long reports whether a time in which nothing happened is worth a line.
func (t *table) long(gap time.Duration) bool {
	return gap >= 5*time.Millisecond && gap >= t.total/12
}

// silence draws a time in which nothing happened, to scale.
func (t *table) silence(past []row, next row) {
	gap := next.at
	if len(past) > 0 {
		gap -= past[len(past)-1].at
	}
	label := "  " + duration(gap) + " " + why(past, next)
	indent := t.digits + len(t.since("")) + 2
	field := max(t.width-indent-len(label), 1)
	n := max(int(float64(gap)/float64(t.total)*float64(field)), 1)
	t.line(span{dim, strings.Repeat(" ", indent) + strings.Repeat(t.pick("┈", "."), n)}, span{yellow, label})
}

// why is who was waited for between what has passed and next.
func why(past []row, next row) string {
	seen := map[string]bool{}
	for _, r := range past {
		seen[r.kind] = true
	}
	switch {
	case next.kind == capture.Started:
		return "before its start"
	case seen[capture.Exited]:
		return "after its end"
	case seen[capture.Stopped]:
		return "until it has ended"
	case !seen[capture.Spawned]:
		return "to start it"
	case next.kind == capture.StdinData, next.kind == capture.StdinEnd:
		return "without a byte of the body"
	}
	return "of silence"
}

// A stretch of events that only go on with what they began is folded when it
// is longer than foldFrom: foldKeep of it are shown at each end.
const (
	foldFrom = 12
	foldKeep = 4
)

// hidden says which rows are folded.
func (t *table) hidden(rows []row) []bool {
	hide := make([]bool, len(rows))
	for i := 0; i < len(rows); {
		n := i
		for n < len(rows) && rows[n].flows() && (n == i || !t.long(rows[n].at-rows[n-1].at)) {
			n++
		}
		if n-i > foldFrom {
			for k := i + foldKeep; k < n-foldKeep; k++ {
				hide[k] = rows[k].tag == ""
			}
		}
		i = max(n, i+1)
	}
	return hide
}

func (r *row) flows() bool {
	return r.kind == capture.StdinData || r.kind == capture.StdoutPut || r.kind == capture.StderrPut
}

// fold tells of rows that are not shown.
func (t *table) fold(rows []row) {
	var in, out int64
	lines := 0
	for _, r := range rows {
		switch r.kind {
		case capture.StdinData:
			in += r.bytes
		case capture.StdoutPut:
			out += r.bytes
		default:
			lines++
		}
	}
	var parts []string
	if in > 0 {
		parts = append(parts, "stdin "+size(in))
	}
	if out > 0 {
		parts = append(parts, "stdout "+size(out))
	}
	if lines > 0 {
		parts = append(parts, "stderr "+plural(lines, "line"))
	}
	text := strconv.Itoa(len(rows)) + " more like these: " + strings.Join(parts, ", ")
	t.line(span{dim, strings.Repeat(" ", t.digits+len(t.since(""))+4) + t.pick("⋮ ", ": ") + text})
}
