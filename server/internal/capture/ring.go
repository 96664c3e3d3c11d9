package capture

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// RingOptions say what a Ring keeps and whom it tells. Its functions are called
// from several goroutines, and may be nil.
type RingOptions struct {
	Interest Interest // in which exchanges; what a client has asked for is taken in any case
	MaxCount int      // captures that are kept; 0 is no bound
	MaxBytes int64    // that they take together; 0 is no bound
	Write    WriteOptions

	Written func(x *Exchange, file string)
	Losing  func(err error) // from now on captures are lost, because of err
	Lost    func(n int)     // so many were; they are written again, or the ring is closed
}

// Ring is a Watcher that keeps the newest captures in a directory. It writes in
// the background: what it has no room to remember, or cannot write, is lost.
type Ring struct {
	o     RingOptions
	shelf shelf
	queue chan waiting
	held  atomic.Int64 // bytes of memory in the queue
	done  chan struct{}
	quit  atomic.Bool // what still waits is not to be written

	closing sync.RWMutex
	closed  bool

	losses sync.Mutex
	lost   int
	told   bool      // that captures are being lost
	toldAt time.Time // and when last
}

// waiting is an exchange that is to be written.
type waiting struct {
	x    *Exchange
	size int64
}

// Bounds of the queue, and of the patience of Close.
const (
	queueLength = 64
	queueBytes  = 32 << 20
	closeWait   = 5 * time.Second
	// Losses are told once in a while: a flood of exchanges is not to become
	// one of log records.
	tellAgain = time.Minute
)

var errQueue = errors.New("exchanges end faster than they can be written")

// OpenRing keeps captures in dir, which is made when the first one comes.
func OpenRing(dir string, o RingOptions) (*Ring, error) {
	if err := CheckDir(dir); err != nil {
		return nil, err
	}
	r := &Ring{
		o: o, shelf: shelf{dir: dir, maxCount: o.MaxCount, maxBytes: o.MaxBytes},
		queue: make(chan waiting, queueLength), done: make(chan struct{}),
	}
	r.o.Write.Beside = true
	go r.work()
	return r, nil
}

// CheckDir says why no ring can be opened in dir.
func CheckDir(dir string) error {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return fmt.Errorf("captures: %s is no directory", dir)
	}
	return nil
}

// CheckWritable says why nothing could be written into dir now, which need not
// be there yet. That a disk is full is not seen.
func CheckWritable(dir string) error {
	err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	if parent := filepath.Dir(dir); errors.Is(err, fs.ErrNotExist) && parent != dir {
		return CheckWritable(parent)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return CheckDir(dir)
}

// Interest is what RingOptions say.
func (r *Ring) Interest() Interest { return r.o.Interest }

// Started does nothing: an exchange is written when it is over.
func (r *Ring) Started(*Exchange) {}

// Ended puts x into the queue, or loses it.
func (r *Ring) Ended(x *Exchange) {
	switch {
	case x.Asked, r.o.Interest == Everything, r.o.Interest == Failures && x.Failure != "":
	default:
		return
	}
	r.closing.RLock()
	defer r.closing.RUnlock()
	if r.closed {
		return
	}
	w := waiting{x, weight(x)}
	if r.held.Add(w.size) > queueBytes || len(r.queue) == cap(r.queue) {
		r.held.Add(-w.size)
		r.lose(errQueue)
		return
	}
	if x.Stdin.File != nil {
		file, err := duplicate(x.Stdin.File)
		if err != nil {
			r.held.Add(-w.size)
			r.lose(err)
			return
		}
		kept := *x
		kept.Stdin.File = file
		w.x = &kept
	}
	select {
	case r.queue <- w:
	default: // others were faster
		r.forget(w)
		r.lose(errQueue)
	}
}

// duplicate is another descriptor for f, which its owner is about to close.
func duplicate(f *os.File) (*os.File, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd int
	var dupErr error
	if err := raw.Control(func(old uintptr) { fd, dupErr = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return nil, err
	}
	if dupErr != nil {
		return nil, os.NewSyscallError("dup", dupErr)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// weight is about how much memory x takes.
func weight(x *Exchange) int64 {
	n := 4<<10 + len(x.Stdin.Head) + len(x.Stdout.Head) + len(x.Answer.Body.Head)
	for _, list := range [][]string{x.Program.Env, x.Program.Argv, x.Stderr.Last} {
		for _, s := range list {
			n += len(s)
		}
	}
	return int64(n)
}

func (r *Ring) forget(w waiting) {
	r.held.Add(-w.size)
	if w.x.Stdin.File != nil {
		w.x.Stdin.File.Close()
	}
}

// work writes what comes, until Close.
func (r *Ring) work() {
	defer close(r.done)
	for w := range r.queue {
		err := errClosed
		if !r.quit.Load() {
			var file string
			if file, err = r.shelf.put(w.x, r.o.Write); err == nil && r.o.Written != nil {
				r.o.Written(w.x, file)
			}
		}
		r.forget(w)
		if err != nil {
			r.lose(err)
		} else if len(r.queue) == 0 {
			r.recovered()
		}
	}
}

var errClosed = errors.New("the server stops")

// lose counts a capture that is lost.
func (r *Ring) lose(err error) {
	r.losses.Lock()
	r.lost++
	tell := !r.told && (r.toldAt.IsZero() || time.Since(r.toldAt) > tellAgain)
	if tell {
		r.told, r.toldAt = true, time.Now()
	}
	r.losses.Unlock()
	if tell && r.o.Losing != nil {
		r.o.Losing(err)
	}
}

// recovered tells how many were lost, if that they are was told.
func (r *Ring) recovered() {
	r.losses.Lock()
	tell, n := r.told, r.lost
	if tell {
		r.told, r.lost = false, 0
	}
	r.losses.Unlock()
	if tell && r.o.Lost != nil {
		r.o.Lost(n)
	}
}

// Close waits for what is queued to be written, but not for ever. Exchanges
// that end from here on are not captured.
func (r *Ring) Close() error {
	r.closing.Lock()
	if !r.closed {
		r.closed = true
		close(r.queue)
	}
	r.closing.Unlock()
	patience := time.NewTimer(closeWait)
	defer patience.Stop()
	select {
	case <-r.done:
	case <-patience.C:
		r.quit.Store(true)
		select {
		case <-r.done:
		case <-time.After(time.Second): // the disk hangs: so does the goroutine
		}
	}
	r.losses.Lock()
	n := r.lost
	r.lost, r.told = 0, true // nothing more is told
	r.losses.Unlock()
	if n > 0 && r.o.Lost != nil {
		r.o.Lost(n)
	}
	return nil
}
