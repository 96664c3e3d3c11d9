package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"framegate/server/internal/bridge"
	"framegate/server/internal/cgroup"
	"framegate/server/internal/config"
	"framegate/server/internal/process"
	"framegate/server/internal/runner"
)

// program is an executable and the arguments that always come first.
type program struct {
	path string // absolute; "" when it was not found at start
	argv []string
}

// frame is a configured frame, ready to run.
type frame struct {
	cfg         *config.Frame
	program     program
	filename    string // SCRIPT_FILENAME, unless the request's script is it
	dir         string
	env         []string // the operator's part of the environ
	gate        gate
	runner      runner.Runner
	patience    process.Patience
	sendsVars   bool   // its processes have a part of the environ already
	readsFiles  bool   // they read a body from a descriptor of it
	sockets     string // directory of its workers' sockets, "" without any
	scripts     *scriptDir
	bridge      *bridge.Bridge
	confinement *process.Confinement
	group       *cgroup.Group // nil where there is none
	watched     bool          // its sources are
	umask       int           // of its processes; -1 where that is not known
	running     sync.RWMutex  // read-locked by each exchange that has processes
	trains      []*train      // of its workers that the lane has; the loop's
	odd         atomic.Bool   // its last answer was not for the lane
	pace        time.Duration // of one train, from answer to answer: about; the loop's
	notes       []string
	problems    []error
}

func newFrame(ctx context.Context, g *Gateway, fc *config.Frame) (*frame, error) {
	f := &frame{
		cfg:    fc,
		dir:    fc.Dir,
		env:    operatorEnv(fc),
		gate:   newGate(&fc.Settings),
		runner: new(runner.Exec),
		umask:  fc.Umask,

		patience: process.Patience{Limit: briefWait},
	}
	if f.dir == "" {
		f.dir = g.cfg.Dir
	}
	if f.umask < 0 {
		f.umask = g.shared.umask
	}
	f.watched = f.watches(g)
	if err := f.openProgram(ctx, g); err != nil {
		return f, err
	}
	return f, f.openRunner(g)
}

// openProgram finds what the frame runs, and makes its limits ready.
func (f *frame) openProgram(ctx context.Context, g *Gateway) error {
	if len(f.cfg.Address) == 0 { // else its processes are somebody else's
		if err := f.confine(g.shared); err != nil {
			return err
		}
	}
	switch {
	case f.cfg.App != "":
		return f.openApp(ctx, g)
	case f.cfg.Command != nil:
		f.program = f.locate(ctx, g.shared, g.cfg.Dir, f.cfg.Command)
		f.filename = f.program.path
	}
	f.filename = cmp.Or(f.cfg.ScriptFilename, f.filename)
	if f.cfg.Scripts != "" {
		return f.openScripts(ctx, g.shared)
	}
	return nil
}

func (f *frame) close() error {
	errs := []error{f.runner.Close()} // first: its processes use the rest
	if f.scripts != nil {
		errs = append(errs, f.scripts.root.Close())
	}
	if f.sockets != "" {
		errs = append(errs, os.RemoveAll(f.sockets))
	}
	if f.bridge != nil {
		errs = append(errs, f.bridge.Close())
	}
	if f.group != nil {
		errs = append(errs, f.group.Close())
	}
	if f.confinement != nil {
		errs = append(errs, f.confinement.Close())
	}
	return errors.Join(errs...)
}

func (f *frame) openScripts(ctx context.Context, s *shared) error {
	root, err := os.OpenRoot(f.cfg.Dir)
	if err != nil {
		return fmt.Errorf("frame %q: %w", f.cfg.Name, err)
	}
	f.scripts = &scriptDir{
		root: root, dir: f.cfg.Dir, interpreters: map[string]program{},
		together: f.cfg.Command != nil || len(f.cfg.Address) > 0,
	}
	for ext, command := range f.cfg.Interpreters {
		f.scripts.interpreters[ext] = f.locate(ctx, s, f.dir, command)
	}
	return nil
}

func (f *frame) openApp(ctx context.Context, g *Gateway) error {
	b, err := bridge.Open(ctx, bridge.Options{
		Frame: f.cfg, Dir: f.dir, Dynamic: g.cfg.Dynamic.Path, Env: f.env, Confinement: f.confinement, Fresh: f.watched,
		Shared: &g.shared.bridges,
	})
	if err != nil {
		return fmt.Errorf("frame %q: %w", f.cfg.Name, err)
	}
	f.bridge = b
	f.program = program{path: b.Path, argv: b.Argv}
	if f.filename, err = b.Check(ctx); err != nil {
		f.problems = append(f.problems, fmt.Errorf("frame %q: %w", f.cfg.Name, err))
	}
	return nil
}

// locate finds the executable of a command: a name on PATH, or a path
// relative to base. One that is missing is a problem of this frame alone; its
// requests get a 500 that says so.
func (f *frame) locate(ctx context.Context, s *shared, base string, command []string) program {
	p := program{argv: command}
	name := command[0]
	if strings.ContainsRune(name, '/') && !filepath.IsAbs(name) {
		name = filepath.Join(base, name)
	}
	found, path, err := s.program(ctx, name, f.dir)
	switch {
	case found:
		p.path = path
	case strings.ContainsRune(name, '/'):
		p.path = name // it may still come: then it is found where it should be
	}
	if err != nil {
		var perr *exec.Error
		if errors.As(err, &perr) {
			err = perr.Err
		}
		f.problems = append(f.problems, fmt.Errorf("frame %q: program %s: %w", f.cfg.Name, command[0], err))
	}
	return p
}

// command is the executable and the argument vector for one call. Nothing in
// it comes from the request but the path of a script that was found on disk.
func (f *frame) command(c *call) (path string, argv []string) {
	switch {
	case f.bridge != nil:
		return f.program.path, f.bridge.Command()
	case f.scripts == nil || f.cfg.Command != nil:
		return f.program.path, f.program.argv
	}
	p, mapped := f.scripts.interpreters[filepath.Ext(c.file)]
	if !mapped {
		return c.file, []string{c.file}
	}
	argv = append(append(make([]string, 0, len(p.argv)+1), p.argv...), c.file)
	return p.path, argv
}

// scriptFile is SCRIPT_FILENAME of one call.
func (f *frame) scriptFile(c *call) string {
	if f.scripts == nil {
		return f.filename
	}
	return c.file
}

// workingDir is the cwd of one call (§7.2: for scripts, their own directory).
func (f *frame) workingDir(c *call) string {
	if f.scripts != nil {
		return filepath.Dir(c.file)
	}
	return f.dir
}

// operatorEnv is what the configuration adds to every environ: the gateway's
// PATH unless env has one, the names of pass-env, and env. What runs at an
// address has a PATH of its own.
func operatorEnv(s *config.Frame) []string {
	env := map[string]string{}
	if len(s.Address) == 0 {
		env["PATH"] = os.Getenv("PATH")
	}
	for _, name := range s.PassEnv {
		if v, ok := os.LookupEnv(name); ok {
			env[name] = v
		}
	}
	for name, v := range s.Env {
		env[name] = v
	}
	list := make([]string, 0, len(env))
	for name, v := range env {
		list = append(list, name+"="+v)
	}
	slices.Sort(list) // the same configuration makes the same environ
	return list
}
