// Package reqfile reads requests that others have written down: raw HTTP
// messages, .http files of editors, HAR files of browsers, curl command lines.
package reqfile

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Options say how to read. Their zero values serve.
type Options struct {
	Name string            // of the file, for errors; its ending tells the format, where it is a known one
	Dir  string            // where the files that it names are; "" is the current directory
	Curl bool              // only curl's command lines are wanted
	Vars map[string]string // for {{name}}, ahead of the file's own

	Getenv   func(string) (string, bool)  // for {{$processEnv NAME}}; nil knows none
	ReadFile func(string) ([]byte, error) // for the files that it names; nil is os.ReadFile
	Stdin    io.Reader                    // for what says that it reads stdin; nil has none
}

// Entry is one request of a file.
type Entry struct {
	Name   string // "" where it has none
	Line   int    // where it begins; 0 where lines tell nothing
	Method string
	URL    string // as it stands there

	build func() (*message, error)
}

// Request is the request as a server sees it: RequestURI is its target, Host
// is "" where nothing says it. Its body is in memory. It is nil where there is
// none, and not only where it is empty.
func (e *Entry) Request() (*http.Request, error) {
	m, err := e.build()
	if err != nil {
		return nil, err
	}
	return m.request()
}

// Error is a mistake in a file.
type Error struct {
	File string
	Line int // 0 where there is none to name
	Msg  string
	hint string
}

func (e *Error) Error() string {
	switch {
	case e.File == "":
		return e.Msg
	case e.Line == 0:
		return e.File + ": " + e.Msg
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Msg)
}

// Hint says what to do about it, or nothing.
func (e *Error) Hint() string { return e.hint }

func (o *Options) errorf(line int, format string, args ...any) *Error {
	return &Error{File: o.Name, Line: line, Msg: fmt.Sprintf(format, args...)}
}

func (e *Error) withHint(hint string) *Error {
	e.hint = hint
	return e
}

// Parse reads a file of any of the formats.
func Parse(data []byte, o Options) ([]Entry, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	var entries []Entry
	var err error
	kind := format(data, o.Name)
	if o.Curl {
		kind = "curl"
	}
	switch kind {
	case "har":
		entries, err = parseHAR(data, &o)
	case "curl":
		entries, err = parseCurl(string(data), &o)
	case "raw":
		entries, err = parseRaw(data, &o)
	default:
		entries, err = parseHTTP(string(data), &o)
	}
	if err == nil && len(entries) == 0 {
		err = o.errorf(0, "holds no request").withHint("a raw HTTP message, a .http file, a HAR file or a curl command line is read")
	}
	return entries, err
}

// messageLine begins a message as it goes over the wire.
var messageLine = regexp.MustCompile(`\A[!#$%&'*+\-.^_|~0-9A-Za-z` + "`" + `]+ [^ \r\n]+ HTTP/[0-9.]+\r?\n`)

// format tells the formats apart: by the file's name, else by how it begins.
func format(data []byte, name string) string {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".http", ".rest":
		return "http"
	case ".har":
		return "har"
	case ".http-raw", ".raw":
		return "raw"
	case ".curl":
		return "curl"
	}
	text := bytes.TrimLeft(data, " \t\r\n")
	switch {
	case bytes.HasPrefix(text, []byte("{")) && !bytes.HasPrefix(text, []byte("{{")):
		return "har"
	case curlBegins.Match(text):
		return "curl"
	case messageLine.Match(text):
		return "raw"
	}
	return "http"
}

// number is what chooses by counting. A part of a URL of nothing but digits
// chooses no other way: "2" would mean now one request, now another.
var number = regexp.MustCompile(`\A[0-9]{1,9}\z`)

// Select picks one entry: the nth, counted from 1, or the one that which counts
// or names or whose URL holds it. With neither, there must be one alone.
func Select(entries []Entry, nth int, which string) (*Entry, error) {
	switch {
	case nth != 0:
		if nth < 0 || nth > len(entries) {
			return nil, &ChoiceError{Msg: fmt.Sprintf("there is no request %d", nth), Entries: entries}
		}
		return &entries[nth-1], nil
	case which == "" && len(entries) == 1:
		return &entries[0], nil
	case which == "":
		return nil, &ChoiceError{Msg: fmt.Sprintf("holds %d requests: which one?", len(entries)), Entries: entries}
	}
	counted := number.MatchString(which)
	if n, _ := strconv.Atoi(which); counted && n >= 1 && n <= len(entries) {
		return &entries[n-1], nil
	}
	for i := range entries {
		if entries[i].Name == which {
			return &entries[i], nil
		}
	}
	if counted {
		return nil, &ChoiceError{Msg: "there is no request " + which, Entries: entries}
	}
	var found []*Entry
	for i := range entries {
		if strings.Contains(entries[i].URL, which) {
			found = append(found, &entries[i])
		}
	}
	switch len(found) {
	case 0:
		return nil, &ChoiceError{Msg: fmt.Sprintf("no request is named %q, or has that in its URL", which), Entries: entries}
	case 1:
		return found[0], nil
	}
	return nil, &ChoiceError{Msg: fmt.Sprintf("%d requests have %q in their URL: which one?", len(found), which), Entries: entries}
}

// ChoiceError is a choice that names no one request.
type ChoiceError struct {
	Msg     string
	Entries []Entry // to choose from
}

func (e *ChoiceError) Error() string { return e.Msg }
