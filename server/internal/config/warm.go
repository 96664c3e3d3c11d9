package config

import (
	"net"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Modes of a frame.
const (
	Exec   = "exec"
	Fork   = "fork"
	Worker = "worker"
)

// Warm says whether the frame's processes outlive a request.
func (f *Frame) Warm() bool { return f.Mode == Fork || f.Mode == Worker }

const defaultWorkerIdle = 5 * time.Minute

// defaultWorkers is what gunicorn's authors advise: while one worker of a
// processor computes, another waits for a database.
func defaultWorkers() int { return 2*min(runtime.GOMAXPROCS(0), runtime.NumCPU()) + 1 }

// warmKeys are the settings of the modes "fork" and "worker".
func (d *decoder) warmKeys(s *Settings) []key {
	return []key{
		{name: "workers", set: d.workers(s)},
		{name: "min-workers", set: d.integer(&s.MinWorkers, 0)},
		{name: "max-workers", set: d.integer(&s.MaxWorkers, 1)},
		{name: "worker-idle", set: d.duration(&s.WorkerIdle)},
		{name: "max-requests", set: d.integer(&s.MaxRequests, 0)},
		{name: "max-rss", set: d.sizeOrNone(&s.MaxRSS, 1<<20)},
		{name: "warm-up", set: d.warmUp(&s.WarmUp)},
		{name: "post-fork", set: d.postFork(&s.PostFork)},
		{name: "protocol", set: d.oneOf(&s.Protocol, "scgi", "fastcgi")},
		{name: "watch", set: d.watch(&s.Watch)},
	}
}

// workers is both bounds at once: that many, always.
func (d *decoder) workers(s *Settings) func(*node) {
	return func(n *node) {
		count := 0
		if d.integer(&count, 1)(n); count > 0 {
			s.MinWorkers, s.MaxWorkers = count, count
		}
	}
}

func (d *decoder) warmUp(p *string) func(*node) {
	return func(n *node) {
		s, ok := d.str(n, "")
		switch {
		case !ok:
		case s != "" && s[0] != '/':
			d.failf(n, "write warm-up = "+`"/`+s+`"`, "%q must begin with \"/\": it is the path of a request", s)
		case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '#' }):
			d.failf(n, "", "%q is not the path of a request", s)
		default:
			*p = s
		}
	}
}

func (d *decoder) postFork(p *string) func(*node) {
	return func(n *node) {
		s, ok := d.str(n, "")
		if !ok {
			return
		}
		const dotted = `[\p{L}_][\p{L}\p{N}_]*(\.[\p{L}_][\p{L}\p{N}_]*)*`
		if s != "" && !regexp.MustCompile(`^`+dotted+`:`+dotted+`$`).MatchString(s) {
			d.failf(n, `example: "shop.hooks:after_fork"`, "%q is not a function: want module:function", s)
			return
		}
		*p = s
	}
}

const addressHint = `examples: "unix:/run/php/php-fpm.sock", "127.0.0.1:9000", ["10.0.0.1:9000", "10.0.0.2:9000"]`

// addresses takes one address or several.
func (d *decoder) addresses(p *[]string) func(*node) {
	return func(n *node) {
		items := []*node{n}
		if list, ok := n.value.([]*node); ok {
			items = list
		}
		if len(items) == 0 {
			d.failf(n, addressHint, "is empty")
		}
		var addresses []string
		for _, it := range items {
			s, ok := d.str(it, addressHint)
			if !ok {
				return
			}
			if problem := checkAddress(s); problem != nil {
				d.failf(it, problem.hint, "%s", problem.msg)
				return
			}
			if path, ok := strings.CutPrefix(s, "unix:"); ok {
				s = "unix:" + d.abs(path)
			}
			if slices.Contains(addresses, s) {
				d.failf(it, "", "%q stands there twice", it.value)
				return
			}
			addresses = append(addresses, s)
		}
		*p = addresses
	}
}

// checkAddress wants a place to connect to: listen takes any host and any
// port, a connection does not.
func checkAddress(s string) *problem {
	if checkListen(s) != nil || s == "unix:" {
		return problemf(addressHint, "%q is not an address: want host:port or unix:PATH", s)
	}
	if strings.HasPrefix(s, "unix:") {
		return nil
	}
	if host, port, _ := net.SplitHostPort(s); host == "" || port == "0" {
		return problemf(addressHint, "%q is nowhere to connect to: want host:port or unix:PATH", s)
	}
	return nil
}

func (d *decoder) watch(p **bool) func(*node) {
	return func(n *node) {
		var on bool
		failed := len(d.errs)
		if d.boolean(&on)(n); len(d.errs) == failed {
			*p = &on
		}
	}
}
