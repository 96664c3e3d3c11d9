package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"framegate/server/internal/config"
	"framegate/server/internal/gateway"
	"framegate/server/internal/process"
)

type runOptions struct {
	source
	method  string
	headers []string
	data    string
	hasData bool
	env     bool
	raw     bool
}

func runCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run [flags] URLPATH",
		Short: "Run one exchange from the shell, as serve would",
		Long: `Run sends one request through the very code that serve uses and prints the
response as curl -i would; the frame's stderr goes to stderr. It exits with 0
when the status is below 500, else with 1.`,
		Example: `  framegate run /index.html
  framegate run -X POST -d 'name=值' /hello
  framegate run --env '/hello/a/b?x=1'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{msg: fmt.Sprintf("got %d URL paths; want one", len(args)), command: cmd.CommandPath()}
			}
			o.hasData = cmd.Flags().Changed("data")
			return o.run(cmd, args[0])
		},
	}
	o.register(cmd)
	cmd.Flags().StringVarP(&o.method, "request", "X", "", "`METHOD` (default: GET, with -d POST)")
	cmd.Flags().StringArrayVarP(&o.headers, "header", "H", nil, "a header field, `'K: v'`; may be repeated")
	cmd.Flags().StringVarP(&o.data, "data", "d", "", "the body: `DATA`, @FILE, or @- for stdin")
	cmd.Flags().BoolVar(&o.env, "env", false, "print the environ that the frame was given, instead of the response")
	cmd.Flags().BoolVar(&o.raw, "raw", false, "print what the frame printed, untouched, instead of the response")
	return cmd
}

func (o *runOptions) run(cmd *cobra.Command, path string) error {
	request, err := o.request(cmd, path)
	if err != nil {
		return err
	}
	cfg, err := o.load("")
	if err != nil {
		return err
	}
	if request.Host == "" {
		request.Host = defaultHost(cfg)
	}
	return o.exchange(cmd.Context(), cmd.OutOrStdout(), cfg, request)
}

// request builds the request that curl would send for the same flags.
func (o *runOptions) request(cmd *cobra.Command, path string) (*http.Request, error) {
	if !strings.HasPrefix(path, "/") {
		return nil, &usageError{msg: fmt.Sprintf("URL path %q does not begin with /", path), command: cmd.CommandPath()}
	}
	body, err := o.body(cmd.InOrStdin())
	if err != nil {
		return nil, err
	}
	method := o.method
	switch {
	case method == "" && o.hasData:
		method = http.MethodPost
	case method == "":
		method = http.MethodGet
	}
	r, err := http.NewRequest(method, "http://localhost/", bytes.NewReader(body))
	if err != nil {
		return nil, &usageError{msg: err.Error(), command: cmd.CommandPath()}
	}
	if body == nil {
		r.Body, r.ContentLength = nil, 0
	}
	r.URL.Opaque = escapeTarget(path) // sent as it was typed: dots, %2F and all
	r.Header.Set("User-Agent", software())
	if o.hasData {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	given, err := o.header(cmd)
	if err != nil {
		return nil, err
	}
	for name, values := range given {
		r.Header[name] = values // in place of ours, as with curl
	}
	r.Host = r.Header.Get("Host")
	r.Header.Del("Host")
	return r, nil
}

// header is what -H says.
func (o *runOptions) header(cmd *cobra.Command) (http.Header, error) {
	header := http.Header{}
	for _, h := range o.headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok || name == "" {
			return nil, &usageError{msg: fmt.Sprintf("header %q is not 'Name: value'", h), command: cmd.CommandPath()}
		}
		header.Add(name, strings.TrimSpace(value))
	}
	return header, nil
}

// escapeTarget percent-encodes what cannot stand in a request line, as a
// browser does with 中文 in its address bar.
func escapeTarget(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func (o *runOptions) body(stdin io.Reader) ([]byte, error) {
	if !o.hasData {
		return nil, nil
	}
	name, isFile := strings.CutPrefix(o.data, "@")
	switch {
	case !isFile:
		return []byte(o.data), nil
	case name == "-":
		return io.ReadAll(stdin)
	}
	body, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	return body, nil
}

// defaultHost is what a client would put into Host.
func defaultHost(cfg *config.Config) string {
	for _, host := range cfg.HTTP.Hosts {
		if !strings.HasPrefix(host, "*.") {
			return host
		}
	}
	if strings.HasPrefix(cfg.Listen, "unix:") {
		return "localhost"
	}
	return cfg.Listen
}

// exchange serves request over a connection in memory.
func (o *runOptions) exchange(ctx context.Context, stdout io.Writer, cfg *config.Config, request *http.Request) error {
	// Frames have process groups of their own: Ctrl-C reaches them through us.
	ctx, restore := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer restore()
	show := &shower{out: stdout, env: o.env, raw: o.raw, ended: make(chan error, 1)}
	g, err := gateway.New(ctx, cfg, gateway.Options{
		Log: zerolog.Nop(), Software: software(), Port: listenPort(cfg.Listen),
		Tap: &gateway.Tap{Start: show.start, Stdout: show.stdout, Stderr: show.stderr, End: show.end},
	})
	if err != nil {
		return err
	}
	defer g.Close()
	serving, stop := context.WithCancel(ctx)
	defer stop()
	ln := newPipeListener()
	done := make(chan error, 1)
	go func() { done <- g.Serve(serving, context.Background(), ln) }()

	conn := ln.dial()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	sent := make(chan error, 1)
	go func() { sent <- request.Write(conn) }()
	status, err := readResponse(conn, request, show)
	if err != nil {
		conn.Close()
	}
	// A whole answer is here, but its exchange may not be over: to close the
	// connection now would be to go away, and the frame would be stopped.
	stop()
	serveErr := <-done
	conn.Close()
	<-sent

	failed := show.outcome()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s %s: interrupted", request.Method, request.URL.Opaque)
	case failed != nil:
		printError(fmt.Errorf("%s %s: %w", request.Method, request.URL.Opaque, failed))
	case err != nil:
		return err
	case serveErr != nil:
		return serveErr
	}
	if err != nil || status >= 500 {
		return exitStatus(1)
	}
	return nil
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

// shower prints what was asked for, as it comes.
type shower struct {
	out      io.Writer
	env, raw bool
	started  atomic.Bool
	ended    chan error // of capacity 1: how the one request ended
}

func (s *shower) start(spec *process.Spec) {
	s.started.Store(true)
	if s.env {
		io.WriteString(s.out, strings.Join(spec.Env, "\n")+"\n")
	}
}

func (s *shower) stdout(p []byte) {
	if s.raw {
		s.out.Write(p)
	}
}

func (s *shower) stderr(line []byte) { fmt.Fprintf(os.Stderr, "%s\n", line) }

func (s *shower) end(_ int, err error) { s.ended <- err }

// outcome is how the request ended. A request that was refused at the door
// ends without a word, and one whose connection was cut may end after it.
func (s *shower) outcome() error {
	if s.started.Load() {
		return <-s.ended
	}
	select {
	case err := <-s.ended:
		return err
	default:
		return nil
	}
}

func (s *shower) response(head []byte) {
	if !s.env && !s.raw {
		s.out.Write(head)
	}
}

func (s *shower) Write(p []byte) (int, error) {
	if s.env || s.raw {
		return len(p), nil
	}
	return s.out.Write(p)
}
