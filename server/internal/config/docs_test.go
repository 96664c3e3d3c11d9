package config

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// docRow is a key as docs/configuration.md describes it.
type docRow struct {
	key, kind, value string
}

// docTables are the tables of docs/configuration.md by their heading.
func docTables(t *testing.T) (tables map[string][]docRow, text string) {
	t.Helper()
	data, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	tables = map[string][]docRow{}
	heading := ""
	row := regexp.MustCompile("^\\| `([^`]+)` \\|(.*)\\|(.*)\\|.*\\|.*\\|$")
	for _, line := range strings.Split(string(data), "\n") {
		if h, ok := strings.CutPrefix(line, "## "); ok {
			heading = h
		}
		if m := row.FindStringSubmatch(line); m != nil {
			tables[heading] = append(tables[heading], docRow{m[1], strings.TrimSpace(m[2]), strings.TrimSpace(m[3])})
		}
	}
	return tables, string(data)
}

// docSections says where the keys of each table of the decoder are described,
// and what has to stand in front of a key to make a whole file.
func docSections() []struct{ heading, title, preamble string } {
	return []struct{ heading, title, preamble string }{
		{"Top level", "", ""},
		{"[http]", "[http]", "[http]\n"},
		{"[static]", "[static]", "[static]\n"},
		{"[dynamic]", "[dynamic]", "[dynamic]\n"},
		{"[capture]", "[capture]", "[capture]\n"},
		{"[[frame]]", "[[frame]]", "[[frame]]\nmount = \"/x\"\napp = \"a:b\"\n"},
		{"[defaults]", "[defaults]", "[[frame]]\nmount = \"/x\"\napp = \"a:b\"\n"},
	}
}

func TestDocsNameEveryKey(t *testing.T) {
	docs, _ := docTables(t)
	decoder := map[string][]key{}
	for _, table := range tableKeys() {
		decoder[table.title] = table.keys
	}
	shared := keyNames(decoder["[defaults]"])
	sections := docSections()
	if len(sections) != len(decoder) {
		t.Errorf("got %d sections; want one for each of %d tables", len(sections), len(decoder))
	}
	for _, s := range sections {
		t.Run(s.heading, func(t *testing.T) {
			var want, got []string
			for _, k := range decoder[s.title] {
				if s.title == "[[frame]]" && slices.Contains(shared, k.name) {
					continue // described once, under [defaults]
				}
				if s.title == "" && slices.ContainsFunc(sections, func(o struct{ heading, title, preamble string }) bool {
					return strings.Trim(o.title, "[]") == k.name
				}) {
					continue // a table, which has a section of its own
				}
				want = append(want, k.name)
			}
			for _, row := range docs[s.heading] {
				got = append(got, row.key)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("keys (-decoder +docs/configuration.md):\n%s", diff)
			}
		})
	}
}

// A default that is written out must be the same as leaving the key out.
func TestDocsDefaultsHold(t *testing.T) {
	docs, _ := docTables(t)
	dir := site(t)
	checked := 0
	workerKeys := keyNames((&decoder{}).warmKeys(&Settings{}))
	for _, s := range docSections() {
		for _, row := range docs[s.heading] {
			value, ok := strings.CutPrefix(row.value, "`")
			if !ok {
				continue
			}
			checked++
			value = strings.TrimSuffix(value, "`")
			t.Run(s.heading+"/"+row.key, func(t *testing.T) {
				preamble := s.preamble
				if slices.Contains(workerKeys, row.key) {
					preamble += "mode = \"worker\"\n" // elsewhere such a key would be a mistake
					if row.key == "worker-idle" {
						preamble += "min-workers = 1\n"
					}
				}
				without, err := parse("gateway.toml", []byte(preamble), dir)
				if err != nil {
					t.Fatal(render(err))
				}
				with, err := parse("gateway.toml", []byte(preamble+row.key+" = "+value+"\n"), dir)
				if err != nil {
					t.Fatal(render(err))
				}
				if diff := cmp.Diff(without, with, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Config{}, "Warnings")); diff != "" {
					t.Errorf("docs say that %s is %s by default (-left out +written out):\n%s", row.key, value, diff)
				}
			})
		}
	}
	if checked < 20 {
		t.Errorf("got %d defaults in docs/configuration.md; want at least 20: has the page's form changed?", checked)
	}
}

func TestDocsNameReservedVariables(t *testing.T) {
	_, text := docTables(t)
	_, text, _ = strings.Cut(text, "\n## Variables that only the gateway sets\n")
	var got []string
	for _, m := range regexp.MustCompile("`([A-Z_]+[A-Z])`").FindAllStringSubmatch(text, -1) {
		got = append(got, m[1])
	}
	want := reservedNames()
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reserved names (-ReservedName +docs/configuration.md):\n%s", diff)
	}
}

// The page's own example must be what happens without a file.
func TestDocsExampleIsDefault(t *testing.T) {
	_, text := docTables(t)
	_, text, _ = strings.Cut(text, "```toml\n")
	text, _, ok := strings.Cut(text, "```")
	if !ok {
		t.Fatal("docs/configuration.md: no example")
	}
	want, err := Default(site(t))
	if err != nil {
		t.Fatal(err)
	}
	got, err := parse("gateway.toml", []byte(text), want.Dir)
	if err != nil {
		t.Fatal(render(err))
	}
	want.Frames[0].Line = got.Frames[0].Line // there is no line without a file
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("example of %s (-without a file +example):\n%s", filepath.Base("docs/configuration.md"), diff)
	}
}
