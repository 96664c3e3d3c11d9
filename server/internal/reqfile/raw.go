package reqfile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
)

// parseRaw reads messages as they go over the wire, one behind the other.
// Lines may end in LF alone: editors write them so.
func parseRaw(data []byte, o *Options) ([]Entry, error) {
	var entries []Entry
	rest := data
	for {
		rest = bytes.TrimLeft(rest, " \t\r\n")
		if len(rest) == 0 {
			return entries, nil
		}
		line := 1 + bytes.Count(data[:len(data)-len(rest)], []byte("\n"))
		if len(entries) > 0 && !messageLine.Match(rest) {
			return nil, o.errorf(line, "%d bytes follow that the message ahead of them does not count as its body", len(rest)).
				withHint("give the message a Content-Length, or name the file .http: then its body goes as far as the file")
		}
		m, left, err := readMessage(rest, o, line)
		if err != nil {
			return nil, err
		}
		entries = append(entries, Entry{Line: line, Method: m.method, URL: m.url, build: func() (*message, error) { return m, nil }})
		rest = left
	}
}

// readMessage reads the first message of data.
func readMessage(data []byte, o *Options, line int) (m *message, rest []byte, err error) {
	data = asHTTP1(data)
	counted := bytes.NewReader(data)
	in := bufio.NewReader(counted)
	r, err := http.ReadRequest(in)
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, nil, o.errorf(line, "the header has no end").withHint("an empty line ends it")
		}
		return nil, nil, o.errorf(line, "%s", strings.TrimPrefix(err.Error(), "net/http: "))
	}
	m = &message{
		method: r.Method, url: r.RequestURI, proto: r.Proto, header: r.Header, chunked: r.ContentLength < 0,
		fail: func(format string, args ...any) *Error { return o.errorf(line, format, args...) },
	}
	if r.Host != "" {
		m.header.Set("Host", r.Host)
	}
	sized := r.ContentLength != 0 || r.Header.Get("Content-Length") != ""
	body, err := io.ReadAll(r.Body)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) && r.ContentLength > 0:
		return nil, nil, o.errorf(line, "the body has %d bytes; Content-Length says %d", len(body), r.ContentLength)
	case err != nil:
		return nil, nil, o.errorf(line, "the body: %s", strings.TrimPrefix(err.Error(), "net/http: "))
	}
	if sized {
		m.body = append([]byte{}, body...)
	}
	return m, data[len(data)-counted.Len()-in.Buffered():], nil
}

// laterVersion is what browsers show of a request over HTTP/2 or HTTP/3.
var laterVersion = regexp.MustCompile(`\A([^ \r\n]+ [^ \r\n]+ )HTTP/[23](?:\.0)?(\r?\n)`)

func asHTTP1(data []byte) []byte {
	return laterVersion.ReplaceAll(data, []byte("${1}HTTP/1.1${2}"))
}
