package config

import (
	"regexp"
	"strings"
)

// env adds to what [defaults] has set: the frame's own value wins.
func (d *decoder) env(p *map[string]string) func(*node) {
	return func(n *node) {
		t, ok := n.value.(*table)
		if !ok {
			d.failf(n, `write env = { NAME = "value" }`, "must be a table, not %s", n.kind())
			return
		}
		for _, entry := range t.nodes {
			d.entry(n, func() {
				if problem := checkEnvName(entry.key); problem != nil {
					d.failf(entry, problem.hint, "%s", problem.msg)
				}
				if value, ok := d.str(entry, "values of the environment are strings: put quotes around it"); ok {
					if *p == nil {
						*p = map[string]string{}
					}
					(*p)[entry.key] = value
				}
			})
		}
	}
}

func (d *decoder) passEnv(p *[]string) func(*node) {
	return func(n *node) {
		items, ok := d.stringArray(n)
		if !ok {
			return
		}
		*p = make([]string, 0, len(items))
		for _, it := range items {
			name := it.value.(string)
			problem := checkEnvName(name)
			if problem == nil && strings.HasPrefix(name, "LD_") {
				// The gateway's own loader settings are not meant for frames.
				problem = problemf("set it by name: env = { "+name+" = \"…\" }", "LD_* may not be passed on")
			}
			if problem != nil {
				d.failf(it, problem.hint, "%q: %s", name, problem.msg)
			}
			*p = append(*p, name)
		}
	}
}

func checkEnvName(name string) *problem {
	switch {
	case !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString(name):
		return problemf("", "not a name of a variable: letters, digits and \"_\" only, no digit first")
	case name == "HTTP_PROXY":
		return problemf("curl, Python and others read http_proxy in lower case", "HTTP_* is the request's headers")
	case strings.HasPrefix(name, "HTTP_"):
		return problemf("", "HTTP_* is the request's headers")
	case ReservedName(name):
		return problemf("", "the gateway itself sets this for each request")
	}
	return nil
}
