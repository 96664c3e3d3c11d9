package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// An exchange of a process that outlives it differs from one that ends with
// its process in a few places, which are here.

// abandon gives the answer up because of why. A process that outlives the
// exchange is not to blame, and may finish.
func (x *exchange) abandon(why *failure) {
	if x.kept == nil {
		x.stop(why)
		return
	}
	x.cause.CompareAndSwap(nil, why)
}

// lookAround is for whoever has waited for a while: why nobody waits for the
// answer any more, or nil. In other modes the process is stopped then, which
// wakes whoever reads its output.
func (x *exchange) lookAround() error {
	switch {
	case x.kept == nil:
		return nil
	case x.settling:
		if server, ok := x.ctx.Value(serverContext{}).(context.Context); ok && server.Err() != nil {
			return errShutdown
		}
		return nil
	case x.ctx.Err() == nil:
		return nil
	}
	why := x.endedBy(x.ctx)
	if why == errShutdown {
		x.stop(why)
	} else {
		x.abandon(why)
	}
	return x.cause.Load()
}

// readAhead reads what is there behind rest, which lies in buf. Most answers
// are then whole: their process is free ahead of their client's having them.
func (x *exchange) readAhead(buf, rest []byte) ([]byte, error) {
	at := cap(buf) - cap(rest) + len(rest) // behind rest
	for at < len(buf) && x.kept.Buffered() {
		n, err := x.read(buf[at:])
		at += n
		rest = rest[:len(rest)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return rest, err
		}
	}
	return rest, nil
}

// settle has the process finish an answer that was given up, so that it can
// take the next request. The clocks of the exchange go on; when one rings, or
// the server stops, the process has to go.
func (x *exchange) settle() {
	x.reading.Wait()
	if x.atEnd {
		return
	}
	x.unsent, x.flushed, x.settling = false, true, true
	chunk := newChunk()
	defer recycle(chunk)
	for {
		if _, err := x.read(chunk); err != nil {
			return
		}
	}
}

// judgeKept is judgeEnding for a process that outlives the exchange.
func (x *exchange) judgeKept() ending {
	e := x.kept.Ending()
	switch {
	case e.Lost != nil:
		return ending{cut: fmt.Errorf("the worker %w in the middle of its answer", e.Lost)}
	case e.Cut:
		return ending{cut: errAppCut}
	case e.Failed:
		return ending{failed: true}
	}
	return ending{exit: e.Exit} // most often of nobody
}

var errAppCut = errors.New("the application failed in the middle of its answer")

// whyNoHeader is the cause when an answer has ended ahead of its header.
func (x *exchange) whyNoHeader() string {
	switch e := x.kept.Ending(); {
	case e.Lost != nil:
		return fmt.Sprintf("the worker %v", e.Lost)
	case !e.Exit.Ended.IsZero():
		return "the worker " + e.Exit.Past()
	}
	return "the worker ended its answer"
}
