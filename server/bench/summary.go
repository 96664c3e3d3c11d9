package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// best is the one of the other servers that does best beside us, round by
// round; nil without any.
func (r *caseResult) best() *contestantResult {
	var best *contestantResult
	for i := range r.Contestants {
		c := &r.Contestants[i]
		if c.Name != us && c.Name != limit && c.Error == "" && (best == nil || c.Ratio < best.Ratio) {
			best = c
		}
	}
	return best
}

// of finds a contestant that has figures, nil without.
func (r *caseResult) of(name string) *contestantResult {
	for i := range r.Contestants {
		if c := &r.Contestants[i]; c.Name == name && c.Error == "" {
			return c
		}
	}
	return nil
}

func summaryTitles() []string {
	return []string{"case", "connections", "Framegate", "of the limit", "the best other", "Framegate is", "p99 ms", "its p99"}
}

// summary is one line for each case.
func (r *report) summary(what func(*caseResult) string) [][]string {
	var rows [][]string
	for i := range r.Cases {
		c := &r.Cases[i]
		row := make([]string, len(summaryTitles()))
		row[0], row[1] = what(c), fmt.Sprint(c.Connections)
		if ours := c.of(us); ours != nil {
			row[2], row[6] = fmt.Sprintf("%.0f %s", ours.Median.Rate, c.Unit), number(ours.Median.P99, "%.1f")
		}
		if l := c.of(limit); l != nil && l.Ratio > 0 {
			row[3] = fmt.Sprintf("%.2f (%.2f–%.2f)", l.Ratio, l.RatioLow, l.RatioHigh)
		}
		if b := c.best(); b != nil {
			row[4], row[5], row[7] = fmt.Sprintf("%s: %.0f", b.Name, b.Median.Rate), b.ratio(), number(b.Median.P99, "%.1f")
		}
		rows = append(rows, row)
	}
	return rows
}

func (r *report) printSummary(w io.Writer) {
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(summaryTitles(), "\t"))
	for _, row := range r.summary(func(c *caseResult) string { return c.Name }) {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	t.Flush()
	if few := r.few(); few != "" {
		fmt.Fprintf(w, "\n%s\n", few)
	}
}

// few says so where there are too few rounds for quartiles to mean anything,
// and is empty otherwise.
func (r *report) few() string {
	if r.Rounds >= 3 {
		return ""
	}
	return fmt.Sprintf("Only %s: fewer than three are no measurement, and any figure or ratio here may be chance.", rounds(r.Rounds))
}

func rounds(n int) string {
	if n == 1 {
		return "1 round"
	}
	return fmt.Sprintf("%d rounds", n)
}

// behind are the cases in which another server was faster: clearly, or within
// what two runs of the same differ by.
func (r *report) behind() (clearly, level []*caseResult) {
	for i := range r.Cases {
		c := &r.Cases[i]
		switch b := c.best(); {
		case b == nil || b.Ratio == 0:
		case b.RatioHigh < 1:
			clearly = append(clearly, c)
		case b.RatioLow < 1:
			level = append(level, c)
		}
	}
	return clearly, level
}
