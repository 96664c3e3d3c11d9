// Package cgroup is one long-lived cgroup v2 per frame, where the machine
// lets: what runs in it is bounded together, and is killed together, whatever
// sessions and groups it has made for itself.
//
// The groups are made below the gateway's own cgroup, as
// framegate-PID/frame-NAME. The gateway itself is never moved: a cgroup that holds
// processes cannot pass controllers on (cgroup-v2, "no internal process"), so
// that memory.max and pids.max can be had where the gateway runs in a leaf of
// a subtree that is delegated to it. Under systemd that is a unit with
//
//	Delegate=yes
//	DelegateSubgroup=gateway
//
// Killing needs no controller: a directory that may be written to is enough.
//
// A cgroup is no jail for programs that run as the gateway's own user: who
// may write to the directory may also leave it.
package cgroup

import "errors"

// ErrUnavailable says that there can be no group here; what wraps it says why.
var ErrUnavailable = errors.New("cgroup v2 cannot be used")

// Limits bound all processes of a group together. Zero is no limit.
type Limits struct {
	Memory    int64 // bytes, memory.max; nothing of it may be swapped out
	Processes int64 // pids.max, which counts threads, too
}

// Report says what of a group is not to be had, and why; nil is as wished.
type Report struct {
	Memory    error // memory.max, if it was asked for
	Processes error // pids.max, if it was asked for
	Kill      error // cgroup.kill; without it a group is killed process by process
}
