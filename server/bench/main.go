// Bench measures the gateway beside the servers that do the same job and
// beside what the machine can do without any, all in one run. It is started by
// scripts/bench.sh, which installs what it needs.
//
// For each case every contestant is started, made to give the right answer,
// warmed up, and then asked by turns, round after round: what disturbs the
// machine for a while disturbs all of them. Figures are medians of the rounds;
// only ratios within one run mean anything.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"syscall"
	"time"
)

type options struct {
	rounds  int
	seconds time.Duration
	only    *regexp.Regexp
	among   *regexp.Regexp
	json    string
	svg     string
	docs    string // the repository's root
	binary  string
}

func main() {
	if err := run(os.Args[1:]); errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	} else if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 && args[0] == "scale" {
		return runScale(args[1:])
	}
	o := options{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	quick := flags.Bool("quick", false, "the cases that tell most, a second each: under five minutes")
	list := flags.Bool("list", false, "list the cases and their contestants")
	redraw := flags.Bool("redraw", false, "measure nothing: with -docs, write the pages anew from the figures that are there")
	only := flags.String("only", "", "run the cases whose names match `REGEXP`")
	among := flags.String("among", "", "measure only the contestants whose names match `REGEXP`, and framegate")
	flags.IntVar(&o.rounds, "rounds", 5, "rounds of each case")
	flags.DurationVar(&o.seconds, "time", 0, "length of one measurement (default 3s, with -quick 1s)")
	flags.StringVar(&o.json, "json", "", "write the figures to `FILE`")
	flags.StringVar(&o.svg, "svg", "", "draw a chart of the cases that tell most into `FILE`")
	flags.StringVar(&o.docs, "docs", "", "write figures, chart and tables into the documentation of the repository at `DIR`")
	flags.StringVar(&o.binary, "framegate", "", "the `BINARY` to measure (default: built from ./server)")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp
	}
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		return err
	}
	if o.among, err = regexp.Compile(*among); err != nil {
		return err
	}
	if o.rounds < 1 || flags.NArg() > 0 {
		flags.Usage()
		return flag.ErrHelp
	}
	cases := slices.DeleteFunc(allCases(), func(c benchCase) bool { return *quick && !c.quick || !o.only.MatchString(c.name) })
	switch {
	case *list:
		printCases(os.Stdout, cases)
		return nil
	case *redraw && o.docs != "":
		return redrawDocs(o.docs)
	case o.seconds == 0 && *quick:
		o.seconds = time.Second
	case o.seconds == 0:
		o.seconds = 3 * time.Second
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return o.run(ctx, cases)
}

// run measures the cases and writes what was asked for. A contestant that
// fails is told of, and is an error once all is written.
func (o *options) run(ctx context.Context, cases []benchCase) error {
	site, err := laySite(ctx, o.binary)
	if err != nil {
		return err
	}
	defer site.remove()
	report := &report{Machine: describeMachine(), Versions: versions(ctx), Rounds: o.rounds, Seconds: o.seconds.Seconds()}
	fmt.Println(report.Machine)
	begun := time.Now()
	for i, c := range cases {
		spent := time.Since(begun)
		left := ""
		if i > 0 {
			left = fmt.Sprintf(", about %v left", (spent / time.Duration(i) * time.Duration(len(cases)-i)).Round(time.Second))
		}
		progress("%d/%d  %s  (%s so far%s)", i+1, len(cases), c.name, spent.Round(time.Second), left)
		result, err := o.measure(ctx, site, c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		clearProgress()
		report.Cases = append(report.Cases, *result)
		result.print(os.Stdout)
	}
	report.printSummary(os.Stdout)
	if err := o.write(report); err != nil {
		return err
	}
	if n := report.failures(); n > 0 {
		return fmt.Errorf("%d measurements failed, see above", n)
	}
	return nil
}

func (o *options) write(r *report) error {
	if o.json != "" {
		if err := r.writeJSON(o.json); err != nil {
			return err
		}
	}
	if o.svg != "" {
		if err := r.writeChart(o.svg); err != nil {
			return err
		}
	}
	if o.docs != "" {
		return r.writeDocs(o.docs)
	}
	return nil
}
