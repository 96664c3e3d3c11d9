package cgi

import (
	"sort"
	"strconv"
	"strings"
)

// Meta is what the gateway knows of one request; Environ writes it down as
// the meta-variables of RFC 3875 §4.1. The zero value of a field means what
// its comment says, and nothing is looked up anywhere else.
type Meta struct {
	Method    string // §4.1.12, case kept
	Target    Target
	Script    Script
	Protocol  string // §4.1.16: "HTTP/1.1", what the client spoke
	Scheme    string // REQUEST_SCHEME; "https" also sets HTTPS=on
	RequestID string

	Software   string // §4.1.17, equal to the Server header
	ServerName string // §4.1.14, an IPv6 address in brackets
	ServerPort string // §4.1.15
	ServerAddr string // "" leaves SERVER_ADDR out
	RemoteAddr string // §4.1.8; stands in for REMOTE_HOST too (§4.1.9)
	RemotePort string // "" leaves REMOTE_PORT out

	DocumentRoot   string // "" leaves DOCUMENT_ROOT and PATH_TRANSLATED out
	ScriptFilename string // "" leaves SCRIPT_FILENAME out

	HasBody       bool // §4.1.2: CONTENT_LENGTH is set if and only if there is a body
	ContentLength int64

	Host              string              // becomes HTTP_HOST
	Header            map[string][]string // the request's fields, without Host
	PassAuthorization bool                // hand over HTTP_AUTHORIZATION

	Extra []string // "NAME=value" of the operator's: env, pass-env, PATH
}

// Environ returns the environ of the exchange: the operator's variables, the
// meta-variables, and the request's fields as HTTP_*, each name once. The
// configuration refuses operator's names that could collide with the rest.
func (m *Meta) Environ() []string {
	env := make([]string, 0, len(m.Extra)+len(m.Header)+26)
	env = append(env, m.Extra...)
	set := func(name, value string) { env = append(env, name+"="+value) }
	setUnlessEmpty := func(name, value string) {
		if value != "" {
			set(name, value)
		}
	}

	set("GATEWAY_INTERFACE", "CGI/1.1") // §4.1.4
	set("SERVER_SOFTWARE", m.Software)
	set("SERVER_PROTOCOL", m.Protocol)
	set("SERVER_NAME", m.ServerName)
	set("SERVER_PORT", m.ServerPort)
	setUnlessEmpty("SERVER_ADDR", m.ServerAddr)
	set("REMOTE_ADDR", m.RemoteAddr)
	set("REMOTE_HOST", m.RemoteAddr)
	setUnlessEmpty("REMOTE_PORT", m.RemotePort)
	set("REQUEST_METHOD", m.Method)
	set("REQUEST_SCHEME", m.Scheme)
	if m.Scheme == "https" {
		set("HTTPS", "on")
	}
	set("REQUEST_URI", m.Target.URI)
	set("QUERY_STRING", m.Target.Query) // §4.1.7: set even if empty
	set("SCRIPT_NAME", m.Script.Name)   // §4.1.13: set even if empty
	set("PATH_INFO", m.Script.PathInfo) // §4.1.5
	setUnlessEmpty("DOCUMENT_ROOT", m.DocumentRoot)
	if m.Script.PathInfo != "" && m.DocumentRoot != "" { // §4.1.6: only with PATH_INFO
		set("PATH_TRANSLATED", strings.TrimSuffix(m.DocumentRoot, "/")+m.Script.PathInfo)
	}
	setUnlessEmpty("SCRIPT_FILENAME", m.ScriptFilename)
	set("REDIRECT_STATUS", "200")
	setUnlessEmpty("REQUEST_ID", m.RequestID)
	if m.HasBody {
		set("CONTENT_LENGTH", strconv.FormatInt(m.ContentLength, 10))
	}
	if v := m.Header["Content-Type"]; len(v) > 0 { // §4.1.3: set if the field was there
		set("CONTENT_TYPE", v[0])
	}
	setUnlessEmpty("HTTP_HOST", m.Host)
	return m.appendFields(env)
}

// appendFields adds the request's header fields as HTTP_* (§4.1.18), sorted,
// so that the same request makes the same environ.
func (m *Meta) appendFields(env []string) []string {
	first := len(env)
	for name, values := range m.Header {
		if len(values) == 0 || !m.passes(name) {
			continue
		}
		env = append(env, variable(name)+"="+strings.Join(values, separatorOf(name)))
	}
	sort.Strings(env[first:])
	return env
}

// passes reports whether a field may cross into the environ. Keys are in
// net/http's canonical form.
func (m *Meta) passes(name string) bool {
	switch name {
	case "Content-Length", "Content-Type", "Host", "Transfer-Encoding":
		return false // these have variables of their own
	case "Proxy", "Proxy-Authorization":
		return false // httpoxy: HTTP_PROXY configures the frame's own HTTP client
	case "Authorization":
		return m.PassAuthorization
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		// X_Foo would land in the variable of X-Foo and pose as it.
		if c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// variable is the meta-variable of a field: HTTP_ and its name in upper case,
// "-" replaced by "_" (§4.1.18).
func variable(name string) string {
	return string(appendVariable(make([]byte, 0, len("HTTP_")+len(name)), name))
}

func appendVariable[T string | []byte](b []byte, name T) []byte {
	b = append(b, "HTTP_"...)
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '-':
			b = append(b, '_')
		case 'a' <= c && c <= 'z':
			b = append(b, c-'a'+'A')
		default:
			b = append(b, c)
		}
	}
	return b
}

// separatorOf is what repeated fields are joined by: RFC 6265 §5.4 has an own
// one for cookies.
func separatorOf(name string) string {
	if name == "Cookie" {
		return "; "
	}
	return ", "
}

// SCGI is the environ as an SCGI netstring: what stdin = "scgi" puts ahead of
// the body. CONTENT_LENGTH comes first and is always there, and SCGI=1 is
// added, as the protocol asks.
func SCGI(environ []string) []byte {
	length, size := "0", 0
	for _, kv := range environ {
		if v, ok := strings.CutPrefix(kv, "CONTENT_LENGTH="); ok {
			length = v
		}
		size += len(kv) + 1
	}
	body := make([]byte, 0, size+32)
	add := func(name, value string) {
		body = append(append(append(append(body, name...), 0), value...), 0)
	}
	add("CONTENT_LENGTH", length)
	add("SCGI", "1")
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		if name != "CONTENT_LENGTH" && name != "SCGI" {
			add(name, value)
		}
	}
	out := make([]byte, 0, len(body)+8)
	out = strconv.AppendInt(out, int64(len(body)), 10)
	out = append(out, ':')
	out = append(out, body...)
	return append(out, ',')
}
