package main

import (
	"bytes"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestQuantile(t *testing.T) {
	for _, tt := range []struct {
		name   string
		values []float64
		q      float64
		want   float64
	}{
		{"nothing", nil, 0.5, 0},
		{"one", []float64{7}, 0.25, 7},
		{"median-odd", []float64{9, 1, 5}, 0.5, 5},
		{"median-even", []float64{1, 2, 3, 10}, 0.5, 2.5},
		{"quartile", []float64{5, 4, 3, 2, 1}, 0.25, 2},
		{"between", []float64{1, 2}, 0.75, 1.75},
		{"all", []float64{1, 2, 3}, 1, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := quantile(tt.values, tt.q); got != tt.want {
				t.Errorf("got %v; want %v", got, tt.want)
			}
		})
	}
}

// sampleReport is a run of two cases: one is won, one is lost, and one
// contestant has failed.
func sampleReport() *report {
	rates := func(name string, rates ...float64) contestantResult {
		c := contestantResult{Name: name, Kept: true}
		for _, r := range rates {
			c.Samples = append(c.Samples, sample{Rate: r, Requests: 100, P50: 1, P99: 2 * r / 100, Server: 20, Children: 3})
		}
		return c
	}
	r := &report{Machine: "2 cores & <more>", Versions: map[string]string{"nginx": "1.22"}, Rounds: 3, Seconds: 1, Cases: []caseResult{
		{Name: headline, What: "a C program", Unit: "req/s", Connections: 8, Headline: true, Contestants: []contestantResult{
			rates(us, 900, 1000, 1100), rates(lighttpd, 450, 500, 1000), rates(busybox, 700, 800, 1000), {Name: apache, Error: "11 of 1000 requests failed"}, rates(limit, 1000, 1000, 1000)}},
		{Name: "static", What: "a file", Unit: "MB/s", Connections: 1, Contestants: []contestantResult{
			rates(us, 90, 90, 90), rates(nginx, 100, 90, 85), rates(lighttpd, 80, 80, 80)}},
		{Name: "slow", What: "another", Unit: "req/s", Connections: 1, Headline: true, Contestants: []contestantResult{
			rates(us, 50, 50, 50), rates(nginx, 1000, 1000, 1000), {Name: uwsgi, Error: "not installed", Absent: true}}},
	}}
	for i := range r.Cases {
		for j := range r.Cases[i].Contestants {
			r.Cases[i].Contestants[j].sum()
		}
		r.Cases[i].compare()
	}
	return r
}

func TestRatios(t *testing.T) {
	c := sampleReport().Cases[0]
	for _, tt := range []struct {
		name                   string
		median, low, high      float64
		ratio, ratioL, ratioHi float64
	}{
		{us, 1000, 950, 1050, 1, 1, 1},
		{lighttpd, 500, 475, 750, 2, 1.55, 2}, // of 2, 2 and 1.1
		{limit, 1000, 1000, 1000, 1, 0.95, 1.05},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := c.of(tt.name)
			for _, x := range []struct {
				what      string
				got, want float64
			}{{"median", got.Median.Rate, tt.median}, {"low", got.Low, tt.low}, {"high", got.High, tt.high},
				{"ratio", got.Ratio, tt.ratio}, {"ratio low", got.RatioLow, tt.ratioL}, {"ratio high", got.RatioHigh, tt.ratioHi}} {
				if x.got < x.want-1e-9 || x.got > x.want+1e-9 {
					t.Errorf("%s: got %v; want %v", x.what, x.got, x.want)
				}
			}
		})
	}
	if got := c.best().Name; got != busybox {
		t.Errorf("best: got %s; want %s: neither the limit nor who failed", got, busybox)
	}
}

func TestBehind(t *testing.T) {
	r := sampleReport()
	clearly, level := r.behind()
	names := func(cases []*caseResult) (names string) {
		for _, c := range cases {
			names += c.Name + " "
		}
		return names
	}
	if got := names(clearly) + "| " + names(level); got != "slow | static " {
		t.Errorf("got %q; want slow alone lost, static level", got)
	}
	if got := r.failures(); got != 1 {
		t.Errorf("failures: got %d; want 1, as what is not installed has entered no race", got)
	}
}

func TestPrint(t *testing.T) {
	var b strings.Builder
	r := sampleReport()
	r.Cases[0].print(&b)
	r.printSummary(&b)
	for _, want := range []string{
		"c-8: a C program, 8 connections\n", "2.00 × (1.55–2.00)", "apache mod_cgid: no figures: 11 of 1000 requests failed",
		"c-8     8            1000 req/s  1.00 (0.95–1.05)  busybox httpd: 800  1.25 ×",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("got\n%s\nwant %q in it", b.String(), want)
		}
	}
}

// TestFew says of one round and of two that they are no measurement.
func TestFew(t *testing.T) {
	const words = ": fewer than three are no measurement, and any figure or ratio here may be chance."
	for n, want := range map[int]string{1: "Only 1 round" + words, 2: "Only 2 rounds" + words, 3: "", 5: ""} {
		r := sampleReport()
		r.Rounds = n
		var b strings.Builder
		r.printSummary(&b)
		for where, got := range map[string]string{"summary": b.String(), "page": r.runPart()} {
			if got := strings.Contains(got, words); got != (want != "") {
				t.Errorf("%d rounds, %s: got %v; want %v", n, where, got, want != "")
			}
		}
		if want != "" && !strings.HasSuffix(b.String(), "\n\n"+want+"\n") {
			t.Errorf("%d rounds: got\n%s\nwant %q at its end", n, b.String(), want)
		}
	}
}

func TestJSON(t *testing.T) {
	name := filepath.Join(t.TempDir(), "figures.json")
	want := sampleReport()
	if err := want.writeJSON(name); err != nil {
		t.Fatal(err)
	}
	got, err := readJSON(name)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v; want %+v", got, want)
	}
}

func TestChart(t *testing.T) {
	name := filepath.Join(t.TempDir(), "chart.svg")
	if err := sampleReport().writeChart(name); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	bars := 0
	for d := xml.NewDecoder(bytes.NewReader(data)); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("not XML: %v\n%s", err, data)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "rect" {
			bars++
		}
	}
	if bars != 6 {
		t.Errorf("got %d bars; want 6: those of the headlines, without who has no figures", bars)
	}
}

func TestFill(t *testing.T) {
	r := sampleReport()
	const page = "words\n<!-- bench:run -->\nold\n<!-- /bench -->\nwords\n<!-- bench:sentence -->\n<!-- /bench -->\nend\n"
	got, err := r.fill(page)
	want := "words\n<!-- bench:run -->\n2 cores & <more>. Medians of 3 rounds of 1 s each. nginx 1.22.\n<!-- /bench -->\nwords\n<!-- bench:sentence -->\n" +
		"A static C program answers 1000 requests a second, a new process for each: 1.00 of what the same machine can start and reap without any server, 1.25 × the fastest of the others (busybox httpd).\n<!-- /bench -->\nend\n"
	if err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if again, err := r.fill(got); err != nil || again != got {
		t.Errorf("again: got %q, %v; want the same", again, err)
	}
	if _, err := r.fill("<!-- bench:unknown -->\n<!-- /bench -->"); text(err) != "bench:unknown is not among what can be written" {
		t.Errorf("got %v; want the name of what is unknown", err)
	}
}
