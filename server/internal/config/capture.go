package config

import (
	"regexp"
	"strings"
)

func (d *decoder) captureKeys(c *Capture) []key {
	return []key{
		{name: "path", set: d.path(&c.Path)},
		{name: "on", set: d.oneOf(&c.On, "off", "failure", "all")},
		{name: "secret", set: d.secret(&c.Secret)},
		{name: "redact", set: d.redact(&c.Redact)},
		{name: "reveal", set: d.boolean(&c.Reveal)},
		{name: "max-count", set: d.integer(&c.MaxCount, 1)},
		{name: "max-bytes", set: d.size(&c.MaxBytes, 1<<20)},
		{name: "max-body", set: d.size(&c.MaxBody, 1<<10)},
	}
}

func (d *decoder) capture(t *table, c *Capture) {
	c.Given = true
	c.On = "failure" // who writes the table wants captures
	failed := len(d.errs)
	d.walk("[capture]", t, d.captureKeys(c))
	if len(d.errs) > failed {
		return
	}
	line := func(key string) int { return keyLine(t, key) }
	if c.MaxBody > c.MaxBytes/4 {
		d.fail(line("max-body"), problemf("write a larger max-bytes, or a smaller max-body",
			"max-body: %s is more than a quarter of max-bytes, %s: few captures would have room", formatSize(c.MaxBody), formatSize(c.MaxBytes)))
	}
	if c.Reveal && len(c.Redact) > 0 {
		d.fail(line("redact"), problemf("take one of the two out", "redact: reveal = true writes all values"))
	}
}

// leastSecret is how short a secret may be: whoever guesses it fills the disk's
// share that captures have.
const leastSecret = 8

// secret is the value of a header field.
func (d *decoder) secret(p *string) func(*node) {
	return func(n *node) {
		s, ok := d.str(n, "")
		switch hint := "for instance what `openssl rand -hex 16` prints"; {
		case !ok:
		case len(s) < leastSecret:
			d.failf(n, hint, "is shorter than %d characters: it could be guessed", leastSecret)
		case strings.Trim(s, visibleASCII) != "":
			d.failf(n, hint, "is no value of a header field: visible ASCII alone, without spaces")
		default:
			*p = s
		}
	}
}

const visibleASCII = "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

func (d *decoder) redact(p *[]string) func(*node) {
	return func(n *node) {
		items, ok := d.stringArray(n)
		if !ok {
			return
		}
		*p = make([]string, 0, len(items))
		for _, it := range items {
			name := it.value.(string)
			if !regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(name) {
				d.failf(it, `examples: "X-Api-Key", "DB_PASSWORD"`, "%q is the name of neither a header field nor a variable", name)
			}
			*p = append(*p, name)
		}
	}
}

// checkCaptures keeps captures from where clients get at them: they hold what
// other clients have sent.
func (d *decoder) checkCaptures(root *table, c *Config) {
	if !c.Capture.Given || c.Capture.On == "off" && c.Capture.Secret == "" {
		return
	}
	d.where = "[capture]: "
	if place := c.ServedPlace(c.Capture.Path); place != "" {
		d.fail(keyLine(root, "capture", "path"), problemf("captures need a directory of their own", "path: lies in %s, where clients could get at them", place))
	}
}

// ServedPlace says where clients get at what is in dir, "" for nowhere.
func (c *Config) ServedPlace(dir string) string {
	if c.Static.Path != "" && within(dir, c.Static.Path) {
		return "the directory of static files"
	}
	for _, f := range c.Frames {
		if f.Scripts != "" && within(dir, f.Dir) {
			return "the directory of programs of frame " + `"` + f.Name + `"`
		}
	}
	return ""
}
