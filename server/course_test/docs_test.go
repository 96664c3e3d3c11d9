package course_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"framegate/server/internal/servertest"
)

// Each gateway.toml that docs/course.md shows is one that works, in the
// course's own layout.
func TestDocsConfigurations(t *testing.T) {
	python := servertest.Require(t, "apt-get install python3", "python3")
	root, err := servertest.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "course.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```toml\n(.*?)^```$").FindAllSubmatch(text, -1)
	if len(blocks) == 0 {
		t.Fatal("docs/course.md: got no ```toml; want some")
	}
	for i, block := range blocks {
		t.Run(fmt.Sprint(i+1), func(t *testing.T) {
			dir := copyProject(t, "layout")
			writeFile(t, filepath.Join(dir, "gateway.toml"), string(block[1]))
			// What the page takes for given: a virtual environment, and modules at
			// the root where the block does not say dynamic.
			if out, err := exec.Command(python, "-m", "venv", "--without-pip", filepath.Join(dir, "venv")).CombinedOutput(); err != nil {
				t.Fatalf("make a virtual environment: %v\n%s", err, out)
			}
			if !regexp.MustCompile(`path *= "dynamic"`).Match(block[1]) {
				if err := os.CopyFS(dir, os.DirFS(filepath.Join(dir, "dynamic"))); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command(servertest.Build(t), "check")
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("framegate check: %v\n%s", err, out)
			}
		})
	}
}
