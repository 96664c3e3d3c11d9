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
	if _, mapped := d.interpreters[filepath.Ext(file)]; !mapped && info.Mode()&0o111 == 0 {
		return script, "", &failure{status: http.StatusForbidden, sentence: "The script is not executable.",
			cause: fmt.Errorf("%s has no run bit (chmod +x) and no interpreter for %q", file, filepath.Ext(file))}
	}
	return script, file, nil
}
