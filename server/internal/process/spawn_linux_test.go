//go:build linux && (amd64 || arm64)

package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// spawned runs spec by one of the two clones and returns its output and exit.
func spawned(t *testing.T, clone3 bool, spec *Spec) (string, Exit, error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	pid, pidfd, err := spawnBy(clone3, spec, [3]uintptr{null.Fd(), w.Fd(), w.Fd()}, nil)
	w.Close()
	if err != nil {
		return "", Exit{}, err
	}
	unix.Close(pidfd)
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(out), reap(pid), nil
}

// eachClone runs a test by clone3 and by the older clone, which containers
// with a seccomp filter fall back to.
func eachClone(t *testing.T, test func(t *testing.T, clone3 bool)) {
	for _, clone3 := range []bool{true, false} {
		t.Run(fmt.Sprintf("clone3=%v", clone3), func(t *testing.T) { test(t, clone3) })
	}
}

func TestSpawnHandsOver(t *testing.T) {
	if err := SealInherited(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	const script = `echo "$0 $1 $A ${PWD}"; cat /proc/self/status | grep -E '^Sig(Blk|Cgt)' | tr -d '\t' | tr '\n' ' '; ps -o pgid= -p $$ | tr -d ' '; echo $$; ls /proc/self/fd | tr '\n' ' '`
	eachClone(t, func(t *testing.T, clone3 bool) {
		out, exit, err := spawned(t, clone3, &Spec{
			Path: "/bin/sh", Argv: []string{"sh", "-c", script, "zero", "one"}, Env: []string{"A=ä\n", "PATH=/bin:/usr/bin"}, Dir: dir,
		})
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(out, "\n")
		if want := "zero one ä"; lines[0] != want {
			t.Errorf("got first line %q; want %q", lines[0], want)
		}
		if want := " " + dir; lines[1] != want {
			t.Errorf("got second line %q; want %q", lines[1], want)
		}
		status, pgid, _ := strings.Cut(lines[2], " SigCgt:0000000000000000 ")
		if status != "SigBlk:0000000000000000" {
			t.Errorf("got signal state %q; want nothing blocked or caught", lines[2])
		}
		if pgid != lines[3] {
			t.Errorf("got process group %q of process %q; want a group of its own", pgid, lines[3])
		}
		if got := lines[4]; got != "0 1 2 3 " {
			t.Errorf("got descriptors %q; want 0 1 2 and ls's own 3", got)
		}
		if !exit.Clean() {
			t.Errorf("got exit %+v; want a clean one", exit)
		}
	})
}

func TestSpawnKeepsTheSoftLimitOfOpenFiles(t *testing.T) {
	var raised unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &raised); err != nil {
		t.Fatal(err)
	}
	original := openFiles()
	if original.Cur == 0 || original.Cur > raised.Cur {
		t.Fatalf("got original limit %d, raised to %d", original.Cur, raised.Cur)
	}
	eachClone(t, func(t *testing.T, clone3 bool) {
		out, _, err := spawned(t, clone3, &Spec{Path: "/bin/sh", Argv: []string{"sh", "-c", "ulimit -Sn"}})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := strings.TrimSpace(out), fmt.Sprint(original.Cur); got != want {
			t.Errorf("got soft limit %s; want %s", got, want)
		}
	})
}

func TestSpawnErrors(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("#!/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	garbage := filepath.Join(dir, "garbage")
	if err := os.WriteFile(garbage, []byte("no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		spec Spec
		want syscall.Errno
	}{
		{"missing program", Spec{Path: "/does/not/exist"}, syscall.ENOENT},
		{"no run bit", Spec{Path: plain}, syscall.EACCES},
		{"no program", Spec{Path: garbage}, syscall.ENOEXEC},
		{"missing directory", Spec{Path: "/bin/true", Dir: "/does/not/exist"}, syscall.ENOENT},
		{"string beyond the kernel's limit", Spec{Path: "/bin/true", Env: []string{"A=" + strings.Repeat("x", 128<<10)}}, syscall.E2BIG},
		{"NUL in the environment", Spec{Path: "/bin/true", Env: []string{"A=\x00"}}, syscall.EINVAL},
	} {
		t.Run(tt.name, func(t *testing.T) {
			eachClone(t, func(t *testing.T, clone3 bool) {
				tt.spec.Argv = []string{"x"}
				_, _, err := spawned(t, clone3, &tt.spec)
				if !errors.Is(err, tt.want) {
					t.Errorf("got %v; want %v", err, tt.want)
				}
			})
		})
	}
	// A child that could not become the program is reaped.
	if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); err != syscall.ECHILD {
		t.Errorf("got child %d, %v; want none left", pid, err)
	}
}

func TestSpawnFromManyThreads(t *testing.T) {
	eachClone(t, func(t *testing.T, clone3 bool) {
		var wg sync.WaitGroup
		for worker := range 16 {
			wg.Go(func() {
				for i := range 25 {
					want := fmt.Sprintf("%d.%d", worker, i)
					out, exit, err := spawned(t, clone3, &Spec{Path: "/bin/echo", Argv: []string{"echo", want}, Env: []string{"X=" + want}})
					if err != nil || strings.TrimSpace(out) != want || !exit.Clean() {
						t.Errorf("got %q, %+v, %v; want %s", out, exit, err, want)
					}
				}
			})
		}
		wg.Wait()
	})
}
