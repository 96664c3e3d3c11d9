package loop_test

import (
	"os"

	"golang.org/x/sys/unix"
)

// dup is a descriptor of f for the loop to close, and how long the file is.
func dup(f *os.File) (int, int64) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	info, serr := f.Stat()
	if err != nil || serr != nil {
		return 0, 0
	}
	return fd, info.Size()
}
