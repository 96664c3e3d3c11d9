package process

// Parent is another process that forks, and that waits for what it has forked.
type Parent interface {
	// Fork has a process forked for spec whose descriptors 0, 1 and 2 are fds.
	Fork(spec *Spec, fds [3]uintptr) (Forked, error)
}

// Forked is a process that a Parent has forked, in a group of its own.
type Forked interface {
	Pid() int
	// Ended returns when the Parent says that the process has ended, its group
	// was killed and it was reaped, or when the Parent is gone.
	Ended()
	// Holds reports whether the number still is the process's. Unlike that of
	// a child of our own it may cease to be before Ended returns.
	Holds() bool
	// Exit is how the process has ended and what it cost.
	Exit() Exit
}

// Fork has parent fork a process, which is then looked after like any other.
// Of spec, what execve(2) would be given is parent's to make use of or not, and
// Confinement is what holds for parent. The caller owns spec.Stdin.
func Fork(parent Parent, spec *Spec) (*Process, error) {
	return startBy(spec, func(fds [3]uintptr, _ *int32, _ bool) (int, life, error) {
		f, err := parent.Fork(spec, fds)
		if err != nil {
			return 0, nil, err
		}
		return f.Pid(), &othersChild{f}, nil
	})
}

// othersChild is the life of a process that is somebody else's child.
type othersChild struct{ forked Forked }

func (c *othersChild) exitedWithin(*Patience) (bool, error) { return false, nil }

func (c *othersChild) untilExited() { c.forked.Ended() }
func (c *othersChild) holds() bool  { return c.forked.Holds() }
func (c *othersChild) killGroup()   {} // its parent has, while it was a zombie
func (c *othersChild) reap() Exit   { return c.forked.Exit() }
