package loop

import (
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func (l *Loop) run() {
	defer close(l.ended)
	runtime.LockOSThread() // Patient is the thread's
	defer func() {
		// A thread that ends takes the processes with it that it has once
		// started: they are to die with the gateway, and the kernel takes the
		// thread for that.
		l.Patient(false)
		runtime.UnlockOSThread()
	}()
	l.now = time.Now()
	for {
		n := l.wait()
		l.now = time.Now()
		l.o.Handler.Awake()
		for i := range l.events[:n] {
			l.happened(&l.events[i])
		}
		l.takePosted()
		l.takeTurns()
		for c := l.pending.first; c != nil && l.now.Sub(c.since) >= l.o.Patience; c = l.pending.first {
			l.pending.move(c, l.now) // should it not be able to go yet
			c.owner.Gone(c)
		}
		if l.now.Sub(l.swept) >= sweeping {
			l.sweep()
		}
		if l.end() {
			l.o.Handler.Rest()
			return
		}
	}
}

// Patient has the loop, while it is on, not interrupt others who compute when
// something comes in for it: what comes is then taken many at a time, and
// neither side has to come back to each. It is called on the loop. A policy that
// an operator has set stands.
func (l *Loop) Patient(on bool) {
	attr, err := unix.SchedGetAttr(0, 0)
	switch {
	case err != nil:
		return
	case on && attr.Policy == unix.SCHED_NORMAL:
		attr.Policy = unix.SCHED_BATCH
	case !on && l.patient:
		attr.Policy = unix.SCHED_NORMAL
	default:
		return
	}
	// Where it may not, all is as before.
	l.patient = unix.SchedSetAttr(0, attr, 0) == nil && on
}

// sweeping is how often connections are looked at that have been idle for long.
const sweeping = time.Second

// wait sleeps until something happens. What is there already is taken without
// letting go of the processor.
func (l *Loop) wait() int {
	l.o.Handler.Rest()
	l.mu.Lock()
	l.asleep = len(l.posted) == 0
	asleep := l.asleep && len(l.again) == 0
	l.mu.Unlock()
	msec := 0
	if asleep {
		msec = l.longest()
	}
	n := l.poll(msec)
	l.mu.Lock()
	l.asleep = false
	l.mu.Unlock()
	return n
}

// doze is how long the loop waits, at first, without telling the scheduler:
// that would take its processor away within microseconds, and have a thread of
// its own look out for that. Nobody else has what Go takes for a processor
// meanwhile.
const doze = 1 // millisecond

// poll waits for events.
func (l *Loop) poll(msec int) int {
	if n := l.pollRaw(uint(msec)); n != 0 || uint(msec) <= doze {
		return max(n, 0)
	}
	n, err := unix.EpollWait(l.epoll, l.events, msec)
	if err != nil {
		return 0 // a signal: whoever calls looks at the time and comes again
	}
	return n
}

func (l *Loop) pollRaw(msec uint) int {
	n, _, err := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&l.events[0])),
		uintptr(len(l.events)), uintptr(min(msec, doze)), 0, 0)
	if err != 0 {
		return -1
	}
	return int(n)
}

// longest is for how many milliseconds nothing needs a look; -1 is for ever.
func (l *Loop) longest() int {
	msec := -1
	if l.idle.first != nil || l.fresh.first != nil || l.writing.first != nil || l.paused {
		msec = int(sweeping / time.Millisecond)
	}
	if c := l.pending.first; c != nil {
		left := l.o.Patience - l.now.Sub(c.since)
		msec = max(0, int(left/time.Millisecond)+1)
	}
	return msec
}

func (l *Loop) happened(ev *unix.EpollEvent) {
	fd := int(ev.Fd)
	switch fd {
	case l.wake:
		var buf [8]byte
		unix.Read(fd, buf[:])
		return
	case l.ln:
		l.accept()
		return
	}
	w := &l.watched[fd]
	switch {
	case w.round != uint32(ev.Pad): // it was closed meanwhile
	case w.conn != nil:
		w.conn.happened(ev.Events)
	case w.src != nil:
		w.src.Ready()
	}
}

// takeTurns has each connection of the list again go on once. Those that are
// not done then wait for the next round, behind what has happened meanwhile.
func (l *Loop) takeTurns() {
	turns := l.again
	l.again = l.spare[:0]
	for _, c := range turns {
		c.queued = false
		c.goOn()
	}
	clear(turns)
	l.spare = turns
}

func (l *Loop) takePosted() {
	l.mu.Lock()
	posted := l.posted
	l.posted = nil
	l.mu.Unlock()
	for _, f := range posted {
		f()
	}
}

// sweep closes connections that have been idle, or not read from, for too long.
func (l *Loop) sweep() {
	l.swept = l.now
	for c := l.idle.first; c != nil && l.now.Sub(c.since) >= l.o.KeepAlive; c = l.idle.first {
		c.close()
	}
	for c := l.fresh.first; c != nil && l.now.Sub(c.since) >= l.o.FirstByte; c = l.fresh.first {
		c.close()
	}
	for c := l.writing.first; c != nil; {
		next := c.next
		if l.now.After(c.until) {
			c.written(ErrSlow)
		}
		c = next
	}
	if l.paused {
		l.paused = l.watch(l.ln, unix.EPOLLIN, nil, nil) != nil // else it is tried again
	}
}

// end sees to the closing, and reports whether nothing is left.
func (l *Loop) end() bool {
	l.mu.Lock()
	closing, killed := l.closing, l.killed
	l.mu.Unlock()
	if !closing {
		return false
	}
	if l.ln >= 0 {
		l.stopAccepting()
	}
	if killed {
		for c := l.writing.first; c != nil; c = l.writing.first {
			c.written(ErrClosed)
		}
	}
	for c := l.idle.first; c != nil; c = l.idle.first {
		c.close()
	}
	if l.pending.first == nil || killed {
		l.mu.Lock()
		l.drained = true
		l.came.Broadcast()
		l.mu.Unlock()
	}
	if l.writing.first != nil || l.pending.first != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.posted) > 0 {
		return false
	}
	l.over = true
	unix.Close(l.epoll)
	unix.Close(l.wake)
	return true
}

// stopAccepting closes the listening socket, and passes what net/http is to
// bring to an end.
func (l *Loop) stopAccepting() {
	l.accept() // those that have connected by now
	if !l.paused {
		l.unwatch(l.ln)
	}
	unix.Close(l.ln)
	l.ln = -1
	for c := l.fresh.first; c != nil; c = l.fresh.first {
		c.Pass(nil, nil)
	}
	var under []*Conn
	for c := l.pending.first; c != nil; c = c.next {
		under = append(under, c)
	}
	for _, c := range under {
		if c.on == &l.pending { // the end of one may have been that of another
			c.owner.Gone(c)
		}
	}
}
