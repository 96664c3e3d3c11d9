// Framegate runs any program behind HTTP: a request becomes a process.
//
// The rules of the command line: one file per subcommand, each with a run
// function that returns an error; only this file prints errors and exits.
// Exit status: 0 done, 1 failed, 2 wrong usage.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"framegate/server/internal/guardian"
	"framegate/server/internal/process"
)

func main() {
	guardian.Main() // does not return when this process is the guardian
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	if err := process.SealInherited(); err != nil {
		fmt.Fprintf(os.Stderr, "framegate: close inherited descriptors on exec: %v\n", err)
		return 1
	}
	process.Prepare()
	root := rootCommand()
	root.SetArgs(args)
	err := root.Execute()
	var status exitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	}
	printError(err)
	var usage *usageError
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "framegate",
		Short: "Run any program behind HTTP",
		Long: `Framegate runs any program behind HTTP: a request becomes a process. The environ
goes in as environment variables and the body on stdin; a status line, headers
and the body come back on stdout.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.Version = version              // for --version; the command tells more
	root.SuggestionsMinimumDistance = 2 // letters that may be wrong; the library's default holds only for its own messages
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(serveCommand(), runCommand(), replayCommand(), lintCommand(), checkCommand(), traceCommand(), reloadCommand(), versionCommand())
	return root
}

func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	e := &usageError{msg: fmt.Sprintf("unknown command %q", args[0]), command: cmd.CommandPath()}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		e.hint = "did you mean: framegate " + near[0]
	}
	return e
}

// noArguments refuses what a command would not look at.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &usageError{msg: fmt.Sprintf("unexpected argument %q", args[0]), command: cmd.CommandPath()}
}

// exitStatus ends a command that has already said everything.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// usageError is a command line that cannot be carried out.
type usageError struct{ msg, command, hint string }

func (e *usageError) Error() string { return e.msg }

// Hint says where to read on, unless there is something better to say.
func (e *usageError) Hint() string {
	if e.hint != "" {
		return e.hint
	}
	return e.command + " --help"
}

// hintedError is an error with a line that says what to do.
type hintedError struct {
	err  error
	hint string
}

func (e *hintedError) Error() string { return e.err.Error() }
func (e *hintedError) Unwrap() error { return e.err }
func (e *hintedError) Hint() string  { return e.hint }

// printError writes "framegate: what failed: why" and, where one helps, a
// hint, for err or for each error that it joins.
func printError(err error) {
	for _, e := range explained(err) {
		printExplanation(os.Stderr, e)
	}
}

func printExplanation(w io.Writer, e explanation) {
	fmt.Fprintln(w, "framegate: "+strings.TrimSpace(e.text))
	if e.hint != "" {
		fmt.Fprintln(w, "hint: "+e.hint)
	}
}
