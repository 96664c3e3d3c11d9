//go:build linux && (amd64 || arm64)

package process

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Starting a process is a clone that shares memory with its suspended parent
// (vfork), and a list of system calls that the child works off before it
// becomes the program. The list is prepared by the parent and run by a few
// instructions of assembly, so that no Go code runs in the child: limits,
// credentials and sandbox are in force before the program's first
// instruction, without a launcher and without a window.

// op is one system call of the child.
type op struct {
	nr   uintptr
	args [4]uintptr
	how  uintptr // mustSucceed, mustBe or mayFail
	want uintptr // for mustBe
}

const (
	mustSucceed = iota
	mustBe
	mayFail
)

// failure is written by a child that could not become the program.
type failure struct {
	errno uintptr
	at    uintptr // address of the op
}

// cloneAndRun makes the child, which works off ops; the last one is execve.
// mask is where the thread's signal mask is kept meanwhile: no signal may reach
// the child before it is the program, for it would run a handler of ours, in
// our memory.
//
//go:noescape
func cloneAndRun(nr, a1, a2, a3 uintptr, ops *op, failed *failure, mask *uint64) (pid uintptr)

//go:linkname entersyscallblock runtime.entersyscallblock
func entersyscallblock()

//go:linkname entersyscall runtime.entersyscall
func entersyscall()

//go:linkname exitsyscall runtime.exitsyscall
func exitsyscall()

// cloneBlocking gives the processor to other goroutines at once: this thread
// stands still until the child has become the program. No Go code runs in
// between, so that the thread is the same before and after, and need not be locked.
//
//go:nosplit
//go:norace
func cloneBlocking(nr, a1, a2, a3 uintptr, ops *op, failed *failure, mask *uint64) uintptr {
	entersyscallblock()
	pid := cloneAndRun(nr, a1, a2, a3, ops, failed, mask)
	exitsyscall()
	return pid
}

// cloneOnly is for a clone that does not wait for the child.
//
//go:nosplit
//go:norace
func cloneOnly(nr, a1, a2, a3 uintptr, ops *op, failed *failure, mask *uint64) uintptr {
	entersyscall()
	pid := cloneAndRun(nr, a1, a2, a3, ops, failed, mask)
	exitsyscall()
	return pid
}

// cloneArgs is struct clone_args of clone3(2).
type cloneArgs struct {
	flags, pidfd, childTID, parentTID, exitSignal uint64
	stack, stackSize, tls, setTID, setTIDSize     uint64
	cgroup                                        uint64
}

// launch is everything that one start needs in memory. It is reused: the
// strings of an environ are the bulk of it.
type launch struct {
	ops     []op
	args    cloneArgs
	failed  failure
	pidfd   int32
	held    uint32 // 1 until the child of spawnAhead lets go of this memory
	oldMask uint64
	dfl     sigaction
	text    []byte    // all strings, each ended by a NUL
	argv    []uintptr // addresses in text, ended by 0
	envp    []uintptr
	path    uintptr
	dir     uintptr

	sharesTable bool         // of descriptors, until its first step makes a copy of the lowest ones
	confinement *Confinement // a part of what ops point to
}

// sigaction is the kernel's, with SIG_DFL in it.
type sigaction struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

var launches = sync.Pool{New: func() any { return new(launch) }}

// spawn starts spec's program with the descriptors fds as its 0, 1 and 2,
// which must not be among those three themselves. The kernel writes its pid to
// starting, unless that is nil, before it runs; only clone3 can.
func spawn(spec *Spec, fds [3]uintptr, starting *int32) (pid, pidfd int, err error) {
	return spawnBy(hasClone3(), spec, fds, starting)
}

func spawnBy(clone3 bool, spec *Spec, fds [3]uintptr, starting *int32) (pid, pidfd int, err error) {
	l := launches.Get().(*launch)
	defer launches.Put(l)
	pid, err = l.start(clone3, true, spec, fds, starting)
	if err != nil {
		return 0, -1, err
	}
	if l.failed.errno != 0 {
		unix.Close(int(l.pidfd))
		if starting != nil {
			atomic.StoreInt32(starting, 0) // before the number can be somebody else's
		}
		reap(pid)
		return 0, -1, l.failure()
	}
	return pid, int(l.pidfd), nil
}

// spawnAhead is spawn without waiting until the child has become the program,
// or could not: settle tells. The launch is the child's to read until then.
func spawnAhead(spec *Spec, fds [3]uintptr, starting *int32) (pid int, l *launch, err error) {
	l = launches.Get().(*launch)
	if pid, err = l.start(true, false, spec, fds, starting); err != nil {
		launches.Put(l)
		return 0, nil, err
	}
	return pid, l, nil
}

