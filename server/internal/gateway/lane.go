package gateway

import (
	"cmp"
	"errors"
	"net"
	"net/http"
	"time"

	"framegate/server/internal/capture"
	"framegate/server/internal/cgi"
	"framegate/server/internal/httpguard"
	"framegate/server/internal/loop"
)

// The lane is the short way of a request that a loaded application answers in
// microseconds: net/http and the steps of an exchange would be most of its
// cost. It is for a GET to a worker, and for an answer that is whole when it
// comes. Whatever is not as usual leaves the lane for the long way, if need be
// with the run that has been begun: so there is one answer to everything that
// can go wrong, and it is not here.
type lane struct {
	site  *Site
	loop  *loop.Loop
	batch Batch // may be nil
	dates dates
	free  []*ride // to be used again
}

// lanePatience is how long a request may be under way on the lane: those that
// take longer do not gain anything there, and clocks ring elsewhere.
const lanePatience = 100 * time.Millisecond

// openLane puts a lane in front of net/http. Where there is none, ln is as it was.
func (s *Site) openLane(ln net.Listener) (*lane, net.Listener) {
	g := s.Gateway()
	h := &g.cfg.HTTP
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

// Request is for the loop.
func (n *lane) Request(c *loop.Conn, head []byte) loop.Verdict {
	if !n.site.Gateway().laneOpen() {
		return loop.Pass
	}
	req, ok := laneRequest(head)
	if !ok {
		return loop.Pass
	}
	t := n.site.enter()
	verdict := n.take(c, t, &req, head)
	if verdict != loop.Pending { // else it leaves with the ride
		t.leave()
	}
	return verdict
}

func (n *lane) take(c *loop.Conn, t *tenant, req *laneReq, head []byte) loop.Verdict {
	g := t.g
	h := &g.cfg.HTTP
	if !g.laneOpen() || int64(len(req.target)) > h.MaxURL || int64(len(head)) > h.MaxHeader || len(req.fields) > h.MaxFields {
		return loop.Pass
	}
	peer := n.peer(c, g)
	if peer.proxy {
		return loop.Pass
	}
	uri := string(req.target)
	parsed, err := cgi.ParseTarget(uri)
	if err != nil {
		return loop.Pass
	}
	f, call, err := g.routes.find(parsed)
	if err != nil || f == nil || !f.sendsVars || req.has(laneBody) {
		return loop.Pass
	}
	r := n.ride(c, t, f)
	r.rec = record{id: newID(), started: n.loop.Now(), remote: peer.remote, method: http.MethodGet, uri: uri, proto: "HTTP/1.1",
		frame: f.cfg.Name, mode: f.cfg.Mode}
	if !r.environ(peer, &call, req) {
		n.recycle(r)
		return loop.Pass
	}
	r.ticket.ride = r
	admitted, err := f.gate.try(&r.ticket)
	if err != nil {
		n.recycle(r)
		return loop.Pass // to be told so
	}
	r.head = append(r.head[:0], head...)
	c.Await(r)
	n.site.running.Add(1)
	if admitted {
		r.begin()
	} else {
		n.follow(f)
	}
	return loop.Pending
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

// environ makes what the worker does not have of it. It reports false for a
// request that the lane does not take.
func (r *ride) environ(p *peer, c *call, req *laneReq) bool {
	g := r.tenant.g
	m := cgi.Meta{
		Method: http.MethodGet, Target: c.target, Script: c.script, Protocol: "HTTP/1.1", Scheme: "http",
		RequestID: r.rec.id, ServerName: g.cfg.ServerName, ServerPort: cmp.Or(g.opts.Port, p.serverPort), ServerAddr: p.serverAddr,
		RemoteAddr: p.remoteAddr, RemotePort: p.remotePort, DocumentRoot: g.cfg.Static.Path,
		PassAuthorization: r.frame.cfg.PassAuthorization,
	}
	if string(req.host) != p.host {
		if !httpguard.ValidHost(string(req.host)) {
			return false
		}
		p.host = string(req.host)
		p.name = serverName(p.host, p.serverAddr)
	}
	if len(g.cfg.HTTP.Hosts) > 0 && !listed(g.cfg.HTTP.Hosts, p.host) {
		return false
	}
	m.Host = p.host
	if m.ServerName == "" {
		m.ServerName = p.name
	}
	r.rec.host = p.host
	b := r.vars[:0]
	for i := range req.fields {
		switch field := &req.fields[i]; field.kind {
		case laneHost:
		case laneType:
			b = append(b, "CONTENT_TYPE\x00"...)
			b = append(append(b, field.value...), 0)
		default:
			b = m.AppendField(b, field.name, field.value)
		}
	}
	r.vars = m.AppendVars(b, g.fixed())
	return true
}
