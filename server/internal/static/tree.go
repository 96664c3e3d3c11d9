package static

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
)

// tree is the directory that a path leads to at this moment. os.Root alone
// would go on serving the directory of its first day after a deployment that
// swaps a symbolic link.
type tree struct {
	dir string // absolute

	mu     sync.Mutex // held while now is replaced
	closed bool
	now    atomic.Pointer[branch]
}

// branch is one directory that dir led to. While it is open its inode can't
// be given to another directory, so SameFile is sure.
type branch struct {
	root *os.Root
	info os.FileInfo
}

func openTree(dir string) (*tree, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	t := &tree{dir: dir}
	if _, err := t.replace(); err != nil {
		return nil, err
	}
	return t, nil
}

// root is the directory that dir leads to now.
func (t *tree) root() (*os.Root, error) {
	info, err := os.Stat(t.dir)
	if err != nil {
		return nil, err
	}
	if b := t.now.Load(); b != nil && os.SameFile(b.info, info) {
		return b.root, nil
	}
	return t.replace()
}

func (t *tree) replace() (*os.Root, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, os.ErrClosed
	}
	root, err := os.OpenRoot(t.dir)
	if err != nil {
		return nil, err
	}
	info, err := root.Stat(".")
	if err != nil {
		root.Close()
		return nil, err
	}
	if old := t.now.Swap(&branch{root, info}); old != nil {
		old.root.Close() // waits for nobody: what is open stays open
	}
	return root, nil
}

func (t *tree) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if b := t.now.Swap(nil); b != nil {
		return b.root.Close()
	}
	return nil
}

// openFlags keep an open from waiting for a FIFO's writer and from making a
// terminal the gateway's own. Regular files don't heed O_NONBLOCK.
const openFlags = os.O_RDONLY | syscall.O_NONBLOCK | syscall.O_NOCTTY

// open opens name, which is relative to the tree, for reading.
func (t *tree) open(name string) (*os.File, error) {
	return inTree(t, func(root *os.Root) (*os.File, error) { return root.OpenFile(name, openFlags, 0) })
}

// stat describes name, or what it leads to if it is a symbolic link.
func (t *tree) stat(name string) (os.FileInfo, error) {
	return inTree(t, func(root *os.Root) (os.FileInfo, error) { return root.Stat(name) })
}

// maxReplaced bounds how often one request follows a tree that is replaced.
const maxReplaced = 3

// inTree does something in the directory of this moment. If that is replaced,
// and so closed, before it is done, it is done again in the next one.
func inTree[T any](t *tree, do func(*os.Root) (T, error)) (T, error) {
	for tries := 0; ; tries++ {
		root, err := t.root()
		if err != nil {
			var none T
			return none, err
		}
		result, err := do(root)
		if !errors.Is(err, os.ErrClosed) || tries == maxReplaced {
			return result, err
		}
	}
}
