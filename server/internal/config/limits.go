package config

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// limitKeys are the settings that bound what a frame's process may take.
func (d *decoder) limitKeys(s *Settings) []key {
	return []key{
		{name: "max-response-buffer", set: d.size(&s.MaxResponseBuffer, 1<<20)},
		{name: "max-output", set: d.size(&s.MaxOutput, 0)},
		{name: "memory", set: d.sizeOrNone(&s.Memory, 1<<20)},
		{name: "cpu-time", set: d.wholeSeconds(&s.CPUTime)},
		{name: "open-files", set: d.integerOrNone(&s.OpenFiles, 3, "a process has 0, 1 and 2 open when it starts")},
		{name: "processes", set: d.integer(&s.Processes, 0)},
		{name: "user", set: d.account(&s.User)},
		{name: "group", set: d.account(&s.Group)},
		{name: "umask", set: d.umask(&s.Umask)},
		{name: "no-new-privs", set: d.boolean(&s.NoNewPrivs)},
		{name: "sandbox", set: d.boolean(&s.Sandbox)},
		{name: "write-paths", set: d.existingPaths(&s.WritePaths)},
		{name: "network", set: d.boolean(&s.Network)},
	}
}

// sizeOrNone takes 0 for "no limit", and otherwise nothing below least.
func (d *decoder) sizeOrNone(p *int64, least int64) func(*node) {
	return func(n *node) {
		v := *p
		failed := len(d.errs)
		if d.size(&v, 0)(n); len(d.errs) > failed {
			return
		}
		if v > 0 && v < least {
			d.failf(n, `"0" is no limit`, "%d is too small: the least is %s", v, formatSize(least))
			return
		}
		*p = v
	}
}

func (d *decoder) integerOrNone(p *int, least int, why string) func(*node) {
	return func(n *node) {
		v := *p
		failed := len(d.errs)
		if d.integer(&v, 0)(n); len(d.errs) > failed {
			return
		}
		if v > 0 && v < least {
			d.failf(n, "0 is no limit of its own", "%d is too small: the least is %d: %s", v, least, why)
			return
		}
		*p = v
	}
}

// wholeSeconds rounds up, because the kernel counts RLIMIT_CPU in seconds and
// a limit must not fire before its time.
func (d *decoder) wholeSeconds(p *time.Duration) func(*node) {
	return func(n *node) {
		v := *p
		failed := len(d.errs)
		if d.duration(&v)(n); len(d.errs) > failed {
			return
		}
		if v > 0 && v < time.Second {
			d.failf(n, `"0" is no limit`, `%q is too small: the kernel counts whole seconds, the least is "1s"`, n.value)
			return
		}
		if rest := v % time.Second; rest > 0 {
			v += time.Second - rest
		}
		*p = v
	}
}

// account takes the name or the number of a user or a group. Whether there is
// such a one is not asked here: that may differ from machine to machine, and
// with it which files are valid.
func (d *decoder) account(p *string) func(*node) {
	return func(n *node) {
		if i, ok := n.value.(int64); ok {
			d.failf(n, "write "+n.key+" = "+strconv.Quote(strconv.FormatInt(i, 10)), "must be a string, not an integer")
			return
		}
		s, ok := d.str(n, "")
		if !ok {
			return
		}
		if s != "" && strings.Trim(s, "0123456789") == "" {
			// The last number is (uid_t)-1, which means "leave it" to the kernel.
			if id, err := strconv.ParseUint(s, 10, 32); err != nil || id > 1<<32-2 {
				d.failf(n, "", "%q is too large: the most is %d", s, uint32(1<<32-2))
				return
			}
		} else if s != "" && !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*\$?$`).MatchString(s) {
			d.failf(n, `a name or a number: `+n.key+` = "www-data"`, "%q is not the name of a %s", s, n.key)
			return
		}
		*p = s
	}
}

func (d *decoder) umask(p *int) func(*node) {
	return func(n *node) {
		const hint = `three or four octal digits: umask = "027" keeps others out`
		s, ok := d.str(n, hint)
		if !ok {
			return
		}
		v, err := strconv.ParseUint(s, 8, 16)
		switch {
		case err != nil || len(s) < 3 || len(s) > 4:
			d.failf(n, hint, "%q is not a umask", s)
		case v > 0o777:
			d.failf(n, hint, `%q is too large: the most is "0777"`, s)
		default:
			*p = int(v)
		}
	}
}

// checkSandbox holds the keys of a frame's sandbox against one another. What
// [defaults] says for sandboxes means nothing to a frame that has none.
func (d *decoder) checkSandbox(t *table, f *Frame) {
	if n := t.get("sandbox"); n != nil && n.value != f.Sandbox {
		return // the value is no boolean, which is told
	}
	if !f.Sandbox {
		if n := t.get("write-paths"); n != nil && len(f.WritePaths) > 0 {
			d.needsSandbox(n, "lists what a sandbox leaves writable")
		}
		if n := t.get("network"); n != nil && !f.Network {
			d.needsSandbox(n, "false is what a sandbox does")
		}
		f.WritePaths, f.Network = nil, false
		return
	}
	if n := t.get("no-new-privs"); n != nil && !f.NoNewPrivs {
		d.failf(n, "take the line out, or write sandbox = false", "false can't stand with a sandbox: a program that gains privileges would leave it")
	}
	f.NoNewPrivs = true
}

// checkSandboxDefaults finds what [defaults] says for sandboxes when there is
// none in the whole file.
func (d *decoder) checkSandboxDefaults(t *table, s *Settings, frames []Frame) {
	if s.Sandbox {
		return
	}
	for _, f := range frames {
		if f.Sandbox {
			return
		}
	}
	where := d.where
	d.where = "[defaults]: "
	if n := t.get("write-paths"); n != nil && len(s.WritePaths) > 0 {
		d.needsSandbox(n, "lists what a sandbox leaves writable")
	}
	if n := t.get("network"); n != nil && !s.Network {
		d.needsSandbox(n, "false is what a sandbox does")
	}
	d.where = where
}

func (d *decoder) needsSandbox(n *node, why string) {
	d.failf(n, "write sandbox = true as well", "%s, and there is no sandbox: it would change nothing", why)
}