// settle waits until the child of spawnAhead has become the program, and is
// the launch's end.
func (l *launch) settle() error {
	for atomic.LoadUint32(&l.held) != 0 {
		// The kernel sets it to zero, and wakes whoever waits for that.
		const wait = 0
		syscall.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&l.held)), wait, 1, 0, 0, 0)
	}
	var err error
	if l.failed.errno != 0 {
		err = l.failure()
	}
	launches.Put(l)
	return err
}

// start makes the child. Waiting, it returns when that has become the program
// or has written to failed.
func (l *launch) start(clone3, waiting bool, spec *Spec, fds [3]uintptr, starting *int32) (pid int, err error) {
	if err := l.setText(spec); err != nil {
		return 0, err
	}
	c := spec.Confinement
	if c == nil {
		c = unconfined()
	}
	cgroup := -1
	if c.cgroup != nil {
		if cgroup, err = c.cgroup(); err != nil {
			return 0, os.NewSyscallError("clone", err) // which it is for
		}
	}
	l.sharesTable = clone3 && canUnshare()
	l.prepare(spec, c, fds)
	l.confinement = c
	raw := l.clone(clone3, waiting, cgroup, starting)
	if raw > ^uintptr(4095) {
		return 0, os.NewSyscallError("clone", syscall.Errno(-raw))
	}
	return int(raw), nil
}

// unconfined is what holds for a process without a Confinement of its own.
var unconfined = sync.OnceValue(func() *Confinement {
	c, _ := Confine(Limits{Umask: -1, Group: -1}) // nothing that could fail
	return c
})

// hasClone3 asks once: older kernels have none, and the seccomp filters of
// containers may refuse it. An empty argument is EINVAL where there is one.
var hasClone3 = sync.OnceValue(func() bool {
	_, _, errno := syscall.RawSyscall(unix.SYS_CLONE3, 0, 0, 0)
	return errno == syscall.EINVAL
})

const cloneFlags = unix.CLONE_VM | unix.CLONE_PIDFD

func (l *launch) clone(clone3, waiting bool, cgroup int, starting *int32) uintptr {
	l.failed, l.pidfd, l.held = failure{}, -1, 0
	if clone3 {
		l.args = cloneArgs{
			flags: cloneFlags | unix.CLONE_CLEAR_SIGHAND, pidfd: uint64(uintptr(unsafe.Pointer(&l.pidfd))),
			exitSignal: uint64(syscall.SIGCHLD),
		}
		if starting != nil {
			l.args.flags |= unix.CLONE_PARENT_SETTID
			l.args.parentTID = uint64(uintptr(unsafe.Pointer(starting)))
		}
		if l.sharesTable {
			l.args.flags |= unix.CLONE_FILES
		}
		if cgroup >= 0 {
			l.args.flags |= unix.CLONE_INTO_CGROUP
			l.args.cgroup = uint64(cgroup)
		}
		if !waiting {
			l.args.flags |= unix.CLONE_CHILD_CLEARTID
			l.args.childTID = uint64(uintptr(unsafe.Pointer(&l.held)))
			l.held = 1
			return cloneOnly(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&l.args)), unsafe.Sizeof(l.args), 0, &l.ops[0], &l.failed, &l.oldMask)
		}
		l.args.flags |= unix.CLONE_VFORK
		return cloneBlocking(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&l.args)), unsafe.Sizeof(l.args), 0, &l.ops[0], &l.failed, &l.oldMask)
	}
	l.resetHandlers()
	return cloneBlocking(unix.SYS_CLONE, cloneFlags|unix.CLONE_VFORK|uintptr(syscall.SIGCHLD), 0, uintptr(unsafe.Pointer(&l.pidfd)), &l.ops[0], &l.failed, &l.oldMask)
}

// setText lays the strings out in one block.
func (l *launch) setText(spec *Spec) error {
	l.text, l.argv, l.envp = l.text[:0], l.argv[:0], l.envp[:0]
	size := len(spec.Path) + len(spec.Dir) + 2
	for _, list := range [][]string{spec.Argv, spec.Env} {
		for _, s := range list {
			size += len(s) + 1
		}
	}
	if cap(l.text) < size {
		l.text = make([]byte, 0, size)
	}
	base := uintptr(unsafe.Pointer(unsafe.SliceData(l.text)))
	add := func(s string) (uintptr, error) {
		at := base + uintptr(len(l.text))
		for i := 0; i < len(s); i++ {
			if s[i] == 0 {
				return 0, syscall.EINVAL
			}
		}
		l.text = append(append(l.text, s...), 0)
		return at, nil
	}
	var err error
	if l.path, err = add(spec.Path); err != nil {
		return err
	}
	if l.dir, err = add(spec.Dir); err != nil {
		return err
	}
	for _, list := range []struct {
		from []string
		to   *[]uintptr
	}{{spec.Argv, &l.argv}, {spec.Env, &l.envp}} {
		for _, s := range list.from {
			at, err := add(s)
			if err != nil {
				return err
			}
			*list.to = append(*list.to, at)
		}
		*list.to = append(*list.to, 0)
	}
	return nil
}

