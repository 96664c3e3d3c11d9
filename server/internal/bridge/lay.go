package bridge

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"framegate/frames/bridges"
)

// compile turns sources into byte code: a main program's would be compiled
// anew for every request otherwise, because Python keeps none of it.
const compile = `import py_compile, sys
if sys.version_info < (3, 8):
    sys.exit("Python %d.%d is too old" % sys.version_info[:2])
for source in sys.argv[2:]:
    py_compile.compile(source, sys.argv[1] + source[source.rindex("/"):] + "c", doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)`

// layIn writes the bridge into the directory home and returns what to run.
func layIn(ctx context.Context, python interpreter, home string, texts map[string]string) (string, error) {
	// Frames may run as another user: what they read is no secret.
	sources := filepath.Join(home, "source")
	for _, dir := range []string{home, sources} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
		if err := os.Chmod(dir, 0o755); err != nil {
			return "", err
		}
	}
	args := []string{"-I", "-c", compile, home}
	for name, text := range texts {
		args = append(args, filepath.Join(sources, name))
		if err := os.WriteFile(filepath.Join(sources, name), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	if _, err := output(ctx, python.path, python.dir, nil, args...); err != nil {
		return "", &Error{Msg: fmt.Sprintf("interpreter %s: %s", python.path, err), Hint: "the WSGI bridge wants Python 3.8 or later"}
	}
	for name := range texts {
		if err := os.Chmod(filepath.Join(home, name+"c"), 0o644); err != nil {
			return "", err
		}
	}
	return filepath.Join(home, "wsgi.pyc"), nil
}

// sources are the bridge's files; those beside wsgi.py are for what is more
// than one exchange, and for the check at the start.
func sources(all bool) (map[string]string, error) {
	texts := map[string]string{"wsgi.py": bridges.WSGI, "wsgi_site.py": bridges.WSGISite}
	if !all {
		return texts, nil
	}
	entries, err := fs.ReadDir(bridges.WSGIWarm, ".")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		text, err := fs.ReadFile(bridges.WSGIWarm, e.Name())
		if err != nil {
			return nil, err
		}
		texts[e.Name()] = string(text)
	}
	return texts, nil
}
