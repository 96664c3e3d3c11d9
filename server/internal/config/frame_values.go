package config

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

func (d *decoder) name(p *string) func(*node) {
	return func(n *node) {
		s, ok := d.str(n, "")
		if !ok {
			return
		}
		if !regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(s) {
			d.failf(n, "", "%q may hold only letters, digits, \"_\" and \"-\"", s)
			return
		}
		*p = s
	}
}

func (d *decoder) patterns(p *[]string) func(*node) {
	return func(n *node) {
		items, ok := d.stringArray(n)
		if !ok {
			return
		}
		if len(items) == 0 {
			d.failf(n, "", "is empty: without a pattern the frame answers nothing")
		}
		*p = make([]string, 0, len(items))
		for _, it := range items {
			s := it.value.(string)
			if problem := checkPattern(s); problem != nil {
				d.failf(it, problem.hint, "%s", problem.msg)
			}
			*p = append(*p, s)
		}
	}
}

func checkPattern(s string) *problem {
	if s == "" {
		return problemf("", "a pattern is empty")
	}
	if _, err := path.Match(s, ""); err != nil {
		return problemf(`a pattern is *, ?, [a-z] and plain characters; \ takes the next one as it is`, "%q is not a valid pattern", s)
	}
	// A pattern with a slash is held against the whole path, and a path
	// begins with one. What can stand for a slash is only a class.
	if strings.Contains(s, "/") && s[0] != '/' && s[0] != '[' && !strings.HasPrefix(s, `\/`) {
		return problemf("write "+strconv.Quote("/"+s), "%q matches no path: a pattern with \"/\" is held against the whole path, which begins with \"/\"", s)
	}
	return nil
}

func (d *decoder) prefix(p *string) func(*node) {
	return func(n *node) {
		s, ok := d.str(n, "")
		if !ok {
			return
		}
		if problem := checkPrefix(n.key, s); problem != nil {
			d.failf(n, problem.hint, "%s", problem.msg)
			return
		}
		if *p = strings.TrimSuffix(s, "/"); *p == "" {
			*p = "/"
		}
	}
}

// checkPrefix takes what can be the beginning of a decoded URL path: a prefix
// that no path can begin with would be a frame that nobody reaches.
func checkPrefix(key, s string) *problem {
	if !strings.HasPrefix(s, "/") {
		return problemf("write "+key+" = "+strconv.Quote("/"+s), "%q must begin with \"/\"", s)
	}
	for _, part := range strings.Split(s, "/") {
		if part == "." || part == ".." {
			return problemf("", "%q must not hold %q", s, part)
		}
	}
	switch {
	case strings.Contains(s, "//"):
		return problemf("", "%q must not hold \"//\"", s)
	case strings.ContainsAny(s, "?#"):
		return problemf("", "%q must not hold a query or a fragment: it is held against the path alone", s)
	case strings.Contains(s, "%"):
		return problemf("write the character itself", "%q must not hold \"%%\": it is held against the decoded path", s)
	case strings.ContainsFunc(s, unicode.IsControl):
		return problemf("", "%q must not hold control characters", s)
	}
	return nil
}

// CheckApp says what is wrong with an app that is given as MODULE:APP outside
// of a file, in the words that Load uses.
func CheckApp(app string) error {
	return checkApp(app).err()
}

func checkApp(s string) *problem {
	if strings.HasSuffix(s, ".ru") || strings.HasSuffix(s, ".psgi") {
		return problemf("", "%q: Rack and PSGI apps are not supported by this version yet", s)
	}
	const name = `[\p{L}_][\p{L}\p{N}_]*`
	const dotted = name + `(\.` + name + `)*`
	if !regexp.MustCompile(`^` + dotted + `:` + dotted + `(\(\))?$`).MatchString(s) {
		return problemf(`examples: "mini_frame:application", "shop.wsgi:create_app()"`, "%q is not an app: want module:object or module:factory()", s)
	}
	return nil
}

func (d *decoder) app(p *string) func(*node) {
	return func(n *node) {
		s, ok := d.str(n, "")
		if !ok {
			return
		}
		if problem := checkApp(s); problem != nil {
			d.failf(n, problem.hint, "%s", problem.msg)
			return
		}
		*p = s
	}
}

func (d *decoder) bridge(p *string) func(*node) {
	return func(n *node) {
		d.oneOf(p, "wsgi", "rack", "psgi")(n)
		if *p == "rack" || *p == "psgi" {
			d.failf(n, "", "%q is not supported by this version yet", *p)
		}
	}
}

// argv takes an array only: a string would have to be split by a shell's
// rules, and no shell stands anywhere between a request and its process.
func (d *decoder) argv(p *[]string) func(*node) {
	return func(n *node) {
		if s, ok := n.value.(string); ok {
			words := strings.Fields(s)
			for i, w := range words {
				words[i] = strconv.Quote(w)
			}
			d.failf(n, "write an array: "+label(n.key)+" = ["+strings.Join(words, ", ")+"]",
				"must be an array of strings, not a string: no shell is involved that could split it")
			return
		}
		items, ok := d.stringArray(n)
		if !ok {
			return
		}
		if len(items) == 0 || items[0].value == "" {
			d.failf(n, "", "names no program")
			return
		}
		argv := make([]string, len(items))
		for i, it := range items {
			argv[i] = it.value.(string)
		}
		argv[0] = d.programPath(argv[0])
		*p = argv
	}
}

func (d *decoder) program(p *string) func(*node) {
	return func(n *node) {
		s, ok := d.str(n, "")
		switch {
		case !ok:
		case s == "":
			d.failf(n, "", "is empty")
		default:
			*p = d.programPath(s)
		}
	}
}

func (d *decoder) interpreters(p *map[string][]string) func(*node) {
	return func(n *node) {
		t, ok := n.value.(*table)
		if !ok {
			d.failf(n, `write interpreters = { ".php" = ["php-cgi"] }`, "must be a table, not %s", n.kind())
			return
		}
		m := make(map[string][]string, len(t.nodes))
		for _, entry := range t.nodes {
			d.entry(n, func() {
				if !strings.HasPrefix(entry.key, ".") || len(entry.key) < 2 || strings.Contains(entry.key, "/") {
					d.failf(entry, `write the file's extension with its dot: ".php"`, "not an extension")
					return
				}
				var argv []string
				d.argv(&argv)(entry)
				m[entry.key] = argv
			})
		}
		*p = m
	}
}

// entry points messages about an entry of a table at "table.entry".
func (d *decoder) entry(table *node, read func()) {
	where := d.where
	d.where += label(table.key) + "."
	read()
	d.where = where
}
