package timeline

import (
	"slices"
	"strconv"
	"time"

	"framegate/server/internal/capture"
)

// row is one line of the list of events.
type row struct {
	at    time.Duration
	kind  string
	name  string
	way   way
	style style
	bytes int64 // -1 where there is nothing to count
	text  string
	tag   string // what is special about it
	quiet bool   // the text is ours, not the stream's
}

// way is the direction of a stream.
type way int

const (
	neither way = iota
	into        // the process
	outOf
)

// events lists what happened when, with the silences in between.
func (p *page) events(d *drawing) {
	if len(d.events) == 0 {
		return
	}
	rows := p.rows(d)
	t := &table{page: p, seconds: d.total >= 10*time.Second, total: d.total}
	t.digits = len(t.number(d.total))
	p.line()
	p.line(span{dim, pad(t.unit(), t.digits, true) + t.since("+")})
	hidden := t.hidden(rows)
	before := time.Duration(0)
	for i := 0; i < len(rows); i++ {
		if t.long(rows[i].at - before) {
			t.silence(rows[:i], rows[i])
		}
		n := i
		for n < len(rows) && hidden[n] {
			n++
		}
		if n > i {
			t.fold(rows[i:n])
			i = n - 1
		} else {
			t.row(rows[i], before)
		}
		before = rows[i].at
	}
}

// rows are the events in words.
func (p *page) rows(d *drawing) []row {
	rows := make([]row, 0, len(d.events))
	for _, e := range d.events {
		r := row{at: e.At, kind: e.Kind, name: e.Kind, bytes: -1}
		switch e.Kind {
		case capture.Started:
			r.quiet, r.text = true, "the process is about to start"
		case capture.Spawned:
			r.style, r.quiet, r.text = cyan, true, "it runs, pid "+strconv.Itoa(d.Pid)
		case capture.StdinData:
			r.way, r.style, r.bytes = into, blue, e.Bytes
			r.text, r.quiet = p.excerpt(&d.Stdin, e)
		case capture.StdinEnd:
			r.name, r.way, r.style, r.quiet, r.text = "stdin", into, blue, true, "end of file"
		case capture.StdoutPut:
			r.way, r.style, r.bytes = outOf, green, e.Bytes
			r.text, r.quiet = p.excerpt(&d.Stdout, e)
		case capture.HeaderEnd:
			r.name, r.style, r.bytes, r.quiet, r.text = "header", green, e.Offset, true, "end of the header"
		case capture.StdoutEnd:
			r.name, r.way, r.style, r.quiet, r.text = "stdout", outOf, green, true, "closed after "+size(d.Stdout.Size)
		case capture.StderrPut:
			r.way, r.style = outOf, yellow
			r.text, r.quiet = p.stderrLine(&d.Stderr, e.Offset)
		case capture.Stopped:
			r.style, r.quiet, r.text = red, true, "the gateway begins to stop it"
		case capture.Exited:
			r.style, r.quiet, r.text = cyan, true, p.exited(d.Exit)
		case capture.Answered:
			r.bytes, r.quiet, r.text = d.Answer.Body.Size, true, "the client has it all"
			if d.Answer.Cut {
				r.text = "and cut there"
			}
		default:
			r.name, r.quiet = p.plain(e.Kind), true
		}
		rows = append(rows, r)
	}
	tag(rows)
	tagReady(rows)
	return rows
}

// tagReady marks what was given to the process before there was one: a body
// that has room in the pipe is laid there first, and is no riddle then.
func tagReady(rows []row) {
	spawned := slices.IndexFunc(rows, func(r row) bool { return r.kind == capture.Spawned })
	for i := range max(spawned, 0) {
		switch rows[i].kind {
		case capture.StdinData, capture.StdinEnd:
			rows[i].tag = "laid ready"
		}
	}
}

// tag marks the first and the last byte that the process printed.
func tag(rows []row) {
	last := -1
	for i := range rows {
		if rows[i].kind != capture.StdoutPut {
			continue
		}
		if last < 0 {
			rows[i].tag = "first byte"
		}
		last = i
	}
	switch {
	case last < 0:
	case rows[last].tag != "":
		rows[last].tag = "all at once"
	default:
		rows[last].tag = "last byte"
	}
}

// excerpt is the beginning of what an event carried, or that nobody has kept
// it.
func (p *page) excerpt(s *capture.Stream, e capture.Event) (text string, lost bool) {
	from := min(max(e.Offset, 0), int64(len(s.Head)))
	to := min(from+min(max(e.Bytes, 0), int64(4*p.width)), int64(len(s.Head)))
	if from == to && e.Bytes > 0 {
		return notKept, true
	}
	return p.quoted(string(s.Head[from:to])), false
}

func (p *page) stderrLine(l *capture.Lines, number int64) (text string, lost bool) {
	if i := number - int64(l.Dropped); i >= 0 && i < int64(len(l.Last)) {
		line := l.Last[i]
		return p.plain(line[:min(len(line), 4*p.width)]), false
	}
	return notKept, true
}

// notKept stands for bytes that nobody has kept: there were too many.
const notKept = "(not kept)"

func (p *page) exited(e *capture.Exit) string {
	switch {
	case e == nil:
		return ""
	case e.Signal != "":
		return "killed by " + p.plain(e.Signal)
	}
	return "with status " + strconv.Itoa(e.Code)
}
