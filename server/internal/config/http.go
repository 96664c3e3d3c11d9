package config

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

func (d *decoder) httpKeys(h *HTTP) []key {
	return []key{
		{name: "hosts", set: d.hosts(&h.Hosts)},
		{name: "trusted-proxies", set: d.proxies(h)},
		{name: "max-connections", set: d.integer(&h.MaxConnections, 0)},
		{name: "header-timeout", set: d.duration(&h.HeaderTimeout)},
		{name: "body-timeout", set: d.duration(&h.BodyTimeout)},
		{name: "min-body-rate", set: d.size(&h.MinBodyRate, 0)},
		{name: "keep-alive", set: d.duration(&h.KeepAlive)},
		{name: "max-header", set: d.size(&h.MaxHeader, 1<<10)},
		{name: "max-url", set: d.size(&h.MaxURL, 1)},
		{name: "max-fields", set: d.integer(&h.MaxFields, 1)},
	}
}

// hosts are kept as a Host field is compared with them: in lower case, IPv6 in
// brackets and in its canonical form.
func (d *decoder) hosts(p *[]string) func(*node) {
	return func(n *node) {
		items, ok := d.stringArray(n)
		if !ok {
			return
		}
		*p = make([]string, 0, len(items))
		for _, it := range items {
			host, problem := parseHost(it.value.(string))
			if problem != nil {
				d.failf(it, problem.hint, "%s", problem.msg)
			}
			*p = append(*p, host)
		}
	}
}

func parseHost(s string) (string, *problem) {
	const hint = `a host name or an address without a port: "example.org", "*.example.org", "192.0.2.1", "[2001:db8::1]"`
	name, wildcard := strings.CutPrefix(s, "*.")
	if addr, err := netip.ParseAddr(s); err == nil && addr.Is6() && addr.Zone() == "" {
		return "", problemf("write "+strconv.Quote("["+addr.String()+"]"), "%q: an IPv6 address stands in brackets", s)
	}
	if host, port, err := net.SplitHostPort(s); err == nil && host != "" && strings.Trim(port, "0123456789") == "" {
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return "", problemf("write "+strconv.Quote(host), "%q has a port: a host is known by its name alone", s)
	}
	switch {
	case s == "*":
		return "", problemf("leave hosts out to answer for every name", "%q is not a host", s)
	case strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 }):
		return "", problemf("write the name as browsers send it, in its xn-- form", "%q is not a host: it is not ASCII", s)
	case !isHost(name):
		return "", problemf(hint, "%q is not a host", s)
	}
	if addr, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		if wildcard {
			return "", problemf(hint, "%q is not a host: an address has no names below it", s)
		}
		if addr.Is6() {
			return "[" + addr.String() + "]", nil
		}
	}
	return strings.ToLower(s), nil
}

// proxies are the peers that are believed: addresses, networks, and "unix"
// for whoever may open the Unix socket, which has no address.
func (d *decoder) proxies(h *HTTP) func(*node) {
	return func(n *node) {
		items, ok := d.stringArray(n)
		if !ok {
			return
		}
		h.TrustUnix = false
		h.TrustedProxies = make([]netip.Prefix, 0, len(items))
		for _, it := range items {
			s := it.value.(string)
			if s == "unix" {
				h.TrustUnix = true
				continue
			}
			prefix, problem := parseProxy(s)
			if problem != nil {
				d.failf(it, problem.hint, "%s", problem.msg)
				continue
			}
			if prefix.Bits() == 0 {
				d.warnf(it.line, "trusted-proxies: %q believes every client: each can claim any address, host and scheme", s)
			}
			h.TrustedProxies = append(h.TrustedProxies, prefix)
		}
	}
}

func parseProxy(s string) (netip.Prefix, *problem) {
	const hint = `examples: "127.0.0.1", "10.0.0.0/8", "2001:db8::/32", "unix" for the peers of a Unix socket`
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, problemf(hint, "%q is neither an address nor a network", s)
	}
	if masked := prefix.Masked(); masked != prefix {
		return netip.Prefix{}, problemf("write "+strconv.Quote(masked.String())+" for the network, "+strconv.Quote(prefix.Addr().String())+" for the address alone",
			"%q has bits set beyond its /%d", s, prefix.Bits())
	}
	// A peer's address is compared unmapped, so the network has to be, too.
	// One that is wider than all of IPv4 would have bits set beyond its length.
	if prefix.Addr().Is4In6() {
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
	}
	return prefix, nil
}
