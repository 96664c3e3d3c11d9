package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"framegate/server/internal/reqfile"
)

// requestFlags say what is asked.
type requestFlags struct {
	method  string
	headers []string
	data    string
	hasData bool

	from string
	curl string
	nth  int
	set  []string
}

func (q *requestFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&q.method, "request", "X", "", "`METHOD` (default: GET, with -d POST)")
	f.StringArrayVarP(&q.headers, "header", "H", nil, "a header field, `'K: v'`; may be repeated; 'K:' takes it away")
	f.StringVarP(&q.data, "data", "d", "", "the body: `DATA`, @FILE, or @- for stdin")
	f.StringVar(&q.from, "from", "", "read the request from `FILE`, or - for stdin: a raw HTTP\nmessage, a .http file, a HAR file or a curl command line;\n-X, -H and -d change it")
	f.StringVar(&q.curl, "curl", "", "the request of a curl command `LINE`, as browsers copy it")
	f.IntVar(&q.nth, "nth", 0, "the `N`th request of --from or --curl")
	f.StringArrayVar(&q.set, "set", nil, "`NAME=VALUE` of a variable {{NAME}} in a .http file; may be repeated")
}

// request builds the request as a server sees it. args are a path, or what
// chooses in a file; a program answers on / where nothing is said.
func (q *requestFlags) request(cmd *cobra.Command, args []string, program bool) (*http.Request, error) {
	usage := func(format string, args ...any) error {
		return &usageError{msg: fmt.Sprintf(format, args...), command: cmd.CommandPath()}
	}
	written := q.from != "" || q.curl != ""
	switch {
	case q.from != "" && q.curl != "":
		return nil, usage("--from and --curl exclude one another")
	case !written && (q.nth != 0 || len(q.set) > 0):
		return nil, usage("--nth and --set are for --from")
	case len(args) > 1, !written && !program && len(args) != 1:
		return nil, usage("got %d URL paths; want one", len(args))
	case q.from == "-" && q.hasData && q.data == "@-":
		return nil, usage("--from - and -d @- both read stdin")
	}
	var r *http.Request
	var err error
	switch {
	case written:
		r, err = q.written(cmd, strings.Join(args, ""))
	case len(args) == 0:
		r = plainRequest("/")
	case !strings.HasPrefix(args[0], "/"):
		err = usage("URL path %q does not begin with /", args[0])
	default:
		r = plainRequest(args[0])
	}
	if err != nil {
		return nil, err
	}
	if _, ok := r.Header["User-Agent"]; !ok && !written {
		r.Header.Set("User-Agent", software())
	}
	if err := q.change(cmd, r); err != nil {
		return nil, err
	}
	if err := reqfile.Check(r); err != nil {
		return nil, usage("%s", err)
	}
	return r, nil
}

// plainRequest is a GET of a path, sent as it was typed: dots, %2F and all.
func plainRequest(path string) *http.Request {
	return &http.Request{Method: http.MethodGet, RequestURI: reqfile.Escape(path), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}}
}

// written is the request of --from or --curl that which, or --nth, chooses.
func (q *requestFlags) written(cmd *cobra.Command, which string) (*http.Request, error) {
	o := reqfile.Options{Getenv: os.LookupEnv, Vars: map[string]string{}}
	for _, pair := range q.set {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, &usageError{msg: fmt.Sprintf("--set %q is not NAME=VALUE", pair), command: cmd.CommandPath()}
		}
		o.Vars[name] = value
	}
	var data []byte
	var err error
	switch q.from {
	case "":
		o.Name, o.Curl, o.Stdin, data = "--curl", true, cmd.InOrStdin(), []byte(q.curl)
	case "-":
		o.Name = "stdin"
		data, err = io.ReadAll(cmd.InOrStdin())
	default:
		o.Name, o.Dir, o.Stdin = q.from, filepath.Dir(q.from), cmd.InOrStdin()
		data, err = os.ReadFile(q.from)
	}
	if err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	entries, err := reqfile.Parse(data, o)
	if err != nil {
		return nil, err
	}
	entry, err := reqfile.Select(entries, q.nth, which)
	if err != nil {
		return nil, q.which(cmd, o.Name, err)
	}
	return entry.Request()
}

// change has -X, -H and -d take the place of what the request says.
func (q *requestFlags) change(cmd *cobra.Command, r *http.Request) error {
	if q.hasData {
		body, err := q.body(cmd.InOrStdin())
		if err != nil {
			return err
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		if r.Header.Get("Content-Type") == "" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		if r.Method == http.MethodGet {
			r.Method = http.MethodPost
		}
	}
	if q.method != "" {
		r.Method = q.method
	}
	if err := q.changeHeader(cmd, r); err != nil {
		return err
	}
	if r.Body == nil && (r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch) && q.method != "" {
		r.Body = http.NoBody // they have one, if an empty one
	}
	return nil
}

// changeHeader does what -H says: "K: v" in the place of what there is, "K:"
// takes it away, as curl does.
func (q *requestFlags) changeHeader(cmd *cobra.Command, r *http.Request) error {
	given := http.Header{}
	for _, h := range q.headers {
		name, value, ok := strings.Cut(h, ":")
		value = strings.TrimSpace(value)
		empty, isEmpty := strings.CutSuffix(h, ";")
		switch {
		case ok && name != "" && value != "":
			given.Add(name, value)
		case ok && name != "":
			r.Header.Del(name)
		case !ok && isEmpty && empty != "":
			given.Add(empty, "")
		default:
			return &usageError{msg: fmt.Sprintf("header %q is not 'Name: value'", h), command: cmd.CommandPath()}
		}
	}
	for name, values := range given {
		switch name {
		case "Host":
			r.Host = values[0]
		case "Content-Length": // it is counted
		case "Transfer-Encoding":
			if r.Body != nil && strings.EqualFold(values[0], "chunked") {
				r.ContentLength = -1
			}
		default:
			r.Header[name] = values
		}
	}
	return nil
}

func (q *requestFlags) body(stdin io.Reader) ([]byte, error) {
	name, isFile := strings.CutPrefix(q.data, "@")
	switch {
	case !isFile:
		return []byte(q.data), nil
	case name == "-":
		return io.ReadAll(stdin)
	}
	body, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	return body, nil
}
