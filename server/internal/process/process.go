// Package process is one OS process: started in a group of its own, its
// output drained, stopped by a ladder of signals and reaped exactly once.
package process

import (
	"io"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Spec says what to start. Argv, Env and Dir are taken as they are: nothing
// is looked up, expanded or added.
type Spec struct {
	Path string // absolute path of the executable
	Argv []string
	Env  []string
	Dir  string

	// Vars and Again are for processes that outlive the request. Vars is
	// "NAME NUL VALUE NUL …", what of Env is not in their own environment; Again
	// says that it does no harm to have the request answered twice.
	Vars  []byte
	Again bool
	ID    string // of the request, where one may be put behind another

	// Stdin is the process's descriptor 0 as it is. Otherwise Feed is pumped
	// into a pipe until its end; a process that does not read it is normal
	// (§4.2). With neither, descriptor 0 is /dev/null.
	Stdin      *os.File
	Feed       io.Reader
	Memory     []byte      // all of Feed, where that is a bytes.Reader; may be nil
	FeedFailed func(error) // Feed could not be read to its end

	// Fed is told what of Feed was written to the pipe, and with nothing that
	// this was all. CountStdin has Exit tell how much of stdin was read.
	Fed        func(p []byte)
	CountStdin bool

	// NoOutput has stdout be stderr, for a process that answers elsewhere:
	// what it prints is for the log. Output is nil then.
	NoOutput bool

	// Brief bounds how long Start waits for the end of a process that is expected
	// to end at once: of such a one nothing has to be watched while it runs. Nil
	// does not wait. What a pipe does not take holds the process up meanwhile.
	Brief *Patience

	Confinement *Confinement // nil confines nothing
	Watcher     Watcher      // nil is nobody

	// StderrLine is given each line of stderr without its line break, from
	// one goroutine, until the last writer has closed it.
	StderrLine func(line []byte)
}

// Watcher is told of process groups while they may need to be killed.
type Watcher interface {
	// Starting is where the number of a process that is about to be started
	// is written before it runs, where the system can do that; or nil.
	Starting() *int32
	// Started follows each call of Starting, with what that has returned; pid
	// is 0 when nothing was started.
	Started(starting *int32, pid int)
	// Ended comes before pid can belong to anybody else; of what a Parent has
	// forked, as soon as that has said so.
	Ended(pid int)
}

// Exit is how a process ended and what it cost.
type Exit struct {
	Code      int            // -1 when a signal ended it
	Signal    syscall.Signal // 0 unless a signal ended it
	CPU       time.Duration  // user and system
	MaxRSSKiB int64
	Ended     time.Time // when it was found to have ended
	StdinRead int64     // bytes of its stdin that were read; -1 where that is not known
}

// Clean reports whether the process ended by itself with status 0.
func (e Exit) Clean() bool { return e.Code == 0 }

func (e Exit) String() string {
	if e.Signal != 0 {
		return "killed by " + signalName(e.Signal)
	}
	return "exited with status " + strconv.Itoa(e.Code)
}

// Past is what has become of a process, behind its name.
func (e Exit) Past() string {
	if e.Signal != 0 {
		return "was " + e.String()
	}
	return e.String()
}

// Process is a started process. It must be read to the end of Output or
// stopped, and then waited for with Wait.
type Process struct {
	pid     int
	stdout  *Pipe
	stderr  *Pipe
	lines   *lines
	stdin   *os.File // the gateway's end while a feeder runs, else nil
	reads   *stdinCount
	watcher Watcher
	owned   sync.WaitGroup
	done    chan struct{} // closed once the process is reaped
	exit    Exit          // valid once done is closed
	life    life
	mu      sync.Mutex // holds a signal back from a process that is being reaped
	reaped  bool
	ladder  *time.Timer // SIGKILL to come, after SIGTERM
	stopped bool

	launched time.Time
	brief    bool // it had ended when Start returned
}

// Start starts a process. The caller owns spec.Stdin.
func Start(spec *Spec) (*Process, error) {
	return startBy(spec, func(fds [3]uintptr, starting *int32, ahead bool) (int, life, error) {
		pid, w, err := forkExec(spec, fds, starting, ahead)
		return pid, &ownChild{pid, w}, err
	})
}

// launcher starts a process with these descriptors; ahead is without waiting
// until it has become the program.
type launcher func(fds [3]uintptr, starting *int32, ahead bool) (int, life, error)

// startBy makes the descriptors of a process, has it launched, and sees to it.
func startBy(spec *Spec, launch launcher) (*Process, error) {
	e, err := openEnds(spec)
	if err != nil {
		return nil, err
	}
	p := &Process{watcher: spec.Watcher, stdout: e.stdout, stderr: e.stderr, stdin: e.in.parent, done: make(chan struct{})}
	p.lines = newLines(p.stderr, spec.StderrLine)
	var starting *int32
	if p.watcher != nil {
		starting = p.watcher.Starting()
	}
	brief := spec.Brief != nil && p.stdin == nil && !spec.NoOutput
	p.pid, p.life, err = launch(e.child(), starting, brief)
	if p.watcher != nil {
		p.watcher.Started(starting, p.pid)
	}
	if err != nil {
		e.abort()
		return nil, err
	}
	p.launched = time.Now()
	if spec.CountStdin {
		p.reads = e.in.count()
	}
	if brief {
		// It may not have taken its side of the pipes yet.
		ended, err := p.life.exitedWithin(spec.Brief)
		e.closeChild()
		switch {
		case err != nil:
			p.unstart()
			e.abort()
			return nil, err
		case ended:
			p.brief = true
			p.bury()
			if !p.lines.drainLeft() {
				p.owned.Go(p.lines.drain)
			}
			return p, nil
		}
	} else {
		e.closeChild()
	}
	p.owned.Go(p.await)
	p.owned.Go(p.lines.drain)
	if p.stdin != nil {
		p.owned.Go(func() { p.feed(e.in.rest, spec) })
	}
	return p, nil
}

// unstart reaps a process that could not become the program.
func (p *Process) unstart() {
	if p.watcher != nil {
		p.watcher.Ended(p.pid)
	}
	p.life.reap()
	p.reads.total()
}

// Launched is when the process was started.
func (p *Process) Launched() time.Time { return p.launched }

// WasBrief reports whether the process had ended when Start returned.
func (p *Process) WasBrief() bool { return p.brief }

// HasOutput reports whether the process has printed what was not read yet.
func (p *Process) HasOutput() bool { return p.stdout.waiting() > 0 }

// Printed is how much of the process's stdout was read.
func (p *Process) Printed() int64 { return p.stdout.total.Load() }

// Pid is the process's number and its group's.
func (p *Process) Pid() int { return p.pid }

// Output is the process's stdout.
func (p *Process) Output() Output {
	if p.stdout == nil {
		return nil
	}
	return p.stdout
}

// FlushStderr hands out what the process has written to its stderr so far.
func (p *Process) FlushStderr() { p.lines.flush() }

// Done is closed when the process has ended and is reaped.
func (p *Process) Done() <-chan struct{} { return p.done }

// Dying reports whether the process is on its way out or gone. Where that
// cannot be told it is false.
func (p *Process) Dying() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reaped || isDying(p.pid)
}

