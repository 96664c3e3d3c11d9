package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"framegate/server/internal/testframe"
)

func TestMain(m *testing.M) {
	testframe.Main(os.Args)
	if os.Getenv(movedEnv) != "" {
		moved()
	}
	goleak.VerifyTestMain(m)
}

// open makes a group, or says why there is none on this machine: then that
// reason is all that can be tested.
func open(t *testing.T, name string, limits Limits) *Group {
	t.Helper()
	g, err := Open(name, limits)
	if err != nil {
		if !errors.Is(err, ErrUnavailable) || !strings.HasPrefix(err.Error(), "cgroup v2 cannot be used: ") {
			t.Fatalf("got %v; want ErrUnavailable and a reason", err)
		}
		if mayMakeGroups() {
			t.Fatalf("got %v, but this test can make a directory there", err)
		}
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil && !errors.Is(err, fs.ErrClosed) {
			t.Errorf("close: %v", err)
		}
	})
	return g
}

func mayMakeGroups() bool {
	dir, err := base()
	if err != nil {
		return false
	}
	dir = filepath.Join(dir, "framegate-probe-"+strconv.Itoa(os.Getpid()))
	return os.Mkdir(dir, 0o755) == nil && os.Remove(dir) == nil
}

// start runs argv in the group, and returns the two process ids that it prints.
func start(t *testing.T, g *Group, argv ...string) []int {
	t.Helper()
	fd, err := g.FD()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: fd, Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pids := make([]int, 2)
	t.Cleanup(func() { // the rest of the group is killed when it is closed
		cmd.Process.Kill()
		cmd.Wait()
	})
	for i := range pids {
		if _, err := fmt.Fscanln(out, &pids[i]); err != nil {
			t.Fatal(err)
		}
	}
	return pids
}

// daemonised is a frame whose child has left for a session of its own. It
// prints the child's number, and its own.
func daemonised() []string {
	daemon := testframe.Grandchild(true, testframe.Ignore(syscall.SIGTERM), testframe.Ignore(syscall.SIGHUP),
		testframe.PrintPID(), testframe.Ready(), testframe.Hang())
	return testframe.Command(daemon, testframe.PrintPID(), testframe.Hang())
}

// alive says whether pid runs; a zombie does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(stat), ") ")
	return err == nil && rest != "" && rest[0] != 'Z' && rest[0] != 'X'
}

func TestKillReachesDaemons(t *testing.T) {
	g := open(t, "daemons", Limits{})
	if got, err := g.Populated(); got || err != nil {
		t.Errorf("populated before the start: got %v, %v; want false", got, err)
	}
	for range 3 { // the group is there for the next exchange
		pids := start(t, g, daemonised()...)
		if sid, err := sessionOf(pids[0]); err != nil || sid != pids[0] {
			t.Fatalf("the daemon's session: got %d, %v; want its own, %d", sid, err, pids[0])
		}
		if got, err := g.Populated(); !got || err != nil {
			t.Errorf("populated while it runs: got %v, %v; want true", got, err)
		}
		if err := g.Kill(); err != nil {
			t.Fatal(err)
		}
		if got, err := g.Populated(); got || err != nil {
			t.Errorf("populated after the kill: got %v, %v; want false", got, err)
		}
		for _, pid := range pids {
			if alive(pid) {
				t.Errorf("process %d lives on", pid)
			}
		}
	}
}

// A bomb forks faster than a list of its processes can be read.
func TestKillStopsForkBomb(t *testing.T) {
	for _, tt := range []struct {
		name string
		kill func(*Group) error
	}{{"kill", (*Group).Kill}, {"close", (*Group).Close}} {
		t.Run(tt.name, func(t *testing.T) {
			g := open(t, "bomb", Limits{})
			start(t, g, "sh", "-c", `f() { echo $$; while :; do (setsid true &); done; }; f & f`)
			if err := tt.kill(g); err != nil {
				t.Fatal(err)
			}
			if tt.name == "kill" {
				if got, err := g.Populated(); got || err != nil {
					t.Errorf("populated after the kill: got %v, %v; want false", got, err)
				}
			}
		})
	}
}

// What older kernels have in place of cgroup.kill.
func TestKillEachIsForTrees(t *testing.T) {
	g := open(t, "tree", Limits{})
	pids := start(t, g, daemonised()...)
	inner := filepath.Join(g.Path(), "inner")
	if err := os.Mkdir(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := put(filepath.Join(inner, "cgroup.procs"), strconv.Itoa(pids[0])); err != nil {
		t.Fatal(err)
	}
	if err := g.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("process %d lives on", pid)
		}
	}
}

func sessionOf(pid int) (int, error) {
	sid, _, errno := syscall.Syscall(syscall.SYS_GETSID, uintptr(pid), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(sid), nil
}

func TestCloseKillsAndRemoves(t *testing.T) {
	g := open(t, "closed", Limits{})
	pids := start(t, g, daemonised()...)
	inner := filepath.Join(g.Path(), "made-by-the-frame")
	if err := os.Mkdir(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := put(filepath.Join(inner, "cgroup.procs"), strconv.Itoa(pids[0])); err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("process %d lives on", pid)
		}
	}
	for _, dir := range []string{g.Path(), filepath.Dir(g.Path())} {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %v; want that it is gone", dir, err)
		}
	}
	if err := Remove(g.Path()); err != nil {
		t.Errorf("remove again: got %v; want no error", err)
	}
}

func BenchmarkPopulated(b *testing.B) {
	g, err := Open("bench", Limits{})
	if err != nil {
		b.Skip(err)
	}
	defer g.Close()
	for b.Loop() {
		if _, err := g.Populated(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenClose(b *testing.B) {
	for b.Loop() {
		g, err := Open("bench", Limits{})
		if err != nil {
			b.Skip(err)
		}
		if err := g.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
