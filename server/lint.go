package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"framegate/server/internal/lint"
)

type lintOptions struct {
	method  string
	color   string
	json    bool
	strict  bool
	list    bool
	explain string
}

func lintCommand() *cobra.Command {
	var o lintOptions
	cmd := &cobra.Command{
		Use:   "lint [flags] [FILE]",
		Short: "Judge what a frame prints, in a compiler's voice",
		Long: `Lint reads a frame's raw output from FILE or stdin and says what is wrong with it:
where, what, why, and what to write instead. It starts nothing. It exits with 1
when there is an error among its findings, else with 0.`,
		Example: `  ./hello.sh | framegate lint
  framegate run --raw /hello | framegate lint
  framegate lint --explain missing-empty-line`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &usageError{msg: fmt.Sprintf("got %d files; want one, or none for stdin", len(args)), command: cmd.CommandPath()}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	cmd.Flags().StringVarP(&o.method, "method", "X", "GET", "the `METHOD` of the request that the output answers")
	cmd.Flags().StringVar(&o.color, "color", "auto", "`WHEN` to use colour: auto (on a terminal, without NO_COLOR), always, never")
	cmd.Flags().BoolVar(&o.json, "json", false, "print the findings as a JSON array")
	cmd.Flags().BoolVar(&o.strict, "strict", false, "exit with 1 on a warning, too")
	cmd.Flags().StringVar(&o.explain, "explain", "", "tell all about one finding, by its `CODE`")
	cmd.Flags().BoolVar(&o.list, "list", false, "list all findings that there are")
	return cmd
}

func (o *lintOptions) run(cmd *cobra.Command, args []string) error {
	out := cmd.OutOrStdout()
	color, err := o.colored(cmd, out)
	switch {
	case err != nil:
		return err
	case (o.list || o.explain != "") && len(args) > 0:
		return &usageError{msg: fmt.Sprintf("unexpected argument %q", args[0]), command: cmd.CommandPath()}
	case o.list:
		return listFindings(out)
	case o.explain != "":
		return explainFinding(cmd, out, o.explain, color)
	}
	name, raw, size, err := readOutput(cmd, args)
	if err != nil {
		return err
	}
	findings := lint.Output(raw, lint.Context{Method: o.method, Size: size})
	if o.json {
		err = writeFindings(out, findings)
	} else {
		err = lint.Print(out, name, findings, raw, color)
	}
	if err != nil {
		return err
	}
	if len(findings) > 0 && !o.json {
		fmt.Fprintf(out, "\n%s\n", lint.Summary(findings))
	}
	if worst := lint.Worst(findings); worst == lint.Error || o.strict && worst == lint.Warning {
		return exitStatus(1)
	}
	return nil
}

// colored reports whether to use colour on out.
func (o *lintOptions) colored(cmd *cobra.Command, out io.Writer) (bool, error) {
	switch o.color {
	case "always":
		return true, nil
	case "never":
		return false, nil
	case "auto":
		f, ok := out.(*os.File)
		return ok && isatty.IsTerminal(f.Fd()) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb", nil
	}
	return false, &usageError{msg: fmt.Sprintf("--color: %q is not auto, always or never", o.color), command: cmd.CommandPath()}
}

// mostLinted is how much of an output is looked at; the rest is counted.
const mostLinted = 64 << 20

// readOutput reads FILE, or stdin. size is that of all, when raw is only its
// beginning.
func readOutput(cmd *cobra.Command, args []string) (name string, raw []byte, size int64, err error) {
	name, in := "<stdin>", cmd.InOrStdin()
	if len(args) == 1 && args[0] != "-" {
		f, err := os.Open(args[0])
		if err != nil {
			return "", nil, 0, fmt.Errorf("read the output: %w", err)
		}
		defer f.Close()
		name, in = args[0], f
	} else if f, ok := in.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		fmt.Fprintln(cmd.ErrOrStderr(), "framegate: lint reads a frame's output from this terminal; Ctrl-D ends it")
		fmt.Fprintln(cmd.ErrOrStderr(), "hint: ./frame | framegate lint")
	}
	raw, err = io.ReadAll(io.LimitReader(in, mostLinted))
	if err == nil && len(raw) == mostLinted { // else it is over: a terminal would ask for another Ctrl-D
		size, err = io.Copy(io.Discard, in)
	}
	if err != nil {
		return "", nil, 0, fmt.Errorf("read the output: %w", err)
	}
	return name, raw, size + int64(len(raw)), nil
}

func writeFindings(w io.Writer, findings []lint.Finding) error {
	if findings == nil {
		findings = []lint.Finding{}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(findings)
}

func listFindings(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, k := range lint.Kinds() {
		fmt.Fprintf(t, "%s\t%s\t%s\n", k.Code, k.Severity, k.What)
	}
	return t.Flush()
}

func explainFinding(cmd *cobra.Command, w io.Writer, code string, color bool) error {
	k, ok := lint.KindOf(code)
	if ok {
		return k.Print(w, color)
	}
	e := &usageError{msg: fmt.Sprintf("there is no finding %q", code), hint: "framegate lint --list names them all"}
	if near := lint.Nearest(code); near != "" {
		e.hint = "did you mean: framegate lint --explain " + near
	}
	return e
}
