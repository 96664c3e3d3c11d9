//go:build linux && (amd64 || arm64)

package process

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Confinement is a frame's Limits made ready: what the kernel has to be told
// is prepared once, and costs each process a few system calls.
type Confinement struct {
	limits  Limits
	ruleset int // Landlock's, -1 without a sandbox
	filter  []unix.SockFilter
	program unix.SockFprog
	groups  []uint32
	rlimits []rlimit
	cgroup  func() (int, error) // the directory to start processes in, nil for none
}

type rlimit struct {
	resource uintptr
	value    unix.Rlimit
}

// Confine prepares limits, or says what this kernel or this user cannot do:
// a limit that is not in force is an error, never a silence.
func Confine(limits Limits) (*Confinement, error) {
	c := &Confinement{limits: limits, ruleset: -1}
	if err := c.checkUser(); err != nil {
		return nil, err
	}
	c.setRlimits()
	if limits.Sandbox == nil {
		return c, nil
	}
	c.limits.NoNewPrivs = true // both Landlock and seccomp ask for it
	if !limits.Sandbox.Network {
		c.filter = noSockets()
		c.program = unix.SockFprog{Len: uint16(len(c.filter)), Filter: &c.filter[0]}
	}
	var err error
	c.ruleset, err = openRuleset(limits.Sandbox)
	return c, err
}

// InCgroup has processes start in the cgroup that fd opens the directory of,
// which stays open. It is asked for each start, and may remember.
func (c *Confinement) InCgroup(fd func() (int, error)) error {
	if !hasClone3() {
		return errors.New("start in a cgroup: this kernel, or a seccomp filter, has no clone3")
	}
	c.cgroup = fd
	return nil
}

// WithoutCPUTime is c for a process that outlives requests, and counts the
// time of each by itself. It is closed with c.
func (c *Confinement) WithoutCPUTime() *Confinement {
	without := *c
	without.rlimits = nil
	for _, r := range c.rlimits {
		if r.resource != unix.RLIMIT_CPU {
			without.rlimits = append(without.rlimits, r)
		}
	}
	return &without
}

// Close gives back what Confine took.
func (c *Confinement) Close() error {
	if c.ruleset < 0 {
		return nil
	}
	return unix.Close(c.ruleset)
}

func (c *Confinement) checkUser() error {
	if c.limits.User == nil && c.limits.Group < 0 {
		return nil
	}
	// Without CAP_KILL it could start processes that it cannot stop.
	if !capable(unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_KILL) {
		return errors.New("user and group: the gateway needs CAP_SETUID, CAP_SETGID and CAP_KILL for them, as root has")
	}
	if u := c.limits.User; u != nil {
		for _, g := range u.Groups {
			c.groups = append(c.groups, uint32(g))
		}
	}
	return nil
}

// capable reports whether this program has all of these capabilities.
func capable(caps ...uint) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&header, &data[0]) != nil {
		return false
	}
	for _, c := range caps {
		if data[c/32].Effective&(1<<(c%32)) == 0 {
			return false
		}
	}
	return true
}

func (c *Confinement) setRlimits() {
	add := func(resource int, soft, hard uint64) {
		c.rlimits = append(c.rlimits, rlimit{uintptr(resource), unix.Rlimit{Cur: soft, Max: hard}})
	}
	if n := c.limits.Memory; n > 0 {
		add(unix.RLIMIT_DATA, uint64(n), uint64(n))
	}
	if d := c.limits.CPUTime; d > 0 {
		seconds := uint64((d + 999_999_999) / 1_000_000_000)
		add(unix.RLIMIT_CPU, seconds, seconds+1)
	}
	if n := c.limits.Processes; n > 0 {
		add(unix.RLIMIT_NPROC, uint64(n), uint64(n))
	}
	if n := c.limits.OpenFiles; n > 0 {
		add(unix.RLIMIT_NOFILE, uint64(n), uint64(n))
	} else if files := openFiles(); files.Max > 0 {
		// Go raises the soft limit for itself; programs that use select(2)
		// break above 1024.
		add(unix.RLIMIT_NOFILE, files.Cur, files.Max)
	}
}

