package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// scalePart is one thing that is not to change with the load.
type scalePart struct {
	name    string
	measure func(ctx context.Context, s *site) ([]scaleTable, error)
}

func scaleParts() []scalePart {
	return []scalePart{
		{"overload", measureOverload},
		{"lighttpd", measureLighttpd},
		{"routes", measureRoutes},
		{"bodies", measureBodies},
		{"concurrency", measureConcurrency},
		{"idle", measureIdle},
	}
}

// scaleOptions is what a run of parts is asked for.
type scaleOptions struct {
	binary string
	names  []string // of the parts; none is all of them
}

func parseScale(args []string) (*scaleOptions, error) {
	o := &scaleOptions{}
	flags := flag.NewFlagSet("bench scale", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	flags.StringVar(&o.binary, "framegate", "", "the `BINARY` to measure (default: built from ./server)")
	if err := flags.Parse(args); err != nil {
		return nil, explained(err)
	}
	parts := scaleParts()
	o.names = flags.Args()
	for _, name := range o.names {
		if !slices.ContainsFunc(parts, func(p scalePart) bool { return p.name == name }) {
			return nil, misused("scale: there is no part %q: %s", name, partNames(parts))
		}
	}
	return o, nil
}

// run measures the parts that are named, or all of them.
func (o *scaleOptions) run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	site, err := layScale(ctx, o.binary)
	if err != nil {
		return err
	}
	defer site.remove()
	fmt.Println(describeMachine())
	begun := time.Now()
	for _, p := range scaleParts() {
		if len(o.names) > 0 && !slices.Contains(o.names, p.name) {
			continue
		}
		tables, err := p.measure(ctx, site)
		clearProgress()
		for _, t := range tables {
			t.print(os.Stdout)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	fmt.Printf("\n%s in all\n", time.Since(begun).Round(time.Second))
	return nil
}

func partNames(parts []scalePart) string {
	return strings.Join(slices.Collect(func(yield func(string) bool) {
		for _, p := range parts {
			if !yield(p.name) {
				return
			}
		}
	}), ", ")
}

// scaleTable is what a part has found, and what is to be said of it.
type scaleTable struct {
	title string
	head  []string
	rows  [][]string
	notes []string
}

func (t *scaleTable) add(cells ...string) { t.rows = append(t.rows, cells) }
func (t *scaleTable) note(format string, a ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, a...))
}

func (t *scaleTable) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s\n", t.title)
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range append([][]string{t.head}, t.rows...) {
		fmt.Fprintln(out, strings.Join(row, "\t")+"\t")
	}
	out.Flush()
	for _, n := range t.notes {
		fmt.Fprintf(w, "  %s\n", n)
	}
}
