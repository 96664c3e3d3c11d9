package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kballard/go-shellquote"
	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"framegate/server/internal/capture"
	"framegate/server/internal/config"
	"framegate/server/internal/gateway"
	"framegate/server/internal/replay"
)

type replayOptions struct {
	against string
	exact   bool
	rules   []string
	ignore  []string
	json    bool
	set     []string
	timeout time.Duration
}

func replayCommand() *cobra.Command {
	var o replayOptions
	cmd := &cobra.Command{
		Use:   "replay [flags] FILE|DIRECTORY…",
		Short: "Run captures again and say what differs",
		Long: `Replay runs captured exchanges again, through the very code that serve uses, and
says for each whether status, header, body and exit status are the same. What
the program logs is shown where it differs, and does not count. A directory
stands for all captures in it.

What differs from run to run is taken out first: the header fields Date and
Server, dates, times, UUIDs, addresses, the request's id, the values of cookies.

It exits with 0 when all are the same, with 1 when one is different.`,
		Example: `  framegate replay captures/20261122T150405.123Z-hello-1f2e3d4c5b6a7988.sh
  framegate replay captures
  framegate replay --against 'python3 hello.py' captures`,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{msg: "which captures?", command: cmd.CommandPath(), hint: "framegate replay captures"}
			}
			return o.run(cmd, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.against, "against", "", "run the command line `CMD` in the place of the captured program")
	f.StringArrayVar(&o.ignore, "ignore", nil, "do not compare the header `FIELD`; may be repeated")
	f.StringArrayVar(&o.rules, "rule", nil, "take what matches out of the texts, `NAME=REGEXP`; may be repeated")
	f.StringArrayVar(&o.set, "set", nil, "give the program the variable `NAME=VALUE`, as for one that was redacted; may be repeated")
	f.BoolVar(&o.exact, "exact", false, "take nothing out: compare byte by byte")
	f.BoolVar(&o.json, "json", false, "print each result as JSON")
	f.DurationVar(&o.timeout, "timeout", 0, "give each exchange `DURATION` (default: what the captured one had, or 1m)")
	f.SortFlags = false
	return cmd
}

func (o *replayOptions) run(cmd *cobra.Command, args []string) error {
	compare, against, err := o.parse(cmd)
	if err != nil {
		return err
	}
	files, err := captureFiles(args)
	if err != nil {
		return err
	}
	ctx, restore := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer restore()
	color := paper(cmd.OutOrStdout(), false).Color
	var different, failed int
	for i, file := range files {
		done := replayProgress(i, len(files), file)
		result, err := o.file(ctx, file, against, compare)
		done()
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("replay %s: interrupted", file)
		case err != nil:
			failed++
			printError(fmt.Errorf("replay %s: %w", file, err))
			continue
		case !result.Same:
			different++
		}
		if o.json {
			enc := json.NewEncoder(cmd.OutOrStdout())
			enc.SetEscapeHTML(false)
			enc.Encode(result)
		} else {
			result.Print(cmd.OutOrStdout(), color)
		}
	}
	if len(files) > 1 && !o.json {
		fmt.Fprintf(cmd.OutOrStdout(), "\n%s\n", replaySum(len(files), different, failed))
	}
	if different+failed > 0 {
		return exitStatus(1)
	}
	return nil
}

func replaySum(all, different, failed int) string {
	sum := fmt.Sprintf("%d captures: %d same, %d different", all, all-different-failed, different)
	if failed > 0 {
		sum += fmt.Sprintf(", %d could not be replayed", failed)
	}
	return sum
}

// parse reads the flags that are texts.
func (o *replayOptions) parse(cmd *cobra.Command) (compare replay.Options, against []string, err error) {
	usage := func(err error) error { return &usageError{msg: err.Error(), command: cmd.CommandPath()} }
	compare = replay.Options{Exact: o.exact, Rules: replay.StandardRules(), Ignore: map[string]bool{}, Against: o.against != ""}
	if o.exact && len(o.rules) > 0 {
		return compare, nil, usage(errors.New("--exact and --rule exclude one another"))
	}
	for _, s := range o.rules {
		rule, err := replay.ParseRule(s)
		if err != nil {
			return compare, nil, usage(err)
		}
		compare.Rules = append(compare.Rules, rule)
	}
	for _, name := range o.ignore {
		compare.Ignore[strings.ToLower(name)] = true
	}
	if cmd.Flags().Changed("against") {
		if against, err = shellquote.Split(o.against); err != nil || len(against) == 0 {
			return compare, nil, usage(fmt.Errorf("--against %q is no command line", o.against))
		}
		if _, err := programConfig(against); err != nil {
			return compare, nil, err
		}
	}
	for _, s := range o.set {
		if name, _, ok := strings.Cut(s, "="); !ok || strings.Trim(name, nameBytes) != "" || name == "" || name[0] >= '0' && name[0] <= '9' {
			return compare, nil, usage(fmt.Errorf("--set %q is not NAME=VALUE", s))
		}
	}
	return compare, against, nil
}

// nameBytes are what a variable's name is made of.
const nameBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789"

// captureFiles are the captures that args name, those of a directory in the
// order of time, which is that of their names.
func captureFiles(args []string) ([]string, error) {
	var files []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil {
			return nil, &usageError{msg: "replay: " + err.Error(), command: "framegate replay"}
		}
		if !info.IsDir() {
			files = append(files, arg)
			continue
		}
		found, err := filepath.Glob(filepath.Join(globLiteral(arg), "*.sh"))
		if err != nil {
			return nil, fmt.Errorf("replay: %w", err)
		}
		n := len(files)
		for _, file := range found {
			if isCapture(file) {
				files = append(files, file)
			}
		}
		if len(files) == n {
			return nil, &hintedError{err: fmt.Errorf("replay: no captures in %s", arg),
				hint: "[capture] in gateway.toml turns them on; framegate serve --dev writes those of failures"}
		}
	}
	return files, nil
}

