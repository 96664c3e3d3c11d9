package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// frames reads [defaults] and every [[frame]], which starts as a copy of them.
func (d *decoder) frames(root *table, c *Config) {
	defaults, shared := defaultSettings(), &table{}
	if n := root.get("defaults"); n != nil {
		d.table(func(t *table) {
			shared = t
			d.walk("[defaults]", t, d.settingsKeys(&defaults))
		})(n)
	}
	n := root.get("frame")
	if n == nil {
		d.checkSandboxDefaults(shared, &defaults, nil)
		d.checkSources(root, nil, c)
		return
	}
	items, _ := n.value.([]*node)
	tables := make([]*table, 0, len(items))
	for _, it := range items {
		if t, ok := it.value.(*table); ok {
			tables = append(tables, t)
		}
	}
	if _, ok := n.value.([]*node); !ok || len(tables) < len(items) {
		d.failf(n, "each frame begins with [[frame]], in two pairs of brackets, on a line of its own", "must be an array of tables")
		return
	}
	for i, t := range tables {
		c.Frames = append(c.Frames, d.frame(i, t, shared, defaults))
	}
	d.checkSandboxDefaults(shared, &defaults, c.Frames)
	d.checkUnique(tables, c.Frames)
	d.checkSources(root, tables, c)
	d.where = ""
}

func (d *decoder) frame(i int, t, shared *table, defaults Settings) Frame {
	f := Frame{
		Name:     fmt.Sprintf("frame-%d", i+1),
		Line:     t.line,
		Dir:      d.dir,
		Mode:     defaultMode,
		Settings: defaults.clone(),
	}
	d.in(f.Name)
	if n := t.get("name"); n != nil {
		if s, ok := n.value.(string); ok {
			d.in(s)
		}
	}
	// What a frame lacks is told only when all its keys are known: a mistyped
	// one is the likelier mistake, and two complaints about it are no help.
	complete := d.walk("[[frame]]", t, d.frameKeys(&f))
	if d.oneKeyOf(t, complete, "match", "mount", "scripts") {
		d.checkProgram(t, &f, complete)
	}
	d.completeApp(&f)
	if complete {
		d.checkSandbox(t, &f)
		d.checkWarm(t, shared, &f)
	}
	return f
}

func (d *decoder) in(frame string) {
	d.where = "frame " + strconv.Quote(frame) + ": "
}

func (s Settings) clone() Settings {
	s.Env = maps.Clone(s.Env)
	s.PassEnv = slices.Clone(s.PassEnv)
	s.ModulePath = slices.Clone(s.ModulePath)
	s.WritePaths = slices.Clone(s.WritePaths)
	return s
}

// oneKeyOf wants exactly one of these keys in a frame; complete says whether
// none of them is a mistake, too.
func (d *decoder) oneKeyOf(t *table, complete bool, keys ...string) bool {
	var found []*node
	for _, n := range t.nodes {
		if slices.Contains(keys, n.key) {
			found = append(found, n)
		}
	}
	list := strings.Join(keys[:len(keys)-1], ", ") + " and " + keys[len(keys)-1]
	switch {
	case len(found) == 0 && !complete:
	case len(found) == 0 && slices.Contains(keys, "mount"):
		d.fail(t.line, problemf(`mount = "/x" answers every URL from /x on, match = ["*.py"] those that end in .py`, "no URL leads here: needs one of %s", list))
	case len(found) == 0:
		d.fail(t.line, problemf(`app = "mini_frame:application" for a WSGI app, command = ["./hello.sh"] for any program`, "nothing to run: needs one of %s", list))
	case len(found) > 1:
		d.failf(found[1], "", "stands beside %s on line %d: a frame has exactly one of %s", found[0].key, found[0].line, list)
	}
	return len(found) == 1
}

// checkProgram holds the keys that say what is run against one another.
func (d *decoder) checkProgram(t *table, f *Frame, complete bool) {
	only := func(why, hint string, keys ...string) {
		for _, key := range keys {
			if n := t.get(key); n != nil {
				d.failf(n, hint, "%s", why)
			}
		}
	}
	if n := t.get("scripts"); n != nil {
		d.checkScriptsProgram(t, f)
		only("is for other frames: a script is its own SCRIPT_FILENAME", "", "script-filename")
		only("is for app frames", "a scripts frame's interpreters are named by extension: interpreters = { \".py\" = [\"python3\"] }",
			"bridge", "interpreter", "module-path", "path-info")
		if t.get("dir") == nil && complete {
			d.failf(n, `dir = "cgi-bin" is the directory of the programs`, "needs dir")
		}
		return
	}
	only("is for scripts frames", "", "interpreters")
	if t.get("address") != nil {
		return // what runs there is none of ours: see checkAddress
	}
	if !d.oneKeyOf(t, complete, "app", "command") {
		return
	}
	if t.get("app") != nil {
		only("is for command and address: an app's SCRIPT_FILENAME is its own file", "", "script-filename")
	}
	if t.get("command") != nil {
		only("is for app frames: a command is run as it stands", "", "bridge", "module-path", "path-info")
		only("is for app frames: a command is run as it stands", `command = ["python3", "hello.py"]`, "interpreter")
	}
}

// checkScriptsProgram wants nothing beside scripts that would be run: its
// programs are files, unless one program is kept that runs them all.
func (d *decoder) checkScriptsProgram(t *table, f *Frame) {
	if n := t.get("app"); n != nil {
		d.failf(n, "", "a scripts frame takes neither app nor command: its programs are the files in dir")
	}
	n := t.get("command")
	switch {
	case n == nil:
	case f.Mode != Worker || f.Protocol != "fastcgi":
		d.failf(n, `with mode = "worker" and protocol = "fastcgi", command is what runs them all, like ["php-cgi"]`,
			"a scripts frame takes neither app nor command: its programs are the files in dir")
	case t.get("interpreters") != nil:
		d.failf(t.get("interpreters"), "take one of them out", "stands beside command, which runs all scripts")
	}
}

// completeApp fills in what hangs on the app's shape, and empties what only
// apps have: a command's path-info from [defaults] would mean nothing.
func (d *decoder) completeApp(f *Frame) {
	if f.App == "" {
		f.Interpreter, f.ModulePath, f.PathInfo = "", nil, ""
		return
	}
	if f.Bridge == "" {
		f.Bridge = "wsgi" // checkApp lets no other shape through yet
	}
	if f.Interpreter == "" {
		f.Interpreter = defaultPython
	}
	if f.PathInfo == "" {
		f.PathInfo = defaultPathInfo(f)
	}
}

// checkUnique finds frames that would take the place of one another.
func (d *decoder) checkUnique(tables []*table, frames []Frame) {
	type owner struct {
		name string
		line int
	}
	names, prefixes := map[string]owner{}, map[string]owner{}
	for i, f := range frames {
		d.in(f.Name)
		take := func(taken map[string]owner, key, value string) {
			o := owner{f.Name, f.Line}
			if n := tables[i].get(key); n != nil {
				o.line = n.line
			}
			first, ok := taken[value]
			switch {
			case value == "":
			case !ok:
				taken[value] = o
			default:
				d.fail(o.line, problemf("", "%s: %q is taken by frame %q on line %d", key, value, first.name, first.line))
			}
		}
		take(names, "name", f.Name)
		take(prefixes, "mount", f.Mount)
		take(prefixes, "scripts", f.Scripts)
	}
}
