package process

import (
	"bytes"
	"os"
	"strconv"
)

// exiting is the kernel's PF_EXITING, in the flags of /proc/PID/stat.
const exiting = 0x4

// isDying reports whether the process is on its way out. Its threads get that
// flag before they give their descriptors back, and it is the last of them
// that closes a pipe: a pipe that is closed by the end of a process is closed
// when this is true.
func isDying(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false // no /proc: nobody can tell
	}
	// PID (NAME) STATE PPID PGRP SESSION TTY TPGID FLAGS …, and NAME may hold anything.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 7 {
		return false
	}
	flags, err := strconv.ParseUint(string(fields[6]), 10, 64)
	return err == nil && flags&exiting != 0
}
