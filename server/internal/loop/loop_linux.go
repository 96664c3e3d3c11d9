package loop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Loop is a net.Listener: Accept gives the connections that are not its own to
// serve. It serves the others from Start on.
type Loop struct {
	o     Options
	addr  net.Addr
	epoll int
	wake  int // an eventfd: rouses the loop
	ln    int // the listening socket; -1 once it is closed

	// The loop's own.
	watched []watched // by descriptor
	round   uint32
	in      []byte // what was read last
	events  []unix.EpollEvent
	now     time.Time
	swept   time.Time
	idle    list    // connections between requests, the one that is so for longest first
	fresh   list    // those that have not had one
	writing list    // those whose client does not take its answer
	pending list    // those whose request is under way
	again   []*Conn // those that have something left to do
	spare   []*Conn // for that list to be made of
	bodies  buffers // for requests' bodies
	paused  bool    // no connections are accepted for a moment
	patient bool    // the thread's policy is not what it was

	mu      sync.Mutex
	posted  []func()
	asleep  bool
	passed  []*Passed
	came    *sync.Cond // something was passed, or the loop is closing
	closing bool       // nothing new is accepted
	killed  bool       // nothing is waited for
	drained bool       // nothing will be passed any more
	handed  int        // requests that were passed, and are still to be taken
	over    bool       // the loop has ended
	ended   chan struct{}
}

// watched is who a descriptor is watched for.
type watched struct {
	round uint32 // of the registration: a number may be another's by now
	conn  *Conn
	src   Source
}

// New makes a loop of a listening socket, which is the loop's from now on.
func New(ln net.Listener, o Options) (*Loop, error) {
	l := &Loop{o: o, addr: ln.Addr(), in: make([]byte, 64<<10), events: make([]unix.EpollEvent, 256), ended: make(chan struct{})}
	l.came = sync.NewCond(&l.mu)
	if l.o.FirstByte == 0 {
		l.o.FirstByte = l.o.KeepAlive
	}
	var err error
	if l.ln, err = takeListener(ln); err != nil {
		return nil, err
	}
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err == nil {
		if l.wake, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
			unix.Close(l.epoll)
		}
	}
	if err != nil {
		unix.Close(l.ln)
		return nil, os.NewSyscallError("epoll_create", err)
	}
	l.watch(l.wake, unix.EPOLLIN, nil, nil)
	l.watch(l.ln, unix.EPOLLIN, nil, nil)
	return l, nil
}

// takeListener is the descriptor of ln, out of the runtime's poller: that
// would wake for each connection, too.
func takeListener(ln net.Listener) (int, error) {
	fl, ok := ln.(interface{ File() (*os.File, error) })
	if !ok {
		return -1, fmt.Errorf("take over %T: %w", ln, errors.ErrUnsupported)
	}
	f, err := fl.File()
	if err != nil {
		return -1, err
	}
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return -1, os.NewSyscallError("dup", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("fcntl", err)
	}
	inherit(fd)
	ln.Close()
	return fd, nil
}

// inherit sets what connections of a listener take over from it, as net does
// for each.
func inherit(fd int) {
	// None of these is there on a Unix socket.
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1) == nil {
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15)
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15)
	}
}

// Addr is where it listens.
func (l *Loop) Addr() net.Addr { return l.addr }

// Start begins to serve.
func (l *Loop) Start() { go l.run() }

// Close ends the accepting of connections. Requests that are under way are
// passed, and Accept gives them out before it fails.
func (l *Loop) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closing {
		l.closing = true
		l.rouse()
	}
	return nil
}

// Settle is Close, and returns when all requests that had come by then have been
// taken by whoever answers them, or ctx is over: a server that is told to shut
// down would drop those that it reads after that.
func (l *Loop) Settle(ctx context.Context) {
	l.Close()
	stop := context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.came.Broadcast()
	})
	defer stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for (!l.drained || len(l.passed) > 0 || l.handed > 0) && ctx.Err() == nil {
		l.came.Wait()
	}
}

// Wait returns when the last connection of the loop's own is closed. Kill has
// that not take longer.
func (l *Loop) Wait() { <-l.ended }

// Connections is how many are the loop's at the moment.
func (l *Loop) Connections() int {
	n := make(chan int, 1)
	if !l.Post(func() { n <- l.idle.len + l.fresh.len + l.pending.len + l.writing.len }) {
		return 0
	}
	return <-n
}

// Kill closes what is left after Close.
func (l *Loop) Kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.killed = true
	l.rouse()
}

// Post has f called on the loop. It reports false when the loop has ended.
func (l *Loop) Post(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return false
	}
	l.posted = append(l.posted, f)
	if l.asleep {
		l.asleep = false
		l.rouse()
	}
	return true
}

// rouse wakes the loop up. The lock is held: without it the descriptor could
// be somebody else's by now.
func (l *Loop) rouse() {
	if !l.over {
		one := [8]byte{1}
		unix.Write(l.wake, one[:])
	}
}

// watch registers a descriptor.
func (l *Loop) watch(fd int, events uint32, c *Conn, src Source) error {
	for fd >= len(l.watched) {
		l.watched = append(l.watched, make([]watched, max(64, len(l.watched)))...)
	}
	l.round++
	l.watched[fd] = watched{l.round, c, src}
	ev := unix.EpollEvent{Events: events, Fd: int32(fd), Pad: int32(l.round)}
	err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &ev)
	if err != nil {
		l.watched[fd] = watched{}
		return os.NewSyscallError("epoll_ctl", err)
	}
	return nil
}

func (l *Loop) unwatch(fd int) {
	l.watched[fd] = watched{}
	unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, fd, nil)
}

// Add has src told whenever something comes in on fd: once for all that is
// there at the time. It is called on the loop.
func (l *Loop) Add(fd int, src Source) error {
	return l.watch(fd, unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLET, nil, src)
}

// Remove ends that, from any goroutine. The descriptor is still open.
func (l *Loop) Remove(fd int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, fd, nil)
	}
}
