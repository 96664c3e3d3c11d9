package runner

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"framegate/server/internal/nowait"
	"framegate/server/internal/process"
)

// Poller watches descriptors for a caller that waits for many at once.
type Poller interface {
	// Add has src told when there is something to read on fd, once for all that
	// is there at the time.
	Add(fd int, src Source) error
	// Remove ends that. It may be called from any goroutine.
	Remove(fd int)
}

// Source is told by a Poller.
type Source = interface{ Ready() }

// Direct is an exchange of a worker whose caller never waits: it sends what can
// be sent at once, and is told when there is an answer. Most answers are whole
// then. Others are read by way of the Run that the exchange becomes.
type Direct struct {
	k *kept
	s *socket
}

// Directly puts the request of spec to a worker that is at nothing, and sends
// it. ready is called by poller when some of the answer is there. It reports
// false when r has no worker for that: then Start has one.
func (d *Direct) Directly(r Runner, spec *process.Spec, poller Poller, ready func()) bool {
	p, ok := r.(*Workers)
	if !ok || p.o.Protocol != Bridge {
		return false
	}
	w := p.atNothing()
	if w == nil {
		return false
	}
	s := w.link.(*socket)
	s.forward()
	if s.w > 0 || !s.answers.lend(poller, s) {
		p.giveBack(w)
		return false
	}
	*d = Direct{&kept{pool: p, w: w, spec: spec}, s}
	w.at(spec)
	s.onReady = ready
	s.load(spec)
	s.requests.write(&s.out) // the Run goes on with what is left
	return true
}

// atNothing is a worker that is idle, nil when none is.
func (p *Workers) atNothing() *worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle) - 1
	if n < 0 {
		return nil
	}
	w := p.idle[n]
	p.idle = p.idle[:n]
	w.taken = true
	return w
}

// Sent reports whether all of the request is out.
func (d *Direct) Sent() bool { return d.s.out.whole() }

// Pid is the worker's.
func (d *Direct) Pid() int { return d.k.w.proc.Pid() }

// Ready is for the poller.
func (s *socket) Ready() {
	if s.onReady != nil {
		s.onReady()
	}
}

// Receive reads what has come. answer is not nil when that is a whole one, of
// an application that has not failed; it is good until the next call for the
// worker. usual is false for an exchange that is to go on as a Run.
func (d *Direct) Receive() (answer []byte, usual bool) {
	s := d.s
	if !s.whole() && !s.hear() {
		return nil, false
	}
	if s.w < 4 {
		return nil, true
	}
	length := binary.BigEndian.Uint32(s.in)
	end := wireWords + int64(length)
	switch {
	case length == 0 || length >= wirePieceMost || int64(len(s.in)) < end:
		return nil, false
	case int64(s.w) < end:
		return nil, true
	}
	if binary.BigEndian.Uint32(s.in[end-4:]) != wireOver|wireWell {
		return nil, false
	}
	s.r = int(end)
	return s.in[4 : end-4], true
}

// whole reports whether no more need be read, for what is usual.
func (s *socket) whole() bool {
	return s.w >= 4 && int64(s.w) >= wireWords+int64(binary.BigEndian.Uint32(s.in))
}

// wireWords is the length ahead of an answer in one piece, and its end.
const wireWords = 8

// hear reads once, behind what was read of the answer before. It reports false
// at the end of the connection.
func (s *socket) hear() bool {
	n, err := nowait.Read(s.answers.fd, s.in[s.w:])
	if err == unix.EAGAIN {
		return true
	}
	s.w += max(n, 0)
	return s.w > 0
}

// Behind puts a request behind that of d and others, so many in all. The same
// worker gets it as soon as it has answered those: it need not sleep in between.
// Until then next is nothing but a message, that Withdraw takes back. It reports
// false for a worker that is about to end or to be weighed, and a request that
// is too long.
func (d *Direct) Behind(next *Direct, spec *process.Spec, others int, buf []byte) ([]byte, bool) {
	p, w := d.k.pool, d.k.w
	p.mu.Lock()
	fit := !w.retired && !p.closed && (w.most == 0 || w.requests.Load()+int64(others)+1 < w.most)
	p.mu.Unlock()
	fit = fit && !w.dueForWeighing(&p.o)
	buf = appendHead(buf[:0], len(spec.Vars), wireBehind)
	buf = append(buf, spec.Vars...)
	if !fit || len(buf) > longestMessage {
		return buf, false
	}
	*next = Direct{&kept{pool: p, w: w, spec: spec}, d.s}
	w.follows(spec)
	if d.s.requests.write(&parcel{head: buf}) != nil {
		w.followsNot(spec)
		return buf, false
	}
	return buf, true
}

// Withdraw takes the first request back that is behind others; message is what
// Behind has returned. When the worker has it, so that the answers to the others
// are there, it returns nil, or else what it has taken instead.
func (d *Direct) Withdraw(message []byte) []byte { return d.s.requests.takeBack(message) }

// Withdrawn is what comes of a request that was taken back.
func (d *Direct) Withdrawn() { d.k.w.followsNot(d.k.spec) }

// End is the end of an exchange whose answer was whole. The worker is free, or
// is at next already.
func (d *Direct) End(next *Direct, ready func()) {
	s, w := d.s, d.k.w
	w.proc.FlushStderr()
	s.forward()
	if next == nil {
		s.onReady = nil
		s.finish()
		s.answers.takeBack()
		w.at(nil)
		if d.More() { // it does not keep to its protocol
			d.k.pool.end(w, d.k.pool.o.Grace)
			return
		}
		d.k.pool.release(w)
		return
	}
	w.requests.Add(1)
	w.turns(next.k.spec)
	s.finish()
	s.onReady = ready
	s.load(next.k.spec)
	s.out.sent = len(s.out.head)
}

// forward drops the answer that has been read: what is in the buffer is always
// of the exchange at hand, from its beginning on.
func (s *socket) forward() {
	in := s.in
	if len(in) > readAhead && s.w-s.r <= readAhead {
		in = make([]byte, readAhead) // it was a long one
	}
	s.w = copy(in, s.in[s.r:s.w])
	s.r, s.in = 0, in
}

// More reports whether something of the answer has been read already: nobody
// will be told of that.
func (d *Direct) More() bool { return d.s.w > 0 }

// Run is the exchange for a caller that waits. The Direct is over.
func (d *Direct) Run() Run {
	d.s.onReady, d.s.r = nil, 0 // what Receive has given is read again
	d.s.answers.takeBack()
	d.s.broken = d.s.answers.attach()
	return d.k
}
