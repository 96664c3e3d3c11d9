package cgroup

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A reload opens a frame's next group before it closes the last.
func TestTwoOfOneName(t *testing.T) {
	first, second := open(t, "twice", Limits{}), open(t, "twice", Limits{})
	if first.Path() == second.Path() {
		t.Errorf("got %s for both", first.Path())
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(second.Path()); err != nil {
		t.Error(err)
	}
}

// Where a controller is missing the group says why, and works without.
func TestLimits(t *testing.T) {
	g := open(t, "limits", Limits{Memory: 64 << 20, Processes: 20})
	for _, tt := range []struct {
		name, file, want string
		missing          error
	}{
		{"memory", "memory.max", "67108864\n", g.Report.Memory},
		{"pids", "pids.max", "20\n", g.Report.Processes},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := os.ReadFile(filepath.Join(g.Path(), tt.file))
			if tt.missing == nil {
				if string(got) != tt.want || err != nil {
					t.Errorf("%s: got %q, %v; want %q", tt.file, got, err, tt.want)
				}
				return
			}
			if err == nil && string(got) == tt.want {
				t.Errorf("got %v, but the limit is in force", tt.missing)
			}
			base := filepath.Dir(filepath.Dir(g.Path()))
			has, err := lists(filepath.Join(base, "cgroup.controllers"), tt.name)
			want := base + " has no " + tt.name + " controller: it belongs to cgroup v1, or was not delegated"
			if err == nil && !has && tt.missing.Error() != want {
				t.Errorf("got %q; want %q", tt.missing, want)
			}
			if has && tt.missing.Error() == want {
				t.Errorf("got %q, but it has one", tt.missing)
			}
		})
	}
	if g := open(t, "no limits", Limits{}); g.Report.Memory != nil || g.Report.Processes != nil {
		t.Errorf("got %v, %v; want nothing where nothing was asked for", g.Report.Memory, g.Report.Processes)
	}
}

// The rule that a cgroup with processes passes no controller on, with
// whatever controller this machine has in its v2 hierarchy.
func TestEnable(t *testing.T) {
	g := open(t, "enable", Limits{})
	parent := filepath.Dir(g.Path())
	base := filepath.Dir(parent)
	text, err := os.ReadFile(filepath.Join(base, "cgroup.controllers"))
	if err != nil {
		t.Fatal(err)
	}
	if len(strings.Fields(string(text))) == 0 {
		t.Skipf("%s has no controllers at all", base)
	}
	controller := strings.Fields(string(text))[0]
	was, err := lists(filepath.Join(base, "cgroup.subtree_control"), controller)
	if err != nil {
		t.Fatal(err)
	}
	if err := enable(base, controller); err != nil {
		t.Skip(err) // the test's own cgroup holds the test, and is not the root
	}
	if !was {
		defer put(filepath.Join(base, "cgroup.subtree_control"), "-"+controller)
	}
	defer put(filepath.Join(parent, "cgroup.subtree_control"), "-"+controller)
	for range 2 {
		if err := enable(parent, controller); err != nil {
			t.Errorf("%s, which holds no process: got %v", parent, err)
		}
	}
	start(t, g, daemonised()...)
	want := g.Path() + " holds processes and so cannot pass its " + controller +
		" controller on: a systemd unit needs Delegate=yes and DelegateSubgroup=gateway"
	if err := enable(g.Path(), controller); err == nil || err.Error() != want {
		t.Errorf("got %v; want %q", err, want)
	}
	if err := g.Kill(); err != nil {
		t.Error(err)
	}
}

const movedEnv = "FRAMEGATE_TEST_CGROUP_MOVED"

// moved is a gateway that waits until it has been moved to another cgroup,
// and says what it makes of it.
func moved() {
	fmt.Scanln()
	g, err := Open("moved", Limits{})
	if err == nil {
		err = g.Close()
	}
	fmt.Print(err)
	os.Exit(0)
}

// A gateway in a cgroup that was killed before can start nothing in a new
// one, or everything: it depends on the kernel, and Open knows.
func TestOpenTriesItOut(t *testing.T) {
	for _, tt := range []struct {
		name string
		kill bool
		want string
	}{
		{"never-killed", false, "<nil>"},
		{"killed-before", true, "it dies at once: the gateway's own cgroup was killed before, start it in another"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := open(t, "own", Limits{})
			if tt.kill {
				if g.Report.Kill != nil {
					t.Skip(g.Report.Kill)
				}
				if err := kill(g.Path()); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), movedEnv+"=1")
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			cmd.Stdout = &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if err := put(filepath.Join(g.Path(), "cgroup.procs"), strconv.Itoa(cmd.Process.Pid)); err != nil {
				t.Error(err)
			}
			in.Close()
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			kernelIsFine := tt.kill && out.String() == "<nil>"
			if !strings.HasSuffix(out.String(), tt.want) && !kernelIsFine {
				t.Errorf("got %q; want %q at its end", out.String(), tt.want)
			}
			t.Log(out.String())
		})
	}
}

func TestFileName(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"shop", "frame-shop"},
		{"", "frame-"},
		{"..", "frame-.."},
		{"a/b", "frame-a_b"},
		{"two\nlines\x00", "frame-two_lines_"},
		{"股票", "frame-股票"},
		{"\xff", "frame-_"},
		{strings.Repeat("a", 199) + "世", "frame-" + strings.Repeat("a", 199) + "_"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := fileName(tt.name); got != tt.want {
				t.Errorf("got %q; want %q", got, tt.want)
			}
		})
	}
}

// What one group has shown holds for the next; its files are opened when they
// are needed, and not behind its end.
func TestParent(t *testing.T) {
	open(t, "probe", Limits{}).Close() // skips where there are none
	var p Parent
	for round := range 2 { // the parent's directory goes with the last group, and comes again
		var groups []*Group
		for _, name := range []string{"one", "two", "two"} {
			g, err := p.Open(name, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if len(groups)+round > 0 && (g.dir.Load() != nil || g.events.Load() != nil) {
				t.Errorf("%s: its files are open already", name)
			}
			groups = append(groups, g)
		}
		start(t, groups[2], daemonised()...)
		if got, err := groups[2].Populated(); !got || err != nil {
			t.Errorf("populated while it runs: got %v, %v; want true", got, err)
		}
		for i, g := range groups {
			_, before := os.Stat(filepath.Dir(g.Path()))
			if err := g.Close(); err != nil || before != nil {
				t.Errorf("group %d: got %v, %v; want it there, and closed", i, before, err)
			}
			if _, err := g.FD(); !errors.Is(err, os.ErrClosed) {
				t.Errorf("after Close: got %v; want %v", err, os.ErrClosed)
			}
		}
		if _, err := os.Stat(filepath.Dir(groups[0].Path())); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("after the last Close: got %v; want the parent gone", err)
		}
	}
}
