// Bench measures the gateway beside the servers that do the same job and
// beside what the machine can do without any, all in one run. It is started by
// scripts/bench.sh, which installs what it needs.
//
// For each case every contestant is started, warmed up, and then asked in
// turn, round after round: what disturbs the machine for a while disturbs all
// of them. Figures are medians of the rounds; only ratios within one run mean
// anything.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
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
	binary  string
}

func main() {
	o := options{}
	quick := flag.Bool("quick", false, "three short rounds of the cases that tell most: under five minutes")
	list := flag.Bool("list", false, "list the cases and their contestants")
	only := flag.String("only", "", "run the cases whose names match `REGEXP`")
	among := flag.String("among", "", "measure only the contestants whose names match `REGEXP`, and framegate")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds of each case")
	flag.DurationVar(&o.seconds, "time", 3*time.Second, "length of one measurement")
	flag.StringVar(&o.json, "json", "", "write the figures to `FILE`")
	flag.StringVar(&o.svg, "svg", "", "draw a chart into `FILE`")
	flag.StringVar(&o.binary, "framegate", "", "the `BINARY` to measure")
	flag.Parse()
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		fail(err)
	}
	if o.among, err = regexp.Compile(*among); err != nil {
		fail(err)
	}
	cases := allCases()
	if *quick {
		o.rounds, o.seconds = 3, time.Second
		cases = quickCases(cases)
	}
	if *list {
		printCases(os.Stdout, cases)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := o.run(ctx, cases); err != nil {
		stop()
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintf(os.Stderr, "bench: %v\n", err)
	os.Exit(1)
}

func (o *options) run(ctx context.Context, cases []benchCase) error {
	site, err := laySite(ctx, o.binary)
	if err != nil {
		return err
	}
	defer site.remove()
	machine := describeMachine()
	fmt.Println(machine)
	report := &report{Machine: machine, Rounds: o.rounds, Seconds: o.seconds.Seconds()}
	begun := time.Now()
	for i, c := range cases {
		if !o.only.MatchString(c.name) {
			continue
		}
		progress("%d/%d  %s  (%s so far)", i+1, len(cases), c.name, time.Since(begun).Round(time.Second))
		result, err := o.measure(ctx, site, c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		clearProgress()
		report.Cases = append(report.Cases, *result)
		result.print(os.Stdout)
	}
	if o.json != "" {
		if err := report.writeJSON(o.json); err != nil {
			return err
		}
	}
	if o.svg != "" {
		return report.writeChart(o.svg)
	}
	return nil
}

// measure starts the contestants of one case and asks them by turns.
func (o *options) measure(ctx context.Context, site *site, c benchCase) (*caseResult, error) {
	result := &caseResult{Name: c.name, What: c.what, Unit: c.unit, Connections: c.connections}
	type entry struct {
		server *server
		result *contestantResult
		run    func(context.Context) (sample, error)
	}
	var entries []entry
	defer func() {
		for _, e := range entries {
			e.server.stop()
		}
	}()
	for _, name := range c.contestants {
		if name != us && !o.among.MatchString(name) {
			continue
		}
		r := &contestantResult{Name: name}
		s, url, err := site.start(ctx, name, c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		e := entry{server: s, result: r, run: func(ctx context.Context) (sample, error) {
			return c.load(ctx, site, s, url, c, o.seconds)
		}}
		entries = append(entries, e)
		if s != nil {
			if err := s.ready(ctx, url, c); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		if _, err := c.load(ctx, site, s, url, c, o.seconds/3); err != nil { // warm-up
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	for round := range o.rounds {
		for i := range entries {
			// Nobody is always the first, or behind the same one.
			e := entries[(i+round)%len(entries)]
			progress("%s  round %d of %d: %s", c.name, round+1, o.rounds, e.result.Name)
			s, err := e.run(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", e.result.Name, err)
			}
			e.result.Samples = append(e.result.Samples, s)
		}
	}
	for _, e := range entries {
		e.result.PeakKiB = e.server.peakKiB()
		e.result.sum()
		result.Contestants = append(result.Contestants, *e.result)
	}
	result.compare()
	return result, nil
}