func (l *launch) add(nr uintptr, args ...uintptr) { l.addHow(mustSucceed, 0, nr, args...) }

func (l *launch) addHow(how, want, nr uintptr, args ...uintptr) {
	o := op{nr: nr, how: how, want: want}
	copy(o.args[:], args)
	l.ops = append(l.ops, o)
}

// prepare writes the child's list. What drops privileges comes after what
// needs them; what must hold for the program comes last.
func (l *launch) prepare(spec *Spec, c *Confinement, fds [3]uintptr) {
	l.ops = l.ops[:0]
	if l.sharesTable {
		above := max(int(slices.Max(fds[:])), 2, c.ruleset) + 1
		l.add(unix.SYS_CLOSE_RANGE, uintptr(above), uintptr(^uint32(0)), unix.CLOSE_RANGE_UNSHARE)
	}
	l.add(unix.SYS_SETPGID, 0, 0)
	for to, from := range fds {
		l.add(unix.SYS_DUP3, from, uintptr(to), 0)
	}
	l.confine(c)
	if spec.Dir != "" {
		l.add(unix.SYS_CHDIR, l.dir)
	}
	// The kernel kills the program when this one dies. If it has died
	// already, nobody would tell: hence the look at the parent.
	l.add(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0)
	l.addHow(mustBe, uintptr(ownPid()), unix.SYS_GETPPID)
	l.lock(c)
	l.add(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&l.oldMask)), 0, 8)
	l.add(unix.SYS_EXECVE, l.path, address(l.argv), address(l.envp))
}

// ownPid saves a system call.
var ownPid = sync.OnceValue(os.Getpid)

// resetHandlers puts the reset of every handler ahead of the list, for a
// kernel that does not do it within the clone.
func (l *launch) resetHandlers() {
	const signals = 64
	ignored := ignoredSignals()
	resets := make([]op, 0, signals+len(l.ops))
	for sig := uintptr(1); sig <= signals; sig++ {
		if ignored&(1<<(sig-1)) == 0 {
			resets = append(resets, op{nr: unix.SYS_RT_SIGACTION, how: mayFail,
				args: [4]uintptr{sig, uintptr(unsafe.Pointer(&l.dfl)), 0, 8}})
		}
	}
	l.ops = append(resets, l.ops...)
}

// ignoredSignals is the set of signals that this program was started to
// ignore, as under nohup: what it starts ignores them too.
var ignoredSignals = sync.OnceValue(func() uint64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "SigIgn:")
	line, _, _ := strings.Cut(rest, "\n")
	set, _ := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	return set
})

// failure names the step that the child could not take.
func (l *launch) failure() error {
	index := int((l.failed.at - uintptr(unsafe.Pointer(&l.ops[0]))) / unsafe.Sizeof(op{}))
	errno := syscall.Errno(l.failed.errno)
	switch nr := l.ops[index].nr; nr {
	case unix.SYS_EXECVE:
		return errno
	case unix.SYS_CHDIR:
		return os.NewSyscallError("chdir", errno)
	case unix.SYS_DUP3:
		return os.NewSyscallError("dup3", errno)
	case unix.SYS_PRLIMIT64:
		return os.NewSyscallError("prlimit", errno)
	case unix.SYS_SETGROUPS, unix.SYS_SETRESGID, unix.SYS_SETRESUID:
		return os.NewSyscallError("change user", errno)
	case unix.SYS_LANDLOCK_RESTRICT_SELF, unix.SYS_SECCOMP, unix.SYS_PRCTL:
		return os.NewSyscallError("sandbox", errno)
	default:
		return os.NewSyscallError("prepare the process", errno)
	}
}

// openFiles is the limit that this program was started with, as package
// syscall hands it to what it starts; zero when that cannot be learnt.
var openFiles = sync.OnceValue(func() (limit unix.Rlimit) {
	p, err := os.StartProcess("/bin/true", []string{"true"}, &os.ProcAttr{Env: []string{}})
	if err != nil {
		return limit
	}
	defer p.Wait()
	if unix.Prlimit(p.Pid, unix.RLIMIT_NOFILE, nil, &limit) != nil {
		return unix.Rlimit{}
	}
	return limit
})

func address(list []uintptr) uintptr { return uintptr(unsafe.Pointer(&list[0])) }
