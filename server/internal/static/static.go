// Package static answers requests with the files of one directory, and
// nothing outside it.
//
// It speaks HTTP (RFC 9110) and writes the answers that carry a file or no
// page at all: 200, 206, 204, 301 and 304. Every other answer is an *Error,
// and its page is the caller's.
package static

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
)

// Options say what of the tree is shown. The zero value serves every regular
// file whose path has no segment that begins with a dot.
type Options struct {
	Listing  bool // list a directory that has no index.html; without it, that is no such file
	Dotfiles bool // serve names that begin with a dot; /.well-known/ always is (RFC 8615)
}

// Files serves one directory. Its methods are safe for concurrent use.
type Files struct {
	tree  *tree
	opts  Options
	bufs  sync.Pool // of *[smallFile]byte
	quick quickCache
}

// New opens dir. The directory that dir names is looked up again for each
// request, so that a deployment may swap a symbolic link or rename a whole
// tree into place.
func New(dir string, opts Options) (*Files, error) {
	t, err := openTree(dir)
	if err != nil {
		return nil, fmt.Errorf("static directory: %w", err)
	}
	f := &Files{tree: t, opts: opts}
	f.bufs.New = func() any { return new([smallFile]byte) }
	return f, nil
}

// Close gives the directory back. Files that are being sent are still sent;
// Serve afterwards returns an Error with status 500.
func (f *Files) Close() error {
	f.quick.close()
	return f.tree.close()
}

// Error is why a request that named something in the tree was not answered,
// or not to its end.
type Error struct {
	// Status is what the caller answers with, a page of its own in the body:
	// 403, 405, 412, 416, 500 or 503. The fields that the status asks for
	// (Allow, Content-Range) are already in the ResponseWriter's header.
	//
	// 0 says that the answer had begun and can't be completed: the connection
	// must not end as if it were whole. panic(http.ErrAbortHandler) does that.
	Status int
	Err    error // what was tried and why it failed, for the log
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

const allow = "GET, HEAD, OPTIONS"

// Serve answers r from the tree if urlPath names something it serves. urlPath
// is the decoded path of the request, begins with "/", and has no dot segments
// left.
//
// Without such a file it reports false and a nil error, and has touched
// nothing: the 404 is the caller's. A non-nil error is always an *Error, and
// comes with true.
func (f *Files) Serve(w http.ResponseWriter, r *http.Request, urlPath string) (found bool, err error) {
	name, slash, ok := treeName(urlPath, f.opts.Dotfiles)
	if !ok {
		return false, nil
	}
	e, err := f.lookup(name, slash)
	if errors.Is(err, errNoFile) {
		return false, nil
	}
	if err != nil {
		return true, err
	}
	defer e.file.Close() // it was only read: an error here loses nothing

	w.Header().Set("X-Content-Type-Options", "nosniff")
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions: // §9.3.7
		w.Header().Set("Allow", allow)
		w.WriteHeader(http.StatusNoContent)
		return true, nil
	default: // §15.5.6
		w.Header().Set("Allow", allow)
		return true, &Error{http.StatusMethodNotAllowed, fmt.Errorf("static file %s: method %s: not allowed", urlPath, r.Method)}
	}
	switch {
	case !e.info.IsDir():
		return true, f.serveFile(w, r, e)
	case !slash:
		return true, redirect(w, r, name)
	default:
		return true, f.serveListing(w, r, e)
	}
}

// serveFile answers with the file, or with the precompressed neighbour of it
// that the client likes best.
func (f *Files) serveFile(w http.ResponseWriter, r *http.Request, e entry) error {
	rep := representation{entry: e, typ: typeOf(e.name)}
	if rep.typ.compressible {
		// Whatever the tree holds now: a neighbour that appears later changes
		// what the same request selects (§12.5.5).
		w.Header().Add("Vary", "Accept-Encoding")
		if n, coding := f.neighbour(e, r.Header["Accept-Encoding"]); coding != nil {
			defer n.file.Close()
			rep.entry, rep.coding = n, coding
		}
	}
	rep.etag = etagOf(rep.info, rep.coding)

	switch evaluate(r.Header, rep.etag, rep.info.ModTime()) {
	case notModified: // §15.4.5: what a cache needs of the 200's fields
		w.Header().Set("Etag", rep.etag)
		w.WriteHeader(http.StatusNotModified)
		return nil
	case failed:
		return &Error{http.StatusPreconditionFailed, fmt.Errorf("static file %s: precondition: not met", e.name)}
	}
	return f.send(w, r, rep)
}
