package gateway

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"framegate/server/internal/config"
	"framegate/server/internal/httpguard"
)

// origin is where a request comes from, as far as proxies that are trusted
// tell it. A zero field is not told.
type origin struct {
	addr   netip.Addr
	scheme string // "http" or "https"
	host   string
}

// errForwarded is a request whose proxy says two things, or nothing that can
// be read. To believe either would let the client choose its address; to
// believe neither would give it the proxy's.
func errForwarded(format string, args ...any) error {
	return &failure{status: http.StatusBadRequest, sentence: "The headers of the proxy in front contradict one another or are malformed.",
		cause: fmt.Errorf("trusted-proxies: "+format, args...)}
}

// forwarded is what the proxies in front say about the request. It is the zero
// origin when the peer is no trusted proxy: then anybody may have written it.
func forwarded(r *http.Request, h *config.HTTP) (origin, error) {
	peer, trusted := trustedPeer(r, h)
	if !trusted {
		return origin{}, nil
	}
	legacy, err := legacyOrigin(r.Header, peer, h)
	if err != nil {
		return origin{}, err
	}
	standard, err := standardOrigin(r.Header, peer, h)
	if err != nil {
		return origin{}, err
	}
	return merge(legacy, standard)
}

// trustedPeer is the address of the connection's other end, if it has one, and
// whether it is a trusted proxy.
func trustedPeer(r *http.Request, h *config.HTTP) (netip.Addr, bool) {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return trustedEnds(local, r.RemoteAddr, h)
}

func trustedEnds(local net.Addr, remote string, h *config.HTTP) (netip.Addr, bool) {
	if local != nil && local.Network() == "unix" {
		return netip.Addr{}, h.TrustUnix
	}
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}, false
	}
	addr := ap.Addr().Unmap().WithZone("")
	return addr, trusts(h, addr)
}

func trusts(h *config.HTTP, addr netip.Addr) bool {
	for _, p := range h.TrustedProxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// client walks a chain of addresses from the nearest to the one that is no
// trusted proxy, or as far as there are addresses. at is its place in the
// chain, -1 when not even the nearest is one.
func client(peer netip.Addr, chain []string, h *config.HTTP) (addr netip.Addr, at int) {
	addr, at = peer, -1
	for i := len(chain) - 1; i >= 0; i-- {
		next, ok := parseNode(chain[i])
		if !ok {
			break // "unknown", "_hidden", garbage: who is behind it is not known
		}
		addr, at = next, i
		if !trusts(h, next) {
			break
		}
	}
	return addr, at
}

// parseNode reads an address with or without a port, IPv6 with or without
// brackets: RFC 7239 §6 wants these, X-Forwarded-For has never been defined.
func parseNode(s string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		if inner, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(inner, "]") {
			addr, err = netip.ParseAddr(strings.TrimSuffix(inner, "]"))
			if err == nil && !addr.Is6() {
				return netip.Addr{}, false
			}
		} else {
			var ap netip.AddrPort
			ap, err = netip.ParseAddrPort(s)
			addr = ap.Addr()
		}
	}
	return addr.Unmap().WithZone(""), err == nil
}

// legacyOrigin reads X-Forwarded-For, -Proto and -Host. Of the last two the
// right-most value counts: it is the nearest proxy's, the others may have come
// with the request.
func legacyOrigin(header http.Header, peer netip.Addr, h *config.HTTP) (origin, error) {
	var o origin
	if addr, at := client(peer, listOf(header["X-Forwarded-For"]), h); at >= 0 {
		o.addr = addr
	}
	if protos := listOf(header["X-Forwarded-Proto"]); len(protos) > 0 {
		o.scheme = knownScheme(protos[len(protos)-1])
	}
	if hosts := listOf(header["X-Forwarded-Host"]); len(hosts) > 0 {
		o.host = hosts[len(hosts)-1]
		if !httpguard.ValidHost(o.host) {
			return o, errForwarded("X-Forwarded-Host %q is not a host", o.host)
		}
	}
	return o, nil
}

