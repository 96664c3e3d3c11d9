package process

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func pipeCloseOnExec(fds *[2]int) error { return syscall.Pipe2(fds[:], syscall.O_CLOEXEC) }

func maxRSSKiB(u *syscall.Rusage) int64 { return u.Maxrss }

// waiter waits for a process through a pidfd and the runtime's poller, so
// that a running exchange parks no thread.
type waiter struct{ pidfd *os.File }

func forkExec(spec *Spec, fds [3]uintptr, starting *int32) (int, waiter, error) {
	pid, pidfd, err := spawn(spec, fds, starting)
	if err != nil || pidfd < 0 {
		return pid, waiter{}, err
	}
	if syscall.SetNonblock(pidfd, true) != nil {
		syscall.Close(pidfd)
		return pid, waiter{}, nil
	}
	return pid, waiter{pidfd: os.NewFile(uintptr(pidfd), "pidfd")}, nil
}

// untilExited returns when the process has ended; it stays to be reaped.
func (w waiter) untilExited(pid int) {
	if w.pidfd != nil {
		raw, err := w.pidfd.SyscallConn()
		if err == nil && raw.Read(func(uintptr) bool { return hasExited(pid, unix.WNOHANG) }) == nil {
			return
		}
	}
	hasExited(pid, 0) // no pidfd (a kernel before 5.4, a strict sandbox)
}

func hasExited(pid, flags int) bool {
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT|flags, nil)
		if err == unix.EINTR {
			continue
		}
		// With WNOHANG and nothing to tell, the kernel leaves Signo at zero.
		return err != nil || info.Signo != 0
	}
}

func (w waiter) close() {
	if w.pidfd != nil {
		w.pidfd.Close()
	}
}

// SealInherited marks every descriptor above stderr that this program was
// started with close-on-exec: a frame has 0, 1, 2 and nothing else.
func SealInherited() error {
	return unix.CloseRange(3, ^uint(0)>>32, unix.CLOSE_RANGE_CLOEXEC)
}
