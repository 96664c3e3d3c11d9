package gateway

import (
	"bytes"
	"net/http"
	"sync"
	"time"

	"framegate/server/internal/cgi"
	"framegate/server/internal/config"
	"framegate/server/internal/loop"
	"framegate/server/internal/process"
	"framegate/server/internal/runner"
)

// ride is one request on the lane.
type ride struct {
	lane   *lane
	conn   *loop.Conn
	tenant *tenant
	frame  *frame
	whole  []byte // the request, should it have to leave
	head   []byte // that, of one without a body
	body   []byte // the end of whole; the loop's
	stage  stage
	ticket ticket
	train  *train
	behind *ride // the next of the train
	going  bool  // it leaves as soon as that is possible

	vars, out []byte
	spec      process.Spec
	feed      bytes.Reader // of the body
	direct    runner.Direct
	started   time.Time
	rec       record
	ans       answer

	line  func([]byte)
	ready func()

	mu     sync.Mutex
	stderr stderrLog
	sink   *stderrLog // where lines go: stderr, or that of the exchange that has taken over
}

// stage is how far a ride is.
type stage int

const (
	queued   stage = iota // it has no slot yet
	behind                // and a worker gets it behind another
	running               // a worker is at it
	answered              // the client does not take the answer
)

// ride is one for a new request.
func (n *lane) ride(c *loop.Conn) *ride {
	var r *ride
	if last := len(n.free) - 1; last >= 0 {
		r, n.free = n.free[last], n.free[:last]
	} else {
		r = &ride{lane: n, vars: make([]byte, 0, varsSize), out: make([]byte, 0, varsSize)}
		r.line, r.ready = r.said, r.Ready
		r.ticket.ride = r
	}
	n.site.running.Add(1)
	r.conn, r.tenant, r.ans, r.going, r.stage = c, n.site.enter(), answer{}, false, queued
	return r
}

// recycle keeps a ride that nobody knows of any more.
func (n *lane) recycle(r *ride) {
	const kept = 1 << 10
	if len(n.free) < kept {
		r.conn, r.tenant, r.frame, r.spec, r.whole, r.body = nil, nil, nil, process.Spec{}, nil, nil
		r.feed.Reset(nil)
		n.free = append(n.free, r)
	}
}

// said is a line of stderr.
func (r *ride) said(line []byte) {
	r.mu.Lock()
	sink := r.sink
	r.mu.Unlock()
	sink.line(line)
}

// prepare makes ready what a worker is given.
func (r *ride) prepare() {
	r.stderr = stderrLog{log: r.tenant.g.opts.Log, id: r.rec.id, frame: r.frame.cfg.Name}
	r.mu.Lock()
	r.sink = &r.stderr
	r.mu.Unlock()
	again := repeatable(r.rec.method)
	r.spec = process.Spec{Vars: r.vars, Again: again, StderrLine: r.line, ID: r.rec.id}
	if len(r.body) > 0 {
		r.feed.Reset(r.body)
		r.spec.Feed, r.spec.Memory = &r.feed, r.body
	}
}

// turn is called on the loop when it is the ride's turn. It may have left by
// then, or have been turned to by a worker that it was behind at.
func (r *ride) turn(number int) {
	switch {
	case r.ticket.number != number || r.conn == nil:
	case r.stage == queued, r.stage == behind && r.train.withdraw(r):
		r.begin()
	}
}

// begin puts the request to a worker. The ride has a slot.
func (r *ride) begin() {
	r.starts()
	r.prepare()
	if !r.direct.Directly(r.frame.runner, &r.spec, r.lane.loop, r.ready) {
		r.leave(&begun{admitted: true})
		return
	}
	r.rec.pid, r.rec.spawned = r.direct.Pid(), time.Since(r.started)
	if !r.direct.Sent() {
		r.leave(&begun{admitted: true, run: r.direct.Run()})
		return
	}
	r.depart()
	r.lane.follow(r.frame)
}

// starts is when a worker is at the request.
func (r *ride) starts() {
	r.stage = running
	r.frame.running.RLock()
	r.started = time.Now()
	r.rec.queued = r.started.Sub(r.rec.started)
}

// Ready is called on the loop when there is something of the answer.
func (r *ride) Ready() {
	if r.rec.firstByte == 0 {
		r.rec.firstByte = max(r.lane.loop.Now().Sub(r.started), 1)
	}
	data, usual := r.direct.Receive()
	if data == nil && usual {
		return
	}
	resp, body := laneResponse(data, &r.frame.cfg.Settings)
	if odd := resp == nil; r.frame.odd.Load() != odd {
		r.frame.odd.Store(odd)
	}
	if resp == nil {
		r.unusual()
		return
	}
	r.out = r.lane.appendHead(r.out[:0], r.tenant.g.opts.Software, resp)
	r.out = append(r.out, body...)
	r.ans.status, r.ans.bytes, r.rec.bytesIn = resp.Status, int64(len(body)), int64(len(r.body))
	then := r.done()
	if done, err := r.conn.Answer(r.out, loop.File{}, r.lane.loop.Now().Add(writeLimitOf(r.frame))); done {
		r.Written(r.conn, err)
	}
	then()
}

