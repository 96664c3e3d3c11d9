package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/spf13/cobra"

	"framegate/server/internal/capture"
	"framegate/server/internal/gateway"
	"framegate/server/internal/process"
	"framegate/server/internal/timeline"
)

// showFlags say what is printed in the place of the response.
type showFlags struct {
	env, raw, trace, json, script, lint bool
}

func (f *showFlags) register(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.env, "env", false, "print the environ that the frame was given, instead of the response")
	cmd.Flags().BoolVar(&f.raw, "raw", false, "print what the frame printed, untouched, instead of the response")
	cmd.Flags().BoolVar(&f.trace, "trace", false, "draw what went in and out and when, instead of the response;\nwith --env the whole environ")
	cmd.Flags().BoolVar(&f.json, "json", false, "print the whole exchange as JSON, instead of the response")
	cmd.Flags().BoolVar(&f.script, "script", false, "run nothing: print a shell script that would")
	cmd.Flags().BoolVar(&f.lint, "lint", false, "judge what the frame printed, on stderr; exit 1 on an error")
}

// check refuses what cannot be shown together.
func (f *showFlags) check(cmd *cobra.Command) error {
	var chosen []string
	choose := func(name string, on bool) {
		if on {
			chosen = append(chosen, name)
		}
	}
	choose("--trace", f.trace)
	choose("--json", f.json)
	choose("--script", f.script)
	choose("--raw", f.raw)
	choose("--env", f.env && !f.trace && !f.raw)
	choose("--lint", f.lint && f.script) // nothing is run that could be judged
	if len(chosen) < 2 {
		return nil
	}
	return &usageError{msg: strings.Join(chosen, " and ") + " exclude one another", command: cmd.CommandPath()}
}

// shower prints what was asked for, as it comes or when all is over.
type shower struct {
	out     io.Writer
	flags   *showFlags
	started atomic.Bool
	ended   chan error // of capacity 1: how the one request ended
	midLine atomic.Bool

	mu      sync.Mutex
	seen    []*capture.Exchange // several, where a frame redirects
	unshown error               // what kept one from being shown
}

func newShower(flags *showFlags, out io.Writer) *shower {
	return &shower{out: out, flags: flags, ended: make(chan error, 1)}
}

// looks reports whether whole exchanges are to be kept.
func (s *shower) looks() bool { return s.whole() || s.flags.lint }

// whole reports whether the whole exchange is shown, when it is over.
func (s *shower) whole() bool { return s.flags.trace || s.flags.json || s.flags.script }

func (s *shower) start(spec *process.Spec) {
	s.started.Store(true)
	if s.flags.env && !s.flags.trace {
		io.WriteString(s.out, strings.Join(spec.Env, "\n")+"\n")
	}
}

func (s *shower) stdout(p []byte) {
	if s.flags.raw {
		s.put(p)
	}
}

// unheard has nobody take what --raw shows for all that there is.
func (s *shower) unheard(what string) {
	s.freshLine()
	fmt.Fprintf(os.Stderr, "framegate: what the program prints %s is not shown: it was stopped\n", what)
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

func (s *shower) answers() bool { return !s.flags.env && !s.flags.raw && !s.whole() }

func (s *shower) response(head []byte) {
	if s.answers() {
		s.put(head)
	}
}

func (s *shower) Write(p []byte) (int, error) {
	if !s.answers() {
		return len(p), nil
	}
	return s.put(p)
}

// put writes what was answered, as it is.
func (s *shower) put(p []byte) (int, error) {
	if len(p) > 0 {
		s.midLine.Store(p[len(p)-1] != '\n')
	}
	return s.out.Write(p)
}

// freshLine has what comes next on stderr begin on a line of its own, where a
// body without a last line end stands on the same terminal.
func (s *shower) freshLine() {
	if s.midLine.Load() && sameTerminal(s.out, os.Stderr) {
		s.midLine.Store(false)
		fmt.Fprintln(os.Stderr)
	}
}

// Interest, Started and Ended make a capture.Watcher of it.
func (s *shower) Interest() capture.Interest { return capture.Everything }

// Started does nothing: what runs is shown when it is over.
func (s *shower) Started(*capture.Exchange) {}

// Ended keeps the exchange. A script needs what its files hold, which are open
// only now.
func (s *shower) Ended(x *capture.Exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, x)
	if s.flags.script && x.Failure == gateway.ErrDry.Error() {
		s.unshown = errors.Join(s.unshown, writeScript(s.out, x))
	}
}

// finish shows what is shown when all is over.
func (s *shower) finish() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unshown != nil {
		return s.unshown
	}
	if len(s.seen) == 0 && s.whole() {
		return &hintedError{err: errors.New("no program was run for this request: there is nothing to show"),
			hint: "framegate check tells which URLs lead to a frame"}
	}
	for i, x := range s.seen {
		switch {
		case s.flags.trace:
			if i > 0 {
				fmt.Fprintln(s.out)
			}
			if err := timeline.Draw(s.out, x, paper(s.out, s.flags.env)); err != nil {
				return err
			}
		case s.flags.json:
			if err := writeJSON(s.out, x); err != nil {
				return err
			}
		}
	}
	return s.judge()
}
