//go:build !linux

// Package nowait is system calls that never wait. See nowait_linux.go.
package nowait

import "golang.org/x/sys/unix"

// Read reads what is there. The descriptor must not block.
func Read(fd int, p []byte) (int, error) {
	for {
		if n, err := unix.Read(fd, p); err != unix.EINTR {
			return n, err
		}
	}
}

// SendTwo is Send for one message of two pieces, of which one may be empty.
func SendTwo(fd int, p, q []byte) (int, error) {
	for {
		if n, err := unix.SendmsgBuffers(fd, [][]byte{p, q}, nil, nil, unix.MSG_DONTWAIT); err != unix.EINTR {
			return n, err
		}
	}
}

// Send sends on a socket, and never waits.
func Send(fd int, p []byte, flags int) (int, error) {
	for {
		if n, err := unix.SendmsgN(fd, p, nil, nil, flags|unix.MSG_DONTWAIT); err != unix.EINTR {
			return n, err
		}
	}
}
