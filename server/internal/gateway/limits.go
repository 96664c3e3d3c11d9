package gateway

import (
	"fmt"

	"framegate/server/internal/config"
	"framegate/server/internal/process"
)

// confine makes the frame's limits ready. One that cannot be put in force is
// an error: nobody shall believe in a limit that is not there.
func (f *frame) confine() error {
	limits, err := limitsOf(&f.cfg.Settings)
	if err != nil {
		return f.failed(err)
	}
	if f.cfg.Sandbox {
		limits.Sandbox = &process.Sandbox{
			WritePaths: append([]string{f.dir}, f.cfg.WritePaths...),
			Network:    f.cfg.Network,
		}
	}
	f.confinement, err = process.Confine(limits)
	if err != nil {
		return f.failed(err)
	}
	return nil
}

func (f *frame) failed(err error) error { return fmt.Errorf("frame %q: %w", f.cfg.Name, err) }

// limitsOf turns the settings into what process takes: names into numbers.
func limitsOf(s *config.Settings) (process.Limits, error) {
	limits := process.Limits{
		Memory:     s.Memory,
		CPUTime:    s.CPUTime,
		OpenFiles:  s.OpenFiles,
		Processes:  s.Processes,
		Umask:      s.Umask,
		Group:      -1,
		NoNewPrivs: s.NoNewPrivs,
	}
	var err error
	if s.User != "" {
		if limits.User, err = process.LookupUser(s.User); err != nil {
			return limits, fmt.Errorf("user %q: %w", s.User, err)
		}
	}
	if s.Group != "" {
		if limits.Group, err = process.LookupGroup(s.Group); err != nil {
			return limits, fmt.Errorf("group %q: %w", s.Group, err)
		}
	}
	return limits, nil
}
