package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"framegate/server/internal/bridge"
	"framegate/server/internal/config"
	"framegate/server/internal/follow"
	"framegate/server/internal/gateway"
)

type serveOptions struct {
	source
	listen string
	dev    bool

	port, app string // the arguments

	captures *captures
	socket   string // for trace
	batch    gateway.Batch
	hub      follow.Hub
}

func serveCommand() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve [PORT] [MODULE:APP]",
		Short: "Serve the frames and files of a configuration",
		Long: `Serve the frames and files of gateway.toml. Without one: static/ for files,
frames/ on the module path, and *.py to MODULE:APP (mini_frame:application) on
port 7890. PORT and MODULE:APP take the place of what the configuration says.`,
		Example: `  framegate serve
  framegate serve 7890 mini_frame:application
  framegate serve --cgi-bin cgi-bin`,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	o.register(cmd)
	cmd.Flags().StringVar(&o.listen, "listen", "", "`ADDR` to listen on: HOST:PORT, or unix:PATH")
	cmd.Flags().BoolVar(&o.dev, "dev", false, "show the cause of an error to clients on this machine, and capture failures")
	cmd.Flags().StringVar(&o.socket, "trace-socket", "", "`PATH` of the socket for framegate trace; off makes none\n(default: where trace looks for it)")
	return cmd
}

func (o *serveOptions) run(cmd *cobra.Command, args []string) error {
	var err error
	if o.port, o.app, err = positional(cmd, args); err != nil {
		return err
	}
	cfg, err := o.configure(cmd)
	if err != nil {
		return err
	}
	return o.serve(cmd, cfg)
}

// configure reads the configuration and lays the command line over it.
func (o *serveOptions) configure(cmd *cobra.Command) (*config.Config, error) {
	cfg, err := o.load(o.app)
	if err != nil {
		return nil, err
	}
	if o.listen != "" {
		if err := cfg.SetListen(o.listen); err != nil {
			return nil, &usageError{msg: "--listen: " + err.Error(), command: cmd.CommandPath()}
		}
	}
	if o.port != "" {
		host, _, err := net.SplitHostPort(cfg.Listen)
		if err != nil || strings.HasPrefix(cfg.Listen, "unix:") {
			host = "127.0.0.1" // the configuration listens on a Unix socket
		}
		cfg.Listen = net.JoinHostPort(host, o.port)
	}
	if o.dev {
		captureFailures(cfg)
	}
	return cfg, nil
}

// positional reads [PORT] [MODULE:APP], as the course starts its server.
func positional(cmd *cobra.Command, args []string) (port, app string, err error) {
	for _, arg := range args {
		n, numErr := strconv.Atoi(arg)
		switch {
		case numErr == nil && port == "" && app == "":
			if n < 0 || n > 65535 {
				return "", "", &usageError{msg: "port " + arg + ": not between 0 and 65535", command: cmd.CommandPath()}
			}
			port = arg
		case numErr != nil && app == "":
			if !strings.Contains(arg, ":") {
				return "", "", &usageError{msg: fmt.Sprintf("%q is neither a PORT nor MODULE:APP", arg), command: cmd.CommandPath(),
					hint: "framegate serve 7890 mini_frame:application"}
			}
			app = arg
		default:
			return "", "", &usageError{msg: fmt.Sprintf("unexpected argument %q", arg), command: cmd.CommandPath()}
		}
	}
	return port, app, nil
}

// startPatience is how long a start may take before the log says why.
const startPatience = 5 * time.Second

func (o *serveOptions) serve(cmd *cobra.Command, cfg *config.Config) error {
	ctx, hurry, restore := signalContexts()
	defer restore()
	if runtime.GOMAXPROCS(0) == 1 && os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(2) // one for the event loop, which is in the system's hands most of the time
	}
	log, batch := newLog(os.Stderr)
	defer batch.close()
	o.batch = batch
	slow := time.AfterFunc(startPatience, func() { log.Info().Msg("still starting: the apps are being imported") })
	defer slow.Stop()
	o.captures = &captures{log: log}
	defer o.captures.close()
	g, err := o.open(ctx, log, cfg, "mend it, or start with --dev: then it may be mended while it is served")
	if ctx.Err() != nil {
		if g != nil {
			g.Close()
		}
		log.Info().Msg("stopped while it was starting")
		return nil
	}
	if err != nil {
		return err
	}
	slow.Stop()
	watcher, unwatch := watch(ctx, log)
	defer unwatch() // behind the site's Close, which ends its processes in peace
	site := gateway.NewSite(g)
	defer site.Close()
	ln, err := listen(cfg.Listen)
	if err != nil {
		return err
	}
	g.Watch(watcher)
	tell(log, cfg, g)
	again := &reloader{site: site, log: log, watcher: watcher, first: cfg, lenient: o.dev,
		open: func(ctx context.Context) (*config.Config, *gateway.Gateway, error) {
			cfg, err := o.configure(cmd)
			if err != nil {
				return nil, nil, err
			}
			g, err := o.open(ctx, log, cfg, "mend it, and reload again")
			return cfg, g, err
		}}
	o.hub.Reload = func() follow.Reloaded { return again.reload(ctx) }
	if err := o.openHub(cfg, site, ln.Addr()); err != nil {
		log.Warn().Err(err).Msg("framegate trace and framegate reload will not find this server")
	}
	defer o.hub.Close()
	defer again.onHangup(ctx)()
	fmt.Fprintln(cmd.OutOrStdout(), greeting(ln.Addr(), g.Routes()))
	return site.Serve(ctx, hurry, ln)
}

