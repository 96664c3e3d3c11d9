package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// decoder turns a tree into a Config and collects every mistake on the way.
type decoder struct {
	file  string // as the user gave it
	dir   string // what relative paths are relative to
	where string // the table at hand, in front of every message: `frame "shop": `

	errs     Errors
	warnings []string
}

// key is one key of a table and what reads its value.
type key struct {
	name string
	set  func(*node)
}

func (d *decoder) fail(line int, p *problem) {
	d.errs = append(d.errs, &Error{File: d.file, Line: line, Msg: d.where + p.msg, Hint: p.hint})
}

// failf is about the value of one key.
func (d *decoder) failf(n *node, hint, format string, args ...any) {
	d.fail(n.line, problemf(hint, "%s: %s", label(n.key), fmt.Sprintf(format, args...)))
}

func (d *decoder) warnf(line int, format string, args ...any) {
	d.warnings = append(d.warnings, fmt.Sprintf("%s:%d: %s%s", d.file, line, d.where, fmt.Sprintf(format, args...)))
}

// label is a key as it would stand in the file.
func label(key string) string {
	const bare = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
	if key != "" && strings.Trim(key, bare) == "" {
		return key
	}
	return strconv.Quote(key)
}

// walk hands every value of a table to its key, in the order of keys, and
// names those that have none. title is how tableKeys calls the table. It
// reports whether all keys are known: one that is not may stand for any other.
func (d *decoder) walk(title string, t *table, keys []key) bool {
	ok := true
	for _, k := range keys {
		if n := t.get(k.name); n != nil {
			k.set(n)
		}
	}
	names := keyNames(keys)
	for _, n := range t.nodes {
		if slices.Contains(names, n.key) {
			continue
		}
		d.fail(n.line, unknownKey(title, n, keys))
		ok = false
	}
	return ok
}

func keyNames(keys []key) []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	return names
}

func unknownKey(title string, n *node, keys []key) *problem {
	what := "unknown key " + strconv.Quote(n.key)
	var homes []string
	for _, t := range tableKeys() {
		if t.title != title && slices.Contains(keyNames(t.keys), n.key) {
			homes = append(homes, t.home)
		}
	}
	if len(homes) > 0 {
		return problemf("", "%s; it belongs %s", what, strings.Join(homes, " or "))
	}
	if near := nearest(n.key, keyNames(keys)); near != "" {
		return problemf("", "%s; did you mean %q?", what, near)
	}
	return problemf("the keys here are "+strings.Join(keyNames(keys), ", "), "%s", what)
}

// keysOf is one table and what it may hold.
type keysOf struct {
	title string // "[static]", or "" for the top level
	home  string // where a key of it belongs, after "it belongs"
	keys  []key
}

// tableKeys are the keys of every table, for what needs their names alone.
func tableKeys() []keysOf {
	var d decoder
	var c Config
	return []keysOf{
		{"", "at the top level, above the first table", d.topKeys(&c)},
		{"[http]", "in [http]", d.httpKeys(&c.HTTP)},
		{"[static]", "in [static]", d.staticKeys(&c.Static)},
		{"[dynamic]", "in [dynamic]", d.dynamicKeys(&c.Dynamic)},
		{"[capture]", "in [capture]", d.captureKeys(&c.Capture)},
		{"[defaults]", "in [defaults]", d.settingsKeys(&Settings{})},
		{"[[frame]]", "in a [[frame]]", d.frameKeys(&Frame{})},
	}
}

func (d *decoder) topKeys(c *Config) []key {
	return []key{
		{name: "listen", set: d.listen(&c.Listen)},
		{name: "server-name", set: d.serverName(&c.ServerName)},
		{name: "shutdown-timeout", set: d.duration(&c.ShutdownTimeout)},
		{name: "http", set: d.table(func(t *table) { d.walk("[http]", t, d.httpKeys(&c.HTTP)) })},
		{name: "static", set: d.table(func(t *table) { d.static(t, &c.Static) })},
		{name: "dynamic", set: d.table(func(t *table) { d.walk("[dynamic]", t, d.dynamicKeys(&c.Dynamic)) })},
		{name: "capture", set: d.table(func(t *table) { d.capture(t, &c.Capture) })},
		// [defaults] and [[frame]] need one another: see frames.
		{name: "defaults", set: func(*node) {}},
		{name: "frame", set: func(*node) {}},
	}
}

func (d *decoder) staticKeys(s *Static) []key {
	return []key{
		{name: "path", set: d.optionalDir(&s.Path)},
		{name: "listing", set: d.boolean(&s.Listing)},
		{name: "dotfiles", set: d.boolean(&s.Dotfiles)},
		{name: "not-found", set: d.existingFile(&s.NotFound)},
	}
}

func (d *decoder) dynamicKeys(y *Dynamic) []key {
	return []key{{name: "path", set: d.optionalDir(&y.Path)}}
}

func (d *decoder) frameKeys(f *Frame) []key {
	return append([]key{
		{name: "name", set: d.name(&f.Name)},
		{name: "match", set: d.patterns(&f.Match)},
		{name: "mount", set: d.prefix(&f.Mount)},
		{name: "scripts", set: d.prefix(&f.Scripts)},
		{name: "app", set: d.app(&f.App)},
		{name: "bridge", set: d.bridge(&f.Bridge)},
		{name: "command", set: d.argv(&f.Command)},
		{name: "address", set: d.addresses(&f.Address)},
		{name: "script-filename", set: d.path(&f.ScriptFilename)},
		{name: "dir", set: d.existingDir(&f.Dir)},
		{name: "interpreters", set: d.interpreters(&f.Interpreters)},
		{name: "mode", set: d.oneOf(&f.Mode, Exec, Fork, Worker)},
	}, d.settingsKeys(&f.Settings)...)
}

// settingsKeys are the keys that [defaults] and [[frame]] share.
func (d *decoder) settingsKeys(s *Settings) []key {
	keys := []key{
		{name: "first-byte-timeout", set: d.duration(&s.FirstByteTimeout)},
		{name: "idle-timeout", set: d.duration(&s.IdleTimeout)},
		{name: "total-timeout", set: d.duration(&s.TotalTimeout)},
		{name: "stop-grace", set: d.duration(&s.StopGrace)},
		{name: "max-concurrent", set: d.integer(&s.MaxConcurrent, 1)},
		{name: "max-queue", set: d.integer(&s.MaxQueue, 0)},
		{name: "queue-timeout", set: d.duration(&s.QueueTimeout)},
		{name: "max-body", set: d.size(&s.MaxBody, 0)},
		{name: "max-header", set: d.size(&s.MaxHeader, 1)},
		{name: "stream-body", set: d.boolean(&s.StreamBody)},
		{name: "env", set: d.env(&s.Env)},
		{name: "pass-env", set: d.passEnv(&s.PassEnv)},
		{name: "pass-authorization", set: d.boolean(&s.PassAuthorization)},
		{name: "stdin", set: d.oneOf(&s.Stdin, "body", "scgi")},
		{name: "interpreter", set: d.program(&s.Interpreter)},
		{name: "module-path", set: d.existingDirs(&s.ModulePath)},
		{name: "path-info", set: d.oneOf(&s.PathInfo, "pep3333", "text")},
	}
	keys = append(keys, d.limitKeys(s)...)
	return append(keys, d.warmKeys(s)...)
}
