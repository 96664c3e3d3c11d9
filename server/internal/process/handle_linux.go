package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// Handle tells whether a number still is that of the process it was opened for.
type Handle struct{ pidfd int }

// deepest bounds how many processes may be between an ancestor and its
// descendant: wrappers of an interpreter.
const deepest = 16

var hasProc = sync.OnceValue(func() bool {
	_, err := os.Stat("/proc/self/stat")
	return err == nil
})

// OpenHandle opens the handle of a process that another process has named. It
// must be a descendant of ancestor's: whoever may signal every process, as root
// may, must not be had to signal a stranger.
func OpenHandle(pid, ancestor int) (*Handle, error) {
	h := &Handle{-1}
	if fd, err := unix.PidfdOpen(pid, 0); err == nil { // else the kernel is older than 5.3, or the check below fails
		h.pidfd = fd
	}
	if !hasProc() {
		return h, nil // nobody can tell
	}
	for at, depth := pid, 0; depth < deepest && at > 1 && ancestor > 1; depth++ {
		parent, err := parentOf(at)
		if err != nil {
			break
		}
		if parent == ancestor {
			return h, nil
		}
		at = parent
	}
	h.Close()
	return nil, fmt.Errorf("process %d is no descendant of %d", pid, ancestor)
}

// Holds reports whether the process runs, or is a zombie. Where that cannot
// be told it is true.
func (h *Handle) Holds() bool {
	return h.pidfd < 0 || unix.PidfdSendSignal(h.pidfd, 0, nil, 0) != unix.ESRCH
}

// Close gives the handle back.
func (h *Handle) Close() {
	if h.pidfd >= 0 {
		unix.Close(h.pidfd)
	}
}

func parentOf(pid int) (int, error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, err
	}
	// PID (NAME) STATE PPID …, and NAME may hold anything.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0, fmt.Errorf("/proc/%d/stat is not as it should be", pid)
	}
	return strconv.Atoi(string(fields[1]))
}
