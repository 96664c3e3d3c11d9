package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"framegate/server/internal/capture"
	"framegate/server/internal/cgi"
	"framegate/server/internal/config"
	"framegate/server/internal/httpguard"
	"framegate/server/internal/process"
	"framegate/server/internal/runner"
)

// The lane is the short way of a request that a loaded application answers in
// microseconds: net/http and the steps of an exchange would be most of its
// cost. It is for a GET to a worker, and for an answer that is whole when the
// first of it has come. Whatever is not as usual leaves the lane for the long
// way, if need be with the run that has been begun: so there is one answer to
// everything that can go wrong, and it is not here.

// lane is what is kept of a connection.
type lane struct {
	conn  *httpguard.Conn
	peer  peer
	host  string // of the last request
	block func()
	line  func([]byte)

	tenant  *tenant
	frame   *frame
	out     process.Output
	started time.Time
	rec     record
	ans     answer
	spec    process.Spec
	bounded time.Time             // when the write deadline was last moved on
	left    bool                  // the request has left the lane with something begun
	begun   atomic.Pointer[begun] // that, until somebody takes it

	mu     sync.Mutex
	stderr stderrLog
	sink   *stderrLog // where lines go: stderr, or that of the exchange that has taken over
}

// peer is what the environ says of the two ends of a connection.
type peer struct {
	remote                 string
	remoteAddr, remotePort string
	serverAddr, serverPort string
	proxy                  bool // one that is believed: it may tell everything anew
}

// begun is a request that has left the lane with a worker.
type begun struct {
	tenant  *tenant
	frame   *frame
	id      string
	arrived time.Time
	queued  time.Duration
	started time.Time
	spawned time.Duration
	first   time.Duration // until the first byte
	run     runner.Run
	err     error  // why there is no run
	failed  bool   // err is the gate's
	head    []byte // what the worker has said so far
	lane    *lane
}

// laneBufs are what a request on the lane is put together in.
type laneBufs struct{ vars, in, out []byte }

// laneAnswer is the longest answer that the lane gives.
const laneAnswer = 32 << 10

var laneBuffers = sync.Pool{New: func() any {
	return &laneBufs{vars: make([]byte, 0, varsSize), in: make([]byte, laneAnswer), out: make([]byte, 0, varsSize)}
}}

func (g *Gateway) newLane(c *httpguard.Conn) *lane {
	l := &lane{conn: c}
	l.block, l.line = l.bound, l.said
	p := &l.peer
	p.remote = c.RemoteAddr().String()
	p.remoteAddr, p.remotePort = splitAddr(p.remote)
	local := c.LocalAddr()
	p.serverAddr, p.serverPort = splitAddr(local.String())
	if p.serverPort == "" {
		p.serverPort = "80"
	}
	_, p.proxy = trustedEnds(local, p.remote, &g.cfg.HTTP)
	return l
}

// said is a line of stderr.
func (l *lane) said(line []byte) {
	l.mu.Lock()
	sink := l.sink
	l.mu.Unlock()
	sink.line(line)
}

