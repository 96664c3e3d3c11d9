//go:build linux && (amd64 || arm64)

package process

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// As PID 1 would, a subreaper inherits the children of those that end first.
func TestOrphansAreReapedAndOwnChildrenAreNot(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	orphans := &Orphans{}
	ctx, cancel := context.WithCancel(context.Background())
	var reaping sync.WaitGroup
	reaping.Go(func() { orphans.Reap(ctx) })
	defer func() { cancel(); reaping.Wait() }()

	// A frame whose child outlives it in a session of its own, and ends then.
	p, err := Start(&Spec{
		Path: "/bin/sh", Argv: []string{"sh", "-c", "setsid sh -c 'exec >&- 2>&-; sleep 0.2' & echo $!; exit 7"},
		Env: []string{"PATH=/usr/bin:/bin"}, Dir: "/", Watcher: orphans,
	})
	if err != nil {
		t.Fatal(err)
	}
	// One of our own that has ended but whose status is still to be taken.
	own, err := os.StartProcess("/bin/false", []string{"false"}, &os.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	orphans.Started(nil, own.Pid)

	buf := make([]byte, 32)
	n, _ := p.Output().Read(buf)
	orphan, err := strconv.Atoi(strings.TrimSpace(string(buf[:n])))
	if err != nil {
		t.Fatal(err)
	}
	if exit := p.Wait(); exit.Code != 7 {
		t.Errorf("got exit %+v of the frame; want status 7", exit)
	}
	for deadline := time.Now().Add(20 * time.Second); unix.Kill(orphan, 0) == nil; {
		if time.Now().After(deadline) {
			t.Fatalf("process %d is still there", orphan)
		}
		time.Sleep(10 * time.Millisecond) // polls: the kernel tells nobody but the parent
	}
	if !slices.ContainsFunc(zombies(), func(z zombie) bool { return z.pid == own.Pid }) {
		t.Error("our own child was reaped behind our back")
	}
	state, err := own.Wait()
	if err != nil || state.ExitCode() != 1 {
		t.Errorf("got %v, %v; want exit status 1", state, err)
	}
}
