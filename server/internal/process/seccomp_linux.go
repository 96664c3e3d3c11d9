//go:build linux && (amd64 || arm64)

package process

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Offsets in struct seccomp_data.
const (
	dataNR   = 0
	dataArch = 4
	dataArg0 = 16 // its lower half: both architectures are little-endian
)

// noSockets is a filter that leaves a process no socket but Unix ones:
// Landlock knows TCP alone. io_uring, which could open sockets past the
// filter, is not there for the process, nor is another architecture's table
// of system calls.
func noSockets() []unix.SockFilter {
	arch := uint32(unix.AUDIT_ARCH_X86_64)
	if runtime.GOARCH == "arm64" {
		arch = unix.AUDIT_ARCH_AARCH64
	}
	const (
		load  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		least = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
		ret   = unix.BPF_RET | unix.BPF_K

		otherTable = 0x40000000 // x32's numbers on amd64; nothing on arm64
	)
	deny := func(errno int) uint32 { return unix.SECCOMP_RET_ERRNO | uint32(errno) }
	return []unix.SockFilter{
		0:  {Code: load, K: dataArch},
		1:  {Code: equal, K: arch, Jf: 8}, // else 10: no such call
		2:  {Code: load, K: dataNR},
		3:  {Code: least, K: otherTable, Jt: 6},              // 10
		4:  {Code: equal, K: unix.SYS_IO_URING_SETUP, Jt: 5}, // 10
		5:  {Code: equal, K: unix.SYS_SOCKET, Jf: 2},         // else 8: allowed
		6:  {Code: load, K: dataArg0},
		7:  {Code: equal, K: unix.AF_UNIX, Jf: 1}, // else 9: denied
		8:  {Code: ret, K: unix.SECCOMP_RET_ALLOW},
		9:  {Code: ret, K: deny(int(unix.EACCES))},
		10: {Code: ret, K: deny(int(unix.ENOSYS))},
	}
}
