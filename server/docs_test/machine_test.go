package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"framegate/server/internal/cgroup"
	"framegate/server/internal/process"
)

// abilities are what a block may want of the machine or of who runs the test,
// and no package gives: each says why it is not to be had.
var abilities = map[string]func() error{
	"root": func() error {
		user, err := process.LookupUser("nobody")
		if err != nil {
			return err
		}
		_, err = process.Confine(process.Limits{User: user, Group: -1, Umask: -1})
		return err
	},
	"landlock": func() error {
		c, err := process.Confine(process.Limits{Group: -1, Umask: -1, Sandbox: &process.Sandbox{}})
		if err != nil {
			return err
		}
		return c.Close()
	},
	"cgroup": func() error {
		g, err := cgroup.Open("docs", cgroup.Limits{})
		if err != nil {
			return err
		}
		return g.Close()
	},
}

// wantMachine skips a block that this machine cannot show.
func wantMachine(t *testing.T, wanted string) {
	t.Helper()
	for _, name := range strings.Split(wanted, ",") {
		able, known := abilities[name]
		if !known {
			t.Fatalf("machine=%s: not known", name)
		}
		if err := able(); err != nil {
			t.Skipf("%s: %v", name, err)
		}
	}
}

// letIn lets every user reach the desk: frames may run as another.
func letIn(t *testing.T, dir string) {
	t.Helper()
	for temp := os.TempDir(); len(dir) > len(temp); dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err == nil {
			err = os.Chmod(dir, info.Mode().Perm()|0o711)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// note is what `framegate check` says where a machine has no cgroups, or not
// all their controllers. Documents show it only where they speak of it.
var note = regexp.MustCompile(`(?m)^note: (?:all )?frame.*\n`)

func withoutNotes(got, want string) string {
	if note.MatchString(want) {
		return got
	}
	return note.ReplaceAllString(got, "")
}
