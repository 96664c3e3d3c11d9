package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
)

func reloadCommand() *cobra.Command {
	r := running{verb: "reload", able: "reloaded"}
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have a running server load its configuration and apps anew",
		Long: `Reload has the server that serves this directory, or the configuration that -c
names, load gateway.toml and all apps anew, and waits until they answer. No request
fails or waits because of it: what is being answered is finished by what was there
before. When something cannot be loaded it says what, exits with 1, and everything is
as it was.

SIGHUP does the same, and tells the log.`,
		Args:                  noArguments,
		DisableFlagsInUseLine: true,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return r.reload(cmd) },
	}
	r.register(cmd)
	return cmd
}

func (r *running) reload(cmd *cobra.Command) error {
	c, err := r.find()
	if err != nil {
		return err
	}
	defer c.Close()
	done, err := c.Reload()
	if err != nil {
		return fmt.Errorf("reload %s: %w", c.Server.URL, err)
	}
	for _, w := range done.Warnings {
		fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+w)
	}
	if len(done.Errors) > 0 {
		for _, m := range done.Errors {
			printExplanation(os.Stderr, explanation{m.Text, m.Hint})
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "framegate: %s is not reloaded: what was there before serves on\n", c.Server.URL)
		return exitStatus(1)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "framegate: reloaded %s in %s\n", c.Server.URL, done.Took.Round(time.Millisecond))
	return nil
}
