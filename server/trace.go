package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"framegate/server/internal/follow"
)

type traceOptions struct {
	running
	filter follow.Filter
	status string

	env, line, json bool
	count           int
}

func traceCommand() *cobra.Command {
	o := traceOptions{running: running{verb: "follow", able: "followed"}}
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
	o.running.register(cmd)
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