// standardOrigin reads Forwarded (RFC 7239). The element that names the client
// was written by the proxy that the client has talked to, so its scheme and
// host are the client's, too.
func standardOrigin(header http.Header, peer netip.Addr, h *config.HTTP) (origin, error) {
	elements, err := parseForwarded(header["Forwarded"])
	if err != nil {
		return origin{}, errForwarded("Forwarded: %v", err)
	}
	if len(elements) == 0 {
		return origin{}, nil
	}
	chain := make([]string, len(elements))
	for i, e := range elements {
		chain[i] = e["for"]
	}
	var o origin
	addr, at := client(peer, chain, h)
	if at >= 0 {
		o.addr = addr
	} else {
		at = len(elements) - 1
	}
	o.scheme, o.host = knownScheme(elements[at]["proto"]), elements[at]["host"]
	if o.host != "" && !httpguard.ValidHost(o.host) {
		return o, errForwarded("Forwarded: host %q is not a host", o.host)
	}
	return o, nil
}

func knownScheme(s string) string {
	if s = strings.ToLower(s); s == "http" || s == "https" {
		return s
	}
	return ""
}

// merge takes what either kind of header tells. A proxy writes one kind and
// may pass on the other as its client has sent it: which one that is nobody
// can tell from here, so they may not differ.
func merge(a, b origin) (origin, error) {
	switch {
	case a.addr.IsValid() && b.addr.IsValid() && a.addr != b.addr:
		return a, errForwarded("X-Forwarded-For says %s and Forwarded %s: let the proxy remove the one that it does not write", a.addr, b.addr)
	case a.scheme != "" && b.scheme != "" && a.scheme != b.scheme:
		return a, errForwarded("X-Forwarded-Proto says %s and Forwarded %s: let the proxy remove the one that it does not write", a.scheme, b.scheme)
	case a.host != "" && b.host != "" && !strings.EqualFold(a.host, b.host):
		return a, errForwarded("X-Forwarded-Host says %q and Forwarded %q: let the proxy remove the one that it does not write", a.host, b.host)
	}
	if !a.addr.IsValid() {
		a.addr = b.addr
	}
	if a.scheme == "" {
		a.scheme = b.scheme
	}
	if a.host == "" {
		a.host = b.host
	}
	return a, nil
}

// listOf is the members of a list field, over all its lines, without the
// empty ones (RFC 9110 §5.6.1).
func listOf(lines []string) []string {
	var list []string
	for _, line := range lines {
		for _, item := range strings.Split(line, ",") {
			if item = strings.Trim(item, " \t"); item != "" {
				list = append(list, item)
			}
		}
	}
	return list
}

var (
	errQuote = errors.New("a quoted string has no end")
	errPair  = errors.New("not a list of name=value pairs")
	errTwice = errors.New("one element has a parameter twice")
)

// parseForwarded takes Forwarded apart (RFC 7239 §4). Names are in lower case.
func parseForwarded(lines []string) ([]map[string]string, error) {
	var elements []map[string]string
	for _, line := range lines {
		element := map[string]string{}
		for rest := line; rest != ""; {
			name, value, sep, left, err := cutPair(rest)
			if err != nil {
				return nil, err
			}
			if name != "" {
				if _, ok := element[name]; ok {
					return nil, errTwice
				}
				element[name] = value
			}
			if rest = left; sep == ',' || rest == "" {
				if len(element) > 0 {
					elements = append(elements, element)
				}
				element = map[string]string{}
			}
		}
	}
	return elements, nil
}

// cutPair takes one pair, and what separates it from the next, off s. An empty
// pair has no name: RFC 7239 §4 allows ";;" and ",,".
func cutPair(s string) (name, value string, sep byte, rest string, err error) {
	s = strings.TrimLeft(s, " \t")
	i := strings.IndexAny(s, "=;,")
	if i < 0 || s[i] != '=' {
		if i < 0 {
			i = len(s)
		}
		if strings.Trim(s[:i], " \t") != "" {
			return "", "", 0, "", errPair
		}
	} else {
		name, s = strings.ToLower(s[:i]), s[i+1:]
		if value, s, err = cutValue(s); err != nil {
			return "", "", 0, "", err
		}
		if name == "" || strings.ContainsAny(name, " \t\"") {
			return "", "", 0, "", errPair
		}
		s, i = strings.TrimLeft(s, " \t"), 0
	}
	if i == len(s) {
		return name, value, 0, "", nil
	}
	if s[i] != ';' && s[i] != ',' {
		return "", "", 0, "", errPair
	}
	return name, value, s[i], s[i+1:], nil
}

// cutValue takes a token or a quoted string off s.
func cutValue(s string) (value, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		i := strings.IndexAny(s, "; \t,\"")
		if i < 0 {
			i = len(s)
		}
		return s[:i], s[i:], nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], nil
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", errQuote
}
