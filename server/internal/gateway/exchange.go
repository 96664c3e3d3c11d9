package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"framegate/server/internal/capture"
	"framegate/server/internal/cgi"
	"framegate/server/internal/process"
	"framegate/server/internal/runner"
)

// exchange is one request answered by one frame process.
type exchange struct {
	g     *Gateway
	ans   *answer
	rec   *record
	frame *frame
	body  *body
	sight *sight

	run     runner.Run
	kept    runner.Kept     // run, when its process outlives it; else nil
	ctx     context.Context // of the request, for kept: others are told when it ends
	begun   chan struct{}   // closed once run is set
	out     process.Output
	meta    cgi.Meta // what its environ is made of
	stderr  stderrLog
	started time.Time // when the process was started: the clocks count from here
	spoke   bool      // the frame has printed its first byte
	unsent  bool      // bytes have been written since the last flush
	flushed bool      // something has been sent to the client
	waiting time.Time // since when the frame's output is waited for; zero while it flows

	printed  int64          // bytes of stdout so far
	atEnd    bool           // it was read to its end
	settling bool           // the rest of it is nobody's
	outbox   *outbox        // of a long body, nil for others
	reading  sync.WaitGroup // who fills it
	left     sync.Once      // the slot is given back
	judged   *ending        // nil until the output was read to its end

	cause  atomic.Pointer[failure] // why the process was stopped; the first reason counts
	detach func() bool             // ends the watch on the client; nil when there is none
}

// exchange has the frame answer the call. It returns the path of a local
// redirect instead, when that is the frame's answer (§6.2.2).
func (g *Gateway) exchange(ans *answer, r *http.Request, rec *record, f *frame, c call) (redirect string, err error) {
	rec.frame, rec.mode = f.cfg.Name, f.cfg.Mode
	x := &exchange{g: g, ans: ans, rec: rec, frame: f}
	x.stderr = stderrLog{log: g.opts.Log, id: rec.id, frame: f.cfg.Name, tap: g.opts.Tap}
	if x.body, err = f.receive(ans, r, g.spoolsDirectly(f, r, rec)); err != nil {
		return "", err
	}
	ans.received = true
	defer func() {
		if x.sight == nil {
			x.body.close()
		} // else it goes with the sight
	}()

	if err = x.admit(r.Context()); err != nil {
		return "", err
	}
	x.sight = g.look(x, r)
	rec.sight.end(g, ans, rec) // of the exchange that has redirected here
	rec.pid, rec.address, rec.exit = 0, "", nil
	rec.sight, ans.sight, x.stderr.sight = x.sight, x.sight, x.sight
	if err := x.start(r.Context(), g.spec(x, r, &c)); err != nil {
		x.leave()
		return "", err
	}
	redirect, err = x.respond()
	if err != nil {
		// The client gets its error first; the process may take its
		// stop-grace to end, and the slot is free when it has.
		ans.pending = x.end
		x.awaitLastWords(err)
		return "", err
	}
	x.end()
	return redirect, nil
}

// spoolsDirectly reports whether a body need not be fed. Whoever looks on wants
// to see that, byte by byte.
func (g *Gateway) spoolsDirectly(f *frame, r *http.Request, rec *record) bool {
	return r.ContentLength > fedMost && f.readsFiles && !rec.asked && g.opts.Tap == nil && g.interest() == capture.Nothing
}

// spec is what the process is given: program, environ, stdin, cwd.
func (g *Gateway) spec(x *exchange, r *http.Request, c *call) *process.Spec {
	path, argv := x.frame.command(c)
	spec := &process.Spec{
		Path: path, Argv: argv,
		Dir: x.frame.workingDir(c),

		Confinement: x.frame.confinement,
		Watcher:     g.watcher,
		Brief:       x.brief(),
		Again:       x.body.stream == nil && repeatable(r.Method), // a body that was passed on is gone

		StderrLine: x.stderr.line,
		FeedFailed: func(err error) {
			<-x.begun // the body may fail before Start has returned
			x.abandon(bodyFailure(err).(*failure))
		},
	}
	x.meta = g.meta(r, x.rec, x.frame, c, x.body)
	if x.frame.sendsVars {
		spec.Vars = x.meta.AppendVars(make([]byte, 0, varsSize), g.fixed())
	}
	if !x.frame.sendsVars || g.opts.Tap != nil {
		spec.Env = x.meta.Environ()
	}
	if x.sight != nil {
		x.sight.spec, x.sight.meta = spec, &x.meta
		spec.Fed = x.sight.fed
		spec.CountStdin = x.sight.interest == capture.Everything || x.g.dev != nil
	}
	switch {
	case x.frame.cfg.Stdin == "scgi":
		feed := io.Reader(http.NoBody)
		if x.body.feed != nil {
			feed = x.body.feed
		}
		ahead := cgi.SCGI(spec.Env)
		if x.sight != nil {
			x.sight.scgi, x.sight.ahead = len(ahead), len(ahead)
		}
		spec.Feed = io.MultiReader(bytes.NewReader(ahead), feed)
	case x.body.file != nil:
		spec.Stdin = x.body.file
	default:
		spec.Feed, spec.Memory = x.body.feed, x.body.memory
	}
	return spec
}

