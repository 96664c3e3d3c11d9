package reqfile

import (
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
)

// curlBegins is how a pasted command line begins, with a prompt or without.
var curlBegins = regexp.MustCompile(`\A(?:[$%>#] +)?(?:[\w./-]*/)?curl(?:\.exe)?[ \t\\\r\n]`)

var prompt = regexp.MustCompile(`(?m)^[$%>] +((?:[\w./-]*/)?curl(?:\.exe)?[ \t\\])`)

// parseCurl reads curl command lines, as they are typed and as browsers copy
// them: several, with line ends, ";" or "&" in between.
func parseCurl(script string, o *Options) ([]Entry, error) {
	if strings.Contains(script, ` ^"`) || strings.Contains(script, "curl.exe") && strings.Contains(script, " `\n") {
		return nil, o.errorf(1, "this is quoted for a shell of Windows").withHint(`take "Copy as cURL (bash)"`)
	}
	list, err := commands(prompt.ReplaceAllString(script, "$1"), o)
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for _, c := range list {
		if name := path.Base(c.words[0]); name != "curl" && name != "curl.exe" {
			return nil, o.errorf(c.line, "%q is not curl: only curl's command lines are read", c.words[0])
		}
		more, err := o.curl(c)
		if err != nil {
			return nil, err
		}
		entries = append(entries, more...)
	}
	return entries, nil
}

// curl reads one command line, of one request or, with --next, of more.
func (o *Options) curl(c command) ([]Entry, error) {
	var entries []Entry
	args := c.words[1:]
	for {
		q := &curl{o: o, line: c.line}
		rest, err := q.flags(args)
		if err != nil {
			return nil, err
		}
		if len(q.urls) == 0 {
			return nil, q.errorf("curl has no URL")
		}
		for _, u := range q.urls {
			one := *q
			one.urls = []string{u}
			entries = append(entries, Entry{Line: c.line, Method: one.verb(), URL: u, build: one.message})
		}
		if rest == nil {
			return entries, nil
		}
		args = rest
	}
}

// curl is one request as curl's flags describe it.
type curl struct {
	o    *Options
	line int

	urls      []string
	method    string
	target    string // --request-target
	headers   []string
	data      []datum
	form      []formPart
	upload    string
	query     []datum // --url-query
	cookies   []string
	agent     string
	user      string
	bearer    string
	referer   string
	byteRange string
	get, head bool
	json      bool
	packed    bool // --compressed
	asIs      bool // --path-as-is
	literal   bool // --globoff
	old       bool // --http1.0
}

// datum is one --data of whatever kind.
type datum struct{ kind, value string }

func (q *curl) errorf(format string, args ...any) *Error { return q.o.errorf(q.line, format, args...) }

// verb is the method that curl would use.
func (q *curl) verb() string {
	switch {
	case q.method != "":
		return q.method
	case q.head:
		return http.MethodHead
	case q.get:
		return http.MethodGet
	case q.upload != "":
		return http.MethodPut
	case len(q.data) > 0, len(q.form) > 0:
		return http.MethodPost
	}
	return http.MethodGet
}

// message is the request that curl would send.
func (q *curl) message() (*message, error) {
	m := &message{method: q.verb(), header: http.Header{}, fail: q.errorf}
	if q.old {
		m.proto = "HTTP/1.0"
	}
	body, contentType, err := q.body()
	if err != nil {
		return nil, err
	}
	u := q.urls[0]
	if !q.literal && strings.ContainsAny(strings.NewReplacer("//[", "", "]:", "", "]/", "").Replace(u), "{}[]") {
		return nil, q.errorf("URL %q: {a,b} and [1-9] stand for several URLs; give one, or -g to have it as it is", u)
	}
	if q.get {
		u, body, contentType = appendQuery(u, string(body)), nil, ""
	}
	extra, err := q.join(q.query)
	if err != nil {
		return nil, err
	}
	u = appendQuery(u, string(extra))
	if !q.asIs {
		u = squashed(u)
	}
	m.url, m.body = u, body
	if q.target != "" {
		// What it connects to is the URL's, what it asks for is this.
		host, _, _, err := splitURL(u)
		if err != nil {
			return nil, q.errorf("URL %q: %s", u, err)
		}
		m.url = q.target
		m.header.Set("Host", host)
	}
	return m, q.setHeader(m, contentType)
}

