package config

import (
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

const listenHint = `examples: "127.0.0.1:7890", ":7890" for every interface, "[::1]:7890", "unix:run/framegate.sock"`

// CheckListen says what is wrong with an address that is given outside of a
// file, in the words that Load uses.
func CheckListen(addr string) error {
	return checkListen(addr).err()
}

func checkListen(s string) *problem {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		if path == "" {
			return problemf(listenHint, "%q names no socket", s)
		}
		return nil
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil || strings.ContainsAny(host, "/ \t") {
		return problemf(listenHint, "%q is not an address: want host:port or unix:PATH", s)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return problemf(listenHint, "%q: port %q is not a number from 0 to 65535", s, port)
	}
	return nil
}

func (d *decoder) listen(p *string) func(*node) {
	return func(n *node) {
		s, ok := d.str(n, listenHint)
		if !ok {
			return
		}
		if problem := checkListen(s); problem != nil {
			d.failf(n, problem.hint, "%s", problem.msg)
			return
		}
		if path, ok := strings.CutPrefix(s, "unix:"); ok {
			s = "unix:" + d.abs(path)
		}
		*p = s
	}
}

// serverName takes what RFC 3875 §4.1.14 lets SERVER_NAME be: a host name or
// an address, IPv6 in brackets, never a port.
func (d *decoder) serverName(p *string) func(*node) {
	return func(n *node) {
		s, ok := d.str(n, "")
		if !ok {
			return
		}
		const hint = `a host name or an address without a port: "example.org", "192.0.2.1", "[2001:db8::1]"`
		if s != "" && !isHost(s) {
			d.failf(n, hint, "%q is not a host", s)
			return
		}
		*p = s
	}
}

func isHost(s string) bool {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		return ok && err == nil && addr.Is6() && addr.Zone() == ""
	}
	return len(s) <= 253 && regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$`).MatchString(s)
}
