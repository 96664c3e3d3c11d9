package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"unsafe"

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

// OpenHandle opens the handle of a process that another process has named, or
// returns nil when that is gone. It must be a descendant of ancestor's: whoever
// may signal every process, as root may, must not be had to signal a stranger.
func OpenHandle(pid, ancestor int) (*Handle, error) {
	if pid <= 1 || ancestor <= 1 {
		return nil, fmt.Errorf("process %d is no descendant of %d", pid, ancestor) // and -1 is everybody to kill(2)
	}
	h := &Handle{-1}
	switch fd, err := unix.PidfdOpen(pid, 0); err {
	case nil:
		h.pidfd = fd
		if parent, ok := parentBy(fd); ok && parent == ancestor {
			return h, nil
		}
	case unix.ESRCH:
		return nil, nil
	} // else the kernel is older than 5.3, or the check below fails
	if !hasProc() {
		return h, nil // nobody can tell
	}
	for at, depth := pid, 0; depth < deepest && at > 1; depth++ {
		parent, err := parentOf(at)
		if err != nil && at == pid {
			h.Close()
			return nil, nil
		}
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
// be told it is true, of nil it is false.
func (h *Handle) Holds() bool {
	return h != nil && (h.pidfd < 0 || unix.PidfdSendSignal(h.pidfd, 0, nil, 0) != unix.ESRCH)
}

// Close gives the handle back.
func (h *Handle) Close() {
	if h != nil && h.pidfd >= 0 {
		unix.Close(h.pidfd)
	}
}

// pidfdInfo is the kernel's struct pidfd_info, in its first version.
type pidfdInfo struct {
	mask, cgroup                       uint64
	pid, tgid, ppid                    uint32
	ruid, rgid, euid, egid, suid, sgid uint32
	fsuid, fsgid                       uint32
	exitCode                           int32
}

// parentBy asks the kernel who the parent of a process is; Linux 6.13 and
// later answer.
func parentBy(pidfd int) (parent int, ok bool) {
	const (
		pidfdGetInfo = 0xc040ff0b // _IOWR(0xff, 11, struct pidfd_info)
		infoPid      = 1
	)
	info := pidfdInfo{mask: infoPid}
	_, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(pidfd), pidfdGetInfo, uintptr(unsafe.Pointer(&info)))
	return int(info.ppid), errno == 0 && info.mask&infoPid != 0
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
