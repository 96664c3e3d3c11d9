package main

import (
	"encoding/xml"
	"fmt"
	"os"
	"strings"
)

// The chart's measures, in pixels.
const (
	chartWidth  = 760
	labelWidth  = 150
	barHeight   = 16
	barGap      = 4
	caseGap     = 40
	valueWidth  = 90
	chartMargin = 16
	lineHeight  = 18
)

// writeChart draws the medians as bars, each case on a scale of its own, with
// the quartiles as a thin line. Its colours suit a light and a dark page.
func (r *report) writeChart(name string) error {
	var b strings.Builder
	y := chartMargin
	for _, c := range r.Cases {
		if c.Headline {
			y = drawCase(&b, &c, y+caseGap) + barGap
		}
	}
	height := y + caseGap + lineHeight
	svg := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="Framegate beside other servers">
<style>
text { font: 13px system-ui, sans-serif; fill: #333 }
.title { font-weight: 600 }
.value, .machine { fill: #666 }
.bar { fill: #9db4c8 }
.ours { fill: #d9622b }
.limit { fill: none; stroke: #888; stroke-dasharray: 3 2 }
.spread { stroke: #333; stroke-width: 1 }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .value, .machine { fill: #aaa } .spread { stroke: #eee } .bar { fill: #58708a } }
</style>
%s<text class="machine" x="%d" y="%d">%s</text>
<text class="machine" x="%d" y="%d">thin lines: the middle half of the rounds</text>
</svg>
`, chartWidth, height, chartWidth, height, b.String(), chartMargin, height-chartMargin-lineHeight, escape(r.Machine), chartMargin, height-chartMargin)
	return os.WriteFile(name, []byte(svg), 0o644)
}

func drawCase(b *strings.Builder, c *caseResult, y int) int {
	fmt.Fprintf(b, "<text class=\"title\" x=\"%d\" y=\"%d\">%s (%s, %s)</text>\n",
		chartMargin, y, escape(c.What), c.Unit, connections(c.Connections))
	most := 0.0
	for _, x := range c.Contestants {
		most = max(most, x.High)
	}
	scale := float64(chartWidth-2*chartMargin-labelWidth-valueWidth) / most
	left := float64(chartMargin + labelWidth)
	for _, x := range c.Contestants {
		if x.Error != "" {
			continue
		}
		y += barHeight + barGap
		class := "bar"
		switch x.Name {
		case us:
			class = "bar ours"
		case limit:
			class = "bar limit"
		}
		middle := y - barHeight/2 + 2
		fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\">%s</text>\n", chartMargin, y, escape(x.Name))
		fmt.Fprintf(b, "<rect class=\"%s\" x=\"%.0f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>\n", class, left, y-barHeight+4, x.Median.Rate*scale, barHeight)
		fmt.Fprintf(b, "<line class=\"spread\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n", left+x.Low*scale, left+x.High*scale, middle, middle)
		fmt.Fprintf(b, "<text class=\"value\" x=\"%.0f\" y=\"%d\">%.0f</text>\n", left+x.High*scale+8, y, x.Median.Rate)
	}
	return y
}

func escape(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s))
	return b.String()
}
