package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode"
)

// Group is a cgroup that processes are cloned into.
type Group struct {
	Report Report
	path   string
	dir    *os.File
	events *os.File
}

// Open makes a group for the frame name. It fails with ErrUnavailable where
// there can be none; a limit that cannot be had is no error, and in Report.
func Open(name string, limits Limits) (*Group, error) {
	parent, err := Dir()
	if err != nil {
		return nil, unavailable(err)
	}
	path, err := makeDir(parent, name)
	if err != nil {
		return nil, unavailable(err)
	}
	g := &Group{path: path}
	if err := g.open(); err != nil {
		g.Close()
		return nil, unavailable(err)
	}
	if limits.Memory > 0 {
		g.Report.Memory = g.limitMemory(limits.Memory)
	}
	if limits.Processes > 0 {
		g.Report.Processes = g.limit("pids", limits.Processes)
	}
	return g, nil
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", ErrUnavailable, err) }

// makeDir makes a directory of its own for the frame: its name, or, when that
// is taken (a reload opens a frame's next group before it closes the last),
// its name and a number.
func makeDir(parent, name string) (path string, err error) {
	const tries = 1000
	for n := range tries {
		path = filepath.Join(parent, fileName(name))
		if n > 0 {
			path += "." + strconv.Itoa(n+1)
		}
		err = os.Mkdir(path, 0o755)
		if errors.Is(err, fs.ErrNotExist) {
			if err := os.Mkdir(parent, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return "", err
			}
			// It is missing again if the last group is closed at this moment,
			// which removes the parent.
			err = os.Mkdir(path, 0o755)
		}
		if !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return path, err
}

// fileName makes one path element of a frame's name.
func fileName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r == '/' || r == unicode.ReplacementChar || unicode.IsControl(r) {
			return '_'
		}
		return r
	}, name)
	const longest = 200 // of 255, and a number may follow
	return "frame-" + strings.ToValidUTF8(name[:min(len(name), longest)], "_")
}

func (g *Group) open() (err error) {
	if g.dir, err = os.Open(g.path); err != nil {
		return err
	}
	if g.events, err = os.Open(filepath.Join(g.path, "cgroup.events")); err != nil {
		return err // not a cgroup at all
	}
	if _, err := os.Stat(filepath.Join(g.path, "cgroup.kill")); err != nil {
		g.Report.Kill = errors.New("the kernel has no cgroup.kill: it came with Linux 5.14")
	}
	return g.try()
}

// try clones into the group once: a container may have no clone3, a directory
// that may be written to may belong to a subtree that may not be entered. The
// empty path cannot be executed, so that nothing is run.
func (g *Group) try() error {
	pid, err := syscall.ForkExec("", []string{""}, &syscall.ProcAttr{
		Sys: &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: g.FD()},
	})
	switch {
	case errors.Is(err, syscall.ENOENT):
		return nil
	case err != nil:
		return fmt.Errorf("start a process in %s: %w", g.path, err)
	}
	var status syscall.WaitStatus
	for {
		if _, err := syscall.Wait4(pid, &status, 0, nil); err != syscall.EINTR {
			break
		}
	}
	// See Kill. A new group has seen no kill, but the gateway's may have.
	return fmt.Errorf("start a process in %s: it dies at once: the gateway's own cgroup was killed before, start it in another", g.path)
}

func (g *Group) limitMemory(limit int64) error {
	if err := g.limit("memory", limit); err != nil {
		return err
	}
	err := put(filepath.Join(g.path, "memory.swap.max"), "0")
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a kernel that does not account for swap
	}
	return err
}

func (g *Group) limit(controller string, limit int64) error {
	parent := filepath.Dir(g.path)
	for _, dir := range []string{filepath.Dir(parent), parent} {
		if err := enable(dir, controller); err != nil {
			return err
		}
	}
	return put(filepath.Join(g.path, controller+".max"), strconv.FormatInt(limit, 10))
}

// enable passes a controller on to the children of dir.
func enable(dir, controller string) error {
	switch has, err := lists(filepath.Join(dir, "cgroup.controllers"), controller); {
	case err != nil:
		return err
	case !has:
		return fmt.Errorf("%s has no %s controller: it belongs to cgroup v1, or was not delegated", dir, controller)
	}
	control := filepath.Join(dir, "cgroup.subtree_control")
	if has, err := lists(control, controller); err != nil || has {
		return err
	}
	err := put(control, "+"+controller)
	if errors.Is(err, syscall.EBUSY) {
		return fmt.Errorf("%s holds processes and so cannot pass its %s controller on: a systemd unit needs Delegate=yes and DelegateSubgroup=gateway",
			dir, controller)
	}
	return err
}

// lists says whether word is in file.
func lists(file, word string) (bool, error) {
	text, err := os.ReadFile(file)
	return slices.Contains(strings.Fields(string(text)), word), err
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
func (g *Group) FD() int { return int(g.dir.Fd()) }

// Populated says whether any process lives in the group.
func (g *Group) Populated() (bool, error) { return populated(g.events) }

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
	for _, f := range []*os.File{g.events, g.dir} {
		if f != nil {
			f.Close()
		}
	}
	syscall.Rmdir(filepath.Dir(g.path)) // works for the last one
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
