package lint

import (
	"fmt"
	"strings"
	"time"
)

// cookie judges a Set-Cookie (RFC 6265 §4.1.1). The first thing wrong with it
// is reported.
func (h *header) cookie(f *field) {
	pair, rest, _ := strings.Cut(f.value, ";")
	name, value, ok := strings.Cut(pair, "=")
	name = strings.TrimSpace(name)
	bad := func(from, to int, what, fix string) {
		h.j.report("bad-cookie", f.place(from, to), says{what: what, fix: fix})
	}
	switch {
	case f.value == "":
		h.j.report("bad-cookie", f.named(), says{what: "a Set-Cookie without a cookie"})
		return
	case !ok:
		bad(0, len(pair), `a cookie without a "="`, "")
		return
	case !isToken([]byte(name)):
		bad(0, max(1, len(name)), "a cookie's name is a token: letters, digits, and no spaces or separators", "")
		return
	}
	at := len(pair) - len(value)
	unquoted := strings.Trim(value, " \t")
	if len(unquoted) >= 2 && unquoted[0] == '"' && unquoted[len(unquoted)-1] == '"' {
		unquoted = unquoted[1 : len(unquoted)-1]
	}
	from := at + strings.Index(value, unquoted)
	for i := range len(unquoted) {
		if c := unquoted[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`",;\`, c) >= 0 {
			n := max(1, nonASCII(unquoted[i:]))
			what := fmt.Sprintf("%s in a cookie's value", describe([]byte(unquoted[i:i+min(n, len("中"))])))
			fix := "percent-encode the value, or use base64"
			if c == ',' && strings.Contains(unquoted[i:], "=") {
				fix = "print a Set-Cookie field for each cookie"
			}
			bad(from+i, from+i+n, what, fix)
			return
		}
	}
	h.attributes(f, name, len(pair)+1, rest)
}

// attributes judges what follows the first semicolon, which is at byte at of
// the field's value.
func (h *header) attributes(f *field, cookie string, at int, rest string) {
	secure, none := false, false
	for rest != "" {
		attribute, after, more := strings.Cut(rest, ";")
		name, value, has := strings.Cut(attribute, "=")
		lower, value := strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		what := ""
		switch lower {
		case "secure":
			secure = true
		case "httponly", "partitioned", "path", "domain", "priority":
		case "max-age":
			if !isDigits(strings.TrimPrefix(value, "-")) {
				what = "Max-Age is no number of seconds"
			}
		case "expires":
			if !cookieDate(value) {
				what = "Expires is no date of HTTP"
			}
		case "samesite":
			none = strings.EqualFold(value, "none")
			if isOneOf(value, []string{"Strict", "Lax", "None"}) == "" {
				what = "SameSite is Strict, Lax or None"
			}
		case "":
			what = "an attribute without a name"
			if !more && !has {
				what = "" // a semicolon at the end
			}
		default:
			what = fmt.Sprintf("a cookie has no attribute %q", cut(strings.TrimSpace(name), 40))
		}
		if what != "" {
			indent := len(attribute) - len(strings.TrimLeft(attribute, " \t"))
			h.j.report("bad-cookie", f.place(at+indent, at+max(len(attribute), indent)), says{what: what})
			return
		}
		at += len(attribute) + 1
		rest = after
	}
	why := ""
	switch {
	case none && !secure:
		why = "browsers drop a cookie with SameSite=None that lacks Secure"
	case (strings.HasPrefix(cookie, "__Secure-") || strings.HasPrefix(cookie, "__Host-")) && !secure:
		why = "browsers drop a cookie of this name that lacks Secure"
	}
	if why != "" {
		h.j.report("bad-cookie", f.valued(), says{what: "a cookie that no browser will keep", why: why, fix: "add ; Secure"})
	}
}

// date judges a field that is a date (RFC 9110 §5.6.7).
func (h *header) date(f *field) {
	switch {
	case f.value == "", f.lower == "retry-after" && isDigits(f.value):
		return
	case f.lower == "expires" && (f.value == "0" || f.value == "-1"):
		return // RFC 9111 §5.3 has clients take it for the past
	}
	when, ok := parseDate(f.value)
	if ok {
		return
	}
	s := says{what: f.name + " is no date of HTTP"}
	if !when.IsZero() {
		s.fix = "write " + when.UTC().Format(imfFixdate)
	}
	h.j.report("bad-date", f.valued(), s)
}

const (
	imfFixdate   = "Mon, 02 Jan 2006 15:04:05 GMT"
	netscapeDate = "Mon, 02-Jan-2006 15:04:05 GMT"
)

// parseDate reads a date as it is to be sent. When it is another one that can
// be read, it is returned with false.
func parseDate(s string) (time.Time, bool) {
	if when, err := time.Parse(imfFixdate, s); err == nil {
		return when, true // with any weekday: nobody looks at it
	}
	for _, layout := range []string{
		netscapeDate, time.RFC1123Z, time.RFC1123, time.RFC850, time.ANSIC, time.UnixDate, time.RFC3339, time.DateTime, "Mon, 2 Jan 2006 15:04:05 GMT",
	} {
		if when, err := time.Parse(layout, s); err == nil {
			return when, false
		}
	}
	return time.Time{}, false
}

// cookieDate reports whether a cookie's Expires can be read. Everybody takes
// the form of old.
func cookieDate(s string) bool {
	_, ok := parseDate(s)
	_, err := time.Parse(netscapeDate, s)
	return ok || err == nil
}