// done is the end of what the worker has to do. What it returns is for
// afterwards.
func (r *ride) done() (then func()) {
	f, t := r.frame, r.train
	r.stage = answered
	f.running.RUnlock()
	t.answered(r)
	next := t.first
	if next == nil {
		r.direct.End(nil, nil)
		t := f.gate.pop()
		switch {
		case t == turn{}:
			return nothing
		case t.ride != nil && t.ride.lane == r.lane:
			return func() { t.ride.turn(t.number) }
		}
		return t.call
	}
	r.direct.End(&next.direct, next.ready)
	next.starts()
	next.rec.pid = next.direct.Pid()
	if !f.gate.handOn(&next.ticket) {
		f.gate.leave() // it has one of its own
	}
	r.lane.follow(f)
	return next.goesOn
}

func nothing() {}

// goesOn is for a ride whose worker has turned to it.
func (r *ride) goesOn() {
	switch {
	case r.going:
		r.Gone(r.conn)
	case r.direct.More():
		r.Ready()
	}
}

// unusual is an answer that is not for the lane.
func (r *ride) unusual() {
	f, t := r.frame, r.train
	if t.empty() {
		t.end()
		r.leave(&begun{admitted: true, odd: true, run: r.direct.Run()})
		r.lane.follow(f)
		return
	}
	told := r.direct.Tell()
	if told == nil { // the worker will be ended for that
		t.giveUp()
		r.leave(&begun{admitted: true, odd: true, run: r.direct.Run()})
		r.lane.follow(f)
		return
	}
	// The exchange needs no worker any more: its slot is another's.
	f.gate.over()
	f.running.RLock()
	then := r.done()
	r.leave(&begun{admitted: true, odd: true, run: told})
	then()
}

// writeLimitOf is how long a client may take none of an answer.
func writeLimitOf(f *frame) time.Duration {
	if limit := f.cfg.IdleTimeout; limit > 0 {
		return limit
	}
	return filePause
}

// Written is for the loop: the answer has gone out, or has not.
func (r *ride) Written(c *loop.Conn, err error) {
	switch err {
	case nil:
	case loop.ErrSlow:
		r.rec.err = slowClient("idle-timeout")
	case loop.ErrClosed:
		r.rec.err = errShutdown
	default:
		r.rec.err = errClientGone
	}
	r.tenant.g.log(&r.ans, &r.rec)
	r.over()
}

// over is the end of the ride, here.
func (r *ride) over() {
	n, t := r.lane, r.tenant
	n.recycle(r)
	t.leave()
	n.site.running.Done()
}

// Gone is for the loop: the request is net/http's to bring to an end.
func (r *ride) Gone(*loop.Conn) {
	f := r.frame
	switch {
	case r.stage == running && !r.train.empty():
		r.Ready() // the answer is there, or is waited for once more
	case r.stage == running:
		r.train.end()
		r.leave(&begun{admitted: true, run: r.direct.Run()})
	case r.stage == behind && !r.train.withdraw(r):
		r.going = true
	case r.stage == queued: // or was behind until now
		b := &begun{ticket: &r.ticket, ready: make(chan struct{}, 1)}
		if !f.gate.convert(b.ticket, func() { b.ready <- struct{}{} }) {
			b.admitted = true // just now: what was posted finds the ride gone
			f.running.RLock()
		}
		r.leave(b)
	}
	r.lane.follow(f)
}

// leave has net/http's side take over what was begun.
func (r *ride) leave(b *begun) {
	b.ride, b.tenant, b.frame = r, r.tenant, r.frame
	b.id, b.arrived, b.queued = r.rec.id, r.rec.started, r.rec.queued
	b.started, b.spawned = r.started, r.rec.spawned
	c := r.conn
	r.conn = nil
	c.Pass(r.whole, b)
}

// laneResponse is the answer if it is of the usual kind.
func laneResponse(data []byte, s *config.Settings) (*cgi.Response, []byte) {
	if len(data) == 0 || s.MaxOutput > 0 && int64(len(data)) > s.MaxOutput {
		return nil, nil
	}
	end := cgi.HeaderEnd(data, 0)
	if end < 0 || s.MaxHeader > 0 && int64(end) > s.MaxHeader {
		return nil, nil
	}
	resp, err := cgi.ParseHeader(data[:end])
	body := data[end:]
	if err != nil || resp.Status < 200 || resp.Status >= 500 || !cgi.BodyAllowed(resp.Status) || http.StatusText(resp.Status) == "" ||
		resp.ContentType == "" || resp.Location != "" || len(resp.Dropped) > 0 || resp.ContentLength != int64(len(body)) {
		return nil, nil
	}
	return resp, body
}
