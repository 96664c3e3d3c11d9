package reqfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

const formType = "application/x-www-form-urlencoded"

// body is what curl would send, and the Content-Type that it would give it.
func (q *curl) body() (body []byte, contentType string, err error) {
	if name, ok := q.cookieFile(); ok {
		return nil, "", q.errorf("-b %q names a file of cookies: give them as -b 'name=value'", name)
	}
	kinds := 0
	for _, used := range []bool{len(q.data) > 0, len(q.form) > 0, q.upload != "", q.head && !q.get} {
		if used {
			kinds++
		}
	}
	switch {
	case kinds > 1:
		return nil, "", q.errorf("-d, -F, -T and -I exclude one another")
	case q.upload != "":
		body, err = q.o.source(q.upload)
	case len(q.form) > 0:
		body, contentType, err = q.multipart()
	case len(q.data) > 0:
		body, err = q.join(q.data)
		contentType = formType
		if q.json {
			contentType = "application/json"
		}
	}
	if err != nil {
		if e, ok := err.(*Error); ok {
			return nil, "", e
		}
		return nil, "", q.errorf("%s", err)
	}
	return body, contentType, nil
}

// source is the contents of a file that a flag names; "-" is stdin.
func (o *Options) source(name string) ([]byte, error) {
	switch {
	case name != "-":
		return o.readFile(name)
	case o.Stdin == nil:
		return nil, fmt.Errorf("stdin is not to be had here: name a file")
	}
	data, err := io.ReadAll(o.Stdin)
	if data == nil {
		data = []byte{}
	}
	return data, err
}

// join puts the --data of a command line together; --json goes without "&".
func (q *curl) join(data []datum) ([]byte, error) {
	if data == nil {
		return nil, nil
	}
	body := []byte{}
	for i, d := range data {
		part, err := q.datum(d)
		if err != nil {
			return nil, q.errorf("%s", err)
		}
		if i > 0 && d.kind != "json" {
			body = append(body, '&')
		}
		body = append(body, part...)
	}
	return body, nil
}

func (q *curl) datum(d datum) ([]byte, error) {
	name, isFile := strings.CutPrefix(d.value, "@")
	switch {
	case d.kind == "urlencode":
		return q.urlencoded(d.value)
	case d.kind == "raw" || !isFile:
		return []byte(d.value), nil
	}
	data, err := q.o.source(name)
	if d.kind == "data" { // lines are put together, and C strings end at a NUL
		data = slices.DeleteFunc(data, func(c byte) bool { return c == '\r' || c == '\n' || c == 0 })
	}
	return data, err
}

// urlencoded reads content, =content, name=content, @file or name@file.
func (q *curl) urlencoded(v string) ([]byte, error) {
	i := strings.IndexAny(v, "=@")
	if i < 0 {
		return []byte(percent(v)), nil
	}
	name, value := v[:i], v[i+1:]
	if v[i] == '@' {
		data, err := q.o.source(value)
		if err != nil {
			return nil, err
		}
		value = string(data)
	}
	if name == "" {
		return []byte(percent(value)), nil
	}
	return []byte(name + "=" + percent(value)), nil
}

// percent encodes all but the unreserved characters (RFC 3986 §2.3).
func percent(s string) string {
	const unreserved = "-._~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case strings.IndexByte(unreserved, c) >= 0:
			b.WriteByte(c)
		case c == ' ':
			b.WriteByte('+')
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// formPart is a -F, or a --form-string, whose value is literal.
type formPart struct {
	text    string
	literal bool
}

// multipart is the body of -F. Its boundary follows from what it holds, so
// that the same command line always makes the same bytes.
func (q *curl) multipart() (body []byte, contentType string, err error) {
	var parts [][]byte
	sum := sha256.New()
	for _, f := range q.form {
		part, err := q.part(f)
		if err != nil {
			return nil, "", err
		}
		parts = append(parts, part)
		sum.Write(part)
	}
	boundary := strings.Repeat("-", 24) + hex.EncodeToString(sum.Sum(nil))[:22]
	var b bytes.Buffer
	for _, part := range parts {
		fmt.Fprintf(&b, "--%s\r\n%s\r\n", boundary, part)
	}
	fmt.Fprintf(&b, "--%s--\r\n", boundary)
	return b.Bytes(), "multipart/form-data; boundary=" + boundary, nil
}

// part is the header and the contents of one field of a form.
func (q *curl) part(f formPart) ([]byte, error) {
	name, value, ok := strings.Cut(f.text, "=")
	if !ok {
		return nil, q.errorf("-F %q is not 'name=value'", f.text)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "Content-Disposition: form-data; name=%s", quotedName(name))
	if f.literal {
		fmt.Fprintf(&b, "\r\n\r\n%s", value)
		return b.Bytes(), nil
	}
	sign := ""
	if strings.HasPrefix(value, "@") || strings.HasPrefix(value, "<") {
		sign, value = value[:1], value[1:]
	}
	value, params, err := q.formParams(value)
	if err != nil {
		return nil, err
	}
	contents, kind := []byte(value), params["type"]
	if sign != "" {
		if contents, err = q.o.source(value); err != nil {
			return nil, err
		}
	}
	filename, named := params["filename"]
	if sign == "@" && !named {
		filename, named = path.Base(value), true
	}
	if named {
		fmt.Fprintf(&b, "; filename=%s", quotedName(filename))
	}
	if sign == "@" && kind == "" {
		kind = typeOf(filename)
	}
	if kind != "" {
		fmt.Fprintf(&b, "\r\nContent-Type: %s", kind)
	}
	fmt.Fprintf(&b, "\r\n\r\n%s", contents)
	return b.Bytes(), nil
}

// formParams takes ;type=… and ;filename=… off a value, which may be quoted.
func (q *curl) formParams(s string) (value string, params map[string]string, err error) {
	params = map[string]string{}
	value, rest := formWord(s)
	for last := ""; rest != ""; {
		rest = rest[1:]
		name, v, _ := strings.Cut(strings.TrimLeft(rest, " "), "=")
		switch {
		case name == "type" || name == "filename":
			params[name], rest = formWord(v)
			last = name
		case last == "type": // "text/plain; charset=utf-8"
			v, rest = formWord(rest)
			params["type"] += ";" + v
		default:
			return "", nil, q.errorf("-F %q: only ;type= and ;filename= are known behind a ;", s)
		}
	}
	return value, params, nil
}

// formWord reads up to a ";", or what stands in quotes.
func formWord(s string) (word, rest string) {
	if strings.HasPrefix(s, `"`) {
		var b strings.Builder
		for i := 1; i < len(s); i++ {
			switch {
			case s[i] == '"':
				_, rest, found := strings.Cut(s[i+1:], ";")
				if found {
					rest = ";" + rest
				}
				return b.String(), rest
			case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
				i++
				b.WriteByte(s[i])
			default:
				b.WriteByte(s[i])
			}
		}
	}
	if i := strings.IndexByte(s, ';'); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

// quotedName is a name as curl and browsers write it.
func quotedName(s string) string {
	return `"` + strings.NewReplacer(`"`, "%22", "\r", "%0D", "\n", "%0A").Replace(s) + `"`
}

// typeOf is the type that curl gives a file.
func typeOf(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".gif":
		return "image/gif"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".png":
		return "image/png"
	case ".svg":
		return "image/svg+xml"
	case ".txt":
		return "text/plain"
	case ".htm", ".html":
		return "text/html"
	case ".pdf":
		return "application/pdf"
	case ".xml":
		return "application/xml"
	}
	return "application/octet-stream"
}
