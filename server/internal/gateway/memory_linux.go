package gateway

import (
	"os"

	"golang.org/x/sys/unix"
)

// memoryFile is a file without a name that lies in memory, nil where there
// can't be one.
func memoryFile() *os.File {
	fd, err := unix.MemfdCreate("framegate-body", unix.MFD_CLOEXEC|unix.MFD_NOEXEC_SEAL)
	if err == unix.EINVAL { // ahead of Linux 6.3
		fd, err = unix.MemfdCreate("framegate-body", unix.MFD_CLOEXEC)
	}
	if err != nil {
		return nil
	}
	return os.NewFile(uintptr(fd), "framegate-body")
}
