package gateway

import (
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"framegate/server/internal/capture"
	"framegate/server/internal/cgi"
	"framegate/server/internal/config"
	"framegate/server/internal/process"
	"framegate/server/internal/runner"
)

// sight is what is kept of one exchange for those who look on: the beginnings
// of its streams, and when things happened. A nil sight keeps nothing.
type sight struct {
	interest capture.Interest
	asked    bool
	begun    time.Time
	frame    *frame
	spec     *process.Spec
	meta     *cgi.Meta // what its environ is made of
	input    *body
	request  *http.Request
	last     *stderrLog
	scgi     int  // bytes of the environ ahead of the body
	body     int  // how much of a body is kept that is passed on as it arrives
	late     bool // somebody may still note an event

	mu     sync.Mutex // events come from several goroutines
	ahead  int        // bytes of stdin in front of the body that are still to be fed
	stdin  head       // of a body that is passed on as it arrives
	stdout head
	answer head
	events []capture.Event
}

// head is the beginning of a stream.
type head struct {
	buf  []byte
	size int64
}

const (
	keptHead   = 64 << 10 // of each stream
	keptEvents = 256
	lastEvents = 16 // kept free for those that end a stream or the process

	// A body that is passed on as it arrives can be had only now. Others are at
	// hand for as long as anybody wants them.
	keptStream = 16 << 20
)

func (h *head) put(p []byte, most int) {
	h.size += int64(len(p))
	room := most - len(h.buf)
	if room <= 0 {
		return
	}
	p = p[:min(room, len(p))]
	if need := len(h.buf) + len(p); need > cap(h.buf) && cap(h.buf) > 0 {
		// append would grow by a quarter, and copy a long stream many times.
		h.buf = append(make([]byte, 0, max(need, min(4*cap(h.buf), most))), h.buf...)
	}
	h.buf = append(h.buf, p...)
}

var sights = sync.Pool{New: func() any { return new(sight) }}

// interest is what the most curious wants to see.
func (g *Gateway) interest() capture.Interest {
	interest := capture.Nothing
	for _, w := range g.opts.Watchers {
		interest = max(interest, w.Interest())
	}
	if g.opts.Dev {
		interest = max(interest, capture.Failures) // for the page
	}
	return interest
}

// look begins to watch an exchange, if anybody is interested.
func (g *Gateway) look(x *exchange, r *http.Request) *sight {
	interest := g.interest()
	if interest == capture.Nothing && !x.rec.asked {
		return nil
	}
	s := sights.Get().(*sight)
	s.interest, s.asked, s.frame, s.input, s.request, s.last = interest, x.rec.asked, x.frame, x.body, r, &x.stderr
	s.begun = x.ans.begun.since()
	s.body = int(min(max(keptHead, g.cfg.Capture.MaxBody), keptStream))
	return s
}

// event notes that something happened just now.
func (s *sight) event(kind string, offset, bytes int64) {
	if s == nil {
		return
	}
	s.eventAt(time.Now(), kind, offset, bytes)
}

// eventAt notes that something happened then.
func (s *sight) eventAt(then time.Time, kind string, offset, bytes int64) {
	if s == nil {
		return
	}
	s.mu.Lock()
	s.note(then.Sub(s.begun), kind, offset, bytes)
	s.mu.Unlock()
}

// note adds an event; the lock is held. When there are too many, those that
// only go on with what the last one began are put into it.
func (s *sight) note(at time.Duration, kind string, offset, bytes int64) {
	room := keptEvents
	switch kind {
	case capture.StdinData, capture.StdoutPut, capture.StderrPut:
		room -= lastEvents
	}
	if n := len(s.events); n >= room {
		for i := n - 1; i >= 0; i-- {
			if s.events[i].Kind == kind {
				s.events[i].Bytes += bytes
				return
			}
		}
		return
	}
	s.events = append(s.events, capture.Event{At: at, Kind: kind, Offset: offset, Bytes: bytes})
}

// fed is told what the process was given to read; nothing is the end of it.
func (s *sight) fed(p []byte) { s.fedAt(time.Now(), p) }

func (s *sight) fedAt(then time.Time, p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := then.Sub(s.begun)
	if len(p) == 0 {
		s.note(at, capture.StdinEnd, s.stdin.size, 0)
		return
	}
	n := min(s.ahead, len(p))
	if s.ahead, p = s.ahead-n, p[n:]; len(p) == 0 {
		return
	}
	s.note(at, capture.StdinData, s.stdin.size, int64(len(p)))
	if s.input.stream != nil {
		s.stdin.put(p, s.body)
	} else {
		s.stdin.size += int64(len(p)) // the body itself is at hand
	}
}

func (s *sight) printed(p []byte) {
	if s == nil {
		return
	}
	s.mu.Lock()
	s.note(time.Since(s.begun), capture.StdoutPut, s.stdout.size, int64(len(p)))
	s.stdout.put(p, keptHead)
	s.mu.Unlock()
}

func (s *sight) answered(p []byte) {
	if s != nil {
		s.mu.Lock()
		s.answer.put(p, keptHead)
		s.mu.Unlock()
	}
}

// started shows the exchange to those who want to see everything.
func (s *sight) started(g *Gateway, rec *record, at time.Time) {
	if s == nil {
		return
	}
	s.eventAt(at, capture.Spawned, 0, 0)
	for _, w := range g.opts.Watchers {
		if w.Interest() == capture.Everything {
			w.Started(s.outline(rec))
		}
	}
}

