package follow

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// Site names what a server serves: its configuration's file, or the directory
// where there is none. Whoever stands in the same directory finds the same.
func Site(file, dir string) (string, error) {
	name := file
	if name == "" {
		name = dir
	}
	name, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	return name, nil
}

// places are the directories that sockets are in, the best first. Only their
// owner may look into them.
func places() []string {
	var list []string
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		list = append(list, filepath.Join(dir, "framegate"))
	}
	if os.Geteuid() == 0 {
		list = append(list, "/run/framegate")
	}
	return append(list, filepath.Join(os.TempDir(), "framegate-"+strconv.Itoa(os.Geteuid())))
}

// fileName is that of the socket of one server. Several may serve one site, on
// different addresses.
func fileName(site, listen string) string { return prefix(site) + digest(listen)[:8] + ".sock" }

// ours are the names that fileName makes.
var ours = regexp.MustCompile(`^[0-9a-f]{16}-[0-9a-f]{8}\.sock$`)

func prefix(site string) string { return digest(site)[:16] + "-" }

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// Path is where the server of site that listens on listen puts its socket. The
// directory is made when it is not there.
func Path(site, listen string) (string, error) {
	var errs []error
	for _, dir := range places() {
		if err := private(dir); err != nil {
			errs = append(errs, err)
			continue
		}
		return filepath.Join(dir, fileName(site, listen)), nil
	}
	return "", errors.Join(errs...)
}

// private makes dir, or makes sure that it is ours alone: in a directory that
// everybody may write to, somebody else could have been first.
func private(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s: not a directory", dir)
	case !owned(info):
		return fmt.Errorf("%s: belongs to somebody else", dir)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%s: others may enter it", dir)
	}
	return nil
}