// globLiteral is a path as a pattern that matches it alone.
func globLiteral(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// isCapture tells a capture from other scripts in a directory.
func isCapture(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return true // to be told of when it is run
	}
	defer f.Close()
	_, err = capture.Read(f)
	return !errors.Is(err, capture.ErrNoCapture)
}

// file runs one capture. Its script is the frame, so that what a person has
// changed in it counts, and the gateway is the one that serves.
func (o *replayOptions) file(ctx context.Context, file string, against []string, compare replay.Options) (*replay.Result, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	was, err := capture.Read(f)
	f.Close()
	if err != nil {
		return nil, err
	}
	if len(was.Events) == 0 && was.Answer.Status == 0 {
		return nil, &hintedError{err: errors.New("it was never run, so there is nothing to compare with"),
			hint: "sh " + file + " runs it; [capture] in gateway.toml records what was answered"}
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	command := append([]string{"sh", path}, o.set...)
	if len(against) > 0 {
		command = append(append(command, "--against"), against...)
	}
	is, err := o.exchange(ctx, command, was)
	if err != nil {
		return nil, err
	}
	result := replay.Compare(was, is, compare)
	result.File = file
	if is.Exit != nil && is.Exit.Code == cannotRun && was.Pid != 0 && len(result.Notes) > 0 {
		return nil, errors.New(strings.Join(result.Notes, "; "))
	}
	return result, nil
}

// cannotRun is the exit status of a capture whose program could not be run.
const cannotRun = 125

// exchange has the command answer the captured request.
func (o *replayOptions) exchange(ctx context.Context, command []string, was *capture.Recorded) (*capture.Exchange, error) {
	cfg, err := programConfig(command)
	if err != nil {
		return nil, err
	}
	// A path of its own: a local redirect leads out of it, and is not followed.
	frame := &cfg.Frames[0]
	frame.Name, frame.Mount = was.Frame, "/replay"
	o.clocks(frame, was)
	show := newShower(&showFlags{json: true}, io.Discard) // it prints nothing; it keeps what it sees
	g, err := gateway.New(ctx, cfg, gateway.Options{Log: zerolog.Nop(), Software: software(), Port: listenPort(cfg.Listen),
		Watchers: []capture.Watcher{show}})
	if err != nil {
		return nil, err
	}
	defer g.Close()
	x := &runExchange{cfg: cfg, request: replayRequest(was, frame.Mount), show: show}
	_, err = x.serve(ctx, g)
	show.mu.Lock()
	defer show.mu.Unlock()
	switch {
	case len(show.seen) > 0:
		return show.seen[0], nil
	case err != nil:
		return nil, err
	}
	return nil, errors.New("the script was not run")
}

// replayRequest is the captured request without its body, which the script
// gives the program. What is redacted is left out.
func replayRequest(was *capture.Recorded, path string) *http.Request {
	r := plainRequest(path)
	r.Method = was.Request.Method
	r.Host = "localhost"
	if was.Request.Proto == "HTTP/1.0" {
		r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.0", 1, 0
	}
	r.Header = http.Header{}
	for _, f := range was.Request.Header {
		switch http.CanonicalHeaderKey(f.Name) {
		case "Content-Length", "Transfer-Encoding", "Connection", "Expect", "Upgrade", "X-Forwarded-For", "Forwarded", "Via":
		default:
			r.Header.Add(f.Name, f.Value)
		}
	}
	return r
}

// clocks gives the exchange the time that the captured one had: one that a
// clock has stopped shall be stopped by the same one.
func (o *replayOptions) clocks(frame *config.Frame, was *capture.Recorded) {
	limit := o.timeout
	if limit == 0 {
		limit = time.Minute
		for _, e := range was.Events {
			if e.Kind == capture.Answered {
				limit = max(limit, 2*e.At)
			}
		}
	}
	frame.FirstByteTimeout, frame.IdleTimeout, frame.TotalTimeout = limit, limit, limit
	for _, e := range was.Events {
		if e.Kind != capture.Stopped || o.timeout > 0 {
			continue
		}
		clock, _, _ := strings.Cut(was.Failure, ":")
		switch clock {
		case "first-byte-timeout":
			frame.FirstByteTimeout = e.At
		case "idle-timeout":
			frame.IdleTimeout = idleAtStop(was, e.At)
		case "total-timeout":
			frame.TotalTimeout = e.At
		}
	}
}

// idleAtStop is how long nothing had moved when the gateway stopped it.
func idleAtStop(was *capture.Recorded, at time.Duration) time.Duration {
	last := time.Duration(0)
	for _, e := range was.Events {
		if e.At < at && (e.Kind == capture.StdoutPut || e.Kind == capture.StdinData) {
			last = max(last, e.At)
		}
	}
	return at - last
}

// replayProgress shows on a terminal which capture is being run.
func replayProgress(i, n int, file string) (done func()) {
	if n < 2 || !isatty.IsTerminal(os.Stderr.Fd()) {
		return func() {}
	}
	fmt.Fprintf(os.Stderr, "\r\x1b[K%d of %d: %s", i+1, n, filepath.Base(file))
	return func() { fmt.Fprint(os.Stderr, "\r\x1b[K") }
}
