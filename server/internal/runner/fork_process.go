package runner

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"framegate/server/internal/process"
)

// loaded is a process that has the application loaded.
type loaded struct {
	o     *ForkOptions
	proc  *process.Process // set once it runs, under mu
	conn  *net.UnixConn
	news  *bufio.Reader // what it says on it
	ready chan struct{} // closed when it is, or when err says why it will not be

	err      error
	fault    string // why the application could not be loaded; forks try it anew
	warnings []Note

	sending sync.Mutex // one message at a time

	mu      sync.Mutex
	users   int  // that are about to fork, and forks that run
	retired bool // it is to end when it has no users
	lost    bool // it has ended, or says nothing that makes sense
	next    uint32
	forks   map[uint32]*forked
	first   []string // the last lines of its stderr
}

// start returns when the process is ready; after an error nothing is left of it.
func (l *loaded) start(w process.Watcher) error {
	fds, err := socketPair()
	if err != nil {
		return os.NewSyscallError("socketpair", err)
	}
	child := os.NewFile(uintptr(fds[1]), "gateway")
	ours := os.NewFile(uintptr(fds[0]), "loaded")
	conn, err := net.FileConn(ours)
	ours.Close()
	if err != nil {
		child.Close()
		return err
	}
	spec := l.o.Spec
	spec.Stdin, spec.Watcher, spec.StderrLine = child, w, l.line
	proc, err := startProcess(context.Background(), &spec)
	child.Close()
	if err != nil {
		conn.Close()
		return err
	}
	l.mu.Lock()
	l.conn, l.proc = conn.(*net.UnixConn), proc
	if l.retired {
		l.close()
	}
	l.mu.Unlock()
	if l.o.Ready > 0 {
		conn.SetReadDeadline(time.Now().Add(l.o.Ready))
	}
	l.news = bufio.NewReader(conn)
	kind, content, err := readMessage(l.news)
	if err == nil && kind != 'R' {
		err = fmt.Errorf("does not speak its protocol: its first message is %q", kind)
	}
	if err != nil {
		return l.notReady(err)
	}
	conn.SetReadDeadline(time.Time{})
	l.facts(content)
	return nil
}

// notReady ends a process that will not be ready, and says why.
func (l *loaded) notReady(err error) error {
	why := "the process ended before the application was loaded: "
	byItself := false
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		why = fmt.Sprintf("the application was not loaded within %s", l.o.Ready)
	case !ended(l.proc, time.Second):
		why = "before the application was loaded: " + err.Error()
	default:
		byItself = true
	}
	l.conn.Close()
	l.proc.Stop(l.o.Grace)
	exit := l.proc.Wait()
	if byItself {
		why += exit.String()
	}
	return &StartError{Why: why, Stderr: l.said()}
}

func (l *loaded) pid() int {
	if l.proc == nil {
		return 0
	}
	return l.proc.Pid()
}

// line is a line of the process's stderr. It belongs to no request: those of
// forks go elsewhere.
func (l *loaded) line(line []byte) {
	const kept = 50
	l.mu.Lock()
	if len(l.first) == kept {
		l.first = append(l.first[:0], l.first[1:]...)
	}
	l.first = append(l.first, string(line))
	l.mu.Unlock()
	if l.o.Spec.StderrLine != nil {
		l.o.Spec.StderrLine(line)
	}
}

// said are the last lines of its stderr.
func (l *loaded) said() []string {
	l.proc.FlushStderr()
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.first...)
}

// acquire keeps the process from being ended. It reports false when it is, or
// is about to.
func (l *loaded) acquire() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.retired || l.lost {
		return false
	}
	l.users++
	return true
}

func (l *loaded) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users--; l.users == 0 && l.retired {
		l.close()
	}
}

// retire ends the process, once nobody makes use of it any more.
func (l *loaded) retire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retired = true
	if l.users == 0 {
		l.close()
	}
}

// close ends the process; the lock is held.
func (l *loaded) close() {
	if l.conn != nil {
		l.conn.Close()
		l.proc.Stop(l.o.Grace)
	} // else start looks for it
}

func (l *loaded) isRetired() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.retired
}

func (l *loaded) hasForked() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next > 0
}

// end waits until the process has ended, and forsakes what it has forked.
func (l *loaded) end() {
	l.mu.Lock()
	l.lost = true
	forks := l.forks
	l.forks = nil
	l.mu.Unlock()
	for _, c := range forks {
		c.forsake()
	}
	l.conn.Close()
	if !ended(l.proc, time.Second) { // how it has ended is to be known before it is sent a signal
		l.proc.Stop(l.o.Grace)
	}
	l.proc.Wait()
}

// endBy ends the process at the latest when grace is over, whoever uses it.
func (l *loaded) endBy(grace time.Duration) *time.Timer {
	l.retire()
	return time.AfterFunc(grace, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.close()
	})
}

// stopHung kills a process that does not answer.
func (l *loaded) stopHung() {
	l.retire()
	l.proc.Signal(syscall.SIGKILL)
}

// send sends a message, with descriptors or without.
func (l *loaded) send(message []byte, fds ...int) error {
	l.sending.Lock()
	defer l.sending.Unlock()
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	n, _, err := l.conn.WriteMsgUnix(message, rights, nil)
	if err == nil && n < len(message) {
		_, err = l.conn.Write(message[n:])
	}
	if err != nil {
		// Half a message is none: nothing that follows would make sense.
		l.conn.Close()
	}
	return err
}