// Exit is how the process ended; it waits for Done.
func (p *Process) Exit() Exit {
	<-p.done
	return p.exit
}

// Wait waits until the process is reaped, its stderr is drained and nothing
// of it runs in this program any more. It closes Output.
func (p *Process) Wait() Exit {
	p.owned.Wait()
	p.stdout.Close()
	p.stderr.Close()
	return p.exit
}

// pipeGrace bounds how long the pipes are waited for once the process itself
// is gone: a descendant in a session of its own may hold them for ever.
const pipeGrace = 500 * time.Millisecond

// await reaps the process when it has ended.
func (p *Process) await() {
	p.life.untilExited()
	p.bury()
}

// bury reaps the process, which has ended. No signal is sent to its group any
// more from the moment that it may be reaped: the number may be anybody's then.
func (p *Process) bury() {
	ended := time.Now()
	p.mu.Lock()
	p.life.killGroup()
	if p.watcher != nil {
		p.watcher.Ended(p.pid)
	}
	p.reaped = true
	if p.ladder != nil {
		p.ladder.Stop()
	}
	p.mu.Unlock()
	p.exit = p.life.reap()
	p.exit.Ended, p.exit.StdinRead = ended, p.reads.total()
	if p.stdin != nil {
		p.stdin.Close() // wakes a feeder whose pipe a descendant holds open
	}
	limit := time.Now().Add(pipeGrace)
	p.stdout.abandonAt(limit)
	p.stderr.abandonAt(limit)
	close(p.done)
}

// Signal sends sig to the whole group, unless it is gone already.
func (p *Process) Signal(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.signal(sig)
}

// signal does so; the lock is held.
func (p *Process) signal(sig syscall.Signal) {
	if !p.reaped && p.life.holds() {
		syscall.Kill(-p.pid, sig)
	}
}

// Stop goes down the ladder and returns at once: the end of stdin and SIGTERM
// to the group now, SIGKILL after grace. Further calls do nothing.
func (p *Process) Stop(grace time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped || p.stopped {
		return
	}
	p.stopped = true
	if p.stdin != nil {
		p.stdin.Close()
	}
	p.signal(syscall.SIGTERM)
	p.ladder = time.AfterFunc(grace, func() { p.Signal(syscall.SIGKILL) })
}
