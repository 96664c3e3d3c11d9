// Package guardian is the process that kills what a gateway leaves behind
// when it dies without a chance to do so itself, by SIGKILL or the kernel.
//
// On Linux a frame's leader dies with the gateway (PR_SET_PDEATHSIG), but not
// what it has started. So the gateway has a second process: the same program
// in a session of its own, which holds one end of a socket that only the
// gateway has the other end of, and a piece of memory in which the gateway
// notes each process group while it lives. When the socket reports its end
// the gateway is gone: the guardian kills the groups that are noted and the
// gateway's cgroups, with whatever has left its group for a session of its
// own, and ends.
//
// The guardian is told apart by its only argument, --guardian-of=PID. It
// holds no standard stream, no directory and no port of the gateway's, and
// ignores the signals that stop one: whoever signals a whole service means
// the gateway, which takes the guardian with it.
//
// Two things it cannot do. Where no cgroup can be had, a process that has
// left its frame's group lives on. And elsewhere than on Linux there is no
// guardian: frames of a gateway that was killed end when they find their
// pipes closed.
package guardian
