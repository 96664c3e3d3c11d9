package gateway

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"runtime"
	"syscall"
	"time"

	"framegate/server/internal/capture"
	"framegate/server/internal/cgi"
	"framegate/server/internal/httpguard"
	"framegate/server/internal/loop"
	"framegate/server/internal/static"
)

// The lane is the short way of a request that a loaded application answers in
// microseconds: net/http and the steps of an exchange would be most of its
// cost. It is for requests to a worker whose body, if they have one, is short
// and soon there, and for an answer that is whole when it comes. Whatever is
// not as usual leaves the lane for the long way, if need be with the run that
// has been begun: so there is one answer to everything that can go wrong, and
// it is not here.
type lane struct {
	site  *Site
	loop  *loop.Loop
	batch Batch // may be nil
	dates dates
	free  []*ride // to be used again

	boarded time.Time // a request was put behind another
	patient bool      // the loop is

	commonFields               []byte // of answers, for these two
	commonDate, commonSoftware string
}

// lanePatience is how long a request may be under way on the lane: those that
// take longer do not gain anything there, and clocks ring elsewhere.
const lanePatience = 100 * time.Millisecond

// openLane puts a lane in front of net/http. Where there is none, ln is as it was.
func (s *Site) openLane(ln net.Listener) (*lane, net.Listener) {
	g := s.Gateway()
	h := &g.cfg.HTTP
	if _, ok := ln.(*net.TCPListener); !ok {
		return nil, ln // the ends of others have no addresses
	}
	if runtime.GOMAXPROCS(0) == 1 {
		return nil, ln // all else would wait while the loop does
	}
	// Net/http counts connections, and has to see them all for that.
	if h.MaxConnections > 0 || h.KeepAlive <= 0 || h.HeaderTimeout > 0 && h.HeaderTimeout < lanePatience {
		return nil, ln
	}
	n := &lane{site: s, batch: g.opts.Batch}
	l, err := loop.New(ln, loop.Options{
		Handler: n, KeepAlive: h.KeepAlive, Patience: lanePatience, FirstByte: cmp.Or(h.HeaderTimeout, h.KeepAlive),
		Trouble: func(err error) { g.opts.Log.Warn().Err(err).Msg("connections cannot be accepted") },
	})
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, ln
	}
	if err != nil {
		g.opts.Log.Warn().Err(err).Msg("requests cannot take the short way")
		return nil, ln
	}
	n.loop = l
	return n, l
}

func (n *lane) start() {
	if n != nil {
		n.loop.Start()
	}
}

// settle takes no more connections, and has net/http answer what is under way.
func (n *lane) settle(ctx context.Context) {
	if n != nil {
		n.loop.Settle(ctx)
	}
}

