package config

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// str is the value of a string key. NUL ends a string in every system call
// that these values reach, so nothing may hold one.
func (d *decoder) str(n *node, hint string) (string, bool) {
	s, ok := n.value.(string)
	if !ok {
		d.failf(n, hint, "must be a string, not %s", n.kind())
		return "", false
	}
	if strings.Contains(s, "\x00") {
		d.failf(n, "", "must not hold a NUL character")
		return "", false
	}
	return s, true
}

// stringArray is the value of a key that takes an array of strings.
func (d *decoder) stringArray(n *node) ([]*node, bool) {
	items, ok := n.value.([]*node)
	if !ok {
		hint := ""
		if s, isString := n.value.(string); isString {
			hint = "write an array: " + label(n.key) + " = [" + strconv.Quote(s) + "]"
		}
		d.failf(n, hint, "must be an array of strings, not %s", n.kind())
		return nil, false
	}
	for _, it := range items {
		if _, ok := d.str(it, ""); !ok {
			return nil, false
		}
	}
	return items, true
}

func (d *decoder) table(read func(*table)) func(*node) {
	return func(n *node) {
		t, ok := n.value.(*table)
		if !ok {
			d.failf(n, "write ["+n.key+"] on a line of its own", "must be a table, not %s", n.kind())
			return
		}
		where := d.where
		d.where = "[" + n.key + "]: "
		read(t)
		d.where = where
	}
}

func (d *decoder) boolean(p *bool) func(*node) {
	return func(n *node) {
		b, ok := n.value.(bool)
		if !ok {
			d.failf(n, "", "must be true or false, not %s", n.kind())
			return
		}
		*p = b
	}
}

func (d *decoder) integer(p *int, least int64) func(*node) {
	return func(n *node) {
		i, ok := n.value.(int64)
		switch {
		case !ok:
			d.failf(n, "", "must be an integer, not %s", n.kind())
		case i < least:
			d.failf(n, "", "%d is too small: the least is %d", i, least)
		case i > math.MaxInt32:
			d.failf(n, "", "%d is too large: the most is %d", i, math.MaxInt32)
		default:
			*p = int(i)
		}
	}
}

func (d *decoder) oneOf(p *string, words ...string) func(*node) {
	return func(n *node) {
		s, ok := d.str(n, "")
		if !ok {
			return
		}
		if !slices.Contains(words, s) {
			hint := ""
			if near := nearest(s, words); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			d.failf(n, hint, "%q is not one of %s", s, quotedList(words))
			return
		}
		*p = s
	}
}

// quotedList is `"a", "b" and "c"`, for two words and more.
func quotedList(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strconv.Quote(w)
	}
	last := len(quoted) - 1
	return strings.Join(quoted[:last], ", ") + " and " + quoted[last]
}

const durationHint = `durations are strings with units: "500ms", "30s", "5m", "1h30m"`

func (d *decoder) duration(p *time.Duration) func(*node) {
	return func(n *node) {
		if n.value == int64(0) { // no unit is needed to say "none"
			*p = 0
			return
		}
		s, ok := d.str(n, durationHint)
		if !ok {
			return
		}
		v, err := time.ParseDuration(s)
		switch {
		case err != nil:
			d.failf(n, durationHint, "%q is not a duration", s)
		case v < 0:
			d.failf(n, "", "%q is negative", s)
		default:
			*p = v
		}
	}
}

func (d *decoder) size(p *int64, least int64) func(*node) {
	return func(n *node) {
		v, ok := n.value.(int64)
		if !ok {
			if _, isString := n.value.(string); !isString {
				d.failf(n, sizeHint, "must be a size, not %s", n.kind())
				return
			}
			s, ok := d.str(n, "")
			if !ok {
				return
			}
			var problem *problem
			if v, problem = parseSize(s); problem != nil {
				d.failf(n, problem.hint, "%s", problem.msg)
				return
			}
		}
		switch {
		case v < 0:
			d.failf(n, "", "%d is negative", v)
		case v < least && v == 0:
			d.failf(n, "", "0 is too small: this limit can't be switched off")
		case v < least:
			d.failf(n, "", "%d is too small: the least is %s", v, formatSize(least))
		default:
			*p = v
		}
	}
}

const sizeHint = `sizes are whole numbers with a unit: "512B", "64KiB", "64MiB", "4GiB", "1TiB", or KB, MB, GB for thousands; without one it is bytes`

func parseSize(s string) (int64, *problem) {
	m := regexp.MustCompile(`^(-?[0-9]+) ?([A-Za-z]*)$`).FindStringSubmatch(s)
	if m == nil {
		return 0, problemf(sizeHint, "%q is not a size", s)
	}
	unit, ok := map[string]int64{
		"": 1, "B": 1,
		"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
		"KB": 1e3, "MB": 1e6, "GB": 1e9,
	}[m[2]]
	if !ok {
		return 0, problemf(sizeHint, "%q is not a size: there is no unit %q", s, m[2])
	}
	v, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil || v > math.MaxInt64/unit {
		return 0, problemf("", "%q is too large", s)
	}
	if v < 0 {
		return 0, problemf("", "%q is negative", s)
	}
	return v * unit, nil
}

// formatSize writes a size with the largest unit that leaves it whole.
func formatSize(v int64) string {
	for _, unit := range []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if v >= unit.size && v%unit.size == 0 {
			return strconv.FormatInt(v/unit.size, 10) + unit.name
		}
	}
	return strconv.FormatInt(v, 10) + "B"
}