// bound sets the clocks for the waiting.
func (l *lane) bound() {
	s := &l.frame.cfg.Settings
	var at time.Time
	for _, limit := range []time.Duration{s.FirstByteTimeout, s.TotalTimeout} {
		if t := l.started.Add(limit); limit > 0 && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	l.out.SetReadDeadline(at)
}

// laneOpen reports whether there can be a request for the lane.
func (g *Gateway) laneOpen() bool {
	if !g.hasLane {
		return false
	}
	for _, w := range g.opts.Watchers {
		if w.Interest() == capture.Everything {
			return false
		}
	}
	return true
}

// race answers a request on the lane. Without an answer, what was begun of it
// is left in l.begun, or nothing was.
func (g *Gateway) race(ctx context.Context, l *lane, head []byte) (answered, keep bool) {
	l.left = false
	if l.peer.proxy {
		return false, true
	}
	line, fields, _ := bytes.Cut(head, crlf)
	target, proto, ok := bytes.Cut(line[len("GET "):], []byte(" "))
	if !ok || string(proto) != "HTTP/1.1" {
		return false, true
	}
	uri := string(target)
	parsed, err := cgi.ParseTarget(uri)
	if err != nil {
		return false, true
	}
	f, c, err := g.routes.find(parsed)
	if err != nil || f == nil || !f.sendsVars {
		return false, true
	}
	bufs := laneBuffers.Get().(*laneBufs)
	arrived := time.Now()
	l.frame = f
	l.rec = record{id: newID(), started: arrived, remote: l.peer.remote, method: http.MethodGet, uri: uri, proto: "HTTP/1.1",
		frame: f.cfg.Name, mode: f.cfg.Mode}
	if bufs.vars, ok = g.laneVars(l, bufs.vars[:0], &c, fields); !ok {
		laneBuffers.Put(bufs)
		return false, true
	}
	l.rec.host = l.host
	answered, keep = g.raceTo(ctx, l, bufs)
	if !l.left { // else the buffers go with it
		laneBuffers.Put(bufs)
	}
	return answered, keep
}

var crlf = []byte("\r\n")

// laneVars is the environ, as far as the worker does not have it. It reports
// false for a request that the lane does not take.
func (g *Gateway) laneVars(l *lane, b []byte, c *call, fields []byte) ([]byte, bool) {
	m := cgi.Meta{
		Method: http.MethodGet, Target: c.target, Script: c.script, Protocol: "HTTP/1.1", Scheme: "http",
		RequestID: l.rec.id, ServerName: g.cfg.ServerName, ServerPort: g.opts.Port, ServerAddr: l.peer.serverAddr,
		RemoteAddr: l.peer.remoteAddr, RemotePort: l.peer.remotePort, DocumentRoot: g.cfg.Static.Path,
		PassAuthorization: l.frame.cfg.PassAuthorization,
	}
	var seen [laneFields][]byte
	n := 0
	host := false
	for {
		line, rest, ok := bytes.Cut(fields, crlf)
		if fields = rest; !ok || len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.Trim(value, " \t")
		if n == len(seen) || !laneTakes(name, value) {
			return b, false
		}
		for _, other := range seen[:n] {
			if len(other) == len(name) && bytes.EqualFold(other, name) {
				return b, false // they have to be merged
			}
		}
		seen[n] = name
		n++
		switch {
		case fieldIs(name, "Host"):
			host = true
			if string(value) != l.host {
				l.host = string(value)
			}
		case fieldIs(name, "Content-Type"):
			b = append(b, "CONTENT_TYPE\x00"...)
			b = append(append(b, value...), 0)
		default:
			b = m.AppendField(b, name, value)
		}
	}
	if !host || len(g.cfg.HTTP.Hosts) > 0 && !listed(g.cfg.HTTP.Hosts, l.host) {
		return b, false
	}
	m.Host = l.host
	if m.ServerPort == "" {
		m.ServerPort = l.peer.serverPort
	}
	if m.ServerName == "" {
		m.ServerName = serverName(l.host, m.ServerAddr)
	}
	return m.AppendVars(b, g.fixed()), true
}

// laneFields is how many header fields a request on the lane may have.
const laneFields = 32

// laneTakes reports whether a field means nothing to the server itself.
func laneTakes(name, value []byte) bool {
	switch len(name) {
	case len("TE"):
		return !fieldIs(name, "TE")
	case len("Expect"):
		return !fieldIs(name, "Expect") && !fieldIs(name, "Pragma") // net/http adds to that
	case len("Upgrade"):
		return !fieldIs(name, "Upgrade") && !fieldIs(name, "Trailer")
	case len("Connection"):
		return !fieldIs(name, "Connection") || fieldIs(value, "keep-alive")
	case len("Content-Length"):
		return !fieldIs(name, "Content-Length")
	case len("Transfer-Encoding"):
		return !fieldIs(name, "Transfer-Encoding") && !fieldIs(name, captureHeader)
	}
	return true
}

func fieldIs(b []byte, name string) bool {
	return len(b) == len(name) && strings.EqualFold(string(b), name)
}

// raceTo puts the request to a worker, and its answer to the client.
func (g *Gateway) raceTo(ctx context.Context, l *lane, bufs *laneBufs) (answered, keep bool) {
	f, rec := l.frame, &l.rec
	if err := f.gate.enter(ctx); err != nil {
		rec.queued = time.Since(rec.started)
		return l.leave(&begun{err: err, failed: true})
	}
	rec.queued = time.Since(rec.started)
	f.running.RLock()
	l.stderr = stderrLog{log: g.opts.Log, id: rec.id, frame: f.cfg.Name}
	l.mu.Lock()
	l.sink = &l.stderr
	l.mu.Unlock()
	l.spec = process.Spec{Vars: bufs.vars, Again: true, StderrLine: l.line}
	l.started = time.Now()
	run, err := f.runner.Start(ctx, &l.spec)
	if err != nil {
		return l.leave(&begun{err: err})
	}
	l.out = run.Output()
	l.out.WhenBlocked(l.block)
	rec.pid, rec.spawned = run.Pid(), time.Since(l.started)
	n, ended := l.hear(run, bufs.in)
	resp, body := laneResponse(runner.KeptOf(run), bufs.in[:n], ended, &f.cfg.Settings)
	if resp == nil {
		return l.leave(&begun{run: run, head: bufs.in[:n]})
	}
	rec.pid = run.Pid()
	run.Wait()
	f.running.RUnlock()
	f.gate.leave()
	bufs.out = g.appendHead(bufs.out[:0], resp)
	bufs.out = append(bufs.out, body...)
	keep = l.write(bufs.out)
	l.ans.status, l.ans.bytes = resp.Status, int64(len(body))
	g.log(&l.ans, rec)
	return true, keep
}

// hear reads the answer, as far as it comes at once.
func (l *lane) hear(run runner.Run, buf []byte) (n int, ended bool) {
	kept := runner.KeptOf(run)
	for n < len(buf) && (n == 0 || kept.Buffered()) {
		m, err := l.out.Read(buf[n:])
		if m > 0 && n == 0 {
			l.rec.firstByte = time.Since(l.started)
		}
		n += m
		if err != nil {
			return n, err == io.EOF
		}
	}
	return n, false
}

// laneResponse is the answer if it is whole and of the usual kind.
func laneResponse(kept runner.Kept, data []byte, ended bool, s *config.Settings) (*cgi.Response, []byte) {
	if !ended || kept.Ending() != (runner.Ending{}) || s.MaxOutput > 0 && int64(len(data)) > s.MaxOutput {
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

// write sends the whole answer. It reports whether the connection can be kept.
func (l *lane) write(p []byte) bool {
	if idle := l.frame.cfg.IdleTimeout; idle > 0 {
		l.conn.BoundWrites(idle)
	}
	_, err := l.conn.Write(p)
	switch {
	case err == nil:
		return true
	case errors.Is(err, os.ErrDeadlineExceeded):
		l.rec.err = slowClient("idle-timeout")
	default:
		l.rec.err = errClientGone
	}
	return false
}

// leave has the long way take over what was begun.
func (l *lane) leave(b *begun) (answered, keep bool) {
	b.lane, b.frame, b.id, b.arrived, b.queued, b.started = l, l.frame, l.rec.id, l.rec.started, l.rec.queued, l.started
	b.spawned, b.first = l.rec.spawned, l.rec.firstByte
	b.tenant, l.left = l.tenant, true
	l.begun.Store(b)
	return false, true
}
