package gateway

import (
	"fmt"

	"framegate/server/internal/cgroup"
	"framegate/server/internal/config"
	"framegate/server/internal/process"
)

// confine makes the frame's limits ready. One that cannot be put in force is
// an error: nobody shall believe in a limit that is not there.
func (f *frame) confine(s *shared) error {
	limits, err := limitsOf(&f.cfg.Settings, s)
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
	f.openGroup(&s.cgroups)
	return nil
}

// openGroup gives the frame a cgroup where the machine lets. It bounds all
// the frame's processes together, and reaches those that have left their
// process group; without one the limits of each process hold all the same.
func (f *frame) openGroup(parent *cgroup.Parent) {
	s := &f.cfg.Settings
	group, err := parent.Open(f.cfg.Name, cgroup.Limits{
		Memory:    s.Memory * int64(s.MaxConcurrent),
		Processes: int64(s.Processes),
	})
	if err == nil {
		err = f.confinement.InCgroup(group.FD)
	}
	if err != nil {
		if group != nil {
			group.Close()
		}
		f.note("descendants that leave their process group are not killed: %v", err)
		return
	}
	f.group = group
	if err := group.Report.Memory; err != nil {
		f.note("memory bounds each process (RLIMIT_DATA), not the frame: %v", err)
	}
	if err := group.Report.Processes; err != nil {
		f.note("processes bounds the user, over all frames (RLIMIT_NPROC; root is exempt): %v", err)
	}
}

// sweep kills what exchanges have left behind in sessions of their own. Only
// while no exchange runs can they be told from its processes: a frame has one
// cgroup, not one for each request.
func (f *frame) sweep() {
	if f.group == nil || f.cfg.Warm() || !f.running.TryLock() {
		return // a warm frame's processes are in the group whether an exchange runs or not
	}
	defer f.running.Unlock()
	if populated, err := f.group.Populated(); err == nil && populated {
		f.group.Kill()
	}
}

func (f *frame) failed(err error) error { return fmt.Errorf("frame %q: %w", f.cfg.Name, err) }

// limitsOf turns the settings into what process takes: names into numbers.
func limitsOf(s *config.Settings, known *shared) (process.Limits, error) {
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
		if limits.User, err = remembered(known.users, s.User, process.LookupUser); err != nil {
			return limits, fmt.Errorf("user %q: %w", s.User, err)
		}
	}
	if s.Group != "" {
		if limits.Group, err = remembered(known.groupIDs, s.Group, process.LookupGroup); err != nil {
			return limits, fmt.Errorf("group %q: %w", s.Group, err)
		}
	}
	return limits, nil
}
