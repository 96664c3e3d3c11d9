package config

import "strings"

// checkSources refuses to serve as plain files what is meant to be run: a
// program's source may hold passwords, and so may gateway.toml itself.
func (d *decoder) checkSources(root *table, tables []*table, c *Config) {
	if c.Static.Path == "" {
		return
	}
	if within(d.dir, c.Static.Path) {
		d.where = "[static]: "
		d.fail(keyLine(root, "static", "path"), problemf(`keep the files in a directory of their own: path = "static"`,
			"path: the directory holds %s itself, which would be served", d.file))
		return // everything that follows would only repeat it
	}
	refuse := func(line int, key, path string) {
		if path != "" && within(path, c.Static.Path) {
			d.fail(line, problemf("programs and static files need directories of their own",
				"%s: lies in the directory of static files, where its source would be served", key))
		}
	}
	d.where = "[dynamic]: "
	refuse(keyLine(root, "dynamic", "path"), "path", c.Dynamic.Path)
	for i, t := range tables {
		f := c.Frames[i]
		d.in(f.Name)
		refuse(keyLine(t, "dir"), "dir", f.Dir)
		for _, dir := range f.ModulePath {
			refuse(keyLine(t, "module-path"), "module-path", dir)
		}
		if len(f.Command) > 0 && strings.Contains(f.Command[0], "/") {
			refuse(keyLine(t, "command"), "command", f.Command[0])
		}
	}
}

// keyLine is the line of a key below t, or of as much of the way as there is.
func keyLine(t *table, path ...string) int {
	line := t.line
	for _, key := range path {
		n := t.get(key)
		if n == nil {
			break
		}
		line = n.line
		below, ok := n.value.(*table)
		if !ok {
			break
		}
		t = below
	}
	return line
}
