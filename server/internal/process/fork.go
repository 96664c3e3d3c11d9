package process

// Parent is another process that forks, and that waits for what it has forked.
type Parent interface {
	// Fork has a process forked for spec whose descriptors 0, 1 and 2 are fds.
	Fork(spec *Spec, fds [3]uintptr) (Forked, error)
}

// Forked is a process that a Parent has forked, in a group of its own.
type Forked interface {
	Pid() int
	// Ended returns when the process has ended and its group was killed. It is
	// not reaped yet, so that its number is its own, unless the Parent is gone.
	Ended()
	// Holds reports whether its number still is its own.
	Holds() bool
	// Reap lets the Parent reap it, and tells how it has ended and what it cost.
	Reap() Exit
}

// Fork has parent fork a process, which is then looked after like any other.
// Of spec, what execve(2) would be given is parent's to make use of or not, and
// Confinement is what holds for parent. The caller owns spec.Stdin.
func Fork(parent Parent, spec *Spec) (*Process, error) {
	return startBy(spec, func(fds [3]uintptr, _ *int32) (int, life, error) {
		f, err := parent.Fork(spec, fds)
		if err != nil {
			return 0, nil, err
		}
		return f.Pid(), &othersChild{f}, nil
	})
}

// othersChild is the life of a process that is somebody else's child.
type othersChild struct{ forked Forked }

func (c *othersChild) untilExited() { c.forked.Ended() }
func (c *othersChild) holds() bool  { return c.forked.Holds() }
func (c *othersChild) killGroup()   {} // its parent has
func (c *othersChild) reap() Exit   { return c.forked.Reap() }
