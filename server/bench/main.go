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
	"syscall"
	"time"
)

func main() {
	err := run(os.Args[1:])
	var usage usageError
	switch {
	case err == nil:
	case errors.Is(err, flag.ErrHelp):
		printFlags(os.Stdout)
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(2)
	default:
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 && args[0] == "judge" {
		needs, err := judge(args[1:])
		if err == nil {
			fmt.Println(needs)
		}
		return err
	}
	if len(args) > 0 && args[0] == "scale" {
		o, err := parseScale(args[1:])
		if err != nil {
			return err
		}
		return o.run()
	}
	o, err := parse(args)
	switch {
	case err != nil:
		return err
	case o.list:
		printCases(os.Stdout, o.cases)
		return nil
	case o.redraw:
		return redrawDocs(".")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return o.run(ctx)
}

// run measures the cases and writes what was asked for. A contestant that
// fails is told of, and is an error once all is written.
func (o *options) run(ctx context.Context) error {
	site, err := laySite(ctx, o.binary)
	if err != nil {
		return err
	}
	defer site.remove()
	report := &report{Machine: describeMachine(), Versions: versions(ctx, site.python), Rounds: o.rounds, Seconds: o.seconds.Seconds()}
	fmt.Println(report.Machine)
	begun := time.Now()
	for i, c := range o.cases {
		spent := time.Since(begun)
		left := ""
		if i > 0 {
			left = fmt.Sprintf(", about %v left", (spent / time.Duration(i) * time.Duration(len(o.cases)-i)).Round(time.Second))
		}
		progress("%d/%d  %s  (%s so far%s)", i+1, len(o.cases), c.name, spent.Round(time.Second), left)
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
	if o.docs {
		return r.writeDocs(".")
	}
	return nil
}
