// Package gateway is the http.Handler: the only room that knows HTTP and
// frames. A request goes straight through it: route, environ, admit, start,
// feed, parse, write, account.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/rs/zerolog"

	"framegate/server/internal/capture"
	"framegate/server/internal/cgi"
	"framegate/server/internal/config"
	"framegate/server/internal/httpguard"
	"framegate/server/internal/process"
	"framegate/server/internal/static"
)

// Options are what a Gateway needs besides its configuration. Their zero
// values serve.
type Options struct {
	Log      zerolog.Logger // the zero Logger writes nothing useful: use zerolog.Nop()
	Batch    Batch          // what can hold the lines of Log back for a moment; may be nil
	Software string         // SERVER_SOFTWARE and the Server header
	Dev      bool           // show causes to clients on this machine
	Source   []string       // the flags with which `framegate run` serves the same; nil is -c FILE
	Port     string         // SERVER_PORT; "" takes it from the connection
	Tap      *Tap

	Watchers []capture.Watcher // who is shown exchanges when they are over

	Frame string // who answers requests, whatever their path; "" goes by the routes
	Dry   bool   // start no process: exchanges fail with ErrDry where it would start
}

// Batch is a log whose lines are written together, once several requests have
// been seen to.
type Batch interface {
	Hold()
	Release()
}

// ErrDry is the end of an exchange whose process was not to be started.
var ErrDry = errors.New("nothing is run")

// Tap looks on at exchanges as they pass. Its functions are called from the
// exchange's own goroutines, as things happen, and may be nil.
type Tap struct {
	Start  func(spec *process.Spec) // just before the process starts
	Stdout func(p []byte)           // of all that it prints, whatever becomes of it
	Stderr func(line []byte)
	End    func(status int, err error) // the request is answered, or failed because of err

	// Unheard says what of the output Stdout will not get: the program is
	// stopped, for its header was refused, but had not come to its end.
	Unheard func(what string)
}

// Gateway serves one configuration.
type Gateway struct {
	cfg      *config.Config
	opts     Options
	routes   routes
	frames   []*frame
	files    *static.Files // nil without static files
	notFound []byte        // the site's own 404 page, nil for the built-in one
	problems []error
	watcher  process.Watcher
	shared   *shared // by the frames
	hasLane  bool    // there may be requests for the lane
	warmed   sync.Once
	dev      *dev // nil without Options.Dev
}

// New prepares everything that requests will need. What only some requests
// miss (a program that is not there yet) is no error here: Problems tells it.
func New(ctx context.Context, cfg *config.Config, opts Options) (*Gateway, error) {
	if opts.Software == "" {
		opts.Software = "framegate"
	}
	g := &Gateway{cfg: cfg, opts: opts, shared: newShared()}
	if opts.Dev {
		g.dev = newDev()
	}
	if cfg.Static.Path != "" {
		files, err := static.New(cfg.Static.Path, static.Options{Listing: cfg.Static.Listing, Dotfiles: cfg.Static.Dotfiles})
		if err != nil {
			return nil, fmt.Errorf("static files: %w", err)
		}
		g.files = files
	}
	if cfg.Static.NotFound != "" {
		page, err := os.ReadFile(cfg.Static.NotFound)
		if err != nil {
			g.Close()
			return nil, fmt.Errorf("404 page: %w", err)
		}
		g.notFound = page
	}
	for i := range cfg.Frames {
		f, err := newFrame(ctx, g, &cfg.Frames[i])
		g.frames = append(g.frames, f) // also one that failed half way: Close gives back what it took
		if err != nil {
			g.Close()
			return nil, err
		}
		g.problems = append(g.problems, f.problems...)
	}
	g.routes = newRoutes(g.frames)
	g.hasLane = opts.Tap == nil && opts.Frame == "" && !opts.Dry && g.dev == nil &&
		(g.files != nil || slices.ContainsFunc(g.frames, func(f *frame) bool { return f.sendsVars }))
	return g, nil
}

// Problems are what is wrong with single frames: programs that are missing,
// apps that cannot be loaded.
func (g *Gateway) Problems() []error { return g.problems }

// Watch has w told of every process group. It is called before Serve.
func (g *Gateway) Watch(w process.Watcher) { g.watcher = w }

// warm starts the processes that are there ahead of requests. It does not wait
// for them.
func (g *Gateway) warm() {
	g.warmed.Do(func() {
		for _, f := range g.frames {
			f.runner.Warm(g.watcher)
		}
	})
}

// Close gives back what New took.
func (g *Gateway) Close() error {
	var errs []error
	for _, f := range g.frames {
		errs = append(errs, f.close())
	}
	errs = append(errs, g.shared.bridges.Close())
	if g.files != nil {
		errs = append(errs, g.files.Close())
	}
	return errors.Join(errs...)
}

// maxRedirects bounds the local redirects of one request (§6.2.2).
const maxRedirects = 5

