package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"framegate/server/internal/capture"
	"framegate/server/internal/lint"
)

// writeJSON writes x on one line.
func writeJSON(w io.Writer, x *capture.Exchange) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(x)
}

// wholeBody is how much of a body a script holds.
const wholeBody = 64 << 20

// writeScript writes what would have been run. Nothing is kept back: it is
// what was typed here.
func writeScript(w io.Writer, x *capture.Exchange) error {
	unrun := *x // as it stood before ErrDry
	unrun.Failure, unrun.Warning, unrun.Answer, unrun.Events = "", "", capture.Answer{}, nil
	return capture.Write(w, &unrun, capture.WriteOptions{Reveal: true, MaxBody: wholeBody})
}

// judge prints what lint has to say about the exchanges.
func (s *shower) judge() error {
	if !s.flags.lint {
		return nil
	}
	failed := false
	for _, x := range s.seen {
		findings := lint.Exchange(x)
		if len(findings) == 0 {
			continue
		}
		s.freshLine()
		if err := lint.Print(os.Stderr, outputOf(x), findings, x.Stdout.Head, paper(os.Stderr, false).Color); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "\n%s\n", lint.Summary(findings))
		failed = failed || lint.Worst(findings) == lint.Error
	}
	if failed {
		return exitStatus(1)
	}
	return nil
}

// outputOf names what lint has judged. It is no file: an editor that goes by a
// compiler's messages is not to open one at that line.
func outputOf(x *capture.Exchange) string {
	name := x.Program.File
	if name == "" {
		return "output of frame " + x.Frame
	}
	if here, err := os.Getwd(); err == nil && filepath.IsAbs(name) {
		if rel, err := filepath.Rel(here, name); err == nil && filepath.IsLocal(rel) {
			name = rel
		}
	}
	return "output of " + name
}
