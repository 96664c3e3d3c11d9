package devpage

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"
	"unicode/utf8"

	"framegate/server/internal/config"
	"framegate/server/internal/lint"
)

//go:embed page.html
var pageHTML string

//go:embed style.css
var styleCSS string

//go:embed page.js
var pageJS string

// Renderer draws pages as HTML. It is made once.
type Renderer struct{ templates *template.Template }

// NewRenderer reads the template.
func NewRenderer() *Renderer {
	return &Renderer{template.Must(template.New("page").Parse(pageHTML))}
}

// HTML is the whole page. Its style and its script carry the nonce.
func (r *Renderer) HTML(p *Page, nonce string) ([]byte, error) { return r.draw("page", p, nonce) }

// Main is what of the page changes when the request is run again.
func (r *Renderer) Main(p *Page) ([]byte, error) { return r.draw("main", p, "") }

func (r *Renderer) draw(name string, p *Page, nonce string) ([]byte, error) {
	var b bytes.Buffer
	if err := r.templates.ExecuteTemplate(&b, name, newView(p, nonce)); err != nil {
		return nil, fmt.Errorf("draw the page: %w", err)
	}
	return b.Bytes(), nil
}

// view is a page in the words of the template. Every text in it has gone
// through visible.
type view struct {
	Nonce  string
	Style  template.CSS
	Script template.JS

	Title, Sentence, Subject, Cause, Hint string
	Findings                              []findingView
	Commands                              []Command
	Stderr                                []string
	Dropped                               int // lines of stderr
	Output                                *output
	Shell                                 *differences
	Environ                               []group
	Moments                               []moment
	Cost                                  string
	Program                               []variable
	Request                               requestView
	Served                                []Route
	Live                                  *Live
	ID                                    string
}

type findingView struct{ Severity, Code, Where, What, Why, Fix string }

// group is some variables that belong together.
type group struct {
	Name string
	Vars []variable
}

type requestView struct {
	Line   string
	Fields []variable
	Body   string
	Note   string // of a body that is not shown, or not whole
}

func newView(p *Page, nonce string) *view {
	x := p.Exchange
	v := &view{
		Nonce: nonce, Style: template.CSS(styleCSS), Script: template.JS(pageJS),
		Title: p.title(), Sentence: visible(p.Sentence), Cause: shortened(p.Cause), Hint: shortened(p.Hint), ID: x.ID,
		Subject:  visible(x.Request.Method + " " + x.Request.Target),
		Commands: p.Commands, Served: p.Served, Live: p.Live,
		Request: newRequest(p),
	}
	for i := range p.Findings {
		v.Findings = append(v.Findings, newFinding(&p.Findings[i]))
	}
	if !p.ran() {
		return v
	}
	for _, line := range x.Stderr.Last {
		v.Stderr = append(v.Stderr, shortened(line))
	}
	v.Dropped = x.Stderr.Dropped
	if x.Pid != 0 {
		v.Output = newOutput(&x.Stdout, p.bad(), p.bodyAt())
	}
	v.Shell = p.compare()
	v.Shell.hide()
	v.Environ = groups(x.Program.Env)
	v.Moments, v.Cost = moments(x), cost(x.Exit)
	v.Program = program(p)
	return v
}

func newFinding(f *lint.Finding) findingView {
	return findingView{f.Severity.String(), f.Code, where(f), visible(f.What), visible(f.Why), visible(f.Fix)}
}

// hide makes what the differences hold fit to be seen.
func (d *differences) hide() {
	if d == nil {
		return
	}
	for i, c := range d.Changed {
		d.Changed[i] = change{visible(c.Name), shortened(c.Frame), shortened(c.Shell)}
	}
	d.Added = shown(d.Added)
	for i, name := range d.Missing {
		d.Missing[i] = visible(name)
	}
}

func shown(list []variable) []variable {
	for i, v := range list {
		list[i] = variable{visible(v.Name), shortened(v.Value)}
	}
	return list
}

// groups sorts an environ into what the request is, what its client has sent,
// and what the frame always has.
func groups(environ []string) []group {
	list := []group{{Name: "The request"}, {Name: "Its header fields"}, {Name: "The frame's own"}}
	all, _ := split(environ)
	for _, v := range shown(all) {
		g := &list[0]
		switch {
		case strings.HasPrefix(v.Name, "HTTP_"):
			g = &list[1]
		case !config.ReservedName(v.Name):
			g = &list[2]
		}
		g.Vars = append(g.Vars, v)
	}
	return list
}

// program is what was run, and where.
func program(p *Page) []variable {
	x := p.Exchange
	list := []variable{{"Frame", x.Frame + ", mode " + x.Mode}}
	if x.Program.File != "" {
		list = append(list, variable{"File", x.Program.File})
	}
	list = append(list, variable{"Command", commandLine(x.Program.Argv)})
	if x.Program.Dir != "" {
		list = append(list, variable{"Directory", x.Program.Dir})
	}
	if p.User != "" {
		list = append(list, variable{"User", p.User})
	}
	if len(x.Program.Limits) > 0 {
		list = append(list, variable{"Limits", strings.Join(x.Program.Limits, ", ")})
	}
	return shown(list)
}

const bodyShown = 8 << 10

func newRequest(p *Page) requestView {
	x := p.Exchange
	v := requestView{Line: visible(x.Request.Method + " " + x.Request.Target + " " + x.Request.Proto)}
	if x.Request.Host != "" {
		v.Fields = append(v.Fields, variable{"Host", visible(x.Request.Host)})
	}
	for _, f := range x.Request.Header {
		v.Fields = append(v.Fields, variable{visible(f.Name), shortened(f.Value)})
	}
	body := x.Stdin.Head
	switch {
	case x.Stdin.Size == 0:
	case !utf8.Valid(body) && !utf8.Valid(body[:max(0, len(body)-utf8.UTFMax)]) || bytes.IndexByte(body, 0) >= 0:
		v.Note = "The body is " + bytesText(x.Stdin.Size) + ", and no text."
	default:
		head := body[:min(len(body), bodyShown)]
		v.Body = lines(strings.ToValidUTF8(string(head), ""))
		v.Note = "The body, " + bytesText(x.Stdin.Size)
		if int64(len(head)) < x.Stdin.Size {
			v.Note = "The first " + bytesText(int64(len(head))) + " of a body of " + bytesText(x.Stdin.Size)
		}
	}
	return v
}

// lines is a text of several lines, made visible.
func lines(text string) string {
	list := strings.Split(text, "\n")
	for i, line := range list {
		list[i] = visible(line)
	}
	return strings.Join(list, "\n")
}

// commandLine is an argv as one would type it.
func commandLine(argv []string) string {
	words := make([]string, len(argv))
	for i, arg := range argv {
		words[i] = Word(arg)
	}
	return strings.Join(words, " ")
}

// Word quotes s for sh. What cannot be seen is left to printf, so that a line
// that was copied holds nothing but what was read.
func Word(s string) string {
	if !Readable(s) {
		var octal strings.Builder
		for i := range len(s) {
			if c := s[i]; c < ' ' || c >= 0x7f || strings.IndexByte(`%'\`, c) >= 0 {
				fmt.Fprintf(&octal, `\%03o`, c)
			} else {
				octal.WriteByte(c)
			}
		}
		return `"$(printf '` + octal.String() + `')"`
	}
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:,@") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
