package process

// Lines takes text that comes in pieces apart as a process's stderr is.
type Lines struct{ l *lines }

// NewLines has line be given each line, of which the longest is cut.
func NewLines(line func([]byte)) *Lines { return &Lines{newLines(nil, line)} }

// Write hands out the lines that p ends.
func (w *Lines) Write(p []byte) (int, error) {
	w.l.write(p)
	return len(p), nil
}

// Flush hands out a line that has no end.
func (w *Lines) Flush() { w.l.giveUp() }
