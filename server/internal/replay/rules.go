// Package replay compares an exchange with the capture of an earlier one.
package replay

import (
	"fmt"
	"regexp"
	"strings"

	"framegate/server/internal/capture"
)

// Rule takes what differs from run to run out of a text.
type Rule struct {
	Name    string
	Pattern *regexp.Regexp
	// Put is what takes the place of each match: "$1" is the first group.
	Put string
}

// StandardRules are those that hold unless told otherwise.
func StandardRules() []Rule {
	return []Rule{
		{"date", regexp.MustCompile(`\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2}[ -](?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[ -]\d{2,4} \d{2}:\d{2}:\d{2} GMT`), "<date>"},
		{"time", regexp.MustCompile(`\b\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:[.,]\d+)?(?: ?(?:Z|UTC|[+-]\d{2}:?\d{2}))?`), "<time>"},
		{"uuid", regexp.MustCompile(`\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b`), "<uuid>"},
		// Addresses in memory: every language prints them.
		{"address", regexp.MustCompile(`\b0x[0-9a-f]{6,16}\b`), "<address>"},
	}
}

// ParseRule reads NAME=REGEXP, with groups for what is to stay.
func ParseRule(s string) (Rule, error) {
	name, pattern, ok := strings.Cut(s, "=")
	if !ok || name == "" || pattern == "" {
		return Rule{}, fmt.Errorf("rule %q is not NAME=REGEXP", s)
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return Rule{}, fmt.Errorf("rule %s: %w", name, err)
	}
	if re.MatchString("") {
		return Rule{}, fmt.Errorf("rule %s: %q matches nothing at all, and so everywhere", name, pattern)
	}
	return Rule{Name: name, Pattern: re, Put: "<" + name + ">"}, nil
}

// normal is a text without what the rules and the requests' ids make different
// from another's. Both ids may be in both texts: the script gives the program
// the captured one.
func (o *Options) normal(text string, ids []string) string {
	if o.Exact {
		return text
	}
	for _, id := range ids {
		if id != "" {
			text = strings.ReplaceAll(text, id, "<request-id>")
		}
	}
	for _, r := range o.Rules {
		text = r.Pattern.ReplaceAllString(text, r.Put)
	}
	return text
}

// normalFields are header fields as they are compared: without those that say
// when and by whom, and with nothing of a cookie's value but its name and
// attributes.
func (o *Options) normalFields(fields []capture.Field, ids []string, redacted map[string]bool) []string {
	var lines []string
	for _, f := range fields {
		name := strings.ToLower(f.Name)
		if o.Ignore[name] || !o.Exact && (name == "date" || name == "server") {
			continue
		}
		value := o.normal(f.Value, ids)
		switch {
		case redacted[name]:
			value = "<redacted>"
		case name == "set-cookie" && !o.Exact:
			value = normalCookie(value)
		}
		lines = append(lines, f.Name+": "+value)
	}
	return lines
}

// normalCookie hides the value, and when it ends.
func normalCookie(v string) string {
	first, attributes, _ := strings.Cut(v, ";")
	name, _, _ := strings.Cut(first, "=")
	v = name + "=<cookie>"
	for a := range strings.SplitSeq(attributes, ";") {
		key, _, _ := strings.Cut(strings.TrimSpace(a), "=")
		switch strings.ToLower(key) {
		case "":
		case "expires":
			v += "; " + key + "=<date>"
		default:
			v += "; " + strings.TrimSpace(a)
		}
	}
	return v
}

// duration is how long something took, in a sentence about it.
var duration = regexp.MustCompile(`\b\d+(?:\.\d+)?(?:m?s|µs|m\d+(?:\.\d+)?s)\b`)

// normalFailure is the reason for a failure, whatever time it took.
func (o *Options) normalFailure(text string, ids []string) string {
	return duration.ReplaceAllString(o.normal(text, ids), "<duration>")
}
