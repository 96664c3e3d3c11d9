package runner

import "fmt"

// AddressOptions say where somebody else has started what answers.
type AddressOptions struct {
	Addresses []string // "HOST:PORT" or "unix:PATH"
	Protocol  string   // SCGI or FastCGI
	Note      func(Note)
}

// OpenAddress is the mode "worker" without processes of our own.
func OpenAddress(o AddressOptions) (Runner, error) {
	return nil, fmt.Errorf("address: %w", errNotBuilt)
}
