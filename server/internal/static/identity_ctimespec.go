//go:build darwin || freebsd || netbsd

package static

import (
	"os"
	"syscall"
)

// identity is the inode and the time of its last change in nanoseconds.
func identity(info os.FileInfo) (inode uint64, changed int64) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ino, st.Ctimespec.Nano()
	}
	return 0, 0
}
