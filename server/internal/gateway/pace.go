package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"framegate/server/internal/config"
)

// defaultGrace is when min-body-rate begins to count where body-timeout, which
// says so otherwise, is switched off.
const defaultGrace = 60 * time.Second

// pace is a request's body whose client is held to body-timeout and
// min-body-rate. Only the time counts that is spent waiting for the client: a
// frame that is slow to read its stdin is not the client's fault.
type pace struct {
	src     io.ReadCloser
	control *http.ResponseController
	http2   bool // an expired deadline would end the body for good, read or not
	timeout time.Duration
	rate    int64
	grace   time.Duration
	length  int64 // -1 when it is not known

	mu      sync.Mutex // reads come from one goroutine, stop and overdue from others
	count   int64
	waited  time.Duration
	ends    time.Time // when the read under way runs out of time, because of why
	why     string
	stopped bool // nobody wants the rest: reads end at once
}

func newPace(control *http.ResponseController, r *http.Request, h *config.HTTP) *pace {
	p := &pace{src: r.Body, control: control, http2: r.ProtoMajor == 2,
		timeout: h.BodyTimeout, rate: h.MinBodyRate, grace: h.BodyTimeout, length: r.ContentLength}
	if p.grace == 0 {
		p.grace = defaultGrace
	}
	return p
}

// Read reads on, for as long as the client may take for it.
func (p *pace) Read(b []byte) (int, error) {
	begun := p.begin()
	n, err := p.src.Read(b)
	return n, p.end(begun, n, err)
}

// Close closes the body itself.
func (p *pace) Close() error { return p.src.Close() }

// begin puts a read under its clock.
func (p *pace) begin() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	begun := time.Now()
	limit := p.timeout
	p.why = "body-timeout"
	if p.rate > 0 {
		if left := max(p.earned()-p.waited, time.Millisecond); limit == 0 || left < limit {
			limit, p.why = left, "min-body-rate"
		}
	}
	if limit > 0 && !p.stopped {
		p.ends = begun.Add(limit)
		p.control.SetReadDeadline(p.ends)
	}
	return begun
}

// end accounts for a read and says what it has ended with.
func (p *pace) end(begun time.Time, n int, err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waited += time.Since(begun)
	p.count += int64(n)
	whole := err == io.EOF || p.count == p.length
	if p.http2 && !p.ends.IsZero() && !p.stopped {
		// With HTTP/1 it ends nothing but a read, and net/http takes it off
		// behind the body.
		p.control.SetReadDeadline(time.Time{})
	}
	switch {
	case whole:
	case err == nil && p.rate > 0 && p.waited > p.earned():
		p.why = "min-body-rate"
		err = p.slow()
	case err != nil && !p.ends.IsZero() && errors.Is(err, os.ErrDeadlineExceeded):
		return p.slow() // ends stays: the context of the request may be asked about it
	}
	p.ends = time.Time{}
	return err
}

// earned is how much waiting the bytes that have come are worth.
func (p *pace) earned() time.Duration {
	return max(p.grace, time.Duration(float64(p.count)/float64(p.rate)*float64(time.Second)))
}

func (p *pace) slow() *failure {
	cause := fmt.Errorf("body-timeout: no byte of the request's body for %s, after %d", p.timeout, p.count)
	if p.why == "min-body-rate" {
		cause = fmt.Errorf("min-body-rate: %d bytes of the request's body in %s, less than %d a second",
			p.count, max(p.waited, p.grace).Round(time.Millisecond), p.rate)
	}
	return &failure{status: http.StatusRequestTimeout, sentence: "The request's body came too slowly.", cause: cause, closeConn: true}
}

// stop ends the read under way, and every one that follows.
func (p *pace) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped, p.ends = true, time.Time{}
	p.control.SetReadDeadline(time.Now())
}

// overdue is the failure of a read that has run out of time, else nil. Net/http
// ends the request's context ahead of that read's return, as if the client had
// gone.
func (p *pace) overdue() *failure {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ends.IsZero() || time.Now().Before(p.ends) {
		return nil
	}
	return p.slow()
}

// endedBy is why the context of a request with this body is done.
func (b *body) endedBy(ctx context.Context) *failure {
	if b.pace != nil {
		if f := b.pace.overdue(); f != nil {
			return f
		}
	}
	return ended(ctx)
}
