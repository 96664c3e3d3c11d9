package process

import (
	"sync"

	"golang.org/x/sys/unix"
)

// A new process copies the table of descriptors, and gives each back when it
// becomes the program: with thousands of idle connections that is most of what
// its start costs, and others who open or close something wait for it. So its
// side of the pipes is put at low numbers, which are kept free for that, and
// what is above them is not copied.

// lowNumbers are descriptors that hold places.
type lowNumbers struct {
	null int

	mu     sync.Mutex
	unused []bool // by number, from first on
	from   int
	next   int // none below is unused
}

const (
	mostLow   = 128 // for half as many processes that are just being started
	lowEnough = 64  // numbers below are as good
)

// reserved are the low numbers of this program.
var reserved = sync.OnceValue(func() *lowNumbers {
	l := &lowNumbers{}
	null := sharedNull()
	if null == nil {
		return l
	}
	l.null = int(null.Fd())
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil || limit.Cur < 8*mostLow {
		return l // they would be missed
	}
	for len(l.unused) < mostLow {
		fd, err := unix.FcntlInt(uintptr(l.null), unix.F_DUPFD_CLOEXEC, l.null+1)
		if err != nil {
			break
		}
		if len(l.unused) == 0 {
			l.from = fd
		}
		if fd != l.from+len(l.unused) {
			unix.Close(fd)
			break
		}
		l.unused = append(l.unused, true)
	}
	return l
})

// take puts a copy of fd at a low number, or answers -1 when there is no need,
// or none left.
func (l *lowNumbers) take(fd int) int {
	if fd < lowEnough {
		return -1
	}
	low := l.find()
	if low >= 0 && unix.Dup3(fd, low, unix.O_CLOEXEC) != nil {
		l.free(low)
		return -1
	}
	return low
}

// give closes what take has returned, and keeps the number.
func (l *lowNumbers) give(fd int) {
	unix.Dup3(l.null, fd, unix.O_CLOEXEC)
	l.free(fd)
}

// find makes a number the caller's; -1 is none. No system call is made under
// the lock, which all starts share.
func (l *lowNumbers) find() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := l.next; i < len(l.unused); i++ {
		if l.unused[i] {
			l.unused[i], l.next = false, i+1
			return l.from + i
		}
	}
	l.next = len(l.unused)
	return -1
}

func (l *lowNumbers) free(fd int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := fd - l.from
	l.unused[i], l.next = true, min(l.next, i)
}

// canUnshare asks for what came with Linux 5.11, later than what is needed.
var canUnshare = sync.OnceValue(func() bool {
	const none = 1 << 30
	return unix.CloseRange(none, none, unix.CLOSE_RANGE_CLOEXEC) == nil
})

// Prepare makes this program ready to start many others: it comes first, for
// low numbers are gone soon.
func Prepare() {
	quietChildren()
	if canUnshare() {
		reserved()
	}
}