// repeatable reports whether a request may be answered twice (RFC 9110 §9.2.2).
func repeatable(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return false
}

// varsSize is what the variables of most requests take.
const varsSize = 1 << 10

func (x *exchange) start(ctx context.Context, spec *process.Spec) error {
	if spec.Path == "" && len(x.frame.cfg.Address) == 0 {
		return startFailure(fmt.Errorf("%w: %s is not on PATH", runner.ErrProgram, spec.Argv[0]))
	}
	if tap := x.g.opts.Tap; tap != nil && tap.Start != nil {
		tap.Start(spec)
	}
	if x.g.opts.Dry {
		return ErrDry
	}
	b := x.ans.begun
	x.started = b.since()
	x.sight.eventAt(x.started, capture.Started, 0, 0)
	x.begun = make(chan struct{})
	defer close(x.begun)
	run, err := x.obtain(ctx, spec)
	if err != nil {
		if ctx.Err() != nil {
			return ended(ctx)
		}
		if start := (*runner.StartError)(nil); errors.As(err, &start) {
			x.stderr.recall(start.Stderr)
		}
		return startFailure(err)
	}
	x.run, x.out = run, run.Output()
	x.rec.pid = run.Pid()
	launched := runner.Launched(run)
	switch {
	case b.runs():
		launched = b.launched()
	case launched.IsZero():
		launched = time.Now()
	}
	x.rec.spawned, x.rec.brief = launched.Sub(x.started), runner.WasBrief(run)
	x.sight.started(x.g, x.rec, launched)
	x.out.WhenBlocked(x.beforeWait)
	if x.kept = runner.KeptOf(run); x.kept != nil {
		x.ctx = ctx
		return nil
	}
	if !isDone(run.Done()) {
		x.detach = context.AfterFunc(ctx, func() { x.stop(x.endedBy(ctx)) })
	}
	return nil
}

