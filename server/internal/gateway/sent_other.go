//go:build !linux

package gateway

import (
	"net"
	"time"
)

// awaitSent has no portable way to ask for the send queue: it gives the
// kernel a moment.
func awaitSent(_ net.Conn, deadline time.Time) {
	time.Sleep(min(time.Until(deadline), 100*time.Millisecond))
}
