package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// endLimit is how long a killed group is waited for. Only processes that hang
// in the kernel take any time worth speaking of.
const endLimit = 5 * time.Second

// Remove kills all that runs in the cgroup dir and below, and removes it. It
// is no error when there is no such cgroup.
func Remove(dir string) error {
	if err := syscall.Rmdir(dir); err == nil || err == syscall.ENOENT {
		return nil // as most are in the end: nothing is in it
	}
	if err := untilEmpty(dir, kill); err != nil {
		return err
	}
	return removeTree(dir)
}

// untilEmpty kills until nothing of dir is left, be it dir itself.
func untilEmpty(dir string, kill func(dir string) error) error {
	events, err := os.Open(filepath.Join(dir, "cgroup.events"))
	if isGone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer events.Close()
	for end := time.Now().Add(endLimit); ; {
		alive, err := populated(events)
		switch {
		case isGone(err), err == nil && !alive:
			return nil
		case err != nil:
			return err
		case time.Now().After(end):
			return fmt.Errorf("kill %s: still alive after %v", dir, endLimit)
		}
		if err := kill(dir); err != nil && !isGone(err) {
			return err
		}
		// The kernel tells of a change as "exceptional". The bound is for what
		// was started after the kill.
		unix.Poll([]unix.PollFd{{Fd: int32(events.Fd()), Events: unix.POLLPRI}}, 100)
	}
}

// isGone: somebody else has removed the cgroup, before or after it was opened.
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV)
}

func removeTree(dir string) error {
	children, err := subdirs(dir)
	if err != nil {
		return err
	}
	for _, child := range children {
		if err := removeTree(child); err != nil {
			return err
		}
	}
	if err := syscall.Rmdir(dir); err != nil && err != syscall.ENOENT {
		return &fs.PathError{Op: "rmdir", Path: dir, Err: err}
	}
	return nil
}

func subdirs(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if isGone(err) {
		return nil, nil
	}
	var dirs []string
	for _, e := range entries {
		if e.IsDir() {
			dirs = append(dirs, filepath.Join(dir, e.Name()))
		}
	}
	return dirs, err
}

// kill kills all that runs in dir and below, at once.
func kill(dir string) error {
	err := put(filepath.Join(dir, "cgroup.kill"), "1")
	if errors.Is(err, fs.ErrNotExist) { // before Linux 5.14
		freeze(dir, "1")
		return killEach(dir)
	}
	return err
}

// freeze may fail: before Linux 5.2 there is no freezer, and killing takes
// the turns that it takes.
func freeze(dir, state string) { put(filepath.Join(dir, "cgroup.freeze"), state) }

// killEach kills all that runs in dir and below, one after the other.
func killEach(dir string) error {
	list, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return err
	}
	for _, word := range strings.Fields(string(list)) {
		// 0 is a process of another pid namespace, and to kill(2) ourselves.
		if pid, err := strconv.Atoi(word); err == nil && pid > 0 {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	children, err := subdirs(dir)
	for _, child := range children {
		err = errors.Join(err, killEach(child))
	}
	return err
}