// confine adds to the child's list what c asks for. Limits come before the
// credentials: a user who has too many processes is refused by execve.
func (l *launch) confine(c *Confinement) {
	for i := range c.rlimits {
		r := &c.rlimits[i]
		l.add(unix.SYS_PRLIMIT64, 0, r.resource, uintptr(unsafe.Pointer(&r.value)))
	}
	if c.limits.Umask >= 0 {
		l.add(unix.SYS_UMASK, uintptr(c.limits.Umask))
	}
	gid := c.limits.Group
	if u := c.limits.User; u != nil && gid < 0 {
		gid = u.GID
	}
	if gid >= 0 {
		// A group alone comes without others: those of the gateway are not meant.
		l.add(unix.SYS_SETGROUPS, uintptr(len(c.groups)), uintptr(unsafe.Pointer(unsafe.SliceData(c.groups))))
	}
	if gid >= 0 {
		l.add(unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid))
	}
	if u := c.limits.User; u != nil {
		l.add(unix.SYS_SETRESUID, uintptr(u.UID), uintptr(u.UID), uintptr(u.UID))
	}
}

// lock adds what cannot be undone and would hinder the steps before it.
func (l *launch) lock(c *Confinement) {
	if c.limits.NoNewPrivs {
		l.add(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0)
	}
	if c.ruleset >= 0 {
		l.add(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(c.ruleset), 0)
	}
	if c.filter != nil {
		const setModeFilter = 1
		l.add(unix.SYS_SECCOMP, setModeFilter, 0, uintptr(unsafe.Pointer(&c.program)))
	}
}

// What a sandboxed process may not do outside its paths: everything that
// changes a file system. Reading and executing are not handled.
const (
	writeRights = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG |
		unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK |
		unix.LANDLOCK_ACCESS_FS_MAKE_SYM | unix.LANDLOCK_ACCESS_FS_REFER | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	fileRights = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE

	leastABI   = 3 // the first that handles truncation: without it, files outside could be emptied
	networkABI = 4
	scopeABI   = 6
)

// harmlessDevices are written to by programs that change nothing.
var harmlessDevices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}

// openRuleset makes the Landlock ruleset of a sandbox.
func openRuleset(s *Sandbox) (int, error) {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 || abi < leastABI {
		return -1, fmt.Errorf("sandbox: the kernel's Landlock has ABI %d, ABI %d is needed (Linux 6.2, with landlock among its security modules)", max(int(abi), 0), leastABI)
	}
	attr := unix.LandlockRulesetAttr{Handled_access_fs: writeRights}
	if abi >= networkABI && !s.Network {
		attr.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if abi >= scopeABI {
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	// The kernel takes a longer struct than it knows, if the rest is zero.
	const size = unsafe.Offsetof(attr.Scoped) + unsafe.Sizeof(attr.Scoped)
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return -1, fmt.Errorf("sandbox: %w", os.NewSyscallError("landlock_create_ruleset", errno))
	}
	for _, path := range s.WritePaths {
		if err := allow(int(fd), path, writeRights); err != nil {
			unix.Close(int(fd))
			return -1, fmt.Errorf("sandbox: %s: %w", path, err)
		}
	}
	for _, path := range harmlessDevices {
		if _, err := os.Stat(path); err != nil {
			continue // a container may have fewer
		}
		if err := allow(int(fd), path, fileRights); err != nil {
			unix.Close(int(fd))
			return -1, fmt.Errorf("sandbox: %s: %w", path, err)
		}
	}
	return int(fd), nil
}

// allow grants rights below path, or on it alone when it is a file.
func allow(ruleset int, path string, rights uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= fileRights // the others mean something for directories only
	}
	const pathBeneath = 1
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), pathBeneath, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return os.NewSyscallError("landlock_add_rule", errno)
	}
	return nil
}
