package capture

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/template"
)

// WriteOptions say how an exchange is written. Their zero values serve.
type WriteOptions struct {
	Redact  []string // header fields and variables whose values are not written, besides cookies and credentials
	Reveal  bool     // write all values
	MaxBody int64    // bytes of the request's body in the script; 0 is 1 MiB
	Beside  bool     // a longer body stands beside the script: see WriteBody. Otherwise it is cut
}

//go:embed script.sh.tmpl
var scriptText string

var scriptTemplate = template.Must(template.New("script").Funcs(template.FuncMap{
	"inc": func(i int) int { return i + 1 },
}).Parse(scriptText))

// Write writes the capture of x: a shell script that runs it again.
func Write(w io.Writer, x *Exchange, o WriteOptions) error {
	s := newSecrets(o)
	var q quoter
	script := &script{
		Title:   title(x),
		Dir:     q.word(x.Program.Dir),
		Umask:   x.Program.Umask,
		SCGI:    x.Program.Ahead > 0,
		Stopped: stopped(x),
	}
	for _, kv := range s.environ(x.Program.Env) {
		name, value, _ := strings.Cut(kv, "=")
		script.Env = append(script.Env, q.name(name)+"="+q.word(value))
		if s.variables[name] {
			script.Secrets = append(script.Secrets, singleQuoted(name))
		}
	}
	script.program(x, &q)
	if err := script.body(x, o); err != nil {
		return fmt.Errorf("write capture: the body: %w", err)
	}
	script.curl(x, s, &q)
	if q.nul {
		return errors.New("write capture: a value holds a NUL, which no program can be given")
	}
	script.Expectation = string(expectation(x, s))
	script.HasTemp = script.HasBody && !script.Beside || script.SCGI || script.Bridge != nil
	for _, run := range q.runs {
		script.Runs = append(script.Runs, printfFormat(run))
	}
	var out bytes.Buffer
	if err := scriptTemplate.Execute(&out, script); err != nil {
		return fmt.Errorf("write capture: %w", err)
	}
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("write capture: %w", err)
	}
	return nil
}

// title says what happened, in comment lines.
func title(x *Exchange) []string {
	const longest = 160
	short := func(s string) string {
		if r := []rune(s); len(r) > longest {
			s = string(r[:longest]) + "…"
		}
		return encodeValue(s)
	}
	how := fmt.Sprintf("was answered %d", x.Answer.Status)
	switch {
	case x.Answer.Status == 0 && len(x.Events) == 0: // run --script
		how = "was only written down, not run,"
	case x.Answer.Status == 0:
		how = "was redirected inside the server"
	}
	lines := []string{short(x.Request.Method+" "+x.Request.Target) + " " + how + " on " + inWords(x.Time)}
	switch {
	case x.Failure != "":
		lines[0] += ":"
		lines = append(lines, short(x.Failure))
	case x.Warning != "":
		lines[0] += ":"
		lines = append(lines, short(x.Warning))
	}
	return lines
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// name is the name of a variable, as a word.
func (q *quoter) name(s string) string {
	if plainName.MatchString(s) {
		return s
	}
	return q.word(s)
}

// clock is how the failure of an exchange begins that took too long.
var clock = regexp.MustCompile(`^([a-z-]+-timeout): `)

// stopped is what to say of a program that was stopped by a clock.
func stopped(x *Exchange) string {
	m := clock.FindStringSubmatch(x.Failure)
	if m == nil {
		return ""
	}
	for _, e := range x.Events {
		if e.Kind == Stopped {
			return singleQuoted(fmt.Sprintf("the gateway stopped it after %.1f s (%s). Nothing stops it here: Ctrl-C does", e.At.Seconds(), m[1]))
		}
	}
	return ""
}
