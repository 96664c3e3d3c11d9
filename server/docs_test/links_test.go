package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	link    = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	fenced  = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	code    = regexp.MustCompile("`[^`\n]*`")
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.*)$`)
)

// TestLinks follows the links between documents, to the heading.
func TestLinks(t *testing.T) {
	followed := 0
	for _, d := range documents(t) {
		prose := code.ReplaceAllString(fenced.ReplaceAllString(d.text, ""), "")
		for _, m := range link.FindAllStringSubmatch(prose, -1) {
			target := m[1]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			followed++
			path, anchor, _ := strings.Cut(target, "#")
			file := filepath.Join(root(t), filepath.Dir(d.path), path)
			if path == "" {
				file = filepath.Join(root(t), d.path)
			}
			data, err := os.ReadFile(file)
			if info, serr := os.Stat(file); serr == nil && info.IsDir() && anchor == "" {
				continue
			}
			if err != nil {
				t.Errorf("%s: link %s: %v", d.path, target, err)
				continue
			}
			if anchor != "" && !hasAnchor(string(data), anchor) {
				t.Errorf("%s: link %s: no such heading", d.path, target)
			}
		}
	}
	if followed < 30 {
		t.Errorf("links: got %d; want those of every page, which has more", followed)
	}
}

func hasAnchor(markdown, anchor string) bool {
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(markdown, ""), -1) {
		if slug(m[1]) == anchor {
			return true
		}
	}
	return false
}

// slug is a heading's anchor as GitHub makes it.
func slug(title string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(strings.TrimSpace(title)) {
		switch {
		case r == ' ' || r == '-':
			b.WriteByte('-')
		case r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(r)
		}
	}
	return b.String()
}

func TestSlug(t *testing.T) {
	for _, tt := range []struct{ title, want string }{
		{"Moving", "moving"},
		{"What the log says", "what-the-log-says"},
		{"`framegate run`: one request", "framegate-run-one-request"},
		{"Apache: mod_cgi and mod_cgid", "apache-mod_cgi-and-mod_cgid"},
		{"nginx + fcgiwrap", "nginx--fcgiwrap"},
		{"常见错误", "常见错误"},
	} {
		if got := slug(tt.title); got != tt.want {
			t.Errorf("%q: got %q; want %q", tt.title, got, tt.want)
		}
	}
}

// TestTwoCommands holds the READMEs to the two commands of this project.
func TestTwoCommands(t *testing.T) {
	for _, script := range []string{"scripts/run.sh", "scripts/test.sh"} {
		info, err := os.Stat(filepath.Join(root(t), script))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode()&0o111 == 0 {
			t.Errorf("%s: got mode %v; want it executable", script, info.Mode())
		}
		for _, d := range documents(t) {
			if !strings.HasPrefix(d.path, "README") {
				continue
			}
			line := regexp.MustCompile(`(?m)^(\$ )?` + regexp.QuoteMeta(script) + `\b`)
			if !line.MatchString(d.text) {
				t.Errorf("%s: no line that begins with %s", d.path, script)
			}
		}
	}
}
