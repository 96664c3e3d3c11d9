//go:build !linux

package process

import (
	"syscall"
	"time"
)

// RSS is how much memory the process has now: nobody asks that here.
func (p *Process) RSS() int64 { return 0 }

// CPU is how much processor time the process has used, likewise.
func (p *Process) CPU() time.Duration { return 0 }

func signalName(s syscall.Signal) string { return s.String() }
