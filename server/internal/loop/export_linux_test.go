package loop

// Gathering is for how many connections a body is waited for. It is called on
// the loop.
func (l *Loop) Gathering() (n int) {
	for c := l.pending.first; c != nil; c = c.next {
		if c.state == gathering {
			n++
		}
	}
	return n
}
