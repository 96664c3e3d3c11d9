package runner

import (
	"os"

	"golang.org/x/sys/unix"
)

// widen lets a pipe hold more, if the system lets it: a large answer is then
// fewer turns.
func widen(pipe *os.File) {
	raw, err := pipe.SyscallConn()
	if err == nil {
		raw.Control(func(fd uintptr) { unix.FcntlInt(fd, unix.F_SETPIPE_SZ, 256<<10) })
	}
}

func socketPair() ([2]int, error) {
	return unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
}

func streamSocket() (int, error) {
	return unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
}
