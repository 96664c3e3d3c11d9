package reqfile

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// harFile is what is read of a HAR file (HTTP Archive 1.2).
type harFile struct {
	Log *struct {
		Entries []struct {
			Request harRequest `json:"request"`
		} `json:"entries"`
	} `json:"log"`
}

type harRequest struct {
	Method      string     `json:"method"`
	URL         string     `json:"url"`
	HTTPVersion string     `json:"httpVersion"`
	Headers     []harField `json:"headers"`
	Cookies     []harField `json:"cookies"`
	PostData    *struct {
		MimeType string     `json:"mimeType"`
		Text     *string    `json:"text"`
		Encoding string     `json:"encoding"`
		Params   []harField `json:"params"`
	} `json:"postData"`
}

type harField struct {
	Name        string `json:"name"`
	Value       string `json:"value"`
	FileName    string `json:"fileName"`
	ContentType string `json:"contentType"`
}

// parseHAR reads what the network pages of browsers export.
func parseHAR(data []byte, o *Options) ([]Entry, error) {
	var f harFile
	if err := json.Unmarshal(data, &f); err != nil {
		line := 0
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			line = 1 + bytes.Count(data[:min(int(syntax.Offset), len(data))], []byte("\n"))
		}
		return nil, o.errorf(line, "not a HAR file: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if f.Log == nil {
		return nil, o.errorf(0, `not a HAR file: it has no "log"`)
	}
	var entries []Entry
	for i := range f.Log.Entries {
		r := &f.Log.Entries[i].Request
		entries = append(entries, Entry{Method: r.Method, URL: r.URL, build: func() (*message, error) { return r.message(o, i+1) }})
	}
	return entries, nil
}

// message is the request as it went out. What belongs to the connection that
// it went over is left out.
func (r *harRequest) message(o *Options, number int) (*message, error) {
	m := &message{
		method: r.Method, url: r.URL, header: http.Header{},
		fail: func(format string, args ...any) *Error {
			return o.errorf(0, "request %d: %s", number, fmt.Sprintf(format, args...))
		},
	}
	if strings.EqualFold(r.HTTPVersion, "HTTP/1.0") {
		m.proto = "HTTP/1.0"
	}
	for _, f := range r.Headers {
		switch name := strings.ToLower(f.Name); {
		case name == ":authority":
			m.header.Set("Host", f.Value)
		case strings.HasPrefix(name, ":"):
		case slices.Contains([]string{"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "http2-settings"}, name):
		default:
			m.header.Add(f.Name, f.Value)
		}
	}
	if m.header.Get("Cookie") == "" && len(r.Cookies) > 0 {
		var pairs []string
		for _, c := range r.Cookies {
			pairs = append(pairs, c.Name+"="+c.Value)
		}
		m.header.Set("Cookie", strings.Join(pairs, "; "))
	}
	return m, r.setBody(m)
}

func (r *harRequest) setBody(m *message) error {
	p := r.PostData
	switch {
	case p == nil:
		if values := m.header.Values("Content-Length"); len(values) > 0 {
			if values[0] != "0" {
				return m.fail("its body of %s bytes is not in the file", values[0])
			}
			m.body = []byte{}
		}
		return nil
	case m.header.Get("Content-Type") == "" && p.MimeType != "":
		m.header.Set("Content-Type", p.MimeType)
	}
	switch {
	case p.Text != nil && strings.EqualFold(p.Encoding, "base64"):
		body, err := base64.StdEncoding.DecodeString(*p.Text)
		if err != nil {
			return m.fail("its body: %s", err)
		}
		m.body = body
	case p.Text != nil:
		m.body = []byte(*p.Text)
	default:
		return r.setParams(m)
	}
	if m.body == nil {
		m.body = []byte{}
	}
	return nil
}

// setParams makes the body of a form whose text is not in the file.
func (r *harRequest) setParams(m *message) error {
	kind, params, _ := mime.ParseMediaType(m.header.Get("Content-Type"))
	var b bytes.Buffer
	switch {
	case kind == "multipart/form-data" && params["boundary"] != "":
		for _, p := range r.PostData.Params {
			fmt.Fprintf(&b, "--%s\r\nContent-Disposition: form-data; name=%s", params["boundary"], quotedName(p.Name))
			if p.FileName != "" {
				fmt.Fprintf(&b, "; filename=%s", quotedName(p.FileName))
			}
			if p.ContentType != "" {
				fmt.Fprintf(&b, "\r\nContent-Type: %s", p.ContentType)
			}
			fmt.Fprintf(&b, "\r\n\r\n%s\r\n", p.Value)
		}
		fmt.Fprintf(&b, "--%s--\r\n", params["boundary"])
	case kind == "multipart/form-data":
		return m.fail("its form has no boundary")
	default:
		for i, p := range r.PostData.Params {
			if i > 0 {
				b.WriteByte('&')
			}
			b.WriteString(percent(p.Name) + "=" + percent(p.Value))
		}
	}
	m.body = append([]byte{}, b.Bytes()...)
	return nil
}
