package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// The files of the repository that carry figures, and where the figures are.
const (
	docsJSON = "docs/performance.json"
	docsSVG  = "docs/performance.svg"
)

func docsPages() []string { return []string{"docs/performance.md", "README.md", "README.zh.md"} }

// generated is a part of a page that is not written by hand.
var generated = regexp.MustCompile(`(?s)(<!-- bench:([a-z-]+) -->\n).*?(<!-- /bench -->)`)

// writeDocs writes the figures, the chart, and what the pages say of them.
func (r *report) writeDocs(root string) error {
	if err := r.writeJSON(filepath.Join(root, docsJSON)); err != nil {
		return err
	}
	return redrawDocs(root)
}

func redrawDocs(root string) error {
	r, err := readJSON(filepath.Join(root, docsJSON))
	if err != nil {
		return err
	}
	if err := r.writeChart(filepath.Join(root, docsSVG)); err != nil {
		return err
	}
	for _, page := range docsPages() {
		name := filepath.Join(root, page)
		old, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		text, err := r.fill(string(old))
		if err != nil {
			return fmt.Errorf("%s: %w", page, err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// fill writes the generated parts of a page anew.
func (r *report) fill(page string) (string, error) {
	parts := map[string]func() string{
		"run": r.runPart, "summary": r.summaryPart, "behind": r.behindPart, "all": r.allPart,
		"sentence": r.sentencePart, "sentence-zh": r.chinesePart,
	}
	var failed error
	text := generated.ReplaceAllStringFunc(page, func(old string) string {
		m := generated.FindStringSubmatch(old)
		part, ok := parts[m[2]]
		if !ok {
			failed = fmt.Errorf("bench:%s is not among what can be written", m[2])
			return old
		}
		return m[1] + part() + m[3]
	})
	return text, failed
}

func (r *report) runPart() string {
	var versions []string
	for name, v := range r.Versions {
		versions = append(versions, name+" "+v)
	}
	slices.Sort(versions)
	few := r.few()
	if few != "" {
		few = " " + few
	}
	return fmt.Sprintf("%s. Medians of %s of %g s each.%s %s.\n", r.Machine, rounds(r.Rounds), r.Seconds, few, strings.Join(versions, ", "))
}

func (r *report) summaryPart() string {
	return table(summaryTitles(), r.summary(func(c *caseResult) string { return fmt.Sprintf("`%s`: %s", c.Name, c.What) }))
}

func (r *report) behindPart() string {
	clearly, level := r.behind()
	var b strings.Builder
	list := func(title string, cases []*caseResult) {
		fmt.Fprintf(&b, "%s\n\n", title)
		for _, c := range cases {
			best := c.best()
			fmt.Fprintf(&b, "- `%s` (%s, %s): %s of %s\n", c.Name, c.What, connections(c.Connections), best.ratio(), best.Name)
		}
		if len(cases) == 0 {
			b.WriteString("- none of what was measured in this run\n")
		}
		b.WriteString("\n")
	}
	list("Another server was faster:", clearly)
	list("Level, as the quartiles of the rounds' ratios lie on both sides of 1:", level)
	return b.String()
}

// allPart is everything that was measured.
func (r *report) allPart() string {
	var b strings.Builder
	b.WriteString("<details>\n<summary>Every case, every contestant</summary>\n\n")
	for i := range r.Cases {
		c := &r.Cases[i]
		fmt.Fprintf(&b, "**`%s`**: %s, %s\n\n", c.Name, c.What, connections(c.Connections))
		each := map[bool]string{true: " per MB", false: ""}[c.Unit == "MB/s"]
		var rows [][]string
		var notes []string
		for _, x := range c.Contestants {
			if x.Error != "" {
				notes = append(notes, fmt.Sprintf("%s has no figures: %s.", x.Name, x.Error))
				continue
			}
			rows = append(rows, x.cells())
			if !x.Kept && x.Name != limit {
				notes = append(notes, x.Name+" keeps no connections.")
			}
		}
		b.WriteString(table([]string{"", c.Unit, "quartiles", "Framegate is", "p50 ms", "p99 ms", "server µs" + each, "program µs" + each, "peak MiB"}, rows))
		b.WriteString("\n")
		if len(notes) > 0 {
			b.WriteString(strings.Join(notes, " ") + "\n\n")
		}
	}
	b.WriteString("</details>\n")
	return b.String()
}

func table(titles []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(titles)
	rule := make([]string, len(titles))
	for i := range rule {
		rule[i] = "---"
	}
	line(rule)
	for _, row := range rows {
		line(row)
	}
	return b.String()
}

// headline is the case that the READMEs speak of.
const headline = "c-8"

func (r *report) headline() (ours, bound, best *contestantResult) {
	for i := range r.Cases {
		if c := &r.Cases[i]; c.Name == headline {
			ours, bound, best = c.of(us), c.of(limit), c.best()
		}
	}
	return ours, bound, best
}

func (r *report) sentencePart() string {
	ours, bound, best := r.headline()
	if ours == nil || bound == nil || best == nil {
		return ""
	}
	return fmt.Sprintf("A static C program answers %.0f requests a second, a new process for each: %.2f of what the same machine can start and reap without any server, %.2f × the fastest of the others (%s).\n",
		ours.Median.Rate, bound.Ratio, best.Ratio, best.Name)
}

func (r *report) chinesePart() string {
	ours, bound, best := r.headline()
	if ours == nil || bound == nil || best == nil {
		return ""
	}
	return fmt.Sprintf("静态编译的 C 程序，每个请求一个新进程：每秒 %.0f 个请求，是这台机器不经任何服务器启动并回收进程的极限的 %.2f，是其他服务器中最快的（%s）的 %.2f 倍。\n",
		ours.Median.Rate, bound.Ratio, best.Name, best.Ratio)
}
