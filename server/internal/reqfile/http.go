package reqfile

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// parseHTTP reads the .http files of editors: requests with "###" in between,
// "@name = value" for {{name}}, "# @name NAME" or "### NAME" for their names.
// What is undefined is found when its request is made, and only then.
func parseHTTP(text string, o *Options) ([]Entry, error) {
	f := &httpFile{o: o, vars: map[string]string{}}
	var block []httpLine
	name := ""
	end := func() error {
		err := f.block(block, name)
		block = nil
		return err
	}
	number := 0
	for line := range strings.Lines(text) {
		number++
		if strings.HasPrefix(line, "###") {
			if err := end(); err != nil {
				return nil, err
			}
			name = strings.TrimSpace(strings.TrimLeft(line, "#"))
			continue
		}
		block = append(block, httpLine{line, number})
	}
	return f.entries, end()
}

type httpFile struct {
	o       *Options
	vars    map[string]string
	entries []Entry
}

type httpLine struct {
	text   string // with its end
	number int
}

func (l httpLine) bare() string { return strings.TrimSpace(l.text) }

var (
	definition = regexp.MustCompile(`^@([\w.-]+)\s*=\s*(.*?)\s*$`)
	named      = regexp.MustCompile(`^(?:#|//)\s*@name\s*=?\s*(\S+)`)
	verbs      = regexp.MustCompile(`^([A-Za-z][A-Za-z-]*)[ \t]+(\S.*)$`)
	version    = regexp.MustCompile(`[ \t]+(HTTP/[0-9.]+)$`)
)

// block reads what stands between two "###": definitions and comments, then a
// request, if there is one.
func (f *httpFile) block(lines []httpLine, name string) error {
	for i, l := range lines {
		bare := l.bare()
		if m := named.FindStringSubmatch(bare); m != nil {
			name = m[1]
		}
		m := definition.FindStringSubmatch(bare)
		switch {
		case m != nil:
			f.vars[m[1]] = m[2]
		case bare == "", strings.HasPrefix(bare, "#"), strings.HasPrefix(bare, "//"):
		case strings.HasPrefix(bare, "< {%"):
			return f.o.errorf(l.number, "a script ahead of the request is not run").withHint("leave it out, and give what it sets as @name = value")
		default:
			return f.request(lines[i:], name)
		}
	}
	return nil
}

// request takes note of the request that begins on the first of lines.
func (f *httpFile) request(lines []httpLine, name string) error {
	q := &httpRequest{f: f, line: lines[0].number}
	first := lines[0].bare()
	i := 1
	for ; i < len(lines); i++ { // a query may go on over lines
		bare := lines[i].bare()
		if lines[i].text == strings.TrimLeft(lines[i].text, " \t") || !strings.HasPrefix(bare, "?") && !strings.HasPrefix(bare, "&") {
			break
		}
		first += bare
	}
	q.method, q.url = http.MethodGet, first
	if m := version.FindStringSubmatch(q.url); m != nil {
		q.url, q.proto = strings.TrimSuffix(q.url, m[0]), m[1]
	}
	if m := verbs.FindStringSubmatch(q.url); m != nil {
		q.method, q.url = m[1], m[2]
	}
	if q.method != strings.ToUpper(q.method) || q.url == first && !strings.ContainsAny(first, "/:.{") {
		return f.o.errorf(q.line, "%q is no request line", excerpt(first)).withHint("it is GET http://localhost/path, say; a raw HTTP message, a HAR file or a curl command line is read, too")
	}
	for ; i < len(lines) && lines[i].bare() != ""; i++ {
		if bare := lines[i].bare(); !strings.HasPrefix(bare, "#") && !strings.HasPrefix(bare, "//") {
			q.fields = append(q.fields, lines[i])
		}
	}
	if i < len(lines) {
		q.body = lines[i+1:]
	}
	// What is not defined, or not yet, is shown as it stands there.
	shown := variable.ReplaceAllStringFunc(q.url, func(match string) string {
		if value, err := f.expand(match, q.line); err == nil {
			return value
		}
		return match
	})
	f.entries = append(f.entries, Entry{Name: name, Line: q.line, Method: q.method, URL: shown, build: q.message})
	return nil
}

// excerpt is as much of a line as an error shows.
func excerpt(line string) string {
	if r := []rune(line); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return line
}

// httpRequest is one request of the file, its variables not yet put in.
type httpRequest struct {
	f                  *httpFile
	line               int
	method, url, proto string
	fields             []httpLine
	body               []httpLine
}

