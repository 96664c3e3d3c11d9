package gateway

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Site serves one Gateway after another on the same listener: a reload puts the
// next in the place of the last, which is closed when its last request is over.
// No request is refused, cut or kept waiting by that.
type Site struct {
	current atomic.Pointer[tenant]
	running sync.WaitGroup // requests: http.Server forgets those whose connection was cut
	closing sync.WaitGroup // tenants that have been replaced
	serving atomic.Bool
}

// tenant is a Gateway and the requests that it has.
type tenant struct {
	g        *Gateway
	requests atomic.Int64
	replaced atomic.Bool
	idle     chan struct{} // has a token when a replaced tenant may have none left
}

// NewSite makes a site of one gateway, which is the site's to close.
func NewSite(g *Gateway) *Site {
	s := &Site{}
	s.current.Store(newTenant(g))
	return s
}

func newTenant(g *Gateway) *tenant { return &tenant{g: g, idle: make(chan struct{}, 1)} }

// Gateway is the one that gets the next request.
func (s *Site) Gateway() *Gateway { return s.current.Load().g }

// ServeHTTP has the current gateway answer, or the one that has begun to.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var t *tenant
	b := begunOn(r)
	if b != nil {
		t = b.tenant
	} else {
		s.running.Add(1)
		t = s.enter()
	}
	defer s.running.Done()
	defer t.leave()
	t.g.serve(w, r, b)
}

func (s *Site) enter() *tenant {
	for {
		t := s.current.Load()
		t.requests.Add(1)
		if s.current.Load() == t {
			return t
		}
		t.leave() // replaced in between: whoever closes it may not have seen us
	}
}

func (t *tenant) leave() {
	if t.requests.Add(-1) == 0 && t.replaced.Load() {
		signal(t.idle)
	}
}

// Swap puts g in the place of the current gateway. What that one is answering
// goes on; it is closed in the background.
func (s *Site) Swap(g *Gateway) {
	if s.serving.Load() {
		g.warm()
	}
	old := s.current.Swap(newTenant(g))
	old.g.dev.stop()
	s.closing.Go(func() {
		old.replaced.Store(true)
		for old.requests.Load() > 0 {
			<-old.idle
		}
		if err := old.g.Close(); err != nil {
			old.g.opts.Log.Warn().Err(err).Msg("close what was replaced")
		}
	})
}

// Close closes the current gateway, once those before it are closed. It is
// called when nothing is served any more.
func (s *Site) Close() error {
	s.closing.Wait()
	return s.Gateway().Close()
}

// Serve answers what comes in on ln until ctx ends. Then it takes no more
// connections, lets running exchanges finish within shutdown-timeout, stops
// those that have not, and returns once nothing runs. The end of hurry cuts
// the waiting short.
func (s *Site) Serve(ctx, hurry context.Context, ln net.Listener) error {
	exchanges, stopAll := context.WithCancelCause(context.Background())
	defer stopAll(nil)
	first := s.Gateway()
	s.serving.Store(true)
	first.warm()
	srv := first.server(exchanges, s)
	srv.RegisterOnShutdown(func() { s.Gateway().dev.stop() })
	served := make(chan error, 1)
	lane, ln := s.openLane(ln)
	lane.start()
	go func() { served <- srv.Serve(first.guard(ln)) }()
	select {
	case err := <-served:
		ln.Close()
		lane.end()
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	s.drain(hurry, lane, srv, stopAll)
	lane.end()
	s.running.Wait() // what was aborted is still to be accounted for
	<-served
	return nil
}

// drain lets what runs finish, then stops it.
func (s *Site) drain(hurry context.Context, lane *lane, srv *http.Server, stopAll context.CancelCauseFunc) {
	g := s.Gateway()
	patience, cancel := context.WithTimeout(hurry, g.cfg.ShutdownTimeout)
	defer cancel()
	lane.settle(patience)
	if srv.Shutdown(patience) == nil && s.idleWithin(patience) {
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
func (s *Site) idleWithin(patience context.Context) bool {
	idle := make(chan struct{})
	go func() {
		s.running.Wait()
		close(idle)
	}()
	select {
	case <-idle:
		return true
	case <-patience.Done():
		return false
	}
}
