package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
)

// report is what a run has found.
type report struct {
	Machine string       `json:"machine"`
	Rounds  int          `json:"rounds"`
	Seconds float64      `json:"seconds"`
	Cases   []caseResult `json:"cases"`
}

type caseResult struct {
	Name        string             `json:"name"`
	What        string             `json:"what"`
	Unit        string             `json:"unit"`
	Connections int                `json:"connections"`
	Contestants []contestantResult `json:"contestants"`
}

type contestantResult struct {
	Name    string   `json:"name"`
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

func column(samples []sample, of func(sample) float64) []float64 {
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
		c.Median.Broken = max(c.Median.Broken, x.Broken)
	}
	rates := column(c.Samples, rate)
	c.Low, c.High = quantile(rates, 0.25), quantile(rates, 0.75)
}

// compare divides our rate by each other's, round by round: both were measured
// within seconds of one another.
func (r *caseResult) compare() {
	ours := r.Contestants[0].Samples
	for i := range r.Contestants {
		c := &r.Contestants[i]
		var ratios []float64
		for round, s := range c.Samples {
			if s.Rate > 0 {
				ratios = append(ratios, ours[round].Rate/s.Rate)
			}
		}
		c.Ratio, c.RatioLow, c.RatioHigh = quantile(ratios, 0.5), quantile(ratios, 0.25), quantile(ratios, 0.75)
	}
}

func (r *caseResult) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s: %s, %d connections\n", r.Name, r.What, r.Connections)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\t%s\tquartiles\tframegate is\tp50 ms\tp99 ms\tserver µs\tchild µs\tpeak MiB\t\n", r.Unit)
	for _, c := range r.Contestants {
		m := c.Median
		ratio := "1"
		if c.Name != us {
			ratio = fmt.Sprintf("%.2f × (%.2f–%.2f)", c.Ratio, c.RatioLow, c.RatioHigh)
		}
		fmt.Fprintf(t, "%s\t%.0f\t%.0f–%.0f\t%s\t%s\t%s\t%s\t%s\t%s\t\n", c.Name, m.Rate, c.Low, c.High, ratio,
			number(m.P50, "%.2f"), number(m.P99, "%.2f"), number(m.Server, "%.0f"), number(m.Children, "%.0f"), number(float64(c.PeakKiB)/1024, "%.0f"))
	}
	t.Flush()
	for _, c := range r.Contestants {
		if c.Median.Broken > 0 {
			fmt.Fprintf(w, "  %s: up to %d connections broke in one round\n", c.Name, c.Median.Broken)
		}
	}
}

// number leaves out what was not measured.
func number(v float64, format string) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf(format, v)
}

func (r *report) writeJSON(name string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(data, '\n'), 0o644)
}
