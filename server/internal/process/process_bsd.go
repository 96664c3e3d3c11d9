//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package process

import (
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// pipeCloseOnExec holds the fork lock, so that no child is started between
// the pipe and the flag.
func pipeCloseOnExec(fds *[2]int) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := syscall.Pipe(fds[:]); err != nil {
		return err
	}
	syscall.CloseOnExec(fds[0])
	syscall.CloseOnExec(fds[1])
	return nil
}

func maxRSSKiB(u *syscall.Rusage) int64 {
	if runtime.GOOS == "darwin" {
		return int64(u.Maxrss) / 1024 // macOS counts bytes
	}
	return int64(u.Maxrss)
}

// waiter waits for a process through a kqueue of its own.
type waiter struct{}

// untilExited returns when the process has ended; it stays to be reaped.
func (waiter) untilExited(pid int) {
	kq, err := unix.Kqueue()
	if err != nil {
		return
	}
	defer unix.Close(kq)
	var change unix.Kevent_t
	unix.SetKevent(&change, pid, unix.EVFILT_PROC, unix.EV_ADD|unix.EV_ONESHOT)
	change.Fflags = unix.NOTE_EXIT
	events := make([]unix.Kevent_t, 1)
	for {
		// A process that has ended already cannot be watched: ESRCH.
		_, err := unix.Kevent(kq, []unix.Kevent_t{change}, events, nil)
		if err != unix.EINTR {
			return
		}
	}
}

func forkExec(spec *Spec, fds [3]uintptr, _ *int32, _ bool) (int, waiter, error) {
	pid, err := syscall.ForkExec(spec.Path, spec.Argv, &syscall.ProcAttr{
		Dir:   spec.Dir,
		Env:   spec.Env,
		Files: fds[:],
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	return pid, waiter{}, err
}

// exitedWithin is for processes that were started ahead: none is here.
func (waiter) exitedWithin(*Patience, int) (bool, error) { return false, nil }

func (waiter) close() {}

// SealInherited marks the descriptors that this program was started with
// close-on-exec.
func SealInherited() error {
	for fd := 3; fd < 256; fd++ {
		syscall.CloseOnExec(fd)
	}
	return nil
}
