package process

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func pipeCloseOnExec(fds *[2]int) error { return syscall.Pipe2(fds[:], syscall.O_CLOEXEC) }

func maxRSSKiB(u *syscall.Rusage) int64 { return u.Maxrss }

// waiter waits for a process through a pidfd and the runtime's poller, so
// that a running exchange parks no thread.
type waiter struct {
	pidfd  *os.File
	launch *launch // of a process that may not have become the program yet
}

func forkExec(spec *Spec, fds [3]uintptr, starting *int32, ahead bool) (int, waiter, error) {
	if ahead && hasClone3() {
		pid, l, err := spawnAhead(spec, fds, starting)
		if err != nil {
			return 0, waiter{}, err
		}
		return pid, waiter{pollPidfd(int(l.pidfd)), l}, nil
	}
	pid, pidfd, err := spawn(spec, fds, starting)
	if err != nil {
		return 0, waiter{}, err
	}
	return pid, waiter{pidfd: pollPidfd(pidfd)}, nil
}

// pollPidfd gives a pidfd to the runtime's poller; nil where there is none.
func pollPidfd(fd int) *os.File {
	if fd < 0 {
		return nil
	}
	if setNonblock(fd) != nil {
		syscall.Close(fd)
		return nil
	}
	return os.NewFile(uintptr(fd), "pidfd")
}

// exitedWithin waits with patience for the end of a process that was started ahead.
// It fails when that could not become the program; then it has ended, too.
func (w *waiter) exitedWithin(patience *Patience, pid int) (exited bool, err error) {
	if w.launch == nil {
		return false, nil
	}
	if w.pidfd != nil {
		patience.wait(w.pidfd)
		exited = w.polled(pid)
		patience.done(w.pidfd)
	}
	err = w.launch.settle()
	w.launch = nil
	return exited, err
}

// untilExited returns when the process has ended; it stays to be reaped.
func (w waiter) untilExited(pid int) {
	if w.pidfd != nil && w.polled(pid) {
		return
	}
	hasExited(pid, 0) // no pidfd (a kernel before 5.4, a strict sandbox)
}

func (w waiter) polled(pid int) bool {
	raw, err := w.pidfd.SyscallConn()
	return err == nil && raw.Read(func(uintptr) bool { return hasExited(pid, unix.WNOHANG) }) == nil
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

// quietChildren has the kernel tell of the end of a child only those who wait
// for it. Otherwise each end would interrupt some thread for a signal that
// nobody has asked for.
func quietChildren() {
	var byDefault [32]uint64 // struct sigaction, of whatever system
	syscall.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGCHLD), uintptr(unsafe.Pointer(&byDefault)), 0, 8, 0, 0)
}