// open makes a gateway that is fit to serve. The hint says what to do about an
// app that is broken.
func (o *serveOptions) open(ctx context.Context, log zerolog.Logger, cfg *config.Config, hint string) (*gateway.Gateway, error) {
	watchers, err := o.captures.watchers(cfg)
	if err != nil {
		return nil, err
	}
	g, err := gateway.New(ctx, cfg, gateway.Options{
		Log: log, Batch: o.batch, Software: software(), Dev: o.dev, Source: o.flags(cfg), Watchers: append(watchers, &o.hub),
	})
	if err == nil {
		err = o.judge(g, hint)
	}
	if err != nil && g != nil {
		g.Close()
		g = nil
	}
	return g, err
}

// tell writes down what an operator should know of a configuration.
func tell(log zerolog.Logger, cfg *config.Config, g *gateway.Gateway) {
	for _, w := range cfg.Warnings {
		log.Warn().Msg(w)
	}
	for _, p := range g.Problems() {
		log.Warn().Err(p).Msg("a frame cannot answer")
	}
	for _, n := range g.Notes() {
		log.Debug().Msg(n)
	}
}

// judge refuses to start with an app that cannot be loaded: every request to
// it would fail. Under --dev it is about to be mended, and pages tell.
func (o *serveOptions) judge(g *gateway.Gateway, hint string) error {
	if o.dev {
		return nil
	}
	for _, p := range g.Problems() {
		var app *bridge.Error
		if !errors.As(p, &app) {
			continue
		}
		switch {
		case app.Hint != "":
			return p
		case strings.Contains(app.Msg, "no module named"):
			return &hintedError{err: p, hint: "go to the project's directory, or name its app: framegate serve 7890 MODULE:APP"}
		}
		return &hintedError{err: p, hint: hint}
	}
	return nil
}

// signalContexts makes a context that ends with the first signal, and one
// that ends with the second: then the operator does not want to wait. Both
// are caught from the start, so that none is lost in between.
func signalContexts() (ctx, hurry context.Context, restore func()) {
	ctx, first := context.WithCancel(context.Background())
	hurry, second := context.WithCancel(context.Background())
	caught := make(chan os.Signal, 2)
	signal.Notify(caught, os.Interrupt, syscall.SIGTERM)
	go func() {
		for _, cancel := range []func(){first, second} {
			<-caught
			cancel()
		}
	}()
	return ctx, hurry, func() {
		signal.Stop(caught)
		close(caught)
	}
}

// listen opens the listener. A stale Unix socket, one that nobody answers on,
// is replaced.
func listen(address string) (net.Listener, error) {
	network := "tcp"
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
		if conn, err := net.Dial("unix", path); err == nil {
			conn.Close()
		} else if info, serr := os.Lstat(path); serr == nil && info.Mode().Type() == os.ModeSocket && errors.Is(err, syscall.ECONNREFUSED) {
			os.Remove(path) // nothing but a socket: any file refuses connections
		}
	}
	ln, err := net.Listen(network, address)
	if err == nil {
		return ln, nil
	}
	e := &hintedError{err: fmt.Errorf("listen on %s: %w", address, rootCause(err))}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		e.hint = "another program has that address: stop it, or take another port: framegate serve 7891"
	case errors.Is(err, syscall.EACCES):
		e.hint = "ports below 1024 need privileges: take another, or grant CAP_NET_BIND_SERVICE"
	}
	return nil, e
}

func rootCause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// mostGreeted is how many routes the greeting names: more are no greeting.
const mostGreeted = 20

// greeting is the one line that serve prints: the URL and the routes.
func greeting(addr net.Addr, routes []gateway.Route) string {
	var b strings.Builder
	fmt.Fprintf(&b, "framegate: serving %s", baseURL(addr))
	for i, r := range routes {
		if i == mostGreeted {
			fmt.Fprintf(&b, " and %d more: framegate check lists them", len(routes)-i)
			break
		}
		sep := ", "
		if i == 0 {
			sep = "  "
		}
		name := r.Frame
		if name == "" {
			name = "static files"
		}
		fmt.Fprintf(&b, "%s%s → %s", sep, r.URL, name)
	}
	return b.String()
}

func baseURL(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return "unix:" + addr.String()
	}
	host := tcp.IP.String()
	if tcp.IP.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(tcp.Port)) + "/"
}