// outline is what is known of the exchange when its process starts.
func (s *sight) outline(rec *record) *capture.Exchange {
	r := s.request
	x := &capture.Exchange{
		ID: rec.id, Time: s.begun, Frame: rec.frame, Mode: rec.mode, Pid: rec.pid, Asked: s.asked,
		Request: capture.Request{
			Method: r.Method, Target: r.RequestURI, Proto: r.Proto, Host: r.Host, Remote: r.RemoteAddr,
			Header: sortedFields(r.Header),
		},
	}
	if s.spec != nil {
		if s.spec.Env == nil && s.meta != nil {
			s.spec.Env = s.meta.Environ() // the process was sent a part of it alone
		}
		x.Program = s.frame.captured(s.spec)
		x.Program.Ahead = int64(s.scgi)
	}
	return x
}

// end shows the whole exchange to whoever wants it and gives back what it
// took. It is called once, when the process has ended and the client has its
// answer.
func (s *sight) end(g *Gateway, ans *answer, rec *record) {
	if s == nil {
		return
	}
	failure := rec.failed(ans.status)
	if s.spec != nil && (s.asked || s.interest == capture.Everything || failure != "") {
		x := s.whole(ans, rec)
		x.Failure = failure
		for _, w := range g.opts.Watchers {
			if interest := w.Interest(); s.asked || interest == capture.Everything || interest == capture.Failures && failure != "" {
				w.Ended(x)
			}
		}
		s.stdin, s.stdout, s.answer = head{}, head{}, head{} // x has them
	}
	s.input.close()
	if s.late {
		return
	}
	if cap(s.stdin.buf) > keptHead {
		s.stdin.buf = nil
	}
	*s = sight{
		stdin: head{buf: s.stdin.buf[:0]}, stdout: head{buf: s.stdout.buf[:0]}, answer: head{buf: s.answer.buf[:0]},
		events: s.events[:0],
	}
	sights.Put(s)
}

// whole is the exchange as far as it has come.
func (s *sight) whole(ans *answer, rec *record) *capture.Exchange {
	x := s.outline(rec)
	s.mu.Lock()
	defer s.mu.Unlock()
	x.Stdin = s.captureStdin()
	x.Stdout = capture.Stream{Head: s.stdout.buf, Size: s.stdout.size, Read: -1}
	x.Stderr = s.last.tail()
	x.Answer = capture.Answer{
		Status: ans.status, Header: sortedFields(ans.w.Header()), Cut: ans.cut,
		Body: capture.Stream{Head: s.answer.buf, Size: s.answer.size, Read: -1},
	}
	x.Warning = rec.warning
	x.Events = slices.Clone(s.events) // more may come
	if e := rec.exit; e != nil {
		x.Exit = &capture.Exit{Code: e.Code, CPU: e.CPU, MaxRSSKiB: e.MaxRSSKiB}
		if e.Signal != 0 {
			x.Exit.Signal = signalName(e.Signal)
		}
		if x.Stdin.Read = e.StdinRead; e.StdinRead >= 0 {
			x.Stdin.Read = max(e.StdinRead-int64(s.scgi), 0)
		}
		at := e.Ended.Sub(s.begun)
		for _, event := range x.Events {
			if rec.brief && event.Kind == capture.StdoutEnd {
				at = max(at, event.At) // it was read only then, but came first
			}
		}
		x.Events = append(x.Events, capture.Event{At: at, Kind: capture.Exited})
	}
	slices.SortStableFunc(x.Events, func(a, b capture.Event) int { return int(a.At - b.At) })
	return x
}

func (s *sight) captureStdin() capture.Stream {
	b := s.input
	switch {
	case b.stream != nil:
		return capture.Stream{Head: s.stdin.buf, Size: s.stdin.size, Read: -1}
	case b.file != nil:
		return capture.Stream{Head: b.memory, Size: b.size, File: b.file, Read: -1}
	}
	return capture.Stream{Head: b.memory, Size: b.size, Read: -1}
}

func sortedFields(h http.Header) []capture.Field {
	var fields []capture.Field
	for name, values := range h {
		for _, v := range values {
			fields = append(fields, capture.Field{Name: name, Value: v})
		}
	}
	slices.SortStableFunc(fields, func(a, b capture.Field) int { return strings.Compare(a.Name, b.Name) })
	return fields
}

// captureHeader asks for a capture of its request, with the configuration's
// secret. It is between the client and the gateway: no frame sees it.
const captureHeader = "Framegate-Capture"

// asks reports whether the client may have, and wants, a capture.
func (g *Gateway) asks(r *http.Request) bool {
	given := r.Header.Get(captureHeader)
	r.Header.Del(captureHeader)
	secret := g.cfg.Capture.Secret
	return secret != "" && subtle.ConstantTimeCompare([]byte(given), []byte(secret)) == 1
}

// captured is what a capture says of the program.
func (f *frame) captured(spec *process.Spec) capture.Program {
	p := capture.Program{
		Path: spec.Path, Argv: spec.Argv, Env: spec.Env, Dir: spec.Dir,
		Umask: f.umask, File: f.filename, Limits: f.limitsInWords(),
	}
	if f.scripts != nil {
		p.File = scriptFilename(spec.Env)
	}
	if len(f.cfg.Address) > 0 {
		f.capturedElsewhere(&p)
	}
	switch {
	case f.bridge != nil:
		p.Bridge, p.Source = f.bridge.ScriptOf(spec.Argv), f.bridge.Source
	case f.cfg.Mode == config.Worker && f.cfg.Protocol != runner.FastCGI && len(f.cfg.Address) == 0:
		p.Note = "the program was a worker that took its requests from a socket, as SCGI. It is started as a CGI program now, and may not know what to do"
	}
	return p
}
