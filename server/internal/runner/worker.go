package runner

import (
	"fmt"
	"time"
)

// Protocols of a worker.
const (
	Bridge  = "bridge"  // docs/wire.md's second section, on a connected socket at descriptor 0
	SCGI    = "scgi"    // a connection for each request, on a listening socket at descriptor 0
	FastCGI = "fastcgi" // likewise
)

// WorkerOptions are what the mode "worker" needs to know of its frame.
type WorkerOptions struct {
	Standing

	Protocol    string
	Min, Max    int           // how many there are when there is nothing to do, and at the most
	Idle        time.Duration // after which one that is more than Min ends; 0 is never
	MaxRequests int           // after which one is replaced, give or take a tenth; 0 is never
	MaxRSS      int64         // bytes of memory at which one is replaced; 0 is no limit
}

// OpenWorkers is the mode "worker": long-lived processes that answer one
// request after the other. Nothing is started yet.
func OpenWorkers(o WorkerOptions) (Runner, error) {
	return nil, fmt.Errorf(`mode "worker": %w`, errNotBuilt)
}
