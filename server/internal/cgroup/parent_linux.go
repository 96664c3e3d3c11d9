package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"unicode"
)

// Parent makes groups. What holds for all of them is found out once, so that
// ten thousand frames start as fast as they are many; what may differ, each
// group's own directory and limits, is tried for each. The zero value is ready.
type Parent struct {
	mu    sync.Mutex
	dir   string
	err   error // why there is no dir
	asked bool  // for it
	tried bool  // something was started in a group
	kill  error // for Report.Kill of all of them

	passed map[string]error // by controller, what has come of passing it on
	groups atomic.Int64     // that were made and are not closed
}

// Open makes a group for the frame name. It fails with ErrUnavailable where
// there can be none; a limit that cannot be had is no error, and in Report.
func (p *Parent) Open(name string, limits Limits) (*Group, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.asked {
		p.dir, p.err = Dir()
		p.asked = true
	}
	if p.err != nil {
		return nil, unavailable(p.err)
	}
	path, err := p.makeDir(name)
	if err != nil {
		return nil, unavailable(err)
	}
	g := &Group{path: path, parent: p}
	p.groups.Add(1)
	if err := p.try(g); err != nil {
		g.Close()
		return nil, unavailable(err)
	}
	g.Report.Kill = p.kill
	if limits.Memory > 0 {
		g.Report.Memory = p.limitMemory(g, limits.Memory)
	}
	if limits.Processes > 0 {
		g.Report.Processes = p.limit(g, "pids", limits.Processes)
	}
	return g, nil
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", ErrUnavailable, err) }

// makeDir makes a directory of its own for the frame: its name, or, when that
// is taken (a reload opens a frame's next group before it closes the last),
// its name and a number.
func (p *Parent) makeDir(name string) (path string, err error) {
	const tries = 1000
	for n := range tries {
		path = filepath.Join(p.dir, fileName(name))
		if n > 0 {
			path += "." + strconv.Itoa(n+1)
		}
		err = os.Mkdir(path, 0o755)
		if errors.Is(err, fs.ErrNotExist) {
			if err := os.Mkdir(p.dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return "", err
			}
			p.passed = nil // to a parent that is no more
			// It is missing again if the last group is closed at this moment,
			// which removes the parent.
			err = os.Mkdir(path, 0o755)
		}
		if !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return path, err
}

// fileName makes one path element of a frame's name.
func fileName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r == '/' || r == unicode.ReplacementChar || unicode.IsControl(r) {
			return '_'
		}
		return r
	}, name)
	const longest = 200 // of 255, and a number may follow
	return "frame-" + strings.ToValidUTF8(name[:min(len(name), longest)], "_")
}

// try has a group show that it can be used, unless one of its siblings has:
// they are made alike, by the same program in the same directory. What has
// failed is tried again with the next, for it may have been the moment's.
func (p *Parent) try(g *Group) error {
	if p.tried {
		return nil
	}
	if _, err := g.Populated(); err != nil {
		return err // not a cgroup at all
	}
	p.kill = nil
	if _, err := os.Stat(filepath.Join(g.path, "cgroup.kill")); err != nil {
		p.kill = errors.New("the kernel has no cgroup.kill: it came with Linux 5.14")
	}
	if err := g.try(); err != nil {
		return err
	}
	p.tried = true
	return nil
}

func (p *Parent) limitMemory(g *Group, limit int64) error {
	if err := p.limit(g, "memory", limit); err != nil {
		return err
	}
	err := put(filepath.Join(g.path, "memory.swap.max"), "0")
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a kernel that does not account for swap
	}
	return err
}

func (p *Parent) limit(g *Group, controller string, limit int64) error {
	if err := p.passOn(controller); err != nil {
		return err
	}
	file, text := filepath.Join(g.path, controller+".max"), strconv.FormatInt(limit, 10)
	err := put(file, text)
	if errors.Is(err, fs.ErrNotExist) {
		// Somebody has taken the controller away since, or the whole parent.
		delete(p.passed, controller)
		if err = p.passOn(controller); err == nil {
			err = put(file, text)
		}
	}
	return err
}

// passOn has groups get a controller: from what is above the parent, and from
// the parent itself.
func (p *Parent) passOn(controller string) error {
	if err, known := p.passed[controller]; known {
		return err
	}
	var err error
	for _, dir := range []string{filepath.Dir(p.dir), p.dir} {
		if err = enable(dir, controller); err != nil {
			break
		}
	}
	if p.passed == nil {
		p.passed = map[string]error{}
	}
	p.passed[controller] = err
	return err
}

// enable passes a controller on to the children of dir.
func enable(dir, controller string) error {
	switch has, err := lists(filepath.Join(dir, "cgroup.controllers"), controller); {
	case err != nil:
		return err
	case !has:
		return fmt.Errorf("%s has no %s controller: it belongs to cgroup v1, or was not delegated", dir, controller)
	}
	control := filepath.Join(dir, "cgroup.subtree_control")
	if has, err := lists(control, controller); err != nil || has {
		return err
	}
	err := put(control, "+"+controller)
	if errors.Is(err, syscall.EBUSY) {
		return fmt.Errorf("%s holds processes and so cannot pass its %s controller on: a systemd unit needs Delegate=yes and DelegateSubgroup=gateway",
			dir, controller)
	}
	return err
}

// lists says whether word is in file.
func lists(file, word string) (bool, error) {
	text, err := os.ReadFile(file)
	return slices.Contains(strings.Fields(string(text)), word), err
}
