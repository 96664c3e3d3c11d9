package cgi

import (
	"net/textproto"
	"slices"
	"strconv"
	"strings"
)

// Fixed says which variables are the same for every request of a frame besides
// those that always are, when the frame is one program at one place.
type Fixed struct {
	ServerName bool
	ServerPort bool
}

// Standing is the part of the environ that is the same for every request, for
// a process that answers many; Vars are then what is sent with each. Some are
// defaults, which Vars take the place of where a request differs.
func (m *Meta) Standing(fixed Fixed) []string {
	env := append(slices.Clone(m.Extra),
		"GATEWAY_INTERFACE=CGI/1.1", "SERVER_SOFTWARE="+m.Software, "REDIRECT_STATUS=200",
		"SERVER_PROTOCOL="+usualProtocol, "REQUEST_SCHEME="+usualScheme,
		"SCRIPT_NAME="+m.Script.Name, "QUERY_STRING=", "PATH_INFO=")
	add := func(name, value string, is bool) {
		if is {
			env = append(env, name+"="+value)
		}
	}
	add("SERVER_NAME", m.ServerName, fixed.ServerName)
	add("SERVER_PORT", m.ServerPort, fixed.ServerPort)
	add("DOCUMENT_ROOT", m.DocumentRoot, m.DocumentRoot != "")
	add("SCRIPT_FILENAME", m.ScriptFilename, m.ScriptFilename != "")
	return env
}

// What most requests have need not be sent.
const (
	usualProtocol = "HTTP/1.1"
	usualScheme   = "http"
)

// AppendVars appends what of Environ is not in Standing, as
// NAME NUL VALUE NUL ….
func (m *Meta) AppendVars(b []byte, fixed Fixed) []byte {
	set := func(name, value string) {
		b = append(append(append(append(b, name...), 0), value...), 0)
	}
	setUnless := func(name, value, usual string) {
		if value != usual {
			set(name, value)
		}
	}
	setUnless("SERVER_PROTOCOL", m.Protocol, usualProtocol)
	if !fixed.ServerName {
		set("SERVER_NAME", m.ServerName)
	}
	if !fixed.ServerPort {
		set("SERVER_PORT", m.ServerPort)
	}
	setUnless("SERVER_ADDR", m.ServerAddr, "")
	set("REMOTE_ADDR", m.RemoteAddr)
	set("REMOTE_HOST", m.RemoteAddr)
	setUnless("REMOTE_PORT", m.RemotePort, "")
	set("REQUEST_METHOD", m.Method)
	setUnless("REQUEST_SCHEME", m.Scheme, usualScheme)
	if m.Scheme == "https" {
		set("HTTPS", "on")
	}
	set("REQUEST_URI", m.Target.URI)
	setUnless("QUERY_STRING", m.Target.Query, "")
	setUnless("PATH_INFO", m.Script.PathInfo, "")
	if m.Script.PathInfo != "" && m.DocumentRoot != "" {
		b = append(b, "PATH_TRANSLATED\x00"...)
		b = append(b, strings.TrimSuffix(m.DocumentRoot, "/")...)
		b = append(append(b, m.Script.PathInfo...), 0)
	}
	setUnless("REQUEST_ID", m.RequestID, "")
	if m.HasBody {
		b = append(b, "CONTENT_LENGTH\x00"...)
		b = append(strconv.AppendInt(b, m.ContentLength, 10), 0)
	}
	if v := m.Header["Content-Type"]; len(v) > 0 {
		set("CONTENT_TYPE", v[0])
	}
	setUnless("HTTP_HOST", m.Host, "")
	return m.appendFieldVars(b)
}

// AppendField appends the variable of a header field as it stands in the
// request, in whatever case its name is, if the field has one. Fields that have
// variables of other names are the caller's to tell apart.
func (m *Meta) AppendField(b, name, value []byte) []byte {
	if !m.passes(canonical(name)) {
		return b
	}
	b = append(appendVariable(b, name), 0)
	return append(append(b, value...), 0)
}

// canonical is a name in net/http's form where passes has to know it, and
// otherwise as it stands.
func canonical(name []byte) string {
	switch len(name) {
	case len("Host"), len("Proxy"), len("Content-Type"), len("Authorization"), len("Content-Length"), len("Transfer-Encoding"), len("Proxy-Authorization"):
		return textproto.CanonicalMIMEHeaderKey(string(name))
	}
	return string(name)
}

func (m *Meta) appendFieldVars(b []byte) []byte {
	for name, values := range m.Header {
		if len(values) == 0 || !m.passes(name) {
			continue
		}
		b = append(appendVariable(b, name), 0)
		for i, v := range values {
			if i > 0 {
				b = append(b, separatorOf(name)...)
			}
			b = append(b, v...)
		}
		b = append(b, 0)
	}
	return b
}
