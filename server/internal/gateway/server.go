package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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

// Serve answers what comes in on ln until ctx ends. Then it takes no more
// connections, lets running exchanges finish within shutdown-timeout, stops
// those that have not, and returns once nothing runs. The end of hurry cuts
// the waiting short.
func (g *Gateway) Serve(ctx, hurry context.Context, ln net.Listener) error {
	exchanges, stopAll := context.WithCancelCause(context.Background())
	defer stopAll(nil)
	srv := g.server(exchanges)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(g.guard(ln)) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	g.drain(hurry, srv, stopAll)
	g.running.Wait() // what was aborted is still to be accounted for
	<-served
	return nil
}

// server is net/http's side of serving. Exchanges end with the context.
func (g *Gateway) server(exchanges context.Context) *http.Server {
	h := &g.cfg.HTTP
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	srv := &http.Server{
		Handler: g,
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

// drain lets what runs finish, then stops it.
func (g *Gateway) drain(hurry context.Context, srv *http.Server, stopAll context.CancelCauseFunc) {
	patience, cancel := context.WithTimeout(hurry, g.cfg.ShutdownTimeout)
	defer cancel()
	if srv.Shutdown(patience) == nil && g.idleWithin(patience) {
		return
	}
	stopAll(errShutdown)
	longest := time.Second
	for _, f := range g.frames {
		longest = max(longest, f.cfg.StopGrace)
	}
	// Every process is gone one stop-grace from now, and its handler soon after.
	last, cancel := context.WithTimeout(context.Background(), longest+5*time.Second)
	defer cancel()
	if err := srv.Shutdown(last); err != nil {
		g.opts.Log.Error().Err(err).Msg("connections are still open: closing them")
		srv.Close()
	}
}

// idleWithin waits for the exchanges that http.Server has forgotten, because
// their connection or their stream has ended before them.
func (g *Gateway) idleWithin(patience context.Context) bool {
	idle := make(chan struct{})
	go func() {
		g.running.Wait()
		close(idle)
	}()
	select {
	case <-idle:
		return true
	case <-patience.Done():
		return false
	}
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
