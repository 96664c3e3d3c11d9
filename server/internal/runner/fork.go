package runner

import "fmt"

// ForkOptions are what the mode "fork" needs to know of its frame.
type ForkOptions struct {
	Standing // the process that has the application loaded and is forked
}

// OpenFork is the mode "fork": each request is answered by a fresh fork of a
// process that has the application loaded. Nothing is started yet.
func OpenFork(o ForkOptions) (Runner, error) {
	return nil, fmt.Errorf(`mode "fork": %w`, errNotBuilt)
}
