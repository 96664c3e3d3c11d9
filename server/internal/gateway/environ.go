package gateway

import (
	"cmp"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"framegate/server/internal/cgi"
)

// meta is what the environ of one call is made of, as RFC 3875 §4.1 wants it.
func (g *Gateway) meta(r *http.Request, rec *record, f *frame, c *call, b *body) cgi.Meta {
	m := cgi.Meta{
		Method:            r.Method,
		Target:            c.target,
		Script:            c.script,
		Protocol:          protocol(r),
		Scheme:            cmp.Or(rec.scheme, scheme(r)),
		RequestID:         rec.id,
		Software:          g.opts.Software,
		ServerName:        g.cfg.ServerName,
		ServerPort:        g.opts.Port,
		DocumentRoot:      g.cfg.Static.Path,
		ScriptFilename:    f.scriptFile(c),
		HasBody:           b.present,
		ContentLength:     b.size,
		Host:              r.Host,
		Header:            r.Header,
		PassAuthorization: f.cfg.PassAuthorization,
		Extra:             f.env,
	}
	m.RemoteAddr, m.RemotePort = splitAddr(r.RemoteAddr)
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		var port string
		m.ServerAddr, port = splitAddr(local.String())
		if m.ServerPort == "" {
			m.ServerPort = port
		}
	}
	if m.ServerPort == "" {
		m.ServerPort = "80" // a Unix socket has none
	}
	if m.ServerName == "" {
		m.ServerName = serverName(r.Host, m.ServerAddr)
	}
	return m
}

// fixed says what of the environ hangs on the configuration alone.
func (g *Gateway) fixed() cgi.Fixed {
	return cgi.Fixed{ServerName: g.cfg.ServerName != "", ServerPort: g.opts.Port != ""}
}

// standingEnv is the environ of a process that answers many requests of f, as
// far as it is the same for all of them.
func (g *Gateway) standingEnv(f *frame) []string {
	m := cgi.Meta{
		Script:         cgi.Script{Name: strings.TrimSuffix(f.cfg.Mount, "/")},
		Software:       g.opts.Software,
		ServerName:     g.cfg.ServerName,
		ServerPort:     g.opts.Port,
		DocumentRoot:   g.cfg.Static.Path,
		ScriptFilename: f.filename,
		Extra:          f.env,
	}
	return m.Standing(g.fixed())
}

// protocol is SERVER_PROTOCOL: what the client spoke (§4.1.16).
func protocol(r *http.Request) string {
	if r.ProtoMajor == 2 {
		return "HTTP/2.0"
	}
	return r.Proto
}

func scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// splitAddr takes an address of the net package apart. A Unix socket has no
// address that REMOTE_ADDR could hold (§4.1.8): its peer is on this machine.
func splitAddr(s string) (addr, port string) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone("").String(), portString(s)
	}
	if addr, err := netip.ParseAddr(s); err == nil { // a trusted proxy has told it
		return addr.String(), ""
	}
	return "127.0.0.1", ""
}

func portString(s string) string { return s[strings.LastIndexByte(s, ':')+1:] }

// serverName is SERVER_NAME (§4.1.14) when the configuration has none: the
// name of the Host field, which httpguard has validated, else our address.
func serverName(host, addr string) string {
	name := hostName(host)
	switch {
	case name != "":
		return name
	case strings.Contains(addr, ":"):
		return "[" + addr + "]"
	}
	return addr
}
