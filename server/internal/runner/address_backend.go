package runner

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

// backend is one address. Its fields are under the lock of Addresses.
type backend struct {
	name, network, address string

	active  int // exchanges under way
	unheard int // of them, those on a new connection that have heard nothing yet
	waiting []*remoteConn

	err      error // why it is out; nil while it is not
	failures int   // in a row
	probing  bool
}

const (
	// connectLimit bounds a connection to be made, and a request to be taken.
	connectLimit = 3 * time.Second

	// A kept connection may hold a process of php-fpm's that others wait for:
	// few are kept, not for long, and none for ever.
	keptMost     = 32
	keptFor      = 2 * time.Second
	keptRequests = 200
)

// pick chooses an address, and a connection to it that waits, if one does and
// may be used.
func (a *Addresses) pick(tried []*backend, fresh bool) (*backend, *remoteConn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.turn++
	var best *backend
	for i := range a.backends {
		b := a.backends[(a.turn+i)%len(a.backends)]
		if !slices.Contains(tried, b) && b.usable() && (best == nil || b.better(best)) {
			best = b
		}
	}
	if best == nil {
		return nil, nil
	}
	best.active++
	for n := len(best.waiting) - 1; n >= 0; n-- {
		conn := best.waiting[n]
		best.waiting = best.waiting[:n]
		if !fresh && conn.fcgi.Alive() {
			return best, conn
		}
		conn.Close()
		if fresh {
			break // its process may be the one that is free for the new one
		}
	}
	best.unheard++
	return best, nil
}

// usable reports whether a request may try the address. One that refuses
// connections is asked again by the request itself, which costs nothing, when
// all others are out, too; one that does not answer is left to its probe.
func (b *backend) usable() bool { return b.err == nil || !isTimeout(b.err) }

func (b *backend) better(than *backend) bool {
	if out := b.err != nil; out != (than.err != nil) {
		return !out
	}
	return b.active < than.active
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// dial connects. A Unix socket whose queue is full says so at once, unlike
// TCP: it is asked again until the limit.
func (b *backend) dial(ctx context.Context) (*remoteConn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	full := false
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, b.network, b.address)
		switch {
		case err == nil:
			return newRemoteConn(conn)
		case errors.Is(err, syscall.EAGAIN):
			full = true
		case !full || !isTimeout(err):
			return nil, b.explain(err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, b.explain(fmt.Errorf("its queue is full: %w", os.ErrDeadlineExceeded))
		}
	}
}

// explain says what an error of connecting means.
func (b *backend) explain(err error) error {
	hint := ""
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		hint = " (nothing listens there: is it running?)"
	case errors.Is(err, syscall.ENOENT):
		hint = " (there is no such socket: is it running?)"
	case errors.Is(err, syscall.EACCES):
		hint = " (the gateway's user may not connect: php-fpm has listen.owner, listen.group and listen.mode)"
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err // the address is told anyway
	}
	return fmt.Errorf("connect to %s: %w%s", b.name, err, hint)
}

// leave ends an exchange at b; unheard is one that has heard nothing on a new
// connection.
func (a *Addresses) leave(b *backend, unheard bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b.active--
	if unheard {
		b.unheard--
	}
}

// heard is the first byte on a new connection: somebody has accepted it.
func (a *Addresses) heard(b *backend) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b.unheard--
}

// keep takes a connection back. It is closed when a request waits for
// a process of the server's to accept it: this one's may be that.
func (a *Addresses) keep(b *backend, conn *remoteConn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	conn.requests++
	if a.isClosed() || b.unheard > 0 || len(b.waiting) >= keptMost || conn.requests >= keptRequests {
		conn.Close()
		return
	}
	conn.since = time.Now()
	b.waiting = append(b.waiting, conn)
	if a.reap == nil {
		a.reap = time.AfterFunc(keptFor, a.closeOld)
	}
}

// closeOld closes the connections that have waited for long. The one that was
// used last is used first, so that the oldest stand in front.
func (a *Addresses) closeOld() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.reap = nil; a.isClosed() {
		return
	}
	left := 0
	now := time.Now()
	for _, b := range a.backends {
		for len(b.waiting) > 0 && now.Sub(b.waiting[0].since) >= keptFor {
			b.waiting[0].Close()
			b.waiting = slices.Delete(b.waiting, 0, 1)
		}
		left += len(b.waiting)
	}
	if left > 0 {
		a.reap = time.AfterFunc(keptFor/2, a.closeOld)
	}
}

// failed takes an address out, and has it looked after until it is back.
func (a *Addresses) failed(b *backend, err error) {
	a.mu.Lock()
	first := b.err == nil
	b.err = err
	b.failures++
	a.probe(b, b.backOff())
	a.mu.Unlock()
	if first {
		a.note(Note{What: addressOut, Err: err})
	}
}

// connected brings an address back.
func (a *Addresses) connected(b *backend) {
	a.mu.Lock()
	back := b.err != nil
	b.err, b.failures = nil, 0
	a.mu.Unlock()
	if back {
		a.note(Note{What: "an address is back: " + b.name})
	}
}

// backOff is how long the next probe waits after so many failures.
func (b *backend) backOff() time.Duration {
	const first, longest = 100 * time.Millisecond, 10 * time.Second
	return min(first<<min(max(b.failures-1, 0), 10), longest)
}

// probe connects to an address after wait, and goes on until it has. The lock
// is held.
func (a *Addresses) probe(b *backend, wait time.Duration) {
	if b.probing || a.isClosed() {
		return
	}
	b.probing = true
	a.owned.Go(func() {
		ctx, cancel := a.untilClosed()
		defer cancel()
		for a.pause(wait) {
			conn, err := b.dial(ctx)
			if err == nil {
				conn.Close()
				a.mu.Lock()
				b.probing = false
				a.mu.Unlock()
				a.connected(b)
				return
			}
			if wait = a.stillOut(b, err); ctx.Err() != nil {
				return
			}
		}
	})
}

// Reach connects to each address, and tells which it could not.
func (a *Addresses) Reach(ctx context.Context) error {
	errs := make([]error, len(a.backends))
	var all sync.WaitGroup
	for i, b := range a.backends {
		all.Go(func() {
			conn, err := b.dial(ctx)
			if errs[i] = err; err == nil {
				conn.Close()
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// stillOut is a probe that has failed. It tells when the next one is due.
func (a *Addresses) stillOut(b *backend, err error) time.Duration {
	a.mu.Lock()
	first := b.err == nil && !a.isClosed()
	b.err = err
	b.failures++
	wait := b.backOff()
	a.mu.Unlock()
	if first {
		a.note(Note{What: addressOut, Err: err})
	}
	return wait
}

const addressOut = "an address is out"

// untilClosed is a context that ends with the runner, or when it is cancelled.
func (a *Addresses) untilClosed() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	a.owned.Go(func() {
		select {
		case <-a.closed:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, cancel
}

// pause waits, unless the runner is closed first.
func (a *Addresses) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-a.closed:
		return false
	}
}
