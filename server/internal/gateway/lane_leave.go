package gateway

import (
	"net/http"

	"framegate/server/internal/httpguard"
	"framegate/server/internal/process"
	"framegate/server/internal/runner"
)

// begunOn is what has left the lane of r's connection for r, nil when nothing
// has.
func begunOn(r *http.Request) *begun {
	conn := httpguard.FromRequest(r)
	if conn == nil {
		return nil
	}
	l, ok := conn.Kept.(*lane)
	if !ok {
		return nil
	}
	return l.begun.Swap(nil)
}

// take has the exchange go on with what was begun on the lane.
func (x *exchange) take(b *begun) (runner.Run, error) {
	x.ans.begun = nil
	x.started = b.started
	if b.err != nil {
		return nil, b.err
	}
	x.stderr.recall(b.lane.pass(&x.stderr))
	return b.run, nil
}

// resume has what the lane has read be read again.
func (x *exchange) resume(b *begun) {
	x.rec.spawned = b.spawned
	if len(b.head) > 0 {
		x.out = &resumed{Output: x.out, head: b.head}
		x.spoke, x.rec.firstByte = true, b.first
	}
}

// pass has lines go to another log from now on, and returns those that have
// come so far: they are written down already.
func (l *lane) pass(to *stderrLog) []string {
	l.mu.Lock()
	l.sink = to
	l.mu.Unlock()
	return l.stderr.tail().Last
}

// drop ends what nobody has taken over.
func (b *begun) drop() {
	if b.failed {
		return // it has no slot
	}
	if b.run != nil {
		b.run.Stop(b.frame.cfg.StopGrace)
		b.run.Wait()
	}
	b.frame.running.RUnlock()
	b.frame.gate.leave()
}

// resumed is an output whose beginning was read already.
type resumed struct {
	process.Output
	head []byte
}

func (r *resumed) Read(p []byte) (int, error) {
	if len(r.head) == 0 {
		return r.Output.Read(p)
	}
	n := copy(p, r.head)
	r.head = r.head[n:]
	return n, nil
}
