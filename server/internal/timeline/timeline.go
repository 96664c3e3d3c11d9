// Package timeline draws one exchange for people: what went in, what came out
// and when, how it ended. It knows nothing but the exchange, so that what has
// run here and what is followed on a server look the same.
package timeline

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"framegate/server/internal/capture"
)

// Options say for what kind of paper to draw. Their zero values serve.
type Options struct {
	Width int  // columns; 0 is 80, and fewer than 40 are 40
	Color bool // for a terminal
	ASCII bool // for a terminal whose locale is not UTF-8
	Env   bool // show the whole environ, not only what is asked for first
	Whole bool // of Line and Running: cut nothing, for who is no terminal
}

const (
	defaultWidth = 80
	leastWidth   = 40
)

// Draw draws x, as far as it has come.
func Draw(w io.Writer, x *capture.Exchange, o Options) error {
	p := newPage(o)
	d := newDrawing(x)
	p.head(d)
	p.environ(x.Program.Env, o.Env)
	p.chart(d)
	p.events(d)
	p.foot(d)
	_, err := w.Write(p.out)
	return err
}

// drawing is an exchange with what is computed once.
type drawing struct {
	*capture.Exchange
	events []capture.Event // in the order of time, none before the beginning
	total  time.Duration
	ends   map[string]time.Duration // of the kinds that happen once
}

func newDrawing(x *capture.Exchange) *drawing {
	d := &drawing{Exchange: x, ends: map[string]time.Duration{}}
	for _, e := range sorted(x.Events) {
		if _, over := d.ends[capture.Exited]; over && e.Kind == capture.Stopped {
			continue // what had ended was not stopped
		}
		d.events = append(d.events, e)
		switch e.Kind {
		case capture.StdinData, capture.StdoutPut, capture.StderrPut:
		default:
			d.ends[e.Kind] = e.At
		}
	}
	if n := len(d.events); n > 0 {
		d.total = d.events[n-1].At
	}
	return d
}

// head says what was asked, what was answered, and by whom.
func (p *page) head(d *drawing) {
	r := &d.Request
	what := p.plain(r.Method + " " + r.Target)
	answer := append([]span{{dim, p.pick(" → ", " -> ")}}, p.answer(d)...)
	if d.total > 0 {
		answer = append(answer, span{dim, " in "}, span{text: duration(d.total)})
	}
	// A long target gives way to what became of it.
	line := append([]span{{bold, p.fit(what, max(p.width-width(answer), p.width/4))}}, answer...)
	when := ""
	if !d.Time.IsZero() {
		when = d.Time.Format("15:04:05.000")
	}
	p.justified(line, span{dim, when})

	var who []string
	if d.Frame != "" {
		who = append(who, "frame "+d.Frame)
	}
	if d.Mode != "" && d.Mode != "exec" {
		who = append(who, d.Mode)
	}
	if d.ID != "" {
		who = append(who, "request "+d.ID)
	}
	if d.Program.Dir != "" {
		who = append(who, "in "+d.Program.Dir)
	}
	if len(who) > 0 {
		p.line(span{dim, p.plain(strings.Join(who, ", "))})
	}
	if argv := d.Program.Argv; len(argv) > 0 {
		p.line(span{dim, "runs "}, span{text: p.plain(words(argv))})
	}
}

// answer is what the client was given, in a few words.
func (p *page) answer(d *drawing) []span {
	a := &d.Answer
	switch {
	case a.Status == 0 && d.running():
		return []span{{yellow, "still running"}}
	case a.Status == 0:
		return []span{{dim, "no answer of its own"}}
	case a.Status == 499:
		return []span{{yellow, "499, the client has gone"}}
	}
	style := green
	switch {
	case a.Status >= 500:
		style = red
	case a.Status >= 400:
		style = yellow
	}
	spans := []span{{style, strings.TrimSpace(strconv.Itoa(a.Status) + " " + http.StatusText(a.Status))}}
	if a.Cut {
		spans = append(spans, span{red, ", cut after " + size(a.Body.Size)})
	} else {
		spans = append(spans, span{text: ", " + size(a.Body.Size)})
	}
	return spans
}

// running reports whether the process may still be there.
func (d *drawing) running() bool { return d.Pid != 0 && d.Exit == nil }

// first are the variables that tell what was asked.
func first() []string {
	return []string{"REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE", "CONTENT_LENGTH", "HTTP_HOST", "SCRIPT_FILENAME"}
}

// environ shows variables as `env` would.
func (p *page) environ(env []string, all bool) {
	shown := env
	if !all {
		shown = nil
		for _, name := range first() {
			for _, v := range env {
				if strings.HasPrefix(v, name+"=") {
					shown = append(shown, v)
				}
			}
		}
	}
	if len(env) == 0 {
		return
	}
	p.line()
	title := []span{{bold, "environ"}, {dim, "  " + plural(len(env), "variable")}}
	if more := len(env) - len(shown); more > 0 {
		title = append(title, span{dim, ", " + strconv.Itoa(more) + " more with --env"})
	}
	p.line(title...)
	for _, v := range shown {
		name, value, ok := strings.Cut(v, "=")
		line := []span{{text: "  "}, {cyan, p.plain(name)}}
		if ok {
			line = append(line, span{dim, "="}, span{text: p.plain(value)})
		}
		p.line(line...)
	}
}

// foot says how the process ended and what it cost, and what was not right.
func (p *page) foot(d *drawing) {
	p.line()
	p.line(p.end(d)...)
	p.stdin(d)
	if d.Warning != "" && d.Warning != d.Failure {
		p.wrapped(span{yellow, "warning: "}, p.plain(d.Warning))
	}
	if d.Failure != "" {
		p.wrapped(span{red, "failure: "}, p.plain(d.Failure))
	}
}

// stdin tells of what the list of events does not: a body that was a file, one
// that was not read to its end.
func (p *page) stdin(d *drawing) {
	s := &d.Stdin
	_, fed := d.ends[capture.StdinEnd]
	switch {
	case d.Exit != nil && s.Read >= 0 && s.Read < s.Size:
		p.line(span{yellow, "stdin: it has read " + size(s.Read) + " of " + size(s.Size)})
	case d.Exit != nil && s.Size > 0 && !fed:
		p.line(span{dim, "stdin: " + size(s.Size) + ", as a file"})
	}
}

func (p *page) end(d *drawing) []span {
	e := d.Exit
	switch {
	case e == nil && d.Pid == 0:
		return []span{{red, "no process was started"}}
	case e == nil:
		return []span{{yellow, "pid " + strconv.Itoa(d.Pid) + " is still running"}}
	}
	style := green
	how := "exit status " + strconv.Itoa(e.Code)
	switch {
	case e.Signal != "":
		style, how = red, "killed by "+p.plain(e.Signal)
	case e.Code != 0:
		style = red
	}
	cpu := duration(e.CPU)
	if lived := d.ends[capture.Exited] - d.ends[capture.Started]; lived > 0 {
		cpu += " of " + duration(lived)
	}
	line := []span{{style, how}, {dim, ", CPU "}, {text: cpu}}
	if e.MaxRSSKiB > 0 {
		line = append(line, span{dim, ", peak memory "}, span{text: size(e.MaxRSSKiB << 10)})
	}
	return line
}
