package gateway

import (
	"cmp"
	"context"
	"errors"
	"log"
	"math"
	"net"
	"net/http"
	"strings"
	"time"

	"framegate/server/internal/httpguard"
)

// errShutdown stops the exchanges that shutdown-timeout did not see end.
var errShutdown = &failure{status: http.StatusServiceUnavailable, sentence: "The server is stopping.",
	cause: errors.New("stopped: the server is shutting down"), closeConn: true}

// Serve serves this gateway alone: see Site.Serve. The gateway stays the
// caller's to close.
func (g *Gateway) Serve(ctx, hurry context.Context, ln net.Listener) error {
	return NewSite(g).Serve(ctx, hurry, ln)
}

// server is net/http's side of serving. Exchanges end with the context.
func (g *Gateway) server(exchanges context.Context, handler http.Handler) *http.Server {
	h := &g.cfg.HTTP
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	srv := &http.Server{
		Handler: handler,
		BaseContext: func(net.Listener) context.Context {
			return context.WithValue(exchanges, serverContext{}, exchanges)
		},
		ConnContext:       httpguard.ConnContext,
		ConnState:         httpguard.ConnState,
		ReadHeaderTimeout: h.HeaderTimeout, // for the first byte; from there on it is the guard's
		IdleTimeout:       h.KeepAlive,
		// What exceeds this gets net/http's own answer, without a record. The
		// guard, or vet for HTTP/2, has refused it long before.
		MaxHeaderBytes:               int(max(1<<20, 2*min(h.MaxHeader, math.MaxInt32/4))),
		DisableGeneralOptionsHandler: true,
		Protocols:                    &protocols,
		ErrorLog:                     log.New(serverLog{g}, "", 0),
	}
	srv.SetKeepAlivesEnabled(h.KeepAlive > 0)
	return srv
}

// guard is ln with everything refused that net/http would let through.
func (g *Gateway) guard(ln net.Listener) net.Listener {
	h := &g.cfg.HTTP
	limits := httpguard.Limits{
		MaxHeader:     int(min(h.MaxHeader, math.MaxInt32)),
		MaxURL:        int(min(h.MaxURL, math.MaxInt32)),
		MaxFields:     h.MaxFields,
		HeaderTimeout: cmp.Or(h.HeaderTimeout, -1),
	}
	var told time.Time
	full := func() {
		// Once a minute: a flood of connections is not to become one of lines.
		if now := time.Now(); now.Sub(told) > time.Minute {
			told = now
			g.opts.Log.Warn().Int("max_connections", h.MaxConnections).Msg("max-connections are busy: new ones wait")
		}
	}
	return &httpguard.Listener{Listener: ln, Limits: limits, MaxConnections: h.MaxConnections, Full: full}
}

// serverLog takes down what net/http has to say.
type serverLog struct{ g *Gateway }

func (l serverLog) Write(p []byte) (int, error) {
	l.g.opts.Log.Warn().Str("error", strings.TrimSpace(string(p))).Msg("http server")
	return len(p), nil
}

// Routes says in words what is served where, for people to read.
func (g *Gateway) Routes() []Route {
	var list []Route
	for _, f := range g.frames {
		r := Route{Frame: f.cfg.Name, Mode: f.cfg.Mode, Dir: f.dir}
		switch {
		case f.cfg.Scripts != "":
			r.URL, r.Runs = f.cfg.Scripts+"/", "programs of "+f.cfg.Dir
		case f.cfg.Mount != "":
			r.URL = f.cfg.Mount
		default:
			r.URL = strings.Join(f.cfg.Match, " ")
		}
		switch {
		case f.cfg.App != "":
			r.Runs = f.cfg.App + " (" + f.program.path + ")"
		case f.cfg.Command != nil:
			r.Runs = strings.Join(f.cfg.Command, " ")
		case len(f.cfg.Address) > 0:
			r.Runs = f.cfg.Protocol + " at " + strings.Join(f.cfg.Address, ", ")
		}
		list = append(list, r)
	}
	if g.files != nil {
		list = append(list, Route{URL: "/", Runs: "files of " + g.cfg.Static.Path})
	}
	return list
}

// Route is one line of that.
type Route struct {
	URL   string // prefix or patterns
	Frame string // "" for static files
	Mode  string
	Runs  string
	Dir   string
}
