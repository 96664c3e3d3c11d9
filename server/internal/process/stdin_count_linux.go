package process

import "golang.org/x/sys/unix"

const unreadRequest = unix.TIOCINQ // FIONREAD by its other name
