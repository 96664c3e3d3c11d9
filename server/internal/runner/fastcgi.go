package runner

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"framegate/server/internal/fastcgi"
	"framegate/server/internal/process"
)

// fcgi is a worker that speaks FastCGI: one connection, kept as long as the
// worker keeps it.
type fcgi struct {
	theirs *os.File
	path   string
	line   func([]byte) // of stderr

	mu   sync.Mutex  // for gone and close
	conn *remoteConn // set and dropped by whoever has the worker
	over bool        // the process has ended

	spec   *process.Spec
	at     time.Time
	answer *fcgiTalk // nil ahead of the first read
	end    Ending
}

func openFCGI(paths *socketPaths) (link, error) {
	path := paths.next()
	theirs, err := listenAt(path)
	if err != nil {
		return nil, err
	}
	return &fcgi{theirs: theirs, path: path}, nil
}

// ownRecycling is how php-cgi is told after how many requests to end. By
// default it does after 500, whoever waits for it: max-requests does that
// better.
const ownRecycling = "PHP_FCGI_MAX_REQUESTS="

// withoutRecycling is the environ of a worker that leaves its end to the pool.
func withoutRecycling(environ []string) []string {
	for _, kv := range environ {
		if strings.HasPrefix(kv, ownRecycling) {
			return environ
		}
	}
	return append(environ[:len(environ):len(environ)], ownRecycling+"0")
}

func (f *fcgi) child() *os.File { return f.theirs }

// ready is at once: who connects is waited for by the kernel.
func (f *fcgi) ready(time.Time) error { return nil }

func (f *fcgi) put(spec *process.Spec) { f.spec, f.answer, f.end = spec, nil, Ending{} }

func (f *fcgi) sent() bool { return f.answer != nil }

func (f *fcgi) ending() Ending { return f.end }

func (f *fcgi) read(p []byte, block func()) (int, error) {
	if f.answer == nil {
		if err := f.begin(); err != nil {
			return 0, err
		}
	}
	f.conn.block = block
	n, err := f.answer.Read(p)
	switch {
	case n > 0 || err == nil:
		return n, nil
	case err == io.EOF:
		f.end.Failed = f.answer.status() != 0
		return 0, io.EOF
	case rang(err) && !f.isOver():
		return 0, os.ErrDeadlineExceeded
	case rang(err) || errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return 0, errLost
	}
	return 0, &brokenError{err.Error()}
}

func (f *fcgi) isOver() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.over
}

// begin sends the request, on the connection of the last one if that is still
// there. A worker may close it at any time, and is not to blame: what cannot
// be asked twice is asked on a new one.
func (f *fcgi) begin() error {
	if !f.spec.Again {
		f.drop()
	}
	for {
		fresh, err := f.connect()
		if err != nil {
			return err
		}
		f.conn.block = nil
		f.conn.SetWriteDeadline(time.Now().Add(connectLimit))
		t, err := beginFastCGI(f.conn, f.spec, f.line)
		if err == nil {
			f.conn.SetWriteDeadline(time.Time{})
			f.answer = t.(*fcgiTalk)
			f.bound(f.at)
			return nil
		}
		f.drop()
		if fresh || !errors.Is(err, fastcgi.ErrNotSent) {
			return errLost
		}
	}
}

// connect has a connection be there; fresh is a new one.
func (f *fcgi) connect() (fresh bool, err error) {
	if f.conn != nil && f.conn.fcgi.Alive() {
		return false, nil
	}
	f.drop()
	var d net.Dialer
	d.Timeout = connectLimit
	conn, err := d.Dial("unix", f.path)
	if err != nil {
		return false, fmt.Errorf("%w: %w", errLost, err)
	}
	c, err := newRemoteConn(conn)
	if err != nil {
		return false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over {
		c.Close()
		return false, errLost
	}
	f.conn = c
	return true, nil
}

// drop closes the connection.
func (f *fcgi) drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn != nil {
		f.conn.Close()
		f.conn = nil
	}
}

func (f *fcgi) bound(t time.Time) {
	f.at = t
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn == nil || f.over {
		return
	}
	limit := time.Now().Add(lookAround)
	if !t.IsZero() && t.Before(limit) {
		limit = t
	}
	f.conn.SetReadDeadline(limit)
}

// finish keeps the connection for the next request, if that can be.
func (f *fcgi) finish() *bodyFeed {
	t := f.answer
	f.spec, f.answer = nil, nil
	if t == nil {
		return nil
	}
	f.conn.block = nil
	if t.sent() {
		if !t.end() {
			f.drop()
		}
		return nil
	}
	f.drop() // what is left of the body would be a part of the next request
	feed := &bodyFeed{w: nothing{}, done: make(chan struct{})}
	go func() {
		defer close(feed.done)
		t.end()
	}()
	return feed
}

// nothing is closed already.
type nothing struct{}

func (nothing) Write(p []byte) (int, error) { return 0, os.ErrClosed }
func (nothing) Close() error                { return nil }

// gone has what is there still be read, and nothing be waited for: whoever
// holds the other end, it is not the worker.
func (f *fcgi) gone() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = true
	if f.conn != nil {
		f.conn.SetDeadline(time.Unix(1, 0))
	}
}

func (f *fcgi) close() {
	os.Remove(f.path)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn != nil {
		f.conn.Close() // and leave it to whoever reads it to see that
	}
}
