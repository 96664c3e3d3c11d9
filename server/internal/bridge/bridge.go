// Package bridge makes the embedded bridges runnable: it lays them down as
// files, compiles them, and resolves the interpreters once at start.
package bridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"framegate/server/internal/config"
	"framegate/server/internal/process"
)

// Options say which app to host, and where.
type Options struct {
	Frame   *config.Frame
	Dir     string   // cwd of the process, first on the module path
	Dynamic string   // [dynamic] path, second; "" without one
	Env     []string // environ of the check: the operator's part of a request's

	// Fresh has no byte code of the app's be written: Python takes it for fresh
	// by the second and the size, and would miss one of two changes within one
	// second.
	Fresh bool

	Confinement *process.Confinement // of the check: an import runs the app's code, as a request does

	Shared *Shared // nil is the bridge's own
}

// Bridge is a program that hosts one app.
type Bridge struct {
	Path string   // the interpreter, absolute
	Argv []string // interpreter, bridge, options, app: it answers one request and ends; see Command

	// Standing is the same for the process that outlives requests in the
	// frame's mode, nil in mode "exec".
	Standing []string

	Script int    // the index in Argv of the bridge's own file, which goes with Close
	Source string // what that file was made of

	withoutSite atomic.Pointer[withoutSite] // nil where site has to run

	check  []string // arguments that import the app and answer nothing
	opts   Options
	shared *Shared
}

// Error is an app that cannot be hosted, with a hint for its author.
type Error struct {
	Msg  string
	Hint string
}

func (e *Error) Error() string { return e.Msg }

// startupLimit bounds the programs that run once at start: an app that takes
// longer to import would answer no request in time either.
const startupLimit = 60 * time.Second

// Open finds the frame's interpreter and lays the bridge down for it.
func Open(ctx context.Context, opts Options) (*Bridge, error) {
	name := opts.Frame.Interpreter
	if name == "" {
		name = "python3"
	}
	if strings.ContainsRune(name, '/') && !filepath.IsAbs(name) {
		name = filepath.Join(opts.Dir, name)
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, &Error{
			Msg:  fmt.Sprintf("interpreter %s: %s", name, lookErr(err)),
			Hint: "install python3, or name one with `interpreter` (a virtualenv's python is enough)",
		}
	}
	b := &Bridge{opts: opts, shared: opts.Shared}
	if b.shared == nil {
		b.shared = new(Shared)
	}
	if b.Path, err = b.shared.Interpreter(ctx, path, opts.Dir); err != nil {
		return nil, err
	}
	script, err := b.shared.lay(ctx, b.Path, opts.Dir, opts.Frame.Warm())
	if err == nil {
		err = b.setArgv(script)
	}
	if err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Close removes what Open laid down, unless others may share it.
func (b *Bridge) Close() error {
	if b.opts.Shared != nil {
		return nil
	}
	return b.shared.Close()
}

// RuntimeDir is where files live that last as long as the program: not a
// directory that is swept by age while it runs, if there is a better one.
func RuntimeDir() string {
	for _, dir := range []string{os.Getenv("XDG_RUNTIME_DIR"), "/run"} {
		if dir == "" {
			continue
		}
		if f, err := os.CreateTemp(dir, ".framegate-"); err == nil {
			f.Close()
			os.Remove(f.Name())
			return dir
		}
	}
	return os.TempDir()
}

// Check imports the app as a request would. It returns the app's file, and
// learns what requests can do without.
func (b *Bridge) Check(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, startupLimit)
	defer cancel()
	argv := append([]string{b.Path}, b.check...)
	if !b.opts.Frame.Warm() {
		argv = slices.Insert(argv, slices.Index(argv, "--check")+1, "--site")
	}
	var stderr []string
	p, err := process.Start(&process.Spec{
		Path: b.Path, Argv: argv, Env: b.opts.Env, Dir: b.opts.Dir,
		Confinement: b.opts.Confinement,
		StderrLine:  func(line []byte) { stderr = append(stderr, string(line)) },
	})
	if err != nil {
		return "", &Error{Msg: fmt.Sprintf("interpreter %s: %s", b.Path, err), Hint: "may the frame's user reach and execute it?"}
	}
	detach := context.AfterFunc(ctx, func() { p.Stop(time.Second) })
	defer detach()
	out, readErr := io.ReadAll(p.Output())
	switch exit := p.Wait(); {
	case ctx.Err() == context.Canceled:
		return "", ctx.Err()
	case ctx.Err() != nil:
		return "", &Error{Msg: fmt.Sprintf("cannot load %s: not imported within %s", b.opts.Frame.App, startupLimit)}
	case exit.Clean() && readErr == nil:
		facts := out[:bytes.LastIndexByte(out, 0)+1]
		b.learnSite(string(facts))
		return lastLine(string(out[len(facts):])), nil
	case len(stderr) == 0:
		return "", &Error{Msg: fmt.Sprintf("cannot load %s: the interpreter ended without a word (%+v)", b.opts.Frame.App, exit)}
	}
	return "", verdict(strings.Join(stderr, "\n"))
}

// verdict takes the bridge's last word from its stderr: what the app itself
// printed while it was imported comes before it.
func verdict(stderr string) *Error {
	stderr, hint, _ := strings.Cut(stderr, "\nhint: ")
	if i := strings.LastIndex("\n"+stderr, "\nframegate: "); i >= 0 {
		stderr = stderr[i+len("framegate: "):]
	}
	return &Error{Msg: strings.TrimSpace(stderr), Hint: strings.TrimSpace(hint)}
}

// realInterpreter asks a Python what it is.
func realInterpreter(ctx context.Context, path, dir string) (string, error) {
	out, err := output(ctx, path, dir, os.Environ(), "-I", "-S", "-c", "import sys; print(sys.executable)")
	if err != nil {
		return "", &Error{Msg: fmt.Sprintf("interpreter %s: %s", path, err)}
	}
	if real := lastLine(out); filepath.IsAbs(real) {
		return real, nil
	}
	return path, nil
}

// output runs a program to its end and returns its stdout; what it said on
// stderr is the error.
func output(ctx context.Context, path, dir string, env []string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, startupLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = dir
	cmd.Env = env
	if env == nil {
		cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	}
	cmd.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	switch {
	case err == nil:
		return stdout.String(), nil
	case ctx.Err() == context.DeadlineExceeded:
		return "", fmt.Errorf("not ready after %s", startupLimit)
	case stderr.Len() > 0:
		return "", errors.New(strings.TrimSpace(stderr.String()))
	}
	return "", err
}

func lastLine(s string) string {
	s = strings.TrimRight(s, "\r\n")
	return s[strings.LastIndexByte(s, '\n')+1:]
}

func lookErr(err error) error {
	var e *exec.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
