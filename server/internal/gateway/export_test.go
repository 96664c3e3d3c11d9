package gateway

// Waiting is how many requests are in a frame's queue.
func (g *Gateway) Waiting(frame string) int64 {
	for _, f := range g.frames {
		if f.cfg.Name == frame {
			return f.gate.waiting.Load()
		}
	}
	return -1
}
