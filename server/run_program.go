package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"framegate/server/internal/cgi"
	"framegate/server/internal/config"
	"framegate/server/internal/gateway"
	"framegate/server/internal/runner"
)

// programConfig has one program answer at every path, in this directory.
func programConfig(argv []string) (*config.Config, error) {
	path, err := exec.LookPath(argv[0])
	if errors.Is(err, exec.ErrDot) {
		err = nil // it was named with a directory, or PATH has this one
	}
	if err != nil {
		return nil, programError(argv[0], err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	if err := runner.CheckInterpreter(path); err != nil {
		return nil, err
	}
	return config.ForCommand(".", argv)
}

// programError says why a program cannot be run, and what to do.
func programError(name string, err error) error {
	err = rootCause(errors.Unwrap(err))
	e := &hintedError{err: fmt.Errorf("program %s: %w", name, err)}
	info, statErr := os.Stat(name)
	switch {
	case !strings.Contains(name, "/") && statErr == nil && !info.IsDir():
		e.err, e.hint = fmt.Errorf("program %s: not on PATH", name), "a file of this directory is named with ./: framegate run -- ./"+name
	case errors.Is(err, exec.ErrNotFound):
		e.err = fmt.Errorf("program %s: not on PATH", name)
	case statErr == nil && info.IsDir():
		e.err = fmt.Errorf("program %s: it is a directory", name)
	case errors.Is(err, fs.ErrPermission):
		e.hint = "chmod +x " + name
	}
	return e
}

// failure is why the request got no answer of its own.
func (f *showFlags) failure(r *http.Request, err error) error {
	malformed := (*cgi.HeaderError)(nil)
	refused := errors.As(err, &malformed) || errors.Is(err, gateway.ErrLongHeader)
	err = fmt.Errorf("%s %s: %w", r.Method, r.RequestURI, err)
	if errors.Is(err, runner.ErrProgram) && strings.Contains(err.Error(), "exec format error") {
		return &hintedError{err: err, hint: "a script's first line names its interpreter: #!/bin/sh, #!/usr/bin/env python3"}
	}
	if refused && !f.raw && !f.lint {
		return &hintedError{err: err, hint: "--raw shows what it printed, --lint what is wrong with it and what to write instead"}
	}
	return err
}
