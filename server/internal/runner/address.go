package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"framegate/server/internal/process"
)

// AddressOptions say where somebody else has started what answers.
type AddressOptions struct {
	Addresses []string // "HOST:PORT" or "unix:PATH"
	Protocol  string   // SCGI or FastCGI
	Note      func(Note)
}

// Addresses is the mode "worker" without processes of our own. A request goes
// to the address that has the fewest under way; one that cannot be connected
// to is left out until it can.
type Addresses struct {
	o AddressOptions

	mu       sync.Mutex
	backends []*backend
	turn     int // among those that have as few
	reap     *time.Timer
	closed   chan struct{}
	owned    sync.WaitGroup // probes
}

// OpenAddress makes the runner of a frame that is served elsewhere. Nothing is
// connected to yet.
func OpenAddress(o AddressOptions) (Runner, error) {
	if o.Protocol != SCGI && o.Protocol != FastCGI {
		return nil, fmt.Errorf("protocol %q: %w", o.Protocol, errors.ErrUnsupported)
	}
	a := &Addresses{o: o, closed: make(chan struct{})}
	for _, address := range o.Addresses {
		b := &backend{name: address, network: "tcp", address: address}
		if path, ok := strings.CutPrefix(address, "unix:"); ok {
			b.network, b.address = "unix", path
		}
		a.backends = append(a.backends, b)
	}
	return a, nil
}

// Warm looks whether anything is at the addresses: the log says so at once,
// not at the first request.
func (a *Addresses) Warm(process.Watcher) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, b := range a.backends {
		a.probe(b, 0)
	}
}

// Start puts the request of spec to the address that has the least to do.
func (a *Addresses) Start(ctx context.Context, spec *process.Spec) (Run, error) {
	r := newRemote(a, spec)
	if err := r.begin(ctx, nil); err != nil {
		return nil, err
	}
	return r, nil
}

// Close closes the connections that wait and ends the probes.
func (a *Addresses) Close() error {
	a.mu.Lock()
	if a.isClosed() {
		a.mu.Unlock()
		return nil
	}
	close(a.closed)
	if a.reap != nil {
		a.reap.Stop()
	}
	for _, b := range a.backends {
		for _, k := range b.waiting {
			k.Close()
		}
		b.waiting = nil
	}
	a.mu.Unlock()
	a.owned.Wait()
	return nil
}

func (a *Addresses) isClosed() bool {
	select {
	case <-a.closed:
		return true
	default:
		return false
	}
}

func (a *Addresses) note(n Note) {
	if a.o.Note != nil {
		a.o.Note(n)
	}
}

// errNowhere: there is no address left to try.
var errNowhere = errors.New("no address is left to try")

// connect gives a connection to the address that has the fewest exchanges
// under way and is not among those that were tried. Those that are out come
// last: they may be back, and there is nobody else. A fresh connection is for
// what cannot be asked twice: a kept one may be closed at any time.
func (a *Addresses) connect(ctx context.Context, tried []*backend, fresh bool) (*backend, *remoteConn, error) {
	var errs []error
	for {
		b, conn := a.pick(tried, fresh)
		if b == nil {
			return nil, nil, a.nowhere(errs)
		}
		if conn != nil {
			return b, conn, nil
		}
		conn, err := b.dial(ctx)
		if err == nil {
			a.connected(b)
			return b, conn, nil
		}
		a.leave(b, true)
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		a.failed(b, err)
		errs = append(errs, err)
		tried = append(slices.Clip(tried), b)
	}
}

// nowhere is the error of a request that no address takes.
func (a *Addresses) nowhere(errs []error) error {
	if len(errs) == 0 {
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, b := range a.backends {
			if b.err != nil {
				errs = append(errs, b.err)
			}
		}
	}
	if len(errs) == 0 {
		return errNowhere // but the one that it was at
	}
	return &unreachable{errs}
}

// ErrUnreachable: none of a frame's addresses can be connected to.
var ErrUnreachable = errors.New("no address answers")

// unreachable is why, for each of them.
type unreachable struct{ errs []error }

func (u *unreachable) Error() string {
	words := make([]string, len(u.errs))
	for i, err := range u.errs {
		words[i] = err.Error()
	}
	return ErrUnreachable.Error() + ": " + strings.Join(words, "; ")
}

func (u *unreachable) Unwrap() []error { return append([]error{ErrUnreachable}, u.errs...) }
