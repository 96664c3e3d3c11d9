// Package nowait is system calls that never wait. The scheduler need not know
// of them: it would take the processor of one that lasts longer than some
// microseconds, as they do where the system lets somebody else run meanwhile,
// and to get it back costs more than the call.
package nowait

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Read reads what is there. The descriptor must not block.
func Read(fd int, p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, _, err := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		if err == 0 {
			return int(n), nil
		}
		if err != unix.EINTR {
			return -1, err
		}
	}
}

// Send sends on a socket, and never waits.
func Send(fd int, p []byte, flags int) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, _, err := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)),
			uintptr(flags|unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL), 0, 0)
		if err == 0 {
			return int(n), nil
		}
		if err != unix.EINTR {
			return -1, err
		}
	}
}
