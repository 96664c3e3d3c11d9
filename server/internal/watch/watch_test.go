package watch

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open watches dir and hands out what has changed.
func open(t *testing.T, dir string) <-chan string {
	t.Helper()
	changes := make(chan string, 100)
	tree, err := Open([]string{dir}, []string{filepath.Join(dir, "captures")}, func(file string) { changes <- file })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tree.Close(); err != nil {
			t.Error(err)
		}
	})
	return changes
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// want waits until file is told of.
func want(t *testing.T, changes <-chan string, file string) {
	t.Helper()
	limit := time.After(10 * time.Second)
	for {
		select {
		case got := <-changes:
			if got == file {
				return
			}
		case <-limit:
			t.Fatalf("no change of %s", file)
		}
	}
}

func TestTree(t *testing.T) {
	dir := t.TempDir()
	app := filepath.Join(dir, "app.py")
	write(t, app, "1")
	write(t, filepath.Join(dir, "pkg/deep/page.html"), "1")
	write(t, filepath.Join(dir, "gone.py"), "1")
	changes := open(t, dir)

	write(t, app, "2")
	want(t, changes, app)
	write(t, filepath.Join(dir, "pkg/deep/page.html"), "2")
	want(t, changes, filepath.Join(dir, "pkg/deep/page.html"))

	// As editors save: a new file in the place of the old one.
	write(t, filepath.Join(dir, ".app.py.swp"), "3")
	if err := os.Rename(filepath.Join(dir, ".app.py.swp"), app); err != nil {
		t.Fatal(err)
	}
	want(t, changes, app)

	if err := os.Remove(filepath.Join(dir, "gone.py")); err != nil {
		t.Fatal(err)
	}
	want(t, changes, filepath.Join(dir, "gone.py"))

	write(t, filepath.Join(dir, "new/below/module.py"), "1")
	want(t, changes, filepath.Join(dir, "new/below/module.py"))
	write(t, filepath.Join(dir, "new/below/module.py"), "2")
	want(t, changes, filepath.Join(dir, "new/below/module.py"))
}

// What is no source is not told of: the next source is the first to be heard.
func TestTreeIgnores(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"__pycache__", ".git", "node_modules/x", "venv/lib", "captures"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "venv/pyvenv.cfg"), "home = /usr/bin")
	changes := open(t, dir)
	for _, name := range []string{"data.sqlite3", "upload.bin", ".hidden.py", "#app.py#", "app.py~", "log.txt",
		"__pycache__/app.py", ".git/hook.py", "node_modules/x/index.js", "venv/lib/site.py", "captures/x.sh"} {
		write(t, filepath.Join(dir, name), "x")
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	last := filepath.Join(dir, "app.py")
	write(t, last, "x")
	select {
	case got := <-changes:
		if got != last {
			t.Errorf("%s was told of; want only %s", got, last)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("no change")
	}
}

func TestOpenMissing(t *testing.T) {
	if tree, err := Open([]string{filepath.Join(t.TempDir(), "none")}, nil, func(string) {}); err == nil {
		tree.Close()
		t.Fatal("no error for a directory that is not there")
	}
}
