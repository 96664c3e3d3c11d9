package bridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Shared is what bridges have in common: which Python a name stands for, and
// the files that it runs. Each costs a start of Python, which ten thousand
// frames need not pay each. The zero value is ready; it is closed after the
// bridges that were opened with it, and not for use by several goroutines.
type Shared struct {
	pythons map[string]bool             // by path: itself a Python, and no shim
	real    map[interpreter]string      // the Pythons that these stand for
	homes   map[interpreter][2]laidDown // with the files of mode "exec", and with all
}

// interpreter is one as it was called. A shim may go by the directory that it
// is called in; a Python does not, and has none here.
type interpreter struct{ path, dir string }

// laidDown is a directory with the bridge's files, and what to run of them.
type laidDown struct{ dir, script string }

// Close removes the files.
func (s *Shared) Close() error {
	var errs []error
	for _, laid := range s.homes {
		for _, l := range laid {
			if l.dir != "" {
				errs = append(errs, os.RemoveAll(l.dir))
			}
		}
	}
	s.homes = nil
	return errors.Join(errs...)
}

// Interpreter is the Python that a name on PATH stands for: a version
// manager's shim costs every request tens of milliseconds. Other programs are
// returned as they are. A success is remembered.
func (s *Shared) Interpreter(ctx context.Context, path, dir string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil || !strings.HasPrefix(filepath.Base(path), "python") {
		return path, err
	}
	called := s.called(path, dir)
	if real, known := s.real[called]; known {
		if called.dir != dir { // which somebody else's start has not shown to be good
			if _, err := os.Stat(dir + "/."); err != nil {
				return "", &Error{Msg: fmt.Sprintf("interpreter %s: %s", path, err)}
			}
		}
		return real, nil
	}
	real, err := realInterpreter(ctx, path, dir)
	if err != nil {
		return "", err
	}
	if s.real == nil {
		s.real = map[interpreter]string{}
	}
	s.real[called] = real
	return real, nil
}

func (s *Shared) called(path, dir string) interpreter {
	python, known := s.pythons[path]
	if !known {
		if s.pythons == nil {
			s.pythons = map[string]bool{}
		}
		python = isPython(path)
		s.pythons[path] = python
	}
	if python {
		dir = ""
	}
	return interpreter{path, dir}
}

// isPython tells a Python from what stands in for it: a script, or a program
// of another name behind a link.
func isPython(path string) bool {
	target, err := filepath.EvalSymlinks(path)
	if err != nil || !strings.HasPrefix(filepath.Base(target), "python") {
		return false
	}
	f, err := os.Open(target)
	if err != nil {
		return false
	}
	defer f.Close()
	var magic [4]byte
	_, err = io.ReadFull(f, magic[:])
	return err == nil && bytes.Equal(magic[:], []byte("\x7fELF"))
}

// lay lays the bridge down for an interpreter, once, and returns what to run;
// all is with what is for more than one exchange.
func (s *Shared) lay(ctx context.Context, path, dir string, all bool) (string, error) {
	called, which := s.called(path, dir), 0
	if all {
		which = 1
	}
	laid := s.homes[called]
	if l := laid[which]; l.script != "" {
		return l.script, nil
	}
	texts, err := sources(all)
	if err != nil {
		return "", err
	}
	home, err := os.MkdirTemp(RuntimeDir(), "framegate-")
	if err != nil {
		return "", err
	}
	script, err := layIn(ctx, interpreter{path, dir}, home, texts)
	if err != nil {
		os.RemoveAll(home)
		return "", err
	}
	if s.homes == nil {
		s.homes = map[interpreter][2]laidDown{}
	}
	laid[which] = laidDown{home, script}
	s.homes[called] = laid
	return script, nil
}