// end returns when nothing is on the lane any more: what it had is net/http's,
// but for answers that clients do not take, which are given up.
func (n *lane) end() {
	if n != nil {
		n.loop.Kill()
		n.loop.Wait()
	}
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

// Awake is for the loop.
func (n *lane) Awake() {
	if n.patient && n.loop.Now().Sub(n.boarded) > time.Second {
		n.patient = false
		n.loop.Patient(false)
	}
	if n.batch != nil {
		n.batch.Hold()
	}
}

// Rest is for the loop.
func (n *lane) Rest() {
	if n.batch != nil {
		n.batch.Release()
	}
}

// longestRequest is how long a request may be, head and body: so much is soon
// copied, and has room in a worker's socket.
const longestRequest = 256<<10 - 1

// Length is for the loop.
func (n *lane) Length(c *loop.Conn, b []byte) int {
	if bytes.HasPrefix(b, []byte("GET ")) {
		return bytes.Index(b, []byte("\r\n\r\n")) + len("\r\n\r\n")
	}
	req, ok := laneRequest(b)
	if !ok || req.head+req.length > longestRequest {
		return 0
	}
	g := n.site.Gateway()
	target, ok := n.peer(c, g).target(&req, g)
	if !ok {
		return 0
	}
	if f, _, err := g.routes.find(target); err != nil || f == nil || !f.takesBody(&req, g) {
		return 0
	}
	return req.head + req.length
}

// takesBody reports whether a body is to be had before f's worker is asked. A
// client that is slower than the lane has patience is held to its clocks on the
// long way.
func (f *frame) takesBody(req *laneReq, g *Gateway) bool {
	s, timeout := &f.cfg.Settings, g.cfg.HTTP.BodyTimeout
	return f.sendsVars && !s.StreamBody && (s.MaxBody <= 0 || int64(req.length) <= s.MaxBody) && (timeout == 0 || timeout >= lanePatience)
}

// Request is for the loop.
func (n *lane) Request(c *loop.Conn, whole []byte) loop.Verdict {
	req, ok := laneRequest(whole)
	if !ok || req.head+req.length != len(whole) {
		return loop.Pass
	}
	r := n.ride(c)
	verdict := r.take(&req, whole)
	if verdict == loop.Pass {
		r.over()
	}
	return verdict
}

// take routes a request. A ride that is not Pending any more may be another's.
func (r *ride) take(req *laneReq, whole []byte) loop.Verdict {
	g := r.tenant.g
	peer := r.lane.peer(r.conn, g)
	target, ok := peer.target(req, g)
	if !ok {
		return loop.Pass
	}
	f, call, err := g.routes.find(target)
	if err != nil {
		return loop.Pass
	}
	r.rec = record{id: newID(), started: r.lane.loop.Now(), remote: peer.remote, method: req.method, host: peer.host, uri: target.URI, proto: "HTTP/1.1"}
	switch {
	case f == nil && req.method == http.MethodGet:
		return r.file(req, target)
	case f == nil, !f.sendsVars, req.length > 0 && !f.takesBody(req, g):
		return loop.Pass
	}
	r.frame, r.rec.frame, r.rec.mode = f, f.cfg.Name, f.cfg.Mode
	r.environ(peer, &call, req)
	admitted, err := f.gate.try(&r.ticket)
	if err != nil {
		return loop.Pass // to be told so
	}
	if r.body = whole[req.head:]; len(r.body) > 0 {
		r.whole = whole
	} else {
		r.head = append(r.head[:0], whole...)
		r.whole = r.head
	}
	r.conn.Await(r)
	if admitted {
		r.begin()
	} else {
		r.lane.follow(f)
	}
	return loop.Pending
}

// longestFile is what the loop sends of one file. Larger ones are more likely
// to be read from a disk, for which all connections would wait.
const longestFile = 4 << 20

// file answers with a file, if that is all there is to do.
func (r *ride) file(req *laneReq, target cgi.Target) loop.Verdict {
	g, n := r.tenant.g, r.lane
	if g.files == nil || req.has(lanePart) || !target.LiteralPrefix(len(target.Path)) {
		return loop.Pass
	}
	q := static.QuickRequest{Path: target.Path, IfNoneMatch: req.value(laneNoneMatch), IfModifiedSince: req.value(laneSince),
		AcceptEncoding: req.value(laneAccept)}
	var a static.QuickAnswer
	var ok bool
	if r.out, a, ok = g.files.Quick(r.out[:0], &q, n.common(g.opts.Software)); !ok {
		return loop.Pass
	}
	file := loop.File{FD: a.File, Left: a.Size}
	if a.File < 0 {
		file = loop.File{}
	} else if a.Size > longestFile {
		syscall.Close(a.File)
		return loop.Pass
	}
	r.ans.status, r.ans.bytes, r.stage = a.Status, a.Size, answered
	c := r.conn
	c.Await(r)
	if done, err := c.Answer(r.out, file, n.loop.Now().Add(filePause)); done {
		r.Written(c, err)
	}
	return loop.Answered
}

// peer is what the environ says of the two ends of a connection.
type peer struct {
	remote                 string
	remoteAddr, remotePort string
	serverAddr, serverPort string
	host, name             string // Host of the last request, and SERVER_NAME from that
	proxy                  bool   // one that is believed: it may tell everything anew
}

func (n *lane) peer(c *loop.Conn, g *Gateway) *peer {
	if p, ok := c.User.(*peer); ok {
		return p
	}
	p := &peer{remote: c.Remote()}
	p.remoteAddr, p.remotePort = splitAddr(p.remote)
	p.serverAddr, p.serverPort = splitAddr(c.Local())
	_, p.proxy = trustedEnds(nil, p.remote, &g.cfg.HTTP)
	c.User = p
	return p
}

// target is what is asked for, where it is for the lane to judge that.
func (p *peer) target(req *laneReq, g *Gateway) (target cgi.Target, ok bool) {
	h := &g.cfg.HTTP
	if !g.laneOpen() || int64(len(req.target)) > h.MaxURL || int64(req.head) > h.MaxHeader || len(req.fields) > h.MaxFields ||
		p.proxy || !p.asks(req.host, g) {
		return target, false
	}
	target, err := cgi.ParseTarget(string(req.target))
	return target, err == nil
}

// asks takes the host of a request in. It reports false where that is for
// others to judge.
func (p *peer) asks(host []byte, g *Gateway) bool {
	if string(host) != p.host {
		if !httpguard.ValidHost(string(host)) {
			return false
		}
		p.host = string(host)
		p.name = serverName(p.host, p.serverAddr)
	}
	return len(g.cfg.HTTP.Hosts) == 0 || listed(g.cfg.HTTP.Hosts, p.host)
}

// environ makes what the worker does not have of it.
func (r *ride) environ(p *peer, c *call, req *laneReq) {
	g := r.tenant.g
	m := cgi.Meta{
		Method: req.method, HasBody: req.has(laneLength), ContentLength: int64(req.length), Target: c.target, Script: c.script, Protocol: "HTTP/1.1", Scheme: "http",
		RequestID: r.rec.id, ServerName: g.cfg.ServerName, ServerPort: cmp.Or(g.opts.Port, p.serverPort), ServerAddr: p.serverAddr,
		RemoteAddr: p.remoteAddr, RemotePort: p.remotePort, DocumentRoot: g.cfg.Static.Path,
		PassAuthorization: r.frame.cfg.PassAuthorization,
	}
	m.Host = p.host
	if m.ServerName == "" {
		m.ServerName = p.name
	}
	b := r.vars[:0]
	for i := range req.fields {
		switch field := &req.fields[i]; field.kind {
		case laneHost, laneLength:
		case laneType:
			b = append(b, "CONTENT_TYPE\x00"...)
			b = append(append(b, field.value...), 0)
		default:
			b = m.AppendField(b, field.name, field.value)
		}
	}
	r.vars = m.AppendVars(b, g.fixed())
}
