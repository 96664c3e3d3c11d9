package process

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// RSS is how much memory the process has now, in bytes; 0 where that cannot be
// told.
func (p *Process) RSS() int64 {
	statm, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(statm) // in pages: size resident …
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// CPU is how much processor time the process has used, 0 where that cannot be
// told.
func (p *Process) CPU() time.Duration {
	const cpuclockSched = 2 // clock_getcpuclockid(3): the number of a process's clock
	clock := int32(^p.pid<<3 | cpuclockSched)
	var used unix.Timespec
	if unix.ClockGettime(clock, &used) != nil {
		return 0
	}
	return time.Duration(used.Nano())
}

func signalName(s syscall.Signal) string {
	if name := unix.SignalName(s); name != "" {
		return name
	}
	return s.String()
}
