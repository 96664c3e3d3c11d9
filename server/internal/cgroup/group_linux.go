package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
)

// Group is a cgroup that processes are cloned into. Its files are opened when
// they are first needed: of ten thousand frames few have a request at a time,
// and a program may have so many files open and no more.
type Group struct {
	Report Report
	path   string
	parent *Parent

	dir    atomic.Pointer[os.File]
	events atomic.Pointer[os.File]
	mu     sync.Mutex // of those who open, and of Close
	closed bool
}

// Open makes a group for the frame name, by a Parent of its own.
func Open(name string, limits Limits) (*Group, error) { return new(Parent).Open(name, limits) }

// open opens a file of the group, "" for its directory, or returns what was
// opened before.
func (g *Group) open(at *atomic.Pointer[os.File], name string) (*os.File, error) {
	if f := at.Load(); f != nil {
		return f, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if f := at.Load(); f != nil {
		return f, nil
	}
	if g.closed {
		return nil, os.ErrClosed
	}
	f, err := os.Open(filepath.Join(g.path, name))
	if err != nil {
		return nil, err
	}
	at.Store(f)
	return f, nil
}

// try clones into the group once: a container may have no clone3, a directory
// that may be written to may belong to a subtree that may not be entered. The
// empty path cannot be executed, so that nothing is run.
// Its errors are the same for all groups where the reason is.
func (g *Group) try() error {
	fd, err := g.FD()
	if err != nil {
		return err
	}
	pid, err := syscall.ForkExec("", []string{""}, &syscall.ProcAttr{
		Sys: &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: fd},
	})
	switch {
	case errors.Is(err, syscall.ENOENT):
		return nil
	case err != nil:
		return fmt.Errorf("start a process in a cgroup of %s: %w", filepath.Dir(g.path), err)
	}
	var status syscall.WaitStatus
	for {
		if _, err := syscall.Wait4(pid, &status, 0, nil); err != syscall.EINTR {
			break
		}
	}
	// See Kill. A new group has seen no kill, but the gateway's may have.
	return fmt.Errorf("start a process in a cgroup of %s: it dies at once: the gateway's own cgroup was killed before, start it in another", filepath.Dir(g.path))
}

// put writes to a file that is there: os.WriteFile would try to create it.
func put(file, text string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// Path is the group's directory.
func (g *Group) Path() string { return g.path }

// FD is the group's directory, for CLONE_INTO_CGROUP. It is the group's.
func (g *Group) FD() (int, error) {
	dir, err := g.open(&g.dir, "")
	if err != nil {
		return -1, err
	}
	return int(dir.Fd()), nil
}

// Populated says whether any process lives in the group.
func (g *Group) Populated() (bool, error) {
	events, err := g.open(&g.events, "cgroup.events")
	if err != nil {
		return false, err
	}
	return populated(events)
}

// Kill kills all that is in the group, waits for the end, and leaves the
// group for further use. What is started in it meanwhile may be killed, too.
//
// It does so process by process: since Linux 6.14 (and older ones that were
// mended) a clone compares the number of kills that its own group has seen
// with that of the group it clones into, so that everything that is started
// in a group dies at once when that group has seen one cgroup.kill.
func (g *Group) Kill() error {
	freeze(g.path, "1") // what is frozen cannot fork, and still dies
	defer freeze(g.path, "0")
	return untilEmpty(g.path, killEach)
}

// Close kills all that is in the group and removes it.
func (g *Group) Close() error {
	err := Remove(g.path)
	g.mu.Lock()
	defer g.mu.Unlock()
	last := !g.closed && g.parent.groups.Add(-1) == 0
	g.closed = true
	for _, at := range []*atomic.Pointer[os.File]{&g.events, &g.dir} {
		if f := at.Swap(nil); f != nil {
			f.Close()
		}
	}
	if last {
		syscall.Rmdir(filepath.Dir(g.path)) // fails while another Parent has groups there
	}
	return err
}

// populated reads cgroup.events anew.
func populated(events *os.File) (bool, error) {
	var text [256]byte
	n, err := readOnce(events, text[:])
	for line := range bytes.Lines(text[:n]) {
		if value, ok := bytes.CutPrefix(line, []byte("populated ")); ok {
			return string(bytes.TrimSpace(value)) != "0", nil
		}
	}
	return false, fmt.Errorf("%s does not say whether it is populated: %w", events.Name(), err)
}

// readOnce reads the beginning of f. ReadAt would ask a second time, for the end.
func readOnce(f *os.File, buf []byte) (n int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	cerr := raw.Control(func(fd uintptr) { n, err = syscall.Pread(int(fd), buf, 0) })
	return max(n, 0), errors.Join(err, cerr)
}
