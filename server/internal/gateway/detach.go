package gateway

import (
	"context"
	"net/http"
)

// serverContext is the key of the context that ends when the server stops its
// exchanges. A request's own context ends with that, too, but also for reasons
// of net/http's that do not mean that the client is gone.
type serverContext struct{}

// stopWith calls f when the server stops its exchanges, with why.
func stopWith(ctx context.Context, f func(why error)) (detach func() bool) {
	server, ok := ctx.Value(serverContext{}).(context.Context)
	if !ok {
		return func() bool { return true } // not under Serve
	}
	return context.AfterFunc(server, func() { f(context.Cause(server)) })
}

// withoutClient is r for what follows once its connection can no longer be
// read: the read that was broken off has ended r's context.
func withoutClient(r *http.Request) (*http.Request, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(r.Context()))
	detach := stopWith(ctx, cancel)
	return r.WithContext(ctx), func() {
		detach()
		cancel(nil)
	}
}

// headerIsAll has the exchange outlive its request's context when the header
// is the whole answer: HTTP/2 ends the stream behind the header of an answer
// to HEAD, while the frame still prints what nobody reads.
func (x *exchange) headerIsAll() {
	r := x.ans.r
	if r.Method != http.MethodHead || r.ProtoMajor != 2 {
		return
	}
	if x.kept != nil {
		if server, ok := x.ctx.Value(serverContext{}).(context.Context); ok {
			x.ctx = context.WithValue(server, serverContext{}, server)
		} else {
			x.ctx = context.WithoutCancel(x.ctx)
		}
		return
	}
	if x.detach == nil {
		return // it has ended
	}
	x.detach()
	x.detach = stopWith(r.Context(), func(error) { x.stop(errShutdown) })
}
