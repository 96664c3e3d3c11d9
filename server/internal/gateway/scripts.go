package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"framegate/server/internal/cgi"
)

// scriptDir is a directory of CGI programs. Names are looked up through an
// os.Root, so that no path and no symlink leads out of it.
type scriptDir struct {
	root         *os.Root
	dir          string
	interpreters map[string]program // by extension, ".php"
	together     bool               // one program, or somebody else, runs them all
}

// find walks target to its script. A script is a regular file that has the
// run bit or an extension with an interpreter.
func (d *scriptDir) find(target cgi.Target, prefix string) (cgi.Script, string, error) {
	var info fs.FileInfo
	script, err := cgi.SplitScripts(target, prefix, func(name string) (cgi.FileKind, error) {
		var err error
		if info, err = d.root.Stat(name); err != nil {
			return cgi.NoFile, nil // missing, or outside the root
		}
		switch {
		case info.IsDir():
			return cgi.Directory, nil
		case info.Mode().IsRegular():
			return cgi.RegularFile, nil
		}
		return cgi.OtherFile, nil
	})
	switch {
	case errors.Is(err, cgi.ErrNoScript):
		return script, "", &failure{status: http.StatusNotFound, sentence: "There is no such script.", cause: err}
	case err != nil:
		return script, "", err
	}
	file := filepath.Join(d.dir, filepath.FromSlash(script.File))
	ext := filepath.Ext(file)
	_, mapped := d.interpreters[ext]
	var cause error
	switch {
	case mapped, info.Mode()&0o111 != 0, d.together && ext == phpExtension:
		return script, file, nil
	case d.together:
		cause = fmt.Errorf("%s has no run bit (chmod +x) and does not end in %s: what is no script is not run, nor shown", file, phpExtension)
	default:
		cause = fmt.Errorf("%s has no run bit (chmod +x) and no interpreter for %q", file, ext)
	}
	return script, "", &failure{status: http.StatusForbidden, sentence: "The script is not executable.", cause: cause, script: file}
}

// phpExtension is what php-fpm and php-cgi take for a script. The latter would
// show any other file as it is, passwords and all.
const phpExtension = ".php"
