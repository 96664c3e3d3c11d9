//go:build linux && !amd64 && !arm64

package process

import "syscall"

// spawn is package syscall's: the list of system calls that the child works
// off has no interpreter for this processor.
func spawn(spec *Spec, fds [3]uintptr, _ *int32) (pid, pidfd int, err error) {
	pidfd = -1
	pid, err = syscall.ForkExec(spec.Path, spec.Argv, &syscall.ProcAttr{
		Dir:   spec.Dir,
		Env:   spec.Env,
		Files: fds[:],
		Sys:   &syscall.SysProcAttr{Setpgid: true, PidFD: &pidfd},
	})
	return pid, pidfd, err
}

// launch is of a process that was started ahead; none is.
type launch struct{ pidfd int32 }

func hasClone3() bool { return false }

func spawnAhead(*Spec, [3]uintptr, *int32) (int, *launch, error) { return 0, nil, syscall.ENOSYS }

func (l *launch) settle() error { return nil }
