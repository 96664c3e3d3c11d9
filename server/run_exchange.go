package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"os"
	"os/signal"
	"syscall"

	"github.com/rs/zerolog"

	"framegate/server/internal/capture"
	"framegate/server/internal/config"
	"framegate/server/internal/gateway"
)

// runExchange is the one exchange of run.
type runExchange struct {
	cfg     *config.Config
	request *http.Request
	frame   string // who answers, "" to find out
	show    *shower
	nothing string // what to do about a 404 where nothing is set up, "" for nothing
}

// run serves the request over a connection in memory.
func (x *runExchange) run(ctx context.Context) error {
	// Frames have process groups of their own: Ctrl-C reaches them through us.
	ctx, restore := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer restore()
	options := gateway.Options{
		Log: zerolog.Nop(), Software: software(), Port: listenPort(x.cfg.Listen), Frame: x.frame, Dry: x.show.flags.script,
		Tap: &gateway.Tap{Start: x.show.start, Stderr: x.show.stderr, End: x.show.end},
	}
	if x.show.flags.raw || x.show.flags.lint {
		options.Tap.Stdout = x.show.stdout
	}
	if x.show.flags.raw {
		options.Tap.Unheard = x.show.unheard
	}
	if x.show.looks() {
		options.Watchers = []capture.Watcher{x.show}
	}
	g, err := gateway.New(ctx, x.cfg, options)
	if err != nil {
		return err
	}
	defer g.Close()
	status, err := x.serve(ctx, g)
	failed := x.show.outcome()
	if errors.Is(failed, gateway.ErrDry) {
		failed, err, status = nil, nil, http.StatusOK // as it was meant
	}
	shown := x.show.finish()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s %s: interrupted", x.request.Method, x.request.RequestURI)
	case failed != nil:
		x.show.freshLine()
		printError(x.show.flags.failure(x.request, failed))
	case err != nil:
		return err
	}
	if shown != nil {
		return shown
	}
	if status == http.StatusNotFound && x.nothing != "" {
		x.show.freshLine()
		fmt.Fprintln(os.Stderr, "hint: "+x.nothing)
	}
	if err != nil || status >= 500 {
		return exitStatus(1)
	}
	return nil
}

// serve has g answer, and shows the response as it comes.
func (x *runExchange) serve(ctx context.Context, g *gateway.Gateway) (status int, err error) {
	serving, stop := context.WithCancel(ctx)
	defer stop()
	ln := newPipeListener()
	done := make(chan error, 1)
	go func() { done <- g.Serve(serving, context.Background(), ln) }()

	conn := ln.dial()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	sent := make(chan error, 1)
	go func() { sent <- writeRequest(conn, x.request) }()
	status, err = readResponse(conn, x.request, x.show)
	if err != nil {
		conn.Close()
	}
	// A whole answer is here, but its exchange may not be over: to close the
	// connection now would be to go away, and the frame would be stopped.
	stop()
	serveErr := <-done
	conn.Close()
	<-sent
	if err == nil {
		err = serveErr
	}
	return status, err
}

// writeRequest sends r as its file or the command line has it: net/http's own
// would add to it, and does not take every target.
func writeRequest(conn io.Writer, r *http.Request) error {
	w := bufio.NewWriter(conn)
	fmt.Fprintf(w, "%s %s %s\r\n", r.Method, r.RequestURI, r.Proto)
	if r.Host != "" {
		fmt.Fprintf(w, "Host: %s\r\n", r.Host)
	}
	switch {
	case r.Body == nil:
	case r.ContentLength < 0:
		fmt.Fprint(w, "Transfer-Encoding: chunked\r\n")
	default:
		fmt.Fprintf(w, "Content-Length: %d\r\n", r.ContentLength)
	}
	if err := r.Header.Write(w); err != nil {
		return err
	}
	fmt.Fprint(w, "\r\n")
	if r.Body == nil {
		return w.Flush()
	}
	if r.ContentLength >= 0 {
		if _, err := io.Copy(w, r.Body); err != nil {
			return err
		}
		return w.Flush()
	}
	chunks := httputil.NewChunkedWriter(w)
	if _, err := io.Copy(chunks, r.Body); err != nil {
		return err
	}
	chunks.Close()
	fmt.Fprint(w, "\r\n")
	return w.Flush()
}

// readResponse shows the response as it comes.
func readResponse(conn io.Reader, request *http.Request, show *shower) (status int, err error) {
	in := bufio.NewReader(conn)
	for {
		head, err := readHead(in)
		if err != nil {
			return 0, fmt.Errorf("read the response: %w", err)
		}
		response, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(head), in)), request)
		if err != nil {
			return 0, fmt.Errorf("read the response: %w", err)
		}
		show.response(head)
		if response.StatusCode < 200 {
			continue
		}
		_, err = io.Copy(show, response.Body)
		if err != nil {
			err = fmt.Errorf("the response was cut: %w", err)
		}
		return response.StatusCode, err
	}
}

// readHead reads as far as the empty line.
func readHead(in *bufio.Reader) ([]byte, error) {
	var head []byte
	for {
		line, err := in.ReadBytes('\n')
		head = append(head, line...)
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if len(line) <= 2 {
			return head, nil
		}
	}
}
