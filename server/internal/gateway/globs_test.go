package gateway

import (
	"fmt"
	"path"
	"strings"
	"testing"

	"framegate/server/internal/cgi"
	"framegate/server/internal/config"
)

// firstByTurns is what globs.find has to answer: the first pattern that
// matches, tried one after the other.
func firstByTurns(list []string, target string) string {
	for _, glob := range list {
		subject := target[strings.LastIndexByte(target, '/')+1:]
		if strings.Contains(glob, "/") {
			subject = target
		}
		if ok, _ := path.Match(glob, subject); ok {
			return glob
		}
	}
	return ""
}

func globsOf(list []string) *globs {
	g := &globs{}
	for _, glob := range list {
		g.add(glob, &frame{cfg: &config.Frame{Name: glob}})
	}
	return g
}

func (g *globs) name(target string) string {
	if f := g.find(target); f != nil {
		return f.cfg.Name
	}
	return ""
}

func TestGlobs(t *testing.T) {
	list := []string{"*.py", "a*.py", "index.html", "/api/*", "/api/*/x", "/api/v1", "*.p[hy]p", `\*.txt`, `*\.md`, "a?c", "?", "*x*", "/*/deep/*.py", "/[ab]/c*", "*.tar.gz", "*.gz", "*"}
	targets := []string{"/", "/a.py", "/deep/a.py", "/index.html", "/x/index.html", "/api/", "/api/v1", "/api/v1/x", "/api/v1/y", "/api/v1/x/z",
		"/p.php", "/p.pyp", "/*.txt", "/b.txt", "/q.md", "/abc", "/a/c", "/b/cd", "/q", "/uxu", "/q/deep/w.py", "/a.tar.gz", "/a.gz", "/gz", "/.gz", "/ä.py", "/ä"}
	for first := range list { // so that each is the first once
		for _, list := range [][]string{list[first:], append(append([]string{}, list[first:]...), list[:first]...), list[first : first+1]} {
			g := globsOf(list)
			for _, target := range targets {
				if got, want := g.name(target), firstByTurns(list, target); got != want {
					t.Errorf("%q of %q: got %q; want %q", target, list, got, want)
				}
			}
		}
	}
}

func FuzzGlobs(f *testing.F) {
	f.Add("*.py a* /b/* [ab]c \\*d ?", "/b/a.py")
	f.Add("*a *aa *aaa a* aa* aaa*", "/aaa")
	f.Fuzz(func(t *testing.T, patterns, target string) {
		var list []string
		for _, glob := range strings.Fields(patterns) {
			if _, err := path.Match(glob, ""); err == nil { // what the configuration lets pass
				list = append(list, glob)
			}
		}
		target = "/" + target
		if got, want := globsOf(list).name(target), firstByTurns(list, target); got != want {
			t.Errorf("%q of %q: got %q; want %q", target, list, got, want)
		}
	})
}

// manyRoutes are n frames by mount, by scripts' neighbours and by pattern, in
// the ways that people write them.
func manyRoutes(n int) *routes {
	var frames []*frame
	for i := range n {
		fc := &config.Frame{Name: fmt.Sprint(i)}
		switch i % 4 {
		case 0:
			fc.Mount = fmt.Sprintf("/app/number%d", i)
		case 1:
			fc.Match = []string{fmt.Sprintf("*.x%d", i)}
		case 2:
			fc.Match = []string{fmt.Sprintf("/shop%d/*", i)}
		case 3:
			fc.Match = []string{fmt.Sprintf("page%d", i)}
		}
		frames = append(frames, &frame{cfg: fc})
	}
	rt := newRoutes(frames)
	return &rt
}

// TestRoutesFlat counts how many patterns are tried for a path among few and
// many: as many as may match it.
func TestRoutesFlat(t *testing.T) {
	for _, n := range []int{8, 10_000} {
		rt := manyRoutes(n)
		for _, target := range routesAsked(n) {
			tried := 0
			for _, x := range []*globIndex{&rt.patterns.last, &rt.patterns.whole} {
				subject := target
				if x == &rt.patterns.last {
					subject = target[strings.LastIndexByte(target, '/')+1:]
				}
				for _, length := range x.begin.lengths {
					tried += len(x.begin.places[subject[:min(length, len(subject))]])
				}
				for _, length := range x.end.lengths {
					tried += len(x.end.places[subject[len(subject)-min(length, len(subject)):]])
				}
			}
			if tried > 3 {
				t.Errorf("%d routes: %d patterns are tried for %s", n, tried, target)
			}
			parsed, err := cgi.ParseTarget(target)
			if err != nil {
				t.Fatal(err)
			}
			if allocs := testing.AllocsPerRun(100, func() { rt.find(parsed) }); allocs != 0 {
				t.Errorf("%d routes: %v allocations for %s", n, allocs, target)
			}
		}
	}
}

// routesAsked are paths of the last frame of each kind, and one of none.
func routesAsked(n int) []string {
	return []string{fmt.Sprintf("/app/number%d/x/y", n-4), fmt.Sprintf("/a/b/c.x%d", n-3), fmt.Sprintf("/shop%d/cart", n-2), fmt.Sprintf("/page%d", n-1), "/no/such/file.css"}
}

func BenchmarkRoutes(b *testing.B) {
	for _, n := range []int{8, 1000, 10_000} {
		rt := manyRoutes(n)
		for i, what := range []string{"mount", "suffix", "prefix", "name", "none"} {
			target, err := cgi.ParseTarget(routesAsked(n)[i])
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%s-%d", what, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					rt.find(target)
				}
			})
		}
	}
}
