package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

// report is what a run has found.
type report struct {
	Machine  string            `json:"machine"`
	Versions map[string]string `json:"versions"`
	Rounds   int               `json:"rounds"`
	Seconds  float64           `json:"seconds"`
	Cases    []caseResult      `json:"cases"`
}

type caseResult struct {
	Name        string             `json:"name"`
	What        string             `json:"what"`
	Unit        string             `json:"unit"`
	Connections int                `json:"connections"`
	Headline    bool               `json:"headline"` // it is in the chart
	Contestants []contestantResult `json:"contestants"`
}

type contestantResult struct {
	Name    string   `json:"name"`
	Error   string   `json:"error,omitempty"`  // why it has no figures
	Absent  bool     `json:"absent,omitempty"` // it is not installed
	Kept    bool     `json:"keep_alive"`
	Samples []sample `json:"samples"`
	PeakKiB int64    `json:"peak_kib,omitempty"`

	Median sample  `json:"median"`
	Low    float64 `json:"rate_low"` // quartiles of the rate
	High   float64 `json:"rate_high"`
	// Ours divided by this one's, round by round: the median and the quartiles.
	Ratio     float64 `json:"ratio"`
	RatioLow  float64 `json:"ratio_low"`
	RatioHigh float64 `json:"ratio_high"`
}

// quantile of what need not be sorted; between two values it takes the middle.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

func column[T any](samples []T, of func(T) float64) []float64 {
	var values []float64
	for _, s := range samples {
		values = append(values, of(s))
	}
	return values
}

func rate(s sample) float64 { return s.Rate }

func (c *contestantResult) sum() {
	median := func(of func(sample) float64) float64 { return quantile(column(c.Samples, of), 0.5) }
	c.Median = sample{
		Rate:     median(rate),
		P50:      median(func(s sample) float64 { return s.P50 }),
		P99:      median(func(s sample) float64 { return s.P99 }),
		Server:   median(func(s sample) float64 { return s.Server }),
		Children: median(func(s sample) float64 { return s.Children }),
	}
	for _, x := range c.Samples {
		c.Median.Requests += x.Requests
		c.Median.Broken = max(c.Median.Broken, x.Broken)
	}
	rates := column(c.Samples, rate)
	c.Low, c.High = quantile(rates, 0.25), quantile(rates, 0.75)
}

// compare divides our rate by each other's, round by round: both were measured
// within seconds of one another.
func (r *caseResult) compare() {
	ours := r.Contestants[0]
	for i := range r.Contestants {
		c := &r.Contestants[i]
		var ratios []float64
		for round, s := range c.Samples {
			if s.Rate > 0 && round < len(ours.Samples) && ours.Error == "" && c.Error == "" {
				ratios = append(ratios, ours.Samples[round].Rate/s.Rate)
			}
		}
		c.Ratio, c.RatioLow, c.RatioHigh = quantile(ratios, 0.5), quantile(ratios, 0.25), quantile(ratios, 0.75)
	}
}

func (r *caseResult) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s: %s, %s\n", r.Name, r.What, connections(r.Connections))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	each := map[bool]string{true: " per MB", false: ""}[r.Unit == "MB/s"]
	fmt.Fprintf(t, "\t%s\tquartiles\tframegate is\tp50 ms\tp99 ms\tserver µs%s\tprogram µs%s\tpeak MiB\t\n", r.Unit, each, each)
	for _, c := range r.Contestants {
		if c.Error == "" {
			fmt.Fprintln(t, strings.Join(append(c.cells(), ""), "\t"))
		}
	}
	t.Flush()
	for _, c := range r.Contestants {
		switch {
		case c.Error != "":
			fmt.Fprintf(w, "  %s: no figures: %s\n", c.Name, c.Error)
		case c.Median.Broken > 0:
			fmt.Fprintf(w, "  %s: up to %d connections broke in one round\n", c.Name, c.Median.Broken)
		}
		if c.Error == "" && !c.Kept && c.Name != limit {
			fmt.Fprintf(w, "  %s: keeps no connections\n", c.Name)
		}
	}
}

// cells are a contestant's line of a table.
func (c *contestantResult) cells() []string {
	m := c.Median
	ratio := "1"
	if c.Name != us {
		ratio = c.ratio()
	}
	return []string{c.Name, number(m.Rate, "%.0f"), fmt.Sprintf("%.0f–%.0f", c.Low, c.High), ratio, number(m.P50, "%.2f"), number(m.P99, "%.2f"),
		number(m.Server, "%.0f"), number(m.Children, "%.0f"), number(float64(c.PeakKiB)/1024, "%.0f")}
}

func (c *contestantResult) ratio() string {
	if c.Ratio == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f × (%.2f–%.2f)", c.Ratio, c.RatioLow, c.RatioHigh)
}

func connections(n int) string {
	if n == 1 {
		return "1 connection"
	}
	return fmt.Sprintf("%d connections", n)
}

// number leaves out what was not measured.
func number(v float64, format string) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf(format, v)
}

// writeJSON writes a line for each contestant, so that a diff of two runs can
// be read.
func (r *report) writeJSON(name string) error {
	var b bytes.Buffer
	line := func(v any) []byte {
		data, _ := json.Marshal(v) // numbers and text, nothing that could fail
		return data
	}
	fmt.Fprintf(&b, "{\"machine\": %s,\n\"versions\": %s,\n\"rounds\": %d, \"seconds\": %g,\n\"cases\": [", line(r.Machine), line(r.Versions), r.Rounds, r.Seconds)
	for i, c := range r.Cases {
		head := c
		head.Contestants = nil
		text, _ := strings.CutSuffix(string(line(head)), "null}")
		fmt.Fprintf(&b, "%s\n%s[", comma(i), text)
		for j, x := range c.Contestants {
			fmt.Fprintf(&b, "%s\n  %s", comma(j), line(x))
		}
		b.WriteString("]}")
	}
	b.WriteString("\n]}\n")
	return os.WriteFile(name, b.Bytes(), 0o644)
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

func readJSON(name string) (*report, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	r := new(report)
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}
