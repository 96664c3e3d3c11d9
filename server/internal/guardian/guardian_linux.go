package guardian

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"framegate/server/internal/cgroup"
)

const (
	startLimit = 10 * time.Second // until the guardian has said that it is there
	closeLimit = 10 * time.Second // for it to kill what is left, and to end
)

// Guardian is the gateway's side. It is a process.Watcher.
type Guardian struct {
	table   *table
	free    chan *int32 // places for the next start
	cmd     *exec.Cmd
	line    *os.File // whose end is the gateway's
	close   sync.Once
	closing atomic.Bool
	done    chan struct{}
	err     error // how it ended, once done is closed
}

// Start starts the guardian of this process, and waits until it is there. The
// program's main must call Main first.
func Start() (*Guardian, error) {
	g, err := start()
	if err != nil {
		return nil, fmt.Errorf("start the guardian: %w", err)
	}
	return g, nil
}

func start() (*Guardian, error) {
	t, file, err := newTable()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	g := &Guardian{table: t, free: make(chan *int32, starts), done: make(chan struct{})}
	for i := range t.starting {
		g.free <- &t.starting[i]
	}
	// Not in Close: whoever still runs then may still call Started and Ended.
	runtime.AddCleanup(g, (*table).free, t)

	line, theirs, err := newLine()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	g.line, g.cmd = line, command(theirs, file)
	if err := g.cmd.Start(); err != nil {
		line.Close()
		return nil, err
	}
	go func() {
		g.err = g.cmd.Wait()
		close(g.done)
	}()
	theirs.Close() // so that its death is the end of our reading
	if err := g.awaitReady(); err != nil {
		g.cmd.Process.Kill()
		<-g.done
		line.Close()
		return nil, err
	}
	return g, nil
}

// newLine makes the socket pair. Only the guardian's end blocks.
func newLine() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fds[0], true)
	}
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	return os.NewFile(uintptr(fds[0]), "guardian"), os.NewFile(uintptr(fds[1]), "gateway"), nil
}

// command is the guardian. It gets what it needs and nothing else of the
// gateway's; it idles, so that one processor and the smallest heap will do.
// (GORACE is for tests: the race detector's end of a program takes a second.)
func command(line, table *os.File) *exec.Cmd {
	cmd := &exec.Cmd{
		Path:        "/proc/self/exe", // even if the file has been replaced
		Args:        []string{os.Args[0], marker + strconv.Itoa(os.Getpid())},
		Env:         []string{"GOMAXPROCS=1", "GOGC=10", "GORACE=atexit_sleep_ms=0"},
		Dir:         "/",
		ExtraFiles:  []*os.File{line, table},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if dir, err := cgroup.Dir(); err == nil {
		cmd.Args = append(cmd.Args, dir)
	}
	return cmd
}

func (g *Guardian) awaitReady() error {
	g.line.SetReadDeadline(time.Now().Add(startLimit))
	defer g.line.SetReadDeadline(time.Time{})
	_, err := g.line.Read(make([]byte, 1))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("it says nothing for %v", startLimit)
	}
	<-g.done // its end of the line is closed: it has ended, or is about to
	return fmt.Errorf("it ended at once: %v", g.cmd.ProcessState)
}

// Starting is where the number of a process that is about to be started is to
// be written before the process runs, for it may have children and lose its
// parent before Started is called. The kernel does so (CLONE_PARENT_SETTID).
// Each call is followed by one of Started.
func (g *Guardian) Starting() *int32 { return <-g.free }

// Started notes a process group that is to die with the gateway, and gives
// back what Starting has lent; pid is 0 when nothing was started.
func (g *Guardian) Started(starting *int32, pid int) {
	g.table.add(pid)
	atomic.StoreInt32(starting, 0)
	g.free <- starting
}

// Ended takes the group from the list again: before its leader is reaped, as
// the number may belong to somebody else from then on.
func (g *Guardian) Ended(pid int) {
	g.table.remove(pid)
	runtime.KeepAlive(g)
}

// Pid is the guardian's process id.
func (g *Guardian) Pid() int { return g.cmd.Process.Pid }

// Done is closed when the guardian has ended. Before Close that is a loss:
// frames might live on after the gateway's death.
func (g *Guardian) Done() <-chan struct{} { return g.done }

// Closing reports whether Close was called: the guardian's end is no loss then.
func (g *Guardian) Closing() bool { return g.closing.Load() }

// Close ends the guardian and waits for it. Groups that are still noted are
// killed: a gateway that has ended leaves none, however it ended.
func (g *Guardian) Close() error {
	g.closing.Store(true)
	g.close.Do(func() { g.line.Close() })
	select {
	case <-g.done:
	case <-time.After(closeLimit):
		g.cmd.Process.Kill()
		<-g.done
	}
	if g.err != nil {
		return fmt.Errorf("the guardian: %w", g.err)
	}
	return nil
}
