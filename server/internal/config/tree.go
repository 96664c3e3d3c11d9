package config

import (
	"bytes"
	"cmp"
	"errors"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// node is a value of the file that knows its line.
type node struct {
	line  int
	key   string // an array's elements carry its key
	value any    // string, int64, float64, bool, []*node, *table or a date
}

// table is a TOML table, its nodes in the order of the file.
type table struct {
	line  int
	nodes []*node
}

func (t *table) get(key string) *node {
	for _, n := range t.nodes {
		if n.key == key {
			return n
		}
	}
	return nil
}

// kind is what the value is, for "must be …, not a string".
func (n *node) kind() string {
	switch n.value.(type) {
	case string:
		return "a string"
	case int64:
		return "an integer"
	case float64:
		return "a float"
	case bool:
		return "a boolean"
	case []*node:
		return "an array"
	case *table:
		return "a table"
	}
	return "a date or time"
}

// readTree parses TOML twice: go-toml's decoder knows all rules of the
// language but keeps no positions, its AST has the positions but not the rules.
func readTree(file string, data []byte) (*table, *Error) {
	// Windows editors put a byte order mark in front; TOML has no place for it.
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	var values map[string]any
	if err := toml.Unmarshal(data, &values); err != nil {
		return nil, syntaxError(file, data, err)
	}
	lines := readLines(data)
	return lines.table("", 1, values), nil
}

func syntaxError(file string, data []byte, err error) *Error {
	e := &Error{File: file, Line: 1, Msg: "not valid TOML: " + oneLine(strings.TrimPrefix(err.Error(), "toml: "))}
	var at *toml.DecodeError
	if !errors.As(err, &at) {
		return e
	}
	e.Line, _ = at.Position()
	lines := bytes.Split(data, []byte("\n"))
	bare := regexp.MustCompile(`^\s*([A-Za-z0-9_-]+)\s*=\s*([A-Za-z/.~*:][^\s"'#]*)\s*(#.*)?$`)
	if m := bare.FindSubmatch(lines[min(e.Line, len(lines))-1]); m != nil && !slices.Contains([]string{"true", "false"}, string(m[2])) {
		e.Hint = "strings stand in quotes: " + string(m[1]) + " = " + strconv.Quote(string(m[2]))
	}
	return e
}

// oneLine keeps a message that repeats the file's own bytes on one line.
func oneLine(s string) string {
	if strings.IndexFunc(s, unicode.IsControl) < 0 {
		return s
	}
	quoted := strconv.Quote(s)
	return quoted[1 : len(quoted)-1]
}

// lines maps the path of a key, as child and item spell it, to its line.
type lines map[string]int

func child(path, key string) string { return path + "\x00" + key }

func item(path string, i int) string { return path + "\x00[" + strconv.Itoa(i) }

// at is the line of a path, or else of what it stands in.
func (l lines) at(path string, parent int) int {
	if line, ok := l[path]; ok {
		return line
	}
	return parent
}

func (l lines) table(path string, line int, values map[string]any) *table {
	t := &table{line: line}
	for key, v := range values {
		p := child(path, key)
		t.nodes = append(t.nodes, l.node(p, key, l.at(p, line), v))
	}
	slices.SortFunc(t.nodes, func(a, b *node) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.key, b.key))
	})
	return t
}

func (l lines) node(path, key string, line int, v any) *node {
	n := &node{line: line, key: key, value: v}
	switch v := v.(type) {
	case map[string]any:
		n.value = l.table(path, line, v)
	case []any:
		items := make([]*node, len(v))
		for i, x := range v {
			p := item(path, i)
			items[i] = l.node(p, key, l.at(p, line), x)
		}
		n.value = items
	}
	return n
}

// lineReader walks the AST of a file that is known to be valid.
type lineReader struct {
	lines    lines
	arrays   map[string]int // how many [[tables]] of a path were met
	newlines []int          // offsets of all line ends
}

func readLines(data []byte) lines {
	r := &lineReader{lines: lines{}, arrays: map[string]int{}}
	for i, b := range data {
		if b == '\n' {
			r.newlines = append(r.newlines, i)
		}
	}
	var p unstable.Parser
	p.Reset(data)
	current := ""
	for p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table:
			current = r.key("", e.Key(), false)
		case unstable.ArrayTable:
			current = r.key("", e.Key(), true)
		case unstable.KeyValue:
			r.keyValue(current, e, 0)
		}
	}
	return r.lines
}

func (r *lineReader) lineOf(n *unstable.Node) int {
	return 1 + sort.SearchInts(r.newlines, int(n.Raw.Offset))
}

// key notes the line of a (dotted) key and of every table it runs through.
// A part that names an array of tables means its last element.
func (r *lineReader) key(path string, parts unstable.Iterator, newElement bool) string {
	for parts.Next() {
		n := parts.Node()
		path = child(path, string(n.Data))
		r.note(path, r.lineOf(n))
		if newElement && parts.IsLast() {
			r.arrays[path]++
		}
		if count := r.arrays[path]; count > 0 {
			path = item(path, count-1)
			r.note(path, r.lineOf(n))
		}
	}
	return path
}

// note keeps the first line: a table that is opened by a dotted key or by a
// subtable's header begins there.
func (r *lineReader) note(path string, line int) {
	if _, ok := r.lines[path]; !ok {
		r.lines[path] = line
	}
}

func (r *lineReader) keyValue(path string, e *unstable.Node, depth int) {
	r.value(r.key(path, e.Key(), false), e.Value(), depth+1)
}

func (r *lineReader) value(path string, v *unstable.Node, depth int) {
	// No key of ours lies deeper. The parser lets through thousands of levels,
	// and paths of that length add up; what is deeper has its parent's line.
	const maxDepth = 8
	if depth > maxDepth {
		return
	}
	children := v.Children()
	switch v.Kind {
	case unstable.InlineTable:
		for children.Next() {
			r.keyValue(path, children.Node(), depth)
		}
	case unstable.Array:
		for i := 0; children.Next(); i++ {
			n, p := children.Node(), item(path, i)
			if n.Raw.Length > 0 {
				r.note(p, r.lineOf(n))
			}
			r.value(p, n, depth+1)
		}
	}
}
