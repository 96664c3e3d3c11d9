// Package docs_test holds the documents to the program: commands that they
// show are typed and must print what they show, configurations must load,
// links must lead somewhere.
//
// What is done with a fenced block is said after its language, where readers
// do not see it:
//
//	console test      typed, in the document's own directory; "…" stands for anything
//	console by-hand   not run: it needs a machine of its own
//	LANG file=PATH    written to PATH before what follows is typed
//	toml              must load; directories that it names exist
//	toml fragment     some keys of a [[frame]] table
//	in=DIR            of the two above: in DIR; in=repo is a copy of this repository's site
//	needs=A,B         the programs that a console block needs
//	machine=A,B       typed only by root, with landlock, with a cgroup (see abilities)
package docs_test

import (
	"os"
	"path/filepath"
	"testing"

	"framegate/server/docs_test/transcript"
	"framegate/server/internal/servertest"
)

func TestMain(m *testing.M) { servertest.Main(m) }

// A document is a Markdown file of this repository.
type document struct {
	path   string // relative to the root
	text   string
	blocks []transcript.Block
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := servertest.Root()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// documents are all that readers are given.
func documents(t *testing.T) []document {
	t.Helper()
	dir := root(t)
	paths := []string{"README.md", "README.zh.md", "CHANGELOG.md"}
	pages, err := filepath.Glob(filepath.Join(dir, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		paths = append(paths, "docs/"+filepath.Base(page))
	}
	var list []document
	for _, path := range paths {
		data, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, document{path, string(data), transcript.Blocks(string(data))})
	}
	return list
}

// typed are the documents of which every command is either typed here or
// marked by-hand. The others have tests of their own.
func typed(path string) bool {
	switch path {
	case "README.md", "README.zh.md", "docs/README.md", "docs/moving.md", "docs/debugging.md", "docs/lint.md", "docs/modes.md", "docs/run.md", "docs/trace.md", "docs/captures.md", "docs/scripts.md", "docs/security.md", "docs/operating.md":
		return true
	}
	return false
}
