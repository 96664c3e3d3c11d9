package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"framegate/server/internal/config"
)

// TestConfigurations loads every gateway.toml that the documents show.
func TestConfigurations(t *testing.T) {
	loaded := 0
	for _, d := range documents(t) {
		for _, b := range d.blocks {
			if b.Lang != "toml" {
				continue
			}
			loaded++
			t.Run(fmt.Sprintf("%s/line-%d", d.path, b.Line), func(t *testing.T) {
				text := b.Text
				if b.Has("fragment") {
					text = completed(text)
				}
				file := filepath.Join(t.TempDir(), "gateway.toml")
				text = furnish(t, filepath.Dir(file), text)
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				if _, err := config.Load(file); err != nil {
					t.Errorf("%v\n%s", err, text)
				}
			})
		}
	}
	if loaded < 10 {
		t.Errorf("blocks of toml: got %d; want those of every page, which has more", loaded)
	}
}

var (
	frameTable = regexp.MustCompile(`(?m)^\[\[frame\]\].*$`)
	routeKey   = regexp.MustCompile(`(?m)^(match|mount|scripts) *=`)
	programKey = regexp.MustCompile(`(?m)^(app|command|scripts) *=`)
	appOnlyKey = regexp.MustCompile(`(?m)^(interpreter|module-path|path-info|bridge) *=`)
)

// completed makes a whole table of a fragment.
func completed(text string) string {
	if !frameTable.MatchString(text) {
		text = "[[frame]]\n" + text
	}
	missing := ""
	if !routeKey.MatchString(text) {
		missing += "\nmount = \"/fragment\""
	}
	if !programKey.MatchString(text) {
		if appOnlyKey.MatchString(text) {
			missing += "\napp = \"a:b\""
		} else {
			missing += "\ncommand = [\"true\"]"
		}
	}
	return frameTable.ReplaceAllString(text, "${0}"+missing)
}

var (
	pathKey  = regexp.MustCompile(`(?m)^(path|dir|not-found|module-path|write-paths) *= *(.*)$`)
	inQuotes = regexp.MustCompile(`"([^"]+)"`)
)

// furnish makes the directories and files that a configuration names, below
// home; paths of other machines are moved there.
func furnish(t *testing.T, home, text string) string {
	t.Helper()
	return pathKey.ReplaceAllStringFunc(text, func(line string) string {
		key, value, _ := strings.Cut(line, "=")
		value, comment, _ := strings.Cut(value, "#")
		value = inQuotes.ReplaceAllStringFunc(value, func(quoted string) string {
			path := strings.Trim(quoted, `"`)
			if !filepath.IsAbs(path) {
				path = filepath.Join(home, path)
			} else if !strings.HasPrefix(path, home) {
				path = filepath.Join(home, "machine", path)
			}
			create := func(path string) error { return os.MkdirAll(path, 0o755) }
			if strings.TrimSpace(key) == "not-found" {
				create = touch
			}
			if err := create(path); err != nil {
				t.Fatal(err)
			}
			if quoted[1] != '/' {
				return quoted
			}
			return `"` + path + `"`
		})
		return key + "=" + value + "#" + comment
	})
}

// touch makes an empty file and the directory that holds it.
func touch(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, nil, 0o644)
}
