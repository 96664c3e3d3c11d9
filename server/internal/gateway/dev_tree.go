package gateway

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"framegate/server/internal/capture"
	"framegate/server/internal/watch"
)

// tree is the files that an answer may depend on: the program's own, whatever
// their names, and the sources below its directories.
type tree struct {
	dir   string   // what names are relative to
	own   []string // the author's file, and further ones on the command line
	roots []string
	skip  string // captures are scripts, too, but no reason to run anything again

	files   *fsnotify.Watcher // of the directories that own files are in
	sources *watch.Tree
	saved   chan string // sources that were saved
	stamps  stamps      // at the last look, nil before
}

// stamps are those of all files, by path.
type stamps map[string]stamp

// stamp changes when a file does.
type stamp struct {
	modified time.Time
	size     int64
	mode     fs.FileMode
}

// newTree finds out what to watch for a program.
func newTree(p *capture.Program, captures string) *tree {
	t := &tree{dir: p.Dir, skip: captures, saved: make(chan string, 16)}
	for i := 1; p.Bridge == 0 && i < len(p.Argv); i++ {
		arg := p.Argv[i]
		if !filepath.IsAbs(arg) {
			arg = filepath.Join(p.Dir, arg)
		}
		t.addOwn(arg)
	}
	if len(t.own) == 0 || p.File != p.Path { // else it is what runs them
		t.addOwn(p.File)
	}
	t.addRoot(p.Dir)
	for i := 1; p.Bridge > 0 && i < len(p.Argv); i++ {
		if p.Argv[i-1] == "--module-path" {
			t.addRoot(p.Argv[i])
		}
	}
	return t
}

// addOwn adds a file that is the author's: nobody edits what came with the
// system.
func (t *tree) addOwn(path string) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || slices.Contains(t.own, path) ||
		strings.HasPrefix(path, "/usr/bin/") || strings.HasPrefix(path, "/bin/") {
		return
	}
	t.own = append(t.own, path)
	if real, err := filepath.EvalSymlinks(path); err == nil && real != path {
		t.own = append(t.own, real)
	}
}

// addRoot adds a directory, unless it is below one that is there already.
func (t *tree) addRoot(dir string) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return
	}
	for _, root := range t.roots {
		if rel, err := filepath.Rel(root, dir); err == nil && filepath.IsLocal(rel) {
			return
		}
	}
	t.roots = append(t.roots, dir)
}

// watch has the system tell of changes from here on.
func (t *tree) watch() error {
	var err error
	if t.files, err = fsnotify.NewWatcher(); err != nil {
		return err
	}
	for _, file := range t.own {
		err = errors.Join(err, t.files.Add(filepath.Dir(file))) // not the file: editors put a new one in its place
	}
	sources, openErr := watch.Open(t.roots, []string{t.skip}, func(file string) {
		select {
		case t.saved <- file:
		default: // there is enough to run again for
		}
	})
	if openErr == nil {
		t.sources = sources
	}
	return errors.Join(err, openErr)
}

func (t *tree) close() {
	if t.files != nil {
		t.files.Close()
	}
	if t.sources != nil {
		t.sources.Close()
	}
}

// events are those of the directories of own files; what is about another
// file is the sources' to tell.
func (t *tree) events() <-chan fsnotify.Event {
	if t.files == nil {
		return nil
	}
	return t.files.Events
}

func (t *tree) errors() <-chan error {
	if t.files == nil {
		return nil
	}
	return t.files.Errors
}

// isOwn reports whether a file is the program itself.
func (t *tree) isOwn(file string) bool { return slices.Contains(t.own, file) }

// modified is when a file was saved; now, when it is gone.
func (t *tree) modified(file string) time.Time {
	info, err := os.Stat(file)
	if err != nil {
		return time.Now()
	}
	return info.ModTime()
}

// name is what the page calls a file.
func (t *tree) name(path string) string {
	if rel, err := filepath.Rel(t.dir, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return filepath.Base(path)
}

// String is what is watched, in words.
func (t *tree) String() string {
	var names []string
	for _, file := range t.own {
		if name := t.name(file); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(t.roots) > 0 {
		names = append(names, "the sources below "+t.roots[0])
	}
	return strings.Join(names, " and ")
}

// What is looked at of a large directory, now and then.
const (
	lookDirs  = 256
	lookFiles = 4096
)

// each calls f for every file that is there, the program's own first.
func (t *tree) each(f func(path string, s stamp)) {
	visit := func(path string, info fs.FileInfo, err error) {
		if err == nil && info.Mode().IsRegular() {
			f(path, stamp{info.ModTime(), info.Size(), info.Mode()})
		}
	}
	for _, path := range t.own {
		info, err := os.Stat(path)
		visit(path, info, err)
	}
	dirs, files := lookDirs, lookFiles
	for _, root := range t.roots {
		filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return nil
			case dirs == 0 || files == 0:
				return fs.SkipAll
			case d.IsDir() && path != root && (foreign(path) || path == t.skip):
				return fs.SkipDir
			case d.IsDir():
				dirs--
			case watch.IsSource(path) && !t.isOwn(path):
				files--
				info, err := d.Info()
				visit(path, info, err)
			}
			return nil
		})
	}
}

// foreign reports whether nobody edits what is in a directory.
func foreign(dir string) bool {
	switch name := filepath.Base(dir); {
	case strings.HasPrefix(name, "."), name == "__pycache__", name == "node_modules":
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "pyvenv.cfg"))
	return err == nil
}

// since is a file that was saved when nobody watched: the program itself after
// begun, when it was run last, another after ended, because a program writes
// files, too.
func (t *tree) since(begun, ended time.Time) (file string) {
	t.each(func(path string, s stamp) {
		after := ended
		if t.isOwn(path) {
			after = begun
		}
		if file == "" && s.modified.After(after) {
			file = path
		}
	})
	return file
}

// look compares the files with what they were at the last look, for file
// systems that tell of nothing. With ownOnly it is content with changes of
// others: the program has just run.
func (t *tree) look(ownOnly bool) (file string) {
	found := make(stamps, len(t.stamps))
	t.each(func(path string, s stamp) {
		found[path] = s
		if old, known := t.stamps[path]; file == "" && t.stamps != nil && (!known || old != s) && (!ownOnly || t.isOwn(path)) {
			file = path
		}
	})
	t.stamps = found
	return file
}
