package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// abs takes a path of the file to where the file's directory puts it.
func (d *decoder) abs(p string) string {
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(d.dir, p)
}

// isDir is for the directories that are used only where they exist.
func isDir(p string) bool {
	info, err := os.Stat(p)
	return err == nil && info.IsDir()
}

// path takes what need not exist yet.
func (d *decoder) path(p *string) func(*node) {
	return func(n *node) {
		s, ok := d.str(n, "")
		switch {
		case !ok:
		case s == "":
			d.failf(n, "", "is empty")
		default:
			*p = d.abs(s)
		}
	}
}

func (d *decoder) existingDir(p *string) func(*node) {
	return func(n *node) {
		if s, ok := d.str(n, ""); ok && d.exists(n, s, "directory") {
			*p = d.abs(s)
		}
	}
}

// optionalDir takes "" for "none".
func (d *decoder) optionalDir(p *string) func(*node) {
	return func(n *node) {
		if n.value == "" {
			*p = ""
			return
		}
		d.existingDir(p)(n)
	}
}

func (d *decoder) existingFile(p *string) func(*node) {
	return func(n *node) {
		if s, ok := d.str(n, ""); ok && d.exists(n, s, "file") {
			*p = d.abs(s)
		}
	}
}

func (d *decoder) existingDirs(p *[]string) func(*node) {
	return func(n *node) {
		items, ok := d.stringArray(n)
		if !ok {
			return
		}
		dirs := make([]string, 0, len(items))
		for _, it := range items {
			var dir string
			d.existingDir(&dir)(it)
			dirs = append(dirs, dir)
		}
		*p = dirs
	}
}

// existingPaths takes devices and sockets, too: they can be written to.
func (d *decoder) existingPaths(p *[]string) func(*node) {
	return func(n *node) {
		items, ok := d.stringArray(n)
		if !ok {
			return
		}
		paths := make([]string, 0, len(items))
		for _, it := range items {
			if s := it.value.(string); d.exists(it, s, "file or directory") {
				paths = append(paths, d.abs(s))
			}
		}
		*p = paths
	}
}

// exists reports whether s is there and is what is wanted: a "directory", a
// "file" or a "file or directory".
func (d *decoder) exists(n *node, s, what string) bool {
	if s == "" {
		d.failf(n, "", "is empty: the name of a %s is needed", what)
		return false
	}
	hint := ""
	if !filepath.IsAbs(s) {
		hint = "relative paths are relative to the directory of " + filepath.Base(d.file)
	}
	info, err := os.Stat(d.abs(s))
	var pathError *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.failf(n, hint, "%s %q does not exist", what, s)
	case errors.As(err, &pathError):
		d.failf(n, "", "%s %q: %v", what, s, pathError.Err)
	case err != nil:
		d.failf(n, "", "%s %q: %v", what, s, err)
	case what == "directory" && !info.IsDir():
		d.failf(n, "", "%q is not a directory", s)
	case what == "file" && !info.Mode().IsRegular():
		d.failf(n, "", "%q is not a regular file", s)
	default:
		return true
	}
	return false
}

// programPath makes a program's name absolute where it is a path: a name
// without a slash is looked up on PATH when the frame is started.
func (d *decoder) programPath(s string) string {
	if strings.Contains(s, "/") {
		return d.abs(s)
	}
	return s
}

// resolve follows symbolic links as far as the path exists.
func resolve(p string) string {
	if real, err := filepath.EvalSymlinks(p); err == nil {
		return real
	}
	return p
}

// within says whether inner is outer or lies below it.
func within(inner, outer string) bool {
	rel, err := filepath.Rel(resolve(outer), resolve(inner))
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}
