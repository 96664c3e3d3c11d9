package static

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestReplacedWhileServed renames new versions into place while clients read:
// each answer is one version from end to end, and a tag names one version.
func TestReplacedWhileServed(t *testing.T) {
	for _, size := range []int{100, 3 * smallFile} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			dir := t.TempDir()
			version := 0
			replace := func() error {
				version++
				content := strings.Repeat(string(rune('a'+version%26)), size+version%7)
				next := filepath.Join(dir, "next")
				if err := os.WriteFile(next, []byte(content), 0o644); err != nil {
					return err
				}
				return os.Rename(next, filepath.Join(dir, "a.txt"))
			}
			must(t, replace())
			addr := serve(t, dir, Options{})

			var readers sync.WaitGroup
			var mu sync.Mutex
			bodies := map[string]string{} // by entity tag
			failures := make(chan error, 4)
			for range cap(failures) {
				readers.Go(func() {
					for range 60 {
						a, err := try(addr, "GET /a.txt")
						switch {
						case err != nil:
						case a.StatusCode != 200 || len(a.body) < size || int64(len(a.body)) != a.ContentLength:
							err = fmt.Errorf("status %d with %d bytes of %d", a.StatusCode, len(a.body), a.ContentLength)
						case strings.Trim(a.body, a.body[:1]) != "":
							err = errors.New("a mix of versions")
						}
						if err != nil {
							failures <- err
							return
						}
						mu.Lock()
						if old, ok := bodies[a.Header.Get("Etag")]; ok && old != a.body {
							t.Errorf("one tag for %.3q and %.3q", old, a.body)
						}
						bodies[a.Header.Get("Etag")] = a.body
						mu.Unlock()
					}
				})
			}
			done := make(chan struct{})
			go func() { readers.Wait(); close(done) }()
			for running := true; running; {
				select {
				case <-done:
					running = false
				default:
					must(t, replace())
				}
			}
			close(failures)
			for err := range failures {
				t.Error(err)
			}
			if len(bodies) < 2 {
				t.Errorf("got %d versions; want the file to have been replaced meanwhile", len(bodies))
			}
		})
	}
}

// TestTreeReplaced swaps the directory itself, as deployments do.
func TestTreeReplaced(t *testing.T) {
	base := write(t, map[string]string{"one/a.txt": "one", "two/a.txt": "two", "two/b.txt": "b"})
	current := filepath.Join(base, "current")
	must(t, os.Symlink("one", current))
	addr := serve(t, current, Options{})
	do(t, addr, "GET /a.txt").check(t, 200, "one")

	must(t, os.Symlink("two", filepath.Join(base, "next")))
	must(t, os.Rename(filepath.Join(base, "next"), current))
	do(t, addr, "GET /a.txt").check(t, 200, "two")
	do(t, addr, "GET /b.txt").check(t, 200, "b")

	must(t, os.Remove(current)) // no tree for a while
	do(t, addr, "GET /a.txt").check(t, 404, "*")
	must(t, os.Rename(filepath.Join(base, "one"), current))
	do(t, addr, "GET /a.txt").check(t, 200, "one")
	do(t, addr, "GET /b.txt").check(t, 404, "*")
}

// TestTreeReplacedWhileServed swaps it under the hands of many readers: no
// answer but the one tree's or the other's.
func TestTreeReplacedWhileServed(t *testing.T) {
	base := write(t, map[string]string{"one/a.txt": "one", "two/a.txt": "two"})
	current := filepath.Join(base, "current")
	must(t, os.Symlink("one", current))
	addr := serve(t, current, Options{})

	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 60 {
				a, err := try(addr, "GET /a.txt")
				if err != nil || a.StatusCode != 200 || a.body != "one" && a.body != "two" {
					t.Errorf("got %d %q, %v; want one of the two", a.StatusCode, a.body, err)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { readers.Wait(); close(done) }()
	for i := 0; ; i++ {
		select {
		case <-done:
			return
		default:
			next := filepath.Join(base, "next")
			must(t, os.Symlink([]string{"one", "two"}[i%2], next))
			must(t, os.Rename(next, current))
		}
	}
}

// TestTreeReplacedBetween swaps it between the look at the directory and the
// opening of a file in it, each time anew: that is followed, but not for ever.
func TestTreeReplacedBetween(t *testing.T) {
	for _, tt := range []struct {
		swaps int
		want  error
	}{{0, nil}, {1, nil}, {maxReplaced, nil}, {maxReplaced + 1, os.ErrClosed}} {
		t.Run(fmt.Sprint(tt.swaps), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "tree")
			must(t, os.Mkdir(dir, 0o755))
			tree, err := openTree(dir)
			must(t, err)
			defer tree.close()
			calls := 0
			_, err = inTree(tree, func(root *os.Root) (os.FileInfo, error) {
				if calls++; calls <= tt.swaps {
					must(t, os.Rename(dir, fmt.Sprintf("%s.%d", dir, calls)))
					must(t, os.Mkdir(dir, 0o755))
					_, err := tree.root() // another request sees it first
					must(t, err)
				}
				return root.Stat(".")
			})
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v; want %v", err, tt.want)
			}
		})
	}
}

// TestCutShort truncates a file while it is sent: the client must not take
// what it got for the whole.
func TestCutShort(t *testing.T) {
	const size = 64 << 20 // more than all socket buffers hold
	dir := t.TempDir()
	path := filepath.Join(dir, "big.bin")
	must(t, os.WriteFile(path, nil, 0o644))
	must(t, os.Truncate(path, size))
	files := open(t, dir, Options{})
	errs := make(chan error, 1)
	addr := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := files.Serve(w, r, r.URL.Path)
		errs <- err
		panic(http.ErrAbortHandler)
	}))
	conn, err := net.Dial("tcp", addr)
	must(t, err)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(deadline))
	_, err = io.WriteString(conn, "GET /big.bin HTTP/1.1\r\nHost: test\r\n\r\n")
	must(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	must(t, os.Truncate(path, 0))
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil || n >= size || resp.ContentLength != size {
		t.Errorf("client: got %d of %d bytes and error %v; want fewer and an error", n, resp.ContentLength, err)
	}
	err = <-errs
	var e *Error
	if !errors.As(err, &e) || e.Status != 0 || !errors.Is(err, errShrunk) {
		t.Errorf("server: got %v; want an Error without status: %v", err, errShrunk)
	}
}

// TestShrunkBeforeSent has a file end sooner than its size says, as one that
// is cut short between the two does.
func TestShrunkBeforeSent(t *testing.T) {
	dir := write(t, map[string]string{"a.txt": "0123456789", "b.txt": "01234"})
	files := open(t, dir, Options{})
	long, err := files.open("a.txt")
	must(t, err)
	defer long.file.Close()
	short, err := files.open("b.txt")
	must(t, err)
	defer short.file.Close()
	addr := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := files.serveFile(w, r, entry{"b.txt", short.file, long.info})
		var e *Error
		if !errors.As(err, &e) || e.Status != 503 || !errors.Is(err, errShrunk) {
			t.Errorf("got %v; want status 503 and %v", err, errShrunk)
			return
		}
		http.Error(w, "caller's 503", e.Status)
	}))
	do(t, addr, "GET /b.txt").check(t, 503, "caller's 503\n", "Etag:", "Last-Modified:")
}
