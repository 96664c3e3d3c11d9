package bridge

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"framegate/server/internal/config"
	"framegate/server/internal/servertest"
)

// installation is a directory for PYTHONHOME: the standard library, and
// nothing installed. It returns the directory for that, too.
func installation(t *testing.T, python string) (home, packages string) {
	t.Helper()
	const ask = `import site, sys, sysconfig
print(sys.base_prefix, sysconfig.get_paths()["stdlib"], site.getsitepackages([sys.base_prefix])[-1], sep="\n")`
	out, err := exec.Command(python, "-c", ask).Output()
	if err != nil {
		t.Fatal(err)
	}
	said := strings.Split(string(out), "\n")
	home = t.TempDir()
	inHome := func(path string) string { return filepath.Join(home, strings.TrimPrefix(path, said[0])) }
	packages = inHome(said[2])
	if err := os.MkdirAll(packages, 0o755); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(said[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == "sitecustomize.py" || strings.HasSuffix(e.Name(), "-packages") {
			continue
		}
		if err := os.Symlink(filepath.Join(said[1], e.Name()), filepath.Join(inHome(said[1]), e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return home, packages
}

// Requests do without site for as long as nothing is installed that it would
// see.
func TestWithoutSite(t *testing.T) {
	python := servertest.Require(t, "apt-get install python3", "/usr/bin/python3")
	if exec.Command(python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))").Run() != nil {
		t.Skip("before Python 3.11 site always runs")
	}
	home, packages := installation(t, python)
	app := "import far, sys\ndef application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'%d' % sys.flags.no_site]\n"
	dir, elsewhere := t.TempDir(), t.TempDir()
	for file, text := range map[string]string{
		filepath.Join(dir, "web.py"):        app,
		filepath.Join(elsewhere, "far.py"):  "",
		filepath.Join(packages, "some.pth"): elsewhere + "\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"PATH=" + os.Getenv("PATH"), "PYTHONHOME=" + home, "PYTHONNOUSERSITE=1"}
	b, err := Open(context.Background(), Options{
		Frame: &config.Frame{App: "web:application", Settings: config.Settings{PathInfo: "text", Interpreter: python}}, Dir: dir, Env: env,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	answer := func(when, want string) {
		t.Helper()
		argv := b.Command()
		if got := b.ScriptOf(argv); got < 0 || argv[got] != b.Argv[b.Script] {
			t.Errorf("%s: the bridge is not found in %q", when, argv)
		}
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Env, cmd.Dir = env, dir
		if out, err := cmd.Output(); err != nil || !strings.HasSuffix(string(out), "\n"+want) {
			t.Errorf("%s: got %q, %v; want %s", when, out, err, want)
		}
	}
	check := func() {
		t.Helper()
		if file, err := b.Check(context.Background()); err != nil || file != filepath.Join(dir, "web.py") {
			t.Errorf("got %q, %v; want the app's file", file, err)
		}
	}
	answer("before the check", "0")
	check()
	answer("after it", "1")

	changed := filepath.Join(packages, "hook.pth")
	if err := os.WriteFile(changed, []byte("import sys\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	answer("with something new installed", "0")
	check()
	answer("checked again, with a line of code that site has to run", "0")
	if err := os.Remove(changed); err != nil {
		t.Fatal(err)
	}
	answer("not yet checked again", "0")
	check()
	answer("checked again", "1")

	if err := os.WriteFile(filepath.Join(packages, "some.pth"), []byte("# of another length\n"+elsewhere+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	answer("with a file rewritten", "0")
}

// What the bridge says is not taken unless all of it is understood.
func TestLearnSite(t *testing.T) {
	dir := t.TempDir()
	const installed = "installed=/one\x00installed=/two\x00"
	for _, tt := range []struct{ facts, want string }{
		{"", ""},
		{installed, "--installed /one --installed /two"},
		{installed + "distutils=distutils,pip\x00", "--installed /one --installed /two --distutils distutils,pip"},
		{installed + "seen=0 0 0 " + dir + "/not there\x00", "--installed /one --installed /two"},
		{installed + "seen=0 0 0 " + dir + "\x00", ""},
		{installed + "seen=0 0 0\x00", ""},
		{installed + "seen=0 x 0 /a\x00", ""},
		{installed + "more=1\x00", ""},
		{"distutils=distutils\x00", ""},
	} {
		b := &Bridge{Path: "python", Argv: []string{"python", "-X", "utf8", "wsgi.pyc", "--path-info", "text", "web:app"}, Script: 3}
		b.learnSite(tt.facts)
		want := b.Argv
		if tt.want != "" {
			want = slices.Concat([]string{"python", "-S", "-X", "utf8", "wsgi.pyc", "--path-info", "text"}, strings.Split(tt.want, " "), []string{"web:app"})
		}
		if got := b.Command(); !slices.Equal(got, want) {
			t.Errorf("%q: got %q; want %q", tt.facts, got, want)
		}
	}
}
