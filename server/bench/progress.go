package main

import (
	"fmt"
	"os"
)

// progress tells where the run is: on one line of a terminal, else line by
// line.
func progress(format string, args ...any) {
	if isTerminal() {
		fmt.Fprintf(os.Stderr, "\r\x1b[K"+format, args...)
	} else {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
	}
}

func clearProgress() {
	if isTerminal() {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}

func isTerminal() bool {
	info, err := os.Stderr.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
