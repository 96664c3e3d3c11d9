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

// SendTwo is Send for one message of two pieces, of which one may be empty.
func SendTwo(fd int, p, q []byte) (int, error) {
	switch {
	case len(q) == 0:
		return Send(fd, p, 0)
	case len(p) == 0:
		return Send(fd, q, 0)
	}
	pieces := [2]unix.Iovec{{Base: &p[0]}, {Base: &q[0]}}
	pieces[0].SetLen(len(p))
	pieces[1].SetLen(len(q))
	message := unix.Msghdr{Iov: &pieces[0]}
	message.SetIovlen(len(pieces))
	for {
		n, _, err := syscall.RawSyscall(syscall.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&message)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
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
