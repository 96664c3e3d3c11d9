package static

import (
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// TestUnreadable asks as a user who may not. Root may read everything, so the
// one thread that asks gives root up for file access (setfsuid(2) is per
// thread) and is thrown away afterwards.
func TestUnreadable(t *testing.T) {
	dir := write(t, map[string]string{"secret.css": "s", "closed/a.css": "a", "a.css": "a{}", "a.css.gz": "gzip"})
	must(t, os.Chmod(dir, 0o755))
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	for _, name := range []string{"secret.css", "closed", "a.css.gz"} {
		must(t, os.Chmod(filepath.Join(dir, name), 0))
	}
	defer os.Chmod(filepath.Join(dir, "closed"), 0o755) // so that it can be removed
	files := open(t, dir, Options{})

	type result struct {
		found bool
		err   error
		code  int
		body  string
	}
	ask := func(path string) result {
		got := make(chan result)
		go func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			if os.Geteuid() == 0 {
				syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0)
			}
			w, r := httptest.NewRecorder(), httptest.NewRequest("GET", path, nil)
			r.Header.Set("Accept-Encoding", "gzip")
			found, err := files.Serve(w, r, path)
			got <- result{found, err, w.Code, w.Body.String()}
		}()
		return <-got
	}
	for _, path := range []string{"/secret.css", "/closed/", "/closed/a.css"} {
		got := ask(path)
		var e *Error
		if !got.found || !errors.As(got.err, &e) || e.Status != 403 || !errors.Is(got.err, os.ErrPermission) {
			t.Errorf("%s: got %v, %v; want an Error with status 403", path, got.found, got.err)
		}
	}
	if got := ask("/a.css"); got.err != nil || got.body != "a{}" {
		t.Errorf("unreadable neighbour: got %q, %v; want the original", got.body, got.err)
	}
}

// TestQuickUnreadable takes the permission away from files that are held open.
func TestQuickUnreadable(t *testing.T) {
	dir := write(t, map[string]string{"secret.css": "s", "closed/a.css": "a"})
	must(t, os.Chmod(dir, 0o755))
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	defer os.Chmod(filepath.Join(dir, "closed"), 0o755) // so that it can be removed
	files := open(t, dir, Options{})
	ask := func(path string) bool {
		got := make(chan bool)
		go func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			if os.Geteuid() == 0 {
				syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0)
			}
			_, _, ok := files.Quick(nil, &QuickRequest{Path: path}, nil)
			got <- ok
		}()
		return <-got
	}
	for path, closed := range map[string]string{"/secret.css": "secret.css", "/closed/a.css": "closed"} {
		for range 2 { // the second time it is remembered
			if !ask(path) {
				t.Errorf("%s: refused", path)
			}
		}
		must(t, os.Chmod(filepath.Join(dir, closed), 0))
		if ask(path) {
			t.Errorf("%s: answered; want it left to Serve, which may not", path)
		}
	}
}