func (q *httpRequest) message() (*message, error) {
	o := q.f.o
	m := &message{
		method: q.method, proto: q.proto, header: http.Header{},
		fail: func(format string, args ...any) *Error { return o.errorf(q.line, format, args...) },
	}
	var err error
	if m.url, err = q.f.expand(q.url, q.line); err != nil {
		return nil, err
	}
	for _, l := range q.fields {
		text, err := q.f.expand(l.bare(), l.number)
		if err != nil {
			return nil, err
		}
		name, value, ok := strings.Cut(text, ":")
		if !ok {
			return nil, o.errorf(l.number, "header field %q is not 'Name: value'", text).withHint("an empty line ends the header")
		}
		m.header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	m.body, err = q.contents(m.header.Get("Content-Type"))
	return m, err
}

// contents is the body: as far as the block goes, without the empty lines at
// its end and what is meant for the answer.
func (q *httpRequest) contents(contentType string) ([]byte, error) {
	lines := q.body
	for i, l := range lines {
		if bare := l.bare(); strings.HasPrefix(bare, "> {%") || strings.HasPrefix(bare, ">> ") || strings.HasPrefix(bare, ">>! ") || strings.HasPrefix(bare, "<> ") ||
			strings.HasPrefix(bare, "> ") && strings.HasSuffix(bare, ".js") {
			lines = lines[:i]
			break
		}
	}
	for len(lines) > 0 && lines[len(lines)-1].bare() == "" {
		lines = lines[:len(lines)-1]
	}
	if len(lines) == 0 {
		return nil, nil
	}
	multipart := strings.HasPrefix(strings.ToLower(contentType), "multipart/")
	form := strings.HasPrefix(strings.ToLower(contentType), formType)
	var body []byte
	for i, l := range lines {
		part, whole, err := q.bodyLine(l)
		if err != nil {
			return nil, err
		}
		last := i == len(lines)-1
		if form && bytes.HasPrefix(part, []byte("&")) {
			body = bytes.TrimRight(body, "\r\n")
		}
		switch {
		case whole && last:
		case whole:
			part = append(part, '\n')
		case last:
			part = bytes.TrimRight(part, "\r\n")
		}
		if multipart && !whole { // its lines end in CR LF, whatever the editor writes
			part = append(bytes.TrimRight(part, "\r\n"), "\r\n"...)
		} else if multipart && !last {
			part = append(bytes.TrimSuffix(part, []byte("\n")), "\r\n"...)
		}
		body = append(body, part...)
	}
	return body, nil
}

// bodyLine is a line of the body, or the file that it names: "< FILE" as it is,
// "<@ FILE" with its variables put in.
func (q *httpRequest) bodyLine(l httpLine) (part []byte, file bool, err error) {
	name, isFile := strings.CutPrefix(l.bare(), "< ")
	expanded := false
	if !isFile {
		name, expanded = strings.CutPrefix(l.bare(), "<@ ")
	}
	if !isFile && !expanded {
		text, err := q.f.expand(l.text, l.number)
		return []byte(text), false, err
	}
	if name, err = q.f.expand(strings.TrimSpace(name), l.number); err != nil {
		return nil, true, err
	}
	data, err := q.f.o.readFile(name)
	if err != nil {
		return nil, true, q.f.o.errorf(l.number, "%s", err)
	}
	if expanded {
		text, err := q.f.expand(string(data), l.number)
		return []byte(text), true, err
	}
	return data, true, nil
}

var variable = regexp.MustCompile(`\{\{\s*(.*?)\s*\}\}`)

// maxDepth is how many variables may stand for one another.
const maxDepth = 16

// expand puts the values of variables in.
func (f *httpFile) expand(s string, line int) (string, error) { return f.expandWithin(s, line, 0) }

func (f *httpFile) expandWithin(s string, line, depth int) (string, error) {
	if !strings.Contains(s, "{{") {
		return s, nil
	}
	if depth == maxDepth || len(s) > maxExpanded {
		return "", f.o.errorf(line, "%.40s…: its variables stand for one another", s)
	}
	var failed error
	size := 0
	text := variable.ReplaceAllStringFunc(s, func(match string) string {
		if failed != nil {
			return ""
		}
		name := variable.FindStringSubmatch(match)[1]
		value, ok := f.value(name)
		if !ok {
			failed = f.o.errorf(line, "{{%s}} is not defined", name).withHint(f.howToDefine(name))
			return ""
		}
		value, failed = f.expandWithin(value, line, depth+1)
		if size += len(value); size > maxExpanded && failed == nil {
			failed = f.o.errorf(line, "%.40s…: its variables stand for too much", s)
		}
		return value
	})
	return text, failed
}

const maxExpanded = 16 << 20

func (f *httpFile) value(name string) (string, bool) {
	if v, ok := f.o.Vars[name]; ok {
		return v, true
	}
	if v, ok := f.vars[name]; ok {
		return v, true
	}
	if env, ok := strings.CutPrefix(name, "$processEnv "); ok && f.o.Getenv != nil {
		return f.o.Getenv(strings.TrimSpace(env))
	}
	return "", false
}

func (f *httpFile) howToDefine(name string) string {
	if strings.HasPrefix(name, "$processEnv") {
		return "set it in the environment"
	}
	if !definition.MatchString("@" + name + "=x") {
		return "only plain names and {{$processEnv NAME}} are known here"
	}
	return fmt.Sprintf("@%s = … in the file, or --set %s=…", name, name)
}
