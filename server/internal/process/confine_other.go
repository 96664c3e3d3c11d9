//go:build unix && !(linux && (amd64 || arm64))

package process

import "errors"

// Confinement is nothing on systems where it is not built.
type Confinement struct{}

// Confine refuses limits that it could not put in force.
func Confine(l Limits) (*Confinement, error) {
	if l.Memory > 0 || l.CPUTime > 0 || l.OpenFiles > 0 || l.Processes > 0 || l.Umask >= 0 ||
		l.User != nil || l.Group >= 0 || l.NoNewPrivs || l.Sandbox != nil {
		return nil, errors.New("limits, user, group, umask and sandbox: this version has them on Linux only (amd64, arm64)")
	}
	return &Confinement{}, nil
}

// InCgroup refuses: there are no cgroups.
func (*Confinement) InCgroup(func() (int, error)) error { return errors.New("cgroups are Linux's") }

// WithoutCPUTime is c: there are no limits.
func (c *Confinement) WithoutCPUTime() *Confinement { return c }

// Close does nothing.
func (*Confinement) Close() error { return nil }