func isDone(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// briefWait is how long the start of a program waits for its end, when the
// program is known to end soon: longer than that takes on a busy machine, and
// shorter than anybody minds who waits for the first byte of one that does not.
const briefWait = 50 * time.Millisecond

// brief is the patience that the exchange has for that. Those who look on want
// to see things when they happen, and no clock may ring meanwhile.
func (x *exchange) brief() *process.Patience {
	if x.g.opts.Tap != nil || x.g.dev != nil || x.sight != nil && x.sight.interest == capture.Everything {
		return nil
	}
	for _, clock := range []time.Duration{x.frame.cfg.FirstByteTimeout, x.frame.cfg.IdleTimeout, x.frame.cfg.TotalTimeout} {
		if clock > 0 && clock < 2*briefWait {
			return nil
		}
	}
	return &x.frame.patience
}

// ended is why the context of a request is done: the client, or the server.
func ended(ctx context.Context) *failure {
	var f *failure
	if errors.As(context.Cause(ctx), &f) {
		return f
	}
	return errClientGone
}

// endedBy is why the context of the exchange's request is done.
func (x *exchange) endedBy(ctx context.Context) *failure {
	if f := x.ans.overdue(); f != nil {
		return f
	}
	return x.body.endedBy(ctx)
}

// ends is when total-timeout is over; zero is never.
func (x *exchange) ends() time.Time {
	if total := x.frame.cfg.TotalTimeout; total > 0 {
		return x.started.Add(total)
	}
	return time.Time{}
}

// stop sends the process down the ladder because of why.
func (x *exchange) stop(why *failure) {
	if x.cause.CompareAndSwap(nil, why) {
		x.sight.event(capture.Stopped, 0, 0)
		x.run.Stop(x.frame.cfg.StopGrace)
	}
}

// end waits until nothing of the exchange is left and accounts for it.
func (x *exchange) end() {
	if x.kept != nil {
		x.settle()
		x.rec.pid = x.run.Pid() // that of the second worker, if there was one
	} else if x.detach != nil && !x.detach() && x.sight != nil {
		x.sight.late = true // the watch on the client is under way
	}
	x.run.Stop(x.frame.cfg.StopGrace) // does nothing to a process that has ended
	if s := x.body.stream; s != nil && !s.finished() {
		// The feeder waits for a client whose body nobody wants any more.
		x.body.pace.stop()
	}
	exit := x.run.Wait()
	x.rec.address = runner.AddressOf(x.run)
	x.ans.dropBody() // closing with unread bytes in the kernel would reset the connection
	x.reading.Wait()
	if x.outbox != nil {
		x.outbox.close()
	}
	if x.kept == nil || !exit.Ended.IsZero() {
		if x.kept != nil {
			exit.CPU, exit.MaxRSSKiB = 0, 0 // those of its whole life
		}
		x.rec.exit = &exit
	}
	if s := x.body.stream; s != nil {
		x.rec.bytesIn += s.count.Load()
	} else {
		x.rec.bytesIn += x.body.size
	}
	x.ans.unboundWrites()
	x.leave()
}

// leave gives the frame's slot to the next exchange, once the process has
// ended. The last one to leave looks for what was left behind.
func (x *exchange) leave() {
	x.left.Do(func() {
		x.frame.running.RUnlock()
		x.frame.gate.leave()
		x.frame.sweep()
	})
}

// beforeWait runs when the frame has nothing to read: what it has said goes
// out to the client, and the clocks are set for the waiting.
func (x *exchange) beforeWait() {
	if x.outbox == nil && x.unsent && !x.flushed {
		x.out.SetReadDeadline(time.Now().Add(flushDelay))
		return // read flushes, should nothing come
	}
	if x.outbox == nil {
		x.flush()
	} // else the goroutine that writes flushes
	if x.waiting.IsZero() {
		x.waiting = time.Now()
	}
	at, _ := x.deadline()
	x.out.SetReadDeadline(at)
}

// flushDelay is how long the first bytes of an answer wait for what follows
// them. Most frames print and exit: their answer then goes out in one piece,
// with its length.
const flushDelay = 5 * time.Millisecond

func (x *exchange) flush() {
	if x.unsent {
		// What was written may have lain in net/http's buffer for a while.
		x.ans.boundWrites(x.frame.cfg.IdleTimeout, x.ends())
		x.ans.flush()
		x.unsent, x.flushed = false, true
	}
}

// deadline is when the next clock rings, and which one it is.
func (x *exchange) deadline() (time.Time, string) {
	var at time.Time
	which := ""
	first := func(t time.Time, limit time.Duration, name string) {
		if t = t.Add(limit); limit > 0 && (at.IsZero() || t.Before(at)) {
			at, which = t, name
		}
	}
	if x.spoke {
		first(x.stillSince(x.waiting), x.frame.cfg.IdleTimeout, "idle-timeout")
	} else {
		first(x.stillSince(x.started), x.frame.cfg.FirstByteTimeout, "first-byte-timeout")
	}
	first(x.started, x.frame.cfg.TotalTimeout, "total-timeout")
	return at, which
}

// overdue reports whether total-timeout is over, for a frame that prints
// without a pause: reading it never waits, and so meets no deadline.
func (x *exchange) overdue() bool {
	limit := x.frame.cfg.TotalTimeout
	return limit > 0 && time.Since(x.started) > limit
}

// stillSince is t, or the last movement of an upload that goes on after it:
// an exchange is idle when neither direction moves.
func (x *exchange) stillSince(t time.Time) time.Time {
	if s := x.body.stream; s != nil {
		if moved := time.Unix(0, s.moved.Load()); moved.After(t) {
			return moved
		}
	}
	return t
}

// timedOut is the failure of the clock that has rung.
func (x *exchange) timedOut(which string) *failure {
	what := "nothing to read from the program"
	if which == "total-timeout" {
		what = "the program has not ended its answer"
	}
	return &failure{status: http.StatusGatewayTimeout, sentence: "The program took too long to answer.",
		cause: fmt.Errorf("%s: %s %s after its start", which, what, time.Since(x.started).Round(time.Millisecond))}
}
