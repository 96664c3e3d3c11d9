package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

// options is what a run is asked for.
type options struct {
	rounds    int
	seconds   time.Duration
	cases     []benchCase
	among     *regexp.Regexp
	json      string
	svg       string
	docs      bool
	binary    string
	list      bool
	redraw    bool
	noInstall bool
}

// usageError is a mistake on the command line: nothing has been done yet.
type usageError struct{ what string }

func (e usageError) Error() string { return e.what }

func misused(format string, a ...any) error { return usageError{fmt.Sprintf(format, a...)} }

// raw is what the flags say, before it is judged.
type raw struct {
	options
	quick       bool
	only, among string
}

func (r *raw) flags() *flag.FlagSet {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(io.Discard) // what is wrong is one sentence, not the whole list
	f.Usage = func() {}
	f.BoolVar(&r.quick, "quick", false, "the cases that tell most, a second each: under five minutes")
	f.BoolVar(&r.list, "list", false, "list the cases and their contestants")
	f.BoolVar(&r.docs, "docs", false, "write figures, chart and tables into the documentation")
	f.BoolVar(&r.redraw, "redraw", false, "measure nothing: with --docs, write the pages anew from the figures that are there")
	f.BoolVar(&r.noInstall, "no-install", false, "leave the machine as it is, and whoever is missing out")
	f.StringVar(&r.only, "only", "", "run the cases whose names match `REGEXP`")
	f.StringVar(&r.among, "among", "", "measure only the contestants whose names match `REGEXP`, and framegate")
	f.IntVar(&r.rounds, "rounds", 5, "`N` rounds of each case")
	f.DurationVar(&r.seconds, "time", 0, "`DURATION` of one measurement, as 3s (default 3s, with --quick 1s)")
	f.StringVar(&r.json, "json", "", "write the figures to `FILE`")
	f.StringVar(&r.svg, "svg", "", "draw a chart of the cases that tell most into `FILE`")
	f.StringVar(&r.binary, "framegate", "", "the `BINARY` to measure (default: built from ./server)")
	return f
}

// parse judges the whole command line: what it lets pass can be measured.
func parse(args []string) (*options, error) {
	r := &raw{}
	f := r.flags()
	if err := f.Parse(args); err != nil {
		return nil, explained(err)
	}
	timed := false
	f.Visit(func(given *flag.Flag) { timed = timed || given.Name == "time" })
	switch {
	case f.NArg() > 0:
		return nil, misused("%s: flags only, please: --help lists them", f.Arg(0))
	case r.rounds < 1:
		return nil, misused("--rounds %d: one at least", r.rounds)
	case timed && r.seconds <= 0:
		return nil, misused("--time %v: longer than nothing, please, as 3s", r.seconds)
	case r.redraw && !r.docs:
		return nil, misused("--redraw: goes with --docs")
	case !timed && r.quick:
		r.seconds = time.Second
	case !timed:
		r.seconds = 3 * time.Second
	}
	if err := r.choose(); err != nil {
		return nil, err
	}
	return &r.options, nil
}

// choose finds the cases that are asked for. None at all is a mistake: an
// empty table would pass for a measurement.
func (r *raw) choose() error {
	only, err := regexp.Compile(r.only)
	if err != nil {
		return misused("--only: %v", err)
	}
	if r.options.among, err = regexp.Compile(r.among); err != nil {
		return misused("--among: %v", err)
	}
	of, list := "case", "--list"
	if r.quick {
		of, list = "case of --quick", "--quick --list"
	}
	r.cases = slices.DeleteFunc(allCases(), func(c benchCase) bool { return r.quick && !c.quick || !only.MatchString(c.name) })
	if len(r.cases) == 0 {
		return misused("--only %s: no %s has such a name: %s shows them", r.only, of, list)
	}
	if !slices.ContainsFunc(r.cases, func(c benchCase) bool { return slices.ContainsFunc(c.contestants, r.options.among.MatchString) }) {
		return misused("--among %s: no contestant of these cases has such a name: %s shows them", r.among, list)
	}
	return nil
}

// oneDash is where the flag package names a flag.
var oneDash = regexp.MustCompile(`((?:defined|argument): |for (?:flag )?)-(\w)`)

// explained is the flag package's error, with flags as everybody writes them.
func explained(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	what := oneDash.ReplaceAllString(err.Error(), "$1--$2")
	if wrong, ok := strings.CutSuffix(what, ": parse error"); ok {
		wanted := "true or false is wanted"
		switch {
		case strings.HasSuffix(wrong, "--rounds"):
			wanted = "a whole number is wanted"
		case strings.HasSuffix(wrong, "--time"):
			wanted = "a time with its unit is wanted, as 3s or 500ms"
		}
		what = wrong + ": " + wanted
	}
	if name, ok := strings.CutPrefix(what, "flag provided but not defined: "); ok {
		what = name + ": there is no such flag: --help lists them"
	}
	return usageError{what}
}

// printFlags lists the flags, with two dashes.
func printFlags(w io.Writer) {
	fmt.Fprintln(w, "usage: bench [FLAG]...\n       bench scale [--framegate BINARY] [PART]...\n\nscripts/bench.sh starts it. FLAGs:")
	new(raw).flags().VisitAll(func(f *flag.Flag) {
		value, what := flag.UnquoteUsage(f)
		fmt.Fprintf(w, "  %-19s %s\n", strings.TrimSpace("--"+f.Name+" "+value), what)
	})
}

// judge measures nothing: it says what scripts/bench.sh has to see to before
// it starts bench with the same arguments, or what is wrong with them.
func judge(args []string) (string, error) {
	if len(args) > 0 && args[0] == "scale" {
		_, err := parseScale(args[1:])
		return "scale", err
	}
	o, err := parse(args)
	switch {
	case err != nil:
		return "", err
	case o.list || o.redraw:
		return "nothing", nil
	case o.noInstall:
		return "compiler", nil
	}
	return "packages", nil
}
