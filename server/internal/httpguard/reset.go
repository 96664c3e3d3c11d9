package httpguard

import (
	"io"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// awaitReset is called when the client has ended its side while an exchange
// is under way. A client that half-closes still wants its answer (RFC 9112
// §9.6), so this waits, without a thread, until the connection is gone for
// good or a read deadline ends the waiting.
func (c *Conn) awaitReset() error {
	sc, ok := c.Conn.(syscall.Conn)
	if !ok {
		return io.EOF
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return io.EOF
	}
	timer := time.AfterFunc(probeAfter, c.probe)
	defer timer.Stop()
	err = raw.Read(func(fd uintptr) bool {
		fds := []unix.PollFd{{Fd: int32(fd)}} // POLLERR and POLLHUP are always reported
		n, err := unix.Poll(fds, 0)
		return err == nil && n > 0 && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
	})
	if err != nil {
		return err
	}
	return io.ErrUnexpectedEOF
}
