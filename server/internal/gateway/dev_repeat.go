package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
)

// repeat is the answer to a kept request that is run again: nobody reads it,
// but the page wants to know what became of it.
type repeat struct {
	kept   *kept
	header http.Header
	status int
	main   []byte // of the page that its client would be shown, had it failed
}

func (w *repeat) Header() http.Header { return w.header }

func (w *repeat) WriteHeader(status int) {
	if status >= 200 && w.status == 0 {
		w.status = status
	}
}

func (w *repeat) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return len(p), nil
}

// Flush has nothing to do.
func (w *repeat) Flush() {}

// outcome is what became of a kept request.
type outcome struct {
	status int
	main   []byte // of the page, nil where the program has answered itself
	cut    bool   // in the middle of its answer
	gone   bool   // it was stopped: nobody waits for it any more
}

// repeat runs a kept request once more, through the very handler that it came
// to at first. It ends early with ctx.
func (g *Gateway) repeat(ctx context.Context, k *kept) (out outcome) {
	w := &repeat{kept: k, header: http.Header{}}
	r := k.request.Clone(ctx)
	r.Body = http.NoBody
	if r.ContentLength != 0 {
		r.Body = io.NopCloser(bytes.NewReader(k.body))
	}
	defer func() {
		out = outcome{status: w.status, main: w.main, gone: ctx.Err() != nil}
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler: // as net/http has it: the connection is cut
			out.cut = true
		default: // net/http would log it and go on, too
			g.opts.Log.Error().Str("error", fmt.Sprintf("panic: %v\n%s", p, debug.Stack())).Msg("run a request again")
			out.cut = true
		}
	}()
	g.ServeHTTP(w, r)
	return out
}
