package lint

import (
	"fmt"
	"strings"
	"time"

	"framegate/server/internal/capture"
)

// contextOf is what an exchange tells about its output. When the gateway has
// stopped the process before the end of its output, nobody knows how that
// would have gone on.
func contextOf(x *capture.Exchange) Context {
	c := Context{Method: x.Request.Method, Size: x.Stdout.Size}
	stopped, ended := when(x, capture.Stopped), when(x, capture.StdoutEnd)
	if stopped >= 0 && (ended < 0 || stopped < ended) || ended < 0 && x.Pid == 0 {
		c.Size = -1
	}
	return c
}

// when is the first time of an event, -1 if it has not happened.
func when(x *capture.Exchange, kind string) time.Duration {
	for _, e := range x.Events {
		if e.Kind == kind {
			return e.At
		}
	}
	return -1
}

// lastTime is the last time of an event, -1 if it has not happened.
func lastTime(x *capture.Exchange, kind string) time.Duration {
	at := time.Duration(-1)
	for _, e := range x.Events {
		if e.Kind == kind {
			at = e.At
		}
	}
	return at
}

// exchange judges the output and the process.
func (j *judge) exchange(x *capture.Exchange) {
	if x.Pid == 0 {
		if x.Failure != "" { // else nobody wanted it to be
			j.report("not-started", nowhere(), says{why: x.Failure})
		}
		return
	}
	j.ending(x) // first: as a rule it is the cause of the rest
	j.output()
	if when(x, capture.HeaderEnd) >= 0 {
		j.forget("header-too-long") // by its configuration it is not
	}
	j.injection(x)
	j.streams(x)
	j.timing(x)
	if x.Failure != "" && !j.explained() && !ownStatus(x) {
		j.report("gateway-failure", nowhere(), says{why: x.Failure})
	}
}

// forget takes a finding back.
func (j *judge) forget(code string) {
	kept := j.found[:0]
	for _, f := range j.found {
		if f.Code != code {
			kept = append(kept, f)
		}
	}
	j.found = kept
}

// explained reports whether a finding says why the exchange is a failure.
func (j *judge) explained() bool {
	for _, f := range j.found {
		switch {
		case f.Severity == Error, f.Code == "exit-after-success", f.Code == "lived-on":
			return true
		}
	}
	return false
}

// ownStatus reports whether the exchange is a failure because the program says
// so itself: that is an answer like any other.
func ownStatus(x *capture.Exchange) bool {
	return x.Answer.Status >= 500 && !x.Answer.Cut && when(x, capture.HeaderEnd) >= 0 && when(x, capture.Stopped) < 0
}

// ending judges how the process ended.
func (j *judge) ending(x *capture.Exchange) {
	if clock := clockOf(x.Failure); clock != "" {
		j.report("timed-out", nowhere(), says{what: clock + ": the program took too long and was stopped", why: x.Failure})
		return
	}
	closed, ended, stop := when(x, capture.StdoutEnd), when(x, capture.Exited), when(x, capture.Stopped)
	stopped := stop >= 0 && (ended < 0 || stop < ended) // and had not ended by itself
	if closed >= 0 && (stopped && stop > closed || ended-closed > time.Second) && answered(x) {
		j.report("lived-on", nowhere(), says{
			what: fmt.Sprintf("the program closed its stdout and lived on for %s", short(ended-closed)),
		})
		return
	}
	if x.Exit == nil || stopped && answered(x) || x.Answer.Status == clientGone {
		return
	}
	trace := j.exception(x)
	switch {
	case x.Exit.Signal != "" && !(stopped && isStopSignal(x.Exit.Signal)):
		j.report("killed", nowhere(), ofSignal(x.Exit.Signal))
		return
	case x.Exit.Code <= 0:
		return
	case answered(x) && x.Answer.Status < 500 && !x.Answer.Cut:
		s := says{what: fmt.Sprintf("the program exited with status %d after a %d", x.Exit.Code, x.Answer.Status)}
		if x.Answer.Status == 0 {
			s.what = fmt.Sprintf("the program exited with status %d after a redirect", x.Exit.Code)
		}
		j.report("exit-after-success", nowhere(), s)
	case !trace && len(x.Stderr.Last) == 0:
		j.report("silent-failure", nowhere(), says{what: fmt.Sprintf("the program exited with status %d and said nothing on stderr", x.Exit.Code)})
	}
}

// clientGone is the status of an exchange whose client did not wait for it.
const clientGone = 499

// answered reports whether the program's own answer has reached the client.
func answered(x *capture.Exchange) bool { return when(x, capture.HeaderEnd) >= 0 }

func isStopSignal(name string) bool { return name == "SIGTERM" || name == "SIGKILL" }