// setHeader puts in what curl sends by itself, then what -H says: "Name: v" in
// the place of curl's own, "Name:" takes it away, "Name;" sends it empty.
func (q *curl) setHeader(m *message, contentType string) error {
	own := m.header
	set := func(name, value string) {
		if value != "" {
			own.Set(name, value)
		}
	}
	set("Accept", "*/*")
	set("Content-Type", contentType)
	if q.json {
		set("Accept", "application/json")
	}
	if q.packed {
		set("Accept-Encoding", "deflate, gzip, br, zstd")
	}
	set("User-Agent", q.agent)
	set("Referer", q.referer)
	set("Cookie", strings.Join(q.cookies, "; "))
	if q.byteRange != "" {
		set("Range", "bytes="+q.byteRange)
	}
	if q.bearer != "" {
		set("Authorization", "Bearer "+q.bearer)
	}
	if q.user != "" {
		name, password, _ := strings.Cut(q.user, ":")
		set("Authorization", basic(url.UserPassword(name, password)))
	}
	lines, err := q.headerLines()
	if err != nil {
		return err
	}
	given := http.Header{}
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		switch {
		case ok && strings.TrimSpace(value) == "":
			own.Del(name)
		case ok:
			given.Add(name, strings.TrimSpace(value))
		case strings.HasSuffix(line, ";"):
			given.Add(strings.TrimSuffix(line, ";"), "")
		default:
			return q.errorf("-H %q is not 'Name: value'", line)
		}
	}
	for name, values := range given {
		own[name] = values
	}
	return nil
}

// headerLines are the values of -H; @FILE holds one a line.
func (q *curl) headerLines() ([]string, error) {
	var lines []string
	for _, h := range q.headers {
		name, ok := strings.CutPrefix(h, "@")
		if !ok {
			lines = append(lines, h)
			continue
		}
		data, err := q.o.source(name)
		if err != nil {
			return nil, q.errorf("%s", err)
		}
		for line := range strings.Lines(string(data)) {
			if line = strings.TrimRight(line, "\r\n"); line != "" {
				lines = append(lines, line)
			}
		}
	}
	return lines, nil
}

func appendQuery(u, query string) string {
	if query == "" {
		return u
	}
	u, fragment, marked := strings.Cut(u, "#")
	sep := "?"
	if strings.Contains(u, "?") {
		sep = "&"
	}
	u += sep + query
	if marked {
		u += "#" + fragment
	}
	return u
}

// squashed resolves the dot segments of a URL's path, as curl does before it
// sends it (RFC 3986 §5.2.4).
func squashed(u string) string {
	scheme, rest, ok := strings.Cut(u, "://")
	if !ok {
		scheme, rest = "", u
	} else {
		scheme += "://"
	}
	i := strings.IndexAny(rest, "/?#")
	if i < 0 || rest[i] != '/' {
		return u
	}
	host, p := rest[:i], rest[i:]
	tail := ""
	if j := strings.IndexAny(p, "?#"); j >= 0 {
		p, tail = p[:j], p[j:]
	}
	var out []string
	segments := strings.Split(p[1:], "/")
	for n, s := range segments {
		last := n == len(segments)-1
		switch s {
		case ".", "..":
			if s == ".." && len(out) > 0 {
				out = out[:len(out)-1]
			}
			if last {
				out = append(out, "")
			}
		default:
			out = append(out, s)
		}
	}
	return scheme + host + "/" + strings.Join(out, "/") + tail
}
