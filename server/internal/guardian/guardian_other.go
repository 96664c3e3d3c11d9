//go:build !linux

package guardian

// Guardian does nothing: see the package's documentation.
type Guardian struct{ done chan struct{} }

// Start starts nothing.
func Start() (*Guardian, error) { return &Guardian{done: make(chan struct{})}, nil }

// Main returns at once: nobody is started as a guardian.
func Main() {}

// Starting is nowhere.
func (*Guardian) Starting() *int32 { return nil }

// Started does nothing.
func (*Guardian) Started(*int32, int) {}

// Ended does nothing.
func (*Guardian) Ended(int) {}

// Closing is true: there is nothing to lose.
func (*Guardian) Closing() bool { return true }

// Pid is 0.
func (*Guardian) Pid() int { return 0 }

// Done is never closed before Close.
func (g *Guardian) Done() <-chan struct{} { return g.done }

// Close does nothing.
func (*Guardian) Close() error { return nil }
