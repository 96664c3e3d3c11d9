package gateway

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"framegate/server/internal/httpguard"
)

// awaitSent waits until the client's kernel has acknowledged every byte of
// conn, or until deadline: a reset throws away what is still in the queue.
func awaitSent(conn net.Conn, deadline time.Time) {
	if g, ok := conn.(*httpguard.Conn); ok {
		conn = g.Conn
	}
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	for wait := 100 * time.Microsecond; time.Now().Before(deadline); wait = min(2*wait, 20*time.Millisecond) {
		queued := 0
		err := raw.Control(func(fd uintptr) { queued, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
		if err != nil || queued == 0 {
			return
		}
		time.Sleep(wait) // the kernel has no event for this
	}
}
