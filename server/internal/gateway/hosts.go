package gateway

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"framegate/server/internal/config"
	"framegate/server/internal/httpguard"
)

// vet judges a request before it is routed: how large it is, from whom and for
// which host. What it returns is the request as the trusted proxies in front
// have received it, and its body under body-timeout and min-body-rate.
func (g *Gateway) vet(ans *answer, r *http.Request, rec *record) (*http.Request, error) {
	h := &g.cfg.HTTP
	rec.asked = g.asks(r)
	if r.ProtoMajor == 2 { // the guard sees HTTP/1 alone
		if err := vetHead(r, h); err != nil {
			return r, err
		}
	}
	from, err := forwarded(r, h)
	if err != nil {
		return r, err
	}
	hasBody := r.ContentLength != 0 && r.Body != nil && r.Body != http.NoBody
	if from != (origin{}) || hasBody {
		// A copy: net/http decides by its own request's body how to go on.
		r = r.WithContext(r.Context())
		ans.r = r
	}
	if from.addr.IsValid() {
		r.RemoteAddr = from.addr.String() // the port was the proxy's
		rec.remote = r.RemoteAddr
	}
	if from.host != "" {
		r.Host, rec.host = from.host, from.host
	}
	rec.scheme = from.scheme
	if err := vetHost(r, h.Hosts); err != nil {
		return r, err
	}
	if hasBody {
		r.Body = newPace(ans.control, r, h)
	}
	return r, nil
}

// vetHead is for HTTP/2 what httpguard does for HTTP/1 with the raw bytes.
func vetHead(r *http.Request, h *config.HTTP) error {
	if !httpguard.ValidHost(r.Host) {
		return &failure{status: http.StatusBadRequest, sentence: "Host is not a host name with an optional port."}
	}
	if h.MaxURL > 0 && int64(len(r.RequestURI)) > h.MaxURL {
		return &failure{status: http.StatusRequestURITooLong, sentence: fmt.Sprintf("The URL is longer than %d bytes.", h.MaxURL)}
	}
	// As they would stand in a header of HTTP/1: "name: value", CR, LF.
	fields, size := 1, int64(len(r.Method)+len(r.RequestURI)+len(r.Host))
	for name, values := range r.Header {
		fields += len(values)
		for _, v := range values {
			size += int64(len(name) + len(v) + 4)
		}
	}
	switch {
	case h.MaxFields > 0 && fields > h.MaxFields:
		return &failure{status: http.StatusRequestHeaderFieldsTooLarge, sentence: fmt.Sprintf("The request has more than %d header fields.", h.MaxFields)}
	case h.MaxHeader > 0 && size > h.MaxHeader:
		return &failure{status: http.StatusRequestHeaderFieldsTooLarge, sentence: fmt.Sprintf("The request's header is longer than %d bytes.", h.MaxHeader)}
	}
	return nil
}

// vetHost holds Host against the list of hosts; an empty list takes any.
func vetHost(r *http.Request, hosts []string) error {
	switch {
	case len(hosts) == 0:
		return nil
	case r.Host == "": // only HTTP/1.0 gets here without one
		return &failure{status: http.StatusBadRequest, sentence: "The request has no Host, and this server answers for some alone.",
			cause: fmt.Errorf("hosts: the request has no Host")}
	case !listed(hosts, r.Host):
		return &failure{status: http.StatusMisdirectedRequest, sentence: "This server does not answer for that host.",
			cause: fmt.Errorf("hosts: %q is not listed", r.Host)}
	}
	return nil
}

// listed compares without regard to case, port and a final dot. hosts are in
// the form that config gives them.
func listed(hosts []string, host string) bool {
	name := strings.ToLower(strings.TrimSuffix(hostName(host), "."))
	if inner, ok := strings.CutPrefix(name, "["); ok {
		if addr, err := netip.ParseAddr(strings.TrimSuffix(inner, "]")); err == nil {
			name = "[" + addr.String() + "]"
		}
	}
	for _, h := range hosts {
		below, wildcard := strings.CutPrefix(h, "*")
		if name == h || wildcard && len(name) > len(below) && strings.HasSuffix(name, below) {
			return true
		}
	}
	return false
}

// hostName is a Host without its port.
func hostName(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		return host[:i]
	}
	return host
}
