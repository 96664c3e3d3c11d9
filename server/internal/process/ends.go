package process

import "syscall"

// ends are the descriptors of a process to be: those of its side, which it is
// started with, and those of ours.
type ends struct {
	stdout, stderr     *Pipe
	childOut, childErr int
	in                 *input
	low                []int // numbers at which the process is given what it is started with
}

func openEnds(spec *Spec) (e *ends, err error) {
	e = &ends{childOut: -1, childErr: -1}
	if e.stderr, e.childErr, err = outputPipe(); err != nil {
		return nil, err
	}
	if !spec.NoOutput {
		if e.stdout, e.childOut, err = outputPipe(); err != nil {
			e.abort()
			return nil, err
		}
	}
	if e.in, err = openInput(spec); err != nil {
		e.abort()
		return nil, err
	}
	return e, nil
}

// child is the process's side, at low numbers.
func (e *ends) child() [3]uintptr {
	out := e.childOut
	if out < 0 {
		out = e.childErr // NoOutput
	}
	fds := [3]uintptr{e.in.child.Fd(), uintptr(out), uintptr(e.childErr)}
	for i, fd := range fds {
		if low := reserved().take(int(fd)); low >= 0 {
			fds[i] = uintptr(low)
			e.low = append(e.low, low)
		}
	}
	return fds
}

// closeChild closes the process's side once it has that, so that its end is
// the end of what we read.
func (e *ends) closeChild() {
	for _, fd := range e.low {
		reserved().give(fd)
	}
	e.low = nil
	for _, fd := range []int{e.childOut, e.childErr} {
		if fd >= 0 {
			syscall.Close(fd)
		}
	}
	e.childOut, e.childErr = -1, -1
	if e.in != nil {
		e.in.closeChild()
	}
}

// abort closes both sides after a failed start.
func (e *ends) abort() {
	e.closeChild()
	e.stdout.Close()
	e.stderr.Close()
	if e.in != nil {
		e.in.abort()
	}
}
