package gateway

import (
	"context"
	"fmt"
)

// Advice says of each app that can be loaded which mode suits it, and why. It
// imports them to measure that: it is nothing for a start.
func (g *Gateway) Advice(ctx context.Context) []string {
	var lines []string
	for _, f := range g.frames {
		if f.bridge == nil || len(f.problems) > 0 {
			continue
		}
		cost, err := f.bridge.Measure(ctx)
		switch {
		case ctx.Err() != nil:
			return lines
		case err != nil:
			lines = append(lines, fmt.Sprintf("%s: %s: not measured: %v", f.cfg.Name, f.cfg.Mode, err))
		default:
			lines = append(lines, fmt.Sprintf("%s: %s: %s", f.cfg.Name, f.cfg.Mode, cost.Advice(f.cfg)))
		}
	}
	return lines
}
