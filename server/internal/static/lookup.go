package static

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"syscall"
)

const indexName = "index.html"

// errNoFile says that a path names nothing that is served.
var errNoFile = errors.New("no such file")

// treeName turns a URL path into a name relative to the tree, without slashes
// at its ends or repeated ones within; "" is the tree itself. slash reports
// whether the path ended in one. ok is false for a path that is never served:
// a hidden segment, or one that the caller should have resolved.
func treeName(urlPath string, dotfiles bool) (name string, slash, ok bool) {
	if urlPath == "" || urlPath[0] != '/' || strings.IndexByte(urlPath, 0) >= 0 {
		return "", false, false
	}
	slash = urlPath[len(urlPath)-1] == '/'
	name = strings.Trim(urlPath, "/")
	if strings.Contains(name, "//") {
		name = strings.Join(strings.FieldsFunc(name, func(r rune) bool { return r == '/' }), "/")
	}
	if !strings.HasPrefix(name, ".") && !strings.Contains(name, "/.") {
		return name, slash, true // no segment begins with a dot: the usual case
	}
	first := true
	for segment := range strings.SplitSeq(name, "/") {
		wellKnown := first && segment == ".well-known"
		first = false
		switch {
		case segment == "." || segment == "..":
			return "", false, false
		case strings.HasPrefix(segment, ".") && !dotfiles && !wellKnown:
			return "", false, false
		}
	}
	return name, slash, true
}

// entry is an open file or directory of the tree.
type entry struct {
	name string // relative to the tree
	file *os.File
	info os.FileInfo // of file
}

// lookup opens what the request is about: a regular file, or a directory. For
// a path that ends in a slash that is its index.html, and the directory itself
// only if it is to be listed.
func (f *Files) lookup(name string, slash bool) (entry, error) {
	if !slash {
		return f.open(name)
	}
	e, err := f.open(strings.TrimPrefix(name+"/"+indexName, "/"))
	if err == nil {
		if !e.info.IsDir() {
			return e, nil
		}
		e.file.Close()
		err = errNoFile
	}
	if !errors.Is(err, errNoFile) || !f.opts.Listing {
		return entry{}, err
	}
	if name == "" {
		name = "."
	}
	e, err = f.open(name)
	if err == nil && !e.info.IsDir() {
		e.file.Close()
		return entry{}, errNoFile
	}
	return e, err
}

// open opens a regular file or a directory. All other kinds don't exist for
// the web: a FIFO would never end, a device may do something.
func (f *Files) open(name string) (entry, error) {
	file, err := f.tree.open(name)
	if err != nil {
		return entry{}, openError(err)
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return entry{}, &Error{http.StatusInternalServerError, fmt.Errorf("static file: %w", err)}
	}
	if !info.Mode().IsRegular() && !info.IsDir() {
		file.Close()
		return entry{}, errNoFile
	}
	return entry{name, file, info}, nil
}

// openError says what a failed open means to the client.
func openError(err error) error {
	var errno syscall.Errno
	status := http.StatusInternalServerError
	switch {
	case errors.Is(err, fs.ErrPermission):
		status = http.StatusForbidden
	case errors.Is(err, os.ErrClosed):
	case !errors.As(err, &errno):
		return errNoFile // os.Root's own: the path leaves the tree
	}
	switch errno {
	case syscall.ENOENT, syscall.ENOTDIR, // a file in the middle of the path
		syscall.ENAMETOOLONG, syscall.ELOOP, syscall.EINVAL, syscall.EILSEQ, // no file can have that name
		syscall.ENXIO, syscall.ENODEV, syscall.EOPNOTSUPP: // sockets, devices without a driver
		return errNoFile
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM,
		syscall.EAGAIN: // a lease that its holder was now asked to give up
		status = http.StatusServiceUnavailable
	}
	return &Error{status, fmt.Errorf("static file: %w", err)}
}
