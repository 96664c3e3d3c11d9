// Package watch tells when the source of an app has changed.
package watch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// Tree watches directories and what is below them.
type Tree struct {
	// Partial says that not all directories are watched: there are too many of
	// them, or the system gives no more watches.
	Partial bool

	notify  *fsnotify.Watcher
	skip    []string
	changed func(file string)
	watched int
	done    sync.WaitGroup
}

// most bounds the directories of one tree: each takes memory of the kernel.
const most = 2000

// Open watches dirs, without the directories skip. It calls changed, from one
// goroutine, for each source file below them that is written, made, renamed or
// removed.
func Open(dirs, skip []string, changed func(file string)) (*Tree, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	t := &Tree{notify: notify, skip: skip, changed: changed}
	for _, dir := range dirs {
		if err := t.add(dir); err != nil {
			notify.Close()
			return nil, err
		}
	}
	t.done.Go(t.follow)
	return t, nil
}

// Close ends the watching.
func (t *Tree) Close() error {
	err := t.notify.Close()
	t.done.Wait()
	return err
}

// add watches root and the directories below it.
func (t *Tree) add(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && path == root:
			return err
		case err != nil:
			return nil // it may not be read, or has just gone: nothing of the app's is there
		case !d.IsDir():
			return nil
		case path != root && t.foreign(path):
			return fs.SkipDir
		case t.watched == most:
			t.Partial = true
			return fs.SkipAll
		}
		err = t.notify.Add(path)
		if err != nil && path != root {
			t.Partial = true
			return fs.SkipAll
		}
		t.watched++
		return err
	})
}

func (t *Tree) follow() {
	for {
		select {
		case e, ok := <-t.notify.Events:
			if !ok {
				return
			}
			t.event(e)
		case err, ok := <-t.notify.Errors:
			if !ok {
				return
			}
			if errors.Is(err, fsnotify.ErrEventOverflow) {
				t.changed("") // something has; nobody knows what
			}
		}
	}
}

func (t *Tree) event(e fsnotify.Event) {
	if e.Op == fsnotify.Chmod {
		return
	}
	if e.Has(fsnotify.Create) {
		if info, err := os.Stat(e.Name); err == nil && info.IsDir() {
			if !t.foreign(e.Name) {
				t.appeared(e.Name)
			}
			return
		}
	}
	if IsSource(e.Name) {
		t.changed(e.Name)
	}
}

// appeared watches a new directory. What was put into it before it was watched
// has told nobody.
func (t *Tree) appeared(dir string) {
	if t.add(dir) != nil {
		return
	}
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && IsSource(path) {
			t.changed(path)
			return fs.SkipAll
		}
		return nil
	})
}

// foreign reports whether a directory holds nothing that its author edits:
// hidden ones, byte code, installed packages.
func (t *Tree) foreign(dir string) bool {
	name := filepath.Base(dir)
	if slices.Contains(t.skip, dir) || strings.HasPrefix(name, ".") || name == "__pycache__" || name == "node_modules" {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "pyvenv.cfg"))
	return err == nil
}

// IsSource reports whether a file is one that an app is made of. Data, which
// an app may write itself, is none: else it would restart itself for ever.
func IsSource(file string) bool {
	base := filepath.Base(file)
	if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "#") {
		return false // editors' own
	}
	return slices.Contains([]string{
		".py", ".so", ".rb", ".ru", ".erb", ".haml", ".slim", ".pl", ".pm", ".psgi", ".tt", ".ep", ".php", ".lua", ".js", ".sh",
		".html", ".htm", ".xhtml", ".jinja", ".jinja2", ".j2", ".mako", ".tmpl", ".tpl", ".pt", ".mustache",
		".toml", ".ini", ".cfg", ".conf", ".yaml", ".yml", ".env",
	}, strings.ToLower(filepath.Ext(base)))
}
