package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"framegate/server/internal/gateway"
)

func checkCommand() *cobra.Command {
	var s source
	cmd := &cobra.Command{
		Use:   "check [MODULE:APP]",
		Short: "Check the configuration, the programs and the apps; start nothing",
		Long: `Check loads the configuration, finds every executable and directory, imports each
app as a request would, and prints the routes, and what importing each app costs,
which is what the modes differ in. It exits with 0 when all is well.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			app := ""
			for i, arg := range args {
				if i > 0 || !strings.Contains(arg, ":") {
					return &usageError{msg: fmt.Sprintf("unexpected argument %q", arg), command: cmd.CommandPath()}
				}
				app = arg
			}
			cfg, err := s.load(app)
			if err != nil {
				return err
			}
			g, err := gateway.New(cmd.Context(), cfg, gateway.Options{Log: zerolog.Nop(), Software: software()})
			if err != nil {
				return err
			}
			defer g.Close()
			printRoutes(cmd.OutOrStdout(), cfg.Listen, g.Routes())
			for _, w := range cfg.Warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+w)
			}
			for _, n := range append(g.Notes(), g.Unreachable(cmd.Context())...) {
				fmt.Fprintln(cmd.ErrOrStderr(), "note: "+n)
			}
			problems := g.Problems()
			if err := checkCaptures(cfg); err != nil {
				problems = append(problems, err)
			}
			for _, p := range problems {
				printError(p)
			}
			printAdvice(cmd.OutOrStdout(), g.Advice(cmd.Context()))
			if len(problems) > 0 {
				return exitStatus(1)
			}
			return nil
		},
	}
	s.register(cmd)
	return cmd
}

// printAdvice says what the modes would do for each app.
func printAdvice(w io.Writer, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintln(w, "\nmodes, by what importing costs (docs/modes.md):")
	for _, line := range lines {
		fmt.Fprintln(w, "  "+line)
	}
}

func printRoutes(w io.Writer, listen string, routes []gateway.Route) {
	fmt.Fprintf(w, "listen %s\n", listen)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "URL\tFRAME\tMODE\tRUNS\tIN")
	for _, r := range routes {
		frame, mode, dir := r.Frame, r.Mode, r.Dir
		if frame == "" {
			frame, mode, dir = "-", "-", "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", r.URL, frame, mode, r.Runs, dir)
	}
	t.Flush()
}
