package follow

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"framegate/server/internal/capture"
)

func TestFilter(t *testing.T) {
	x := &capture.Exchange{
		Frame: "shop", Request: capture.Request{Target: "/shop/items/%E4%B8%AD.py?q=/x"}, Answer: capture.Answer{Status: 502},
		Events: []capture.Event{{At: 100 * time.Millisecond}, {At: 20 * time.Millisecond}},
	}
	for _, tt := range []struct {
		name   string
		f      Filter
		begins bool
		takes  bool
	}{
		{"all", Filter{}, true, true},
		{"frame", Filter{Frame: "shop"}, true, true},
		{"another frame", Filter{Frame: "sho"}, false, false},
		{"path", Filter{Path: "/shop/*"}, true, true},
		{"last segment", Filter{Path: "*.py"}, true, true},
		{"decoded", Filter{Path: "中.py"}, true, true},
		{"encoded", Filter{Path: "%E4*"}, true, true},
		{"the query is none of it", Filter{Path: "*x"}, false, false},
		{"another path", Filter{Path: "/items/*"}, false, false},
		{"status", Filter{Status: []Range{{500, 599}}}, true, true},
		{"one of several", Filter{Status: []Range{{200, 299}, {502, 502}}}, true, true},
		{"another status", Filter{Status: []Range{{400, 499}}}, true, false},
		{"longer", Filter{Longer: 99 * time.Millisecond}, true, true},
		{"not longer", Filter{Longer: 100 * time.Millisecond}, true, false},
	} {
		if b, k := tt.f.begins(x), tt.f.takes(x); b != tt.begins || k != tt.takes {
			t.Errorf("%s: got %v, %v; want %v, %v", tt.name, b, k, tt.begins, tt.takes)
		}
	}
}

func TestParseStatus(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []Range
	}{
		{"5xx", []Range{{500, 599}}}, {"4XX, 404", []Range{{400, 499}, {404, 404}}}, {"400-403,599", []Range{{400, 403}, {599, 599}}},
		{"", nil}, {"6xx", nil}, {"0xx", nil}, {"5x", nil}, {"99", nil}, {"600", nil}, {"404-400", nil}, {"404,", nil}, {"a", nil}, {"4-5-6", nil},
	} {
		got, ok := ParseStatus(tt.in)
		if diff := cmp.Diff(tt.want, got); ok != (tt.want != nil) || ok && diff != "" {
			t.Errorf("%q: got %v, %v; want %v", tt.in, got, ok, tt.want)
		}
	}
}

func TestGlob(t *testing.T) {
	for _, tt := range []struct {
		pattern, target string
		want            bool
	}{
		{"*", "/", true}, {"*", "/a/b", true}, {"/*", "/a/b", true}, {"/a/*/c", "/a/b/x/c", true}, {"/a?c", "/abc", true}, {"/a?c", "/ac", false},
		{"index.html", "/a/index.html?x", true}, {"index.html", "/index.html/a", false}, {"/a", "/a/", false}, {"/a*", "/a", true}, {"**a**", "/xay", true}, {"", "/", false},
		{"a", "", false}, {"/%zz", "/%zz", true},
	} {
		if got := Glob(tt.pattern, tt.target); got != tt.want {
			t.Errorf("%q, %q: got %v; want %v", tt.pattern, tt.target, got, tt.want)
		}
	}
}

// FuzzGlob: as the regular expression that says the same.
func FuzzGlob(f *testing.F) {
	f.Add("/a*b?c", "/axxbyc")
	f.Add("*a*a*a*b", "aaaaaaaaaaaaaaaa")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		pattern, s = string([]rune(pattern)), string([]rune(s)) // what is no UTF-8 is U+FFFD in both
		expr := regexp.QuoteMeta(pattern)
		expr = strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(expr)
		if want := regexp.MustCompile(`(?s)\A` + expr + `\z`).MatchString(s); glob([]rune(pattern), []rune(s)) != want {
			t.Errorf("%q, %q: got %v; want %v", pattern, s, !want, want)
		}
	})
}