// clockOf is the clock that has stopped a process, "" for other failures.
func clockOf(failure string) string {
	clock, _, ok := strings.Cut(failure, ": ")
	if !ok || !strings.HasSuffix(clock, "-timeout") || strings.ContainsAny(clock, " ") {
		return ""
	}
	return clock
}

// ofSignal is what a signal says about its cause.
func ofSignal(name string) says {
	s := says{what: "the program was killed by " + name}
	switch name {
	case "SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE":
		s.why = "it crashed: a mistake in the program, or in a library that it uses"
	case "SIGABRT":
		s.why = "it gave up on itself: abort(), an assertion, or an uncaught exception of C++"
	case "SIGKILL":
		s.why, s.fix = "the kernel does that when memory runs out; or somebody did", "see dmesg | tail; if it is memory: use less, or give the frame more (memory)"
	case "SIGXCPU":
		s.why, s.fix = "it has used up its cpu-time", "compute less, or set cpu-time otherwise"
	case "SIGXFSZ":
		s.why, s.fix = "a file became too large", "write less, or see ulimit -f"
	case "SIGSYS":
		s.why, s.fix = "it made a system call that its sandbox forbids", "strace names the call; do without it, or run the frame without the sandbox"
	case "SIGPIPE":
		s.why, s.fix = "it wrote to a pipe that nobody read any more", "look at the programs that it has started: one of them ended early"
	case "SIGTERM", "SIGHUP", "SIGINT":
		s.why, s.fix = "somebody asked it to end, and not the gateway", "see who does: kill, timeout, a service manager"
	}
	return s
}

// exception reports an exception that has ended a Python program.
func (j *judge) exception(x *capture.Exchange) bool {
	if x.Exit.Code == 0 && x.Answer.Status < 500 {
		return false
	}
	lines := x.Stderr.Last
	begin := -1
	for i, line := range lines {
		if strings.HasPrefix(line, "Traceback (most recent call last):") {
			begin = i
		}
	}
	if begin < 0 {
		return false
	}
	where, what := "the last lines of stderr have its traceback", ""
	for _, line := range lines[begin+1:] {
		switch {
		case strings.HasPrefix(line, "  File "):
			where = "its traceback is on stderr: " + strings.TrimSpace(line)
		case !strings.HasPrefix(line, " ") && strings.TrimSpace(line) != "":
			what = line
		}
		if what != "" {
			break
		}
	}
	if what == "" {
		return false
	}
	j.report("uncaught-exception", nowhere(), says{what: "the program ended with " + cut(what, 200), why: where})
	return true
}

// streams judges what became of stdin and stdout.
func (j *judge) streams(x *capture.Exchange) {
	size, read := x.Stdin.Size, x.Stdin.Read
	if read >= 0 {
		read = max(0, read-x.Program.Ahead)
	}
	quiet := when(x, capture.Stopped) < 0 && x.Exit != nil && x.Exit.Code == 0
	switch {
	case !quiet || read < 0 || read >= size:
	case read == 0:
		j.report("stdin-unread", nowhere(), says{what: fmt.Sprintf("the program has read nothing of the request's body of %s", count(size, "byte"))})
	default:
		j.report("stdin-half-read", nowhere(), says{what: fmt.Sprintf("the program has read %d of the %s of the request's body", read, count(size, "byte"))})
	}
	quietly := max(when(x, capture.Exited), lastTime(x, capture.StdoutPut))
	if held := when(x, capture.StdoutEnd) - quietly; when(x, capture.Exited) >= 0 && held >= heldLong && x.Answer.Status != clientGone {
		j.report("stdout-held", nowhere(), says{what: fmt.Sprintf("something held stdout open for %s when the program had ended", short(held))})
	}
}

// heldLong is less than the gateway waits for a stdout whose program is gone: a
// busy machine is late in telling of the end.
const heldLong = 400 * time.Millisecond

const slow = time.Second

// timing judges when the program spoke.
func (j *judge) timing(x *capture.Exchange) {
	begun, first, end := when(x, capture.Spawned), when(x, capture.StdoutPut), when(x, capture.Exited)
	if begun < 0 || first-begun < slow || when(x, capture.Stopped) >= 0 {
		return
	}
	took := end - begun
	if clean := x.Exit != nil && x.Exit.Code == 0; clean && end >= 0 && end-first <= max(took/20, 50*time.Millisecond) {
		s := says{what: fmt.Sprintf("everything was printed at once, at the end of %s", short(took))}
		if x.Exit.CPU > 0 && x.Exit.CPU < took/10 {
			s.why = fmt.Sprintf("it computed for %s of that; as a rule the output lay in a buffer: a pipe is no terminal, so it is not flushed line by line", short(x.Exit.CPU))
		}
		j.report("one-burst", nowhere(), s)
		return
	}
	j.report("slow-first-byte", nowhere(), says{what: fmt.Sprintf("the first byte came %s after the start", short(first-begun))})
}

// short is a duration as people say it.
func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Microsecond).String()
}
