package lint_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"framegate/server/internal/lint"
)

// documented is the row of docs/lint.md for a kind of finding.
func documented(k lint.Kind) string {
	cells := []string{"`" + k.Code + "`", k.Severity.String(), k.What, k.Gateway, k.Section}
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(c, "|", `\|`)
	}
	cells[2] = strings.ReplaceAll(cells[2], `\n`, "`\\n`")
	return "| " + strings.Join(cells, " | ") + " |"
}

// TestDocs holds the tables of docs/lint.md to the code, row by row.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile("../../../docs/lint.md")
	if err != nil {
		t.Fatal(err)
	}
	_, tables, ok := strings.Cut(string(data), "\n## All findings\n")
	if !ok {
		t.Fatal("docs/lint.md: no heading All findings")
	}
	var got, want []string
	for _, line := range strings.Split(tables, "\n") {
		if strings.HasPrefix(line, "| `") {
			got = append(got, line)
		}
	}
	for _, k := range lint.Kinds() {
		want = append(want, documented(k))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/lint.md (-code +page):\n%s", diff)
	}
}

// TestKinds: each says everything, in the form that the page and the terminal
// have room for.
func TestKinds(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range lint.Kinds() {
		if k.Code == "" || k.What == "" || k.Why == "" || k.Fix == "" || k.Gateway == "" || k.Text == "" {
			t.Errorf("%s does not say everything: %+v", k.Code, k)
		}
		if seen[k.Code] {
			t.Errorf("%s is there twice", k.Code)
		}
		seen[k.Code] = true
		for _, text := range []string{k.What, k.Why, k.Fix} {
			if strings.HasSuffix(text, ".") || strings.Contains(text, "\n") || len(text) > 160 {
				t.Errorf("%s: %q is not one short line", k.Code, text)
			}
		}
		if k.Section != "" && !strings.HasPrefix(k.Section, "RFC ") {
			t.Errorf("%s: section %q", k.Code, k.Section)
		}
		for _, line := range strings.Split(k.Text, "\n") {
			if len([]rune(line)) > 140 {
				t.Errorf("%s: a line of %d characters: %s", k.Code, len([]rune(line)), line)
			}
		}
	}
	if len(seen) < 60 {
		t.Errorf("got %d kinds; want all", len(seen))
	}
}