// ServeHTTP answers one request and writes its log record.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.serve(w, r, nil) }

// serve answers a request, of which something may have been begun on the lane.
func (g *Gateway) serve(w http.ResponseWriter, r *http.Request, b *begun) {
	ans := newAnswer(w, r)
	rec := newRecord(r)
	if b != nil {
		ans.begun, rec.id, rec.started = b, b.id, b.arrived
	}
	w.Header().Set("Server", g.opts.Software)
	if conn := httpguard.FromRequest(r); conn != nil {
		defer conn.Done()
		conn.Begin(r.ProtoAtLeast(1, 1))
		if refusal := conn.Next(); refusal != nil {
			rec.refuse(refusal)
			g.fail(ans, rec, &failure{status: refusal.Status, sentence: refusal.Why})
			g.log(ans, rec)
			return
		}
	}
	// A cut connection unwinds by panic, as net/http wants it: the process
	// is waited for and the record written on every way out.
	defer func() {
		if ans.pending != nil {
			ans.pending()
		}
		if ans.begun != nil {
			ans.begun.abandon()
		}
		g.log(ans, rec)
		rec.sight.end(g, ans, rec)
		if tap := g.opts.Tap; tap != nil && tap.End != nil {
			tap.End(ans.status, rec.err)
		}
	}()
	r, err := g.vet(ans, r, rec)
	if err == nil {
		err = g.answer(ans, r, rec)
	}
	if err != nil {
		g.fail(ans, rec, err)
	}
	rec.sight.event(capture.Answered, ans.bytes, 0)
}

// answer routes the request and follows the local redirects of its frames.
func (g *Gateway) answer(ans *answer, r *http.Request, rec *record) error {
	if r.RequestURI == "*" {
		return serverOptions(ans)
	}
	target, err := cgi.ParseTarget(r.RequestURI)
	if err == nil && g.dev != nil && strings.HasPrefix(target.Path, devPrefix) {
		return g.serveDev(ans, r, target.Path)
	}
	for hops := 0; ; hops++ {
		if err != nil {
			return badTarget(err)
		}
		location, err := g.dispatch(ans, r, rec, target)
		if err != nil || location == "" {
			return err
		}
		if hops == maxRedirects {
			return &failure{status: http.StatusBadGateway, sentence: "The program redirects in a circle.",
				cause: fmt.Errorf("more than %d local redirects, the last to %s", maxRedirects, location)}
		}
		if target, err = cgi.ParseTarget(location); err != nil {
			return &failure{status: http.StatusBadGateway, sentence: "The program redirects to a path that is none.",
				cause: fmt.Errorf("local redirect to %q: %w", location, err)}
		}
		if ans.unread() && r.ProtoMajor == 1 {
			var cancel context.CancelFunc
			r, cancel = withoutClient(r)
			defer cancel()
		}
		r = redirected(r)
	}
}

// dispatch hands the request to the frame or the file that target names.
func (g *Gateway) dispatch(ans *answer, r *http.Request, rec *record, target cgi.Target) (redirect string, err error) {
	f, call, err := g.route(rec, target)
	switch {
	case err != nil:
		return "", err
	case f != nil:
		return g.exchange(ans, r, rec, f, call)
	case g.files != nil && target.LiteralPrefix(len(target.Path)):
		return "", g.serveFile(ans, r, target.Path)
	}
	return "", errNotFound
}

// route finds who answers. Where that is Options.Frame, what its answer
// redirects to goes by the routes all the same.
func (g *Gateway) route(rec *record, target cgi.Target) (*frame, call, error) {
	if g.opts.Frame != "" && rec.frame == "" {
		for _, f := range g.frames {
			if f.cfg.Name == g.opts.Frame {
				return f.called(target)
			}
		}
	}
	return g.routes.find(target)
}

func (g *Gateway) serveFile(ans *answer, r *http.Request, path string) error {
	ans.dropBody()
	found, err := g.files.Serve(ans.recorder(), r, path)
	if err != nil {
		return fileFailure(err)
	}
	if !found {
		return errNotFound
	}
	return nil
}

// redirected is the request that a local redirect makes of r: a GET without a
// body (§6.2.2). Its conditions and ranges meant the first resource.
func redirected(r *http.Request) *http.Request {
	next := r.Clone(r.Context())
	next.Method = http.MethodGet
	next.Body = http.NoBody
	next.ContentLength = 0
	next.TransferEncoding = nil
	for _, name := range []string{"Content-Length", "Content-Type", "Content-Encoding", "Expect",
		"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"} {
		next.Header.Del(name)
	}
	return next
}

// serverOptions answers OPTIONS * (RFC 9110 §9.3.7): about the server as a
// whole, so no frame is asked.
func serverOptions(ans *answer) error {
	ans.dropBody()
	ans.w.Header().Set("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
	ans.w.Header().Set("Content-Length", "0")
	ans.writeHeader(http.StatusOK)
	return nil
}
