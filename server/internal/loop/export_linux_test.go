package loop

// Gathering reports whether a body is waited for. It is called on the loop.
func (l *Loop) Gathering() bool { return l.pending.first != nil && l.pending.first.state == gathering }
