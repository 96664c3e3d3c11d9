package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"framegate/server/internal/process"
)

// Exec is the mode "exec": a new process for each request.
type Exec struct{ habits habits }

// Why a program could not be started. The gateway turns them into a status;
// the message says what to do.
var (
	ErrTooLarge = errors.New("environ is larger than the kernel takes")
	ErrProgram  = errors.New("program cannot be run")
)

// Warm does nothing: nothing is there ahead of a request.
func (*Exec) Warm(process.Watcher) {}

// Start starts the program of spec. Spec's Brief holds for one that is known
// to be brief.
func (e *Exec) Start(ctx context.Context, spec *process.Spec) (Run, error) {
	if spec.Brief == nil {
		p, err := startProcess(ctx, spec)
		if err != nil {
			return nil, err
		}
		return p, nil
	}
	habit := e.habits.of(spec.Path)
	limit := spec.Brief.Limit
	if !habit.brief() {
		spec.Brief = nil
	}
	p, err := startProcess(ctx, spec)
	if err != nil {
		return nil, err
	}
	if spec.Brief != nil && !p.WasBrief() && p.HasOutput() {
		habit.heldUp()
	}
	return &execRun{p, habit, limit}, nil
}

func startProcess(ctx context.Context, spec *process.Spec) (*process.Process, error) {
	// A frame that is being replaced is busy while any fork still holds it
	// open for writing (golang/go#22315): that ends within milliseconds.
	for wait := time.Millisecond; ; wait *= 2 {
		p, err := process.Start(spec)
		switch {
		case err == nil:
			return p, nil
		case !errors.Is(err, syscall.ETXTBSY) || wait > 128*time.Millisecond:
			return nil, explain(spec, err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// Close does nothing: no process outlives its exchange.
func (*Exec) Close() error { return nil }

// explain turns the errno of execve, which does not say what it means, into
// the cause: ENOENT may be the program, its interpreter or the directory.
func explain(spec *process.Spec, err error) error {
	var call *os.SyscallError
	switch {
	case errors.As(err, &call) && call.Syscall == "clone":
		// ENOENT and ENODEV are then the cgroup's, not the program's.
		return fmt.Errorf("start %s: %w (was the frame's cgroup removed?)", spec.Path, err)
	case errors.As(err, &call) && call.Syscall == "chdir" && call.Err != syscall.ENOENT:
		return fmt.Errorf("%w: working directory %s: %s", ErrProgram, spec.Dir, call.Err)
	case errors.Is(err, syscall.E2BIG):
		return fmt.Errorf("%w: %s", ErrTooLarge, err)
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("%w: %s: exec format error: a script needs a first line like #!/bin/sh", ErrProgram, spec.Path)
	case errors.Is(err, syscall.ENOENT):
		if _, serr := os.Stat(spec.Dir); serr != nil {
			return fmt.Errorf("%w: working directory: %s", ErrProgram, serr)
		}
		if line, ok := shebang(spec.Path); ok {
			return missingInterpreter(spec.Path, line)
		}
		return fmt.Errorf("%w: %s: no such file", ErrProgram, spec.Path)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w: %s: permission denied: %s", ErrProgram, spec.Path, deniedHint(spec.Path))
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.ELOOP),
		errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.EPERM), errors.Is(err, syscall.ETXTBSY):
		return fmt.Errorf("%w: %s: %s", ErrProgram, spec.Path, err)
	}
	return fmt.Errorf("start %s: %w", spec.Path, err) // EAGAIN, EMFILE, ENOMEM: the machine's trouble
}

// CheckInterpreter tells whether the interpreter that a script's first line
// names is there; a program that is no script has none.
func CheckInterpreter(path string) error {
	line, ok := shebang(path)
	if !ok {
		return nil
	}
	name := strings.TrimLeft(line[len("#!"):], " \t")
	if i := strings.IndexAny(name, " \t"); i >= 0 {
		name = name[:i]
	}
	if _, err := os.Stat(name); err != nil {
		return missingInterpreter(path, line)
	}
	return nil
}

func missingInterpreter(path, line string) error {
	return fmt.Errorf("%w: %s: the interpreter of its first line %q is missing%s", ErrProgram, path, line, crlfHint(line))
}

// shebang is the first line of a script, without its line feed.
func shebang(path string) (string, bool) {
	f, err := os.Open(path)
	if err != nil {
		return "", false
	}
	defer f.Close()
	head := make([]byte, 256)
	n, _ := io.ReadFull(f, head)
	line, _, found := bytes.Cut(head[:n], []byte("\n"))
	if !found || !bytes.HasPrefix(line, []byte("#!")) {
		return "", false
	}
	return string(line), true
}

// deniedHint tells a file without run bits from one that the frame's user
// cannot reach.
func deniedHint(path string) string {
	if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
		return "the frame's user may not execute it, or not reach it, or its interpreter"
	}
	return "it needs the run bit (chmod +x)"
}

func crlfHint(line string) string {
	if len(line) > 0 && line[len(line)-1] == '\r' {
		return ": the line ends in CR LF, convert the file to LF"
	}
	return ""
}
