package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"framegate/server/internal/config"
	"framegate/server/internal/follow"
)

type traceOptions struct {
	file   string
	listen string
	socket string
	filter follow.Filter
	status string

	env, line, json bool
	count           int
}

func traceCommand() *cobra.Command {
	var o traceOptions
	cmd := &cobra.Command{
		Use:   "trace [flags] [FRAME]",
		Short: "Follow the exchanges of a running server, live",
		Long: `Trace follows the server that serves this directory, or the configuration that -c
names, and draws each exchange when it is over, as run --trace does; what runs for
longer than a moment is shown as running. It ends with Ctrl-C, or with the server.

It is between you and your own server, over a socket that only you may use. The
server does nothing for it while nobody follows.`,
		Example: `  framegate trace
  framegate trace shop --status 5xx
  framegate trace --path '/api/*' --longer 100ms --line`,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &usageError{msg: fmt.Sprintf("got %d frames; want one, or none for all", len(args)), command: cmd.CommandPath()}
			}
			o.filter.Frame = strings.Join(args, "")
			return o.run(cmd)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.filter.Path, "path", "", "only paths that match `GLOB`: '/api/*', '*.py'")
	f.StringVar(&o.status, "status", "", "only answers of these statuses: `5xx`, 404, 400-499, or several with commas")
	f.DurationVar(&o.filter.Longer, "longer", 0, "only what takes longer than `TIME`: 100ms, 2s")
	f.BoolVar(&o.line, "line", false, "one line for each, instead of a drawing")
	f.BoolVar(&o.json, "json", false, "one line of JSON for each, as run --json prints it")
	f.BoolVar(&o.env, "env", false, "draw the whole environ")
	f.IntVarP(&o.count, "count", "n", 0, "end after `N` exchanges")
	f.StringVarP(&o.file, "config", "c", "", "follow the server of this configuration `FILE`")
	f.StringVar(&o.listen, "listen", "", "of several, the one that listens on `ADDR`")
	f.StringVar(&o.socket, "socket", "", "follow the server that has the socket `PATH` (see serve --trace-socket)")
	return cmd
}

func (o *traceOptions) run(cmd *cobra.Command) error {
	usage := func(format string, args ...any) error {
		return &usageError{msg: fmt.Sprintf(format, args...), command: cmd.CommandPath()}
	}
	if o.line && o.json {
		return usage("--line and --json exclude one another")
	}
	if o.status != "" {
		var ok bool
		if o.filter.Status, ok = follow.ParseStatus(o.status); !ok {
			return usage("--status %q is not like 5xx, 404 or 400-499", o.status)
		}
	}
	c, err := o.find()
	if err != nil {
		return err
	}
	defer c.Close()
	if name := o.filter.Frame; name != "" && !slices.Contains(c.Server.Frames, name) {
		return &usageError{msg: fmt.Sprintf("no frame of %s is named %q", c.Server.Site, name), command: cmd.CommandPath(),
			hint: "there are: " + strings.Join(c.Server.Frames, ", ")}
	}
	ctx, restore := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer restore()
	if err := c.Follow(o.filter); err != nil {
		return fmt.Errorf("follow %s: %w", c.Server.URL, err)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "framegate: following %s (pid %d); Ctrl-C ends it\n", c.Server.URL, c.Server.Pid)
	t := &tracer{options: o, out: cmd.OutOrStdout(), notes: cmd.ErrOrStderr(), running: map[string]*runningExchange{}}
	t.live = isTerminal(t.notes)
	return t.follow(ctx, c)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// find is the server that is meant.
func (o *traceOptions) find() (*follow.Client, error) {
	if o.socket != "" {
		c, err := follow.Dial(o.socket)
		if err != nil {
			return nil, socketError(o.socket, err)
		}
		return c, nil
	}
	file, err := o.configFile()
	if err != nil {
		return nil, err
	}
	site, err := follow.Site(file, ".")
	if err != nil {
		return nil, err
	}
	found := follow.Find(site)
	var matching []*follow.Client
	var listens []string
	for _, c := range found {
		listens = append(listens, c.Server.Listen)
		if o.listen == "" || o.listen == c.Server.Listen || strings.Contains(c.Server.URL, "//"+o.listen+"/") {
			matching = append(matching, c)
			continue
		}
		c.Close()
	}
	switch {
	case len(matching) == 1:
		return matching[0], nil
	case len(matching) == 0 && len(found) > 0:
		return nil, &hintedError{err: fmt.Errorf("no server of %s listens on %s", site, o.listen), hint: "there are: " + strings.Join(listens, ", ")}
	case len(matching) == 0:
		return nil, o.nobody(site, file)
	}
	for _, c := range matching {
		c.Close()
	}
	return nil, &hintedError{err: fmt.Errorf("%d servers of %s run: which one?", len(found), site), hint: "--listen " + strings.Join(listens, ", or --listen ")}
}

// configFile is the configuration's, "" where there is none. It is not read:
// the server may have an older one that is right.
func (o *traceOptions) configFile() (string, error) {
	name := o.file
	if name == "" {
		name = configName
	}
	_, err := os.Stat(name)
	switch {
	case err == nil:
		return filepath.Abs(name)
	case o.file == "" && errors.Is(err, fs.ErrNotExist):
		return "", nil
	}
	return "", fmt.Errorf("follow the server of %s: %w", name, rootCause(err))
}

// nobody says that no server was found, and whether there is one that is
// somebody else's.
func (o *traceOptions) nobody(site, file string) error {
	e := &hintedError{err: fmt.Errorf("no server of %s runs", site), hint: "start it with framegate serve, or go to its directory, or name its configuration with -c"}
	cfg, err := config.Default(".")
	if file != "" {
		cfg, err = config.Load(file)
	}
	if err != nil {
		return e
	}
	listen := cmp.Or(o.listen, cfg.Listen)
	network, address := "tcp", listen
	if path, ok := strings.CutPrefix(listen, "unix:"); ok {
		network, address = "unix", path
	}
	if conn, err := net.DialTimeout(network, address, time.Second); err == nil {
		conn.Close()
		e.err = fmt.Errorf("no server of %s that can be followed runs, although something listens on %s", site, listen)
		e.hint = "it may be another user's, who alone may follow it, or serve another directory, or have been started with --trace-socket: then name that with --socket"
	}
	return e
}

// socketError says why nobody answers at a socket.
func socketError(path string, err error) error {
	e := &hintedError{err: fmt.Errorf("follow the server at %s: %w", path, rootCause(err))}
	switch {
	case errors.Is(err, fs.ErrPermission):
		e.hint = "it is another user's: only who runs the server may follow it"
	case errors.Is(err, syscall.ECONNREFUSED):
		e.hint = "its server has gone"
	case errors.Is(err, fs.ErrNotExist):
		e.hint = "no server that runs has it: framegate serve --trace-socket " + path
	}
	return e
}
