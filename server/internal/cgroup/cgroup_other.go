//go:build !linux

package cgroup

import (
	"fmt"
	"runtime"
)

// Group is a cgroup, which only Linux has.
type Group struct{ Report Report }

// Parent makes groups where there are any.
type Parent struct{}

// Open fails with ErrUnavailable.
func (*Parent) Open(string, Limits) (*Group, error) { return nil, unavailable() }

// Open fails with ErrUnavailable.
func Open(string, Limits) (*Group, error) { return nil, unavailable() }

// Dir fails with ErrUnavailable.
func Dir() (string, error) { return "", unavailable() }

// Remove has nothing to remove.
func Remove(string) error { return nil }

func unavailable() error { return fmt.Errorf("%w: %s has no cgroups", ErrUnavailable, runtime.GOOS) }

// Path is empty.
func (*Group) Path() string { return "" }

// FD is no descriptor.
func (*Group) FD() (int, error) { return -1, unavailable() }

// Populated says no.
func (*Group) Populated() (bool, error) { return false, nil }

// Kill does nothing.
func (*Group) Kill() error { return nil }

// Close does nothing.
func (*Group) Close() error { return nil }
