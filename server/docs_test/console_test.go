package docs_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"framegate/server/docs_test/transcript"
	"framegate/server/internal/servertest"
)

// commandTimeout bounds one command; the slowest builds nothing.
const commandTimeout = 60 * time.Second

// TestTranscripts types what the documents type.
func TestTranscripts(t *testing.T) {
	t.Setenv("PATH", filepath.Dir(servertest.Build(t))+":"+os.Getenv("PATH"))
	t.Setenv("LC_ALL", "C.UTF-8") // the programs' own messages
	// On a terminal curl has no progress meter.
	t.Setenv("CURL_HOME", t.TempDir())
	if err := os.WriteFile(filepath.Join(os.Getenv("CURL_HOME"), ".curlrc"), []byte("silent\nshow-error\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, d := range documents(t) {
		t.Run(d.path, func(t *testing.T) {
			desk := &desk{home: t.TempDir(), root: root(t)}
			letIn(t, desk.home)
			for _, b := range d.blocks {
				desk.do(t, d.path, b)
			}
		})
	}
}

// A desk is where one document is worked through, from its top to its end.
type desk struct {
	home string
	root string // of the repository
}

func (k *desk) do(t *testing.T, path string, b transcript.Block) {
	where := fmt.Sprintf("line-%d", b.Line)
	if file := b.Value("file"); file != "" {
		k.write(t, filepath.Join(k.dir(t, b), file), b.Text)
		return
	}
	if b.Lang != "console" && b.Lang != "sh" {
		return
	}
	switch {
	case b.Has("test"):
		t.Run(where, func(t *testing.T) { k.typeBlock(t, b) })
	case typed(path) && !b.Has("by-hand"):
		t.Errorf("%s:%d: a block of %s is neither test nor by-hand", path, b.Line, b.Lang)
	}
}

// dir is the directory that a block is worked in.
func (k *desk) dir(t *testing.T, b transcript.Block) string {
	t.Helper()
	dir := filepath.Join(k.home, b.Value("in"))
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if b.Value("in") == "repo" {
		for _, name := range []string{"frames", "scripts", "static", "templates"} {
			if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(k.root, name))); err != nil {
				t.Fatal(err)
			}
		}
		config, err := os.ReadFile(filepath.Join(k.root, "gateway.toml"))
		if err != nil {
			t.Fatal(err)
		}
		k.write(t, filepath.Join(dir, "gateway.toml"), string(config))
	}
	return dir
}

func (k *desk) write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	mode := os.FileMode(0o644)
	if strings.HasPrefix(text, "#!") {
		mode = 0o755
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// typeBlock types the commands of one block. A server that is started in it
// runs until its end.
func (k *desk) typeBlock(t *testing.T, b transcript.Block) {
	if wanted := b.Value("machine"); wanted != "" {
		wantMachine(t, wanted)
	}
	if programs := b.Value("needs"); programs != "" {
		for _, program := range strings.Split(programs, ",") {
			need(t, program)
		}
	}
	dir := k.dir(t, b)
	if b.Lang == "sh" {
		if out, err := shell(t, dir, b.Text); err != nil {
			t.Errorf("$ %s: %v\n%s", b.Text, err, out)
		}
		return
	}
	commands := transcript.Commands(b.Text)
	if len(commands) == 0 {
		t.Fatal(`no command: a line that begins with "$ "`)
	}
	var s *server
	for _, c := range commands {
		script, got := strings.TrimSuffix(c.Script, "\n"), ""
		if strings.HasPrefix(script, "framegate serve") && strings.HasPrefix(c.Want, "framegate: serving") {
			s = startServer(t, dir, script)
			got = s.greeting
		} else {
			got, _ = shell(t, dir, s.toPort(script)) // mistakes are shown, too
		}
		got = withoutNotes(got, c.Want)
		if got, want := framedAlike(k.shown(s.fromPort(got)), plain(c.Want)); !transcript.Alike(got, want) {
			t.Errorf("$ %s\ngot:\n%s\nwant:\n%s", script, got, want)
		}
	}
}

// need is a program, or the path of a file, that scripts/test.sh installs.
func need(t *testing.T, what string) {
	t.Helper()
	if !filepath.IsAbs(what) {
		servertest.Require(t, "see scripts/test.sh", what)
	} else if _, err := os.Stat(what); err != nil {
		servertest.Missing(t, err.Error()+": see scripts/test.sh")
	}
}

// shell runs a script as it would be typed.
func shell(t *testing.T, dir, script string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second // for what it left behind with its output open
	out, err := cmd.CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && (!exited || ctx.Err() != nil) {
		t.Fatalf("$ %s: %v\n%s", script, err, out)
	}
	return string(out), err
}

var (
	// framing is the one header line that depends on how fast the frame is.
	framing = regexp.MustCompile(`(?m)^(Date: .*\n)(Content-Length|Transfer-Encoding): (?:\d+|chunked)$`)
	// columns are as wide as the paths of this machine.
	columns = regexp.MustCompile(`   *`)
)

// framedAlike leaves out how a body is framed where one of the two has a length
// and the other has chunks. Two lengths are to be the same.
func framedAlike(got, want string) (string, string) {
	of := func(s string) (names []string) {
		for _, m := range framing.FindAllStringSubmatch(s, -1) {
			names = append(names, m[2])
		}
		return names
	}
	gotNames, wantNames := of(got), of(want)
	alike := func(k int) bool {
		return len(gotNames) == len(wantNames) && gotNames[k] == wantNames[k]
	}
	loosened := func(s string) string {
		k := -1
		return framing.ReplaceAllStringFunc(s, func(line string) string {
			if k++; alike(k) {
				return line
			}
			return framing.ReplaceAllString(line, "${1}Transfer-Encoding: chunked")
		})
	}
	return loosened(got), loosened(want)
}

// plain is a text without what differs from machine to machine.
func plain(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return columns.ReplaceAllString(s, "  ")
}

// shown is output as documents show it: they are worked through in a
// directory of their own.
func (k *desk) shown(s string) string {
	return plain(strings.ReplaceAll(s, k.home, "/srv/site"))
}
