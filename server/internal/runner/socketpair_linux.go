package runner

import "golang.org/x/sys/unix"

func socketPair() ([2]int, error) {
	return unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
}

func streamSocket() (int, error) {
	return unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
}

// messagePair is a pair of sockets that keep messages apart.
func messagePair() ([2]int, error) {
	return unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
}

// answerPipe is a pipe that holds more than others, if the system lets it: a
// large answer is then fewer turns.
func answerPipe() ([2]int, error) {
	var fds [2]int
	err := unix.Pipe2(fds[:], unix.O_CLOEXEC)
	if err == nil {
		unix.FcntlInt(uintptr(fds[0]), unix.F_SETPIPE_SZ, 256<<10)
	}
	return fds, err
}
