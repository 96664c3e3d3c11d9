package main

import (
	"fmt"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
)

// newLog writes for people on a terminal, in colour unless NO_COLOR is set,
// and JSON otherwise. Its lines can be held back for a moment, to be written
// together.
func newLog(f *os.File) (zerolog.Logger, *batch) {
	b := newBatch(f)
	if !isatty.IsTerminal(f.Fd()) {
		return zerolog.New(b).With().Timestamp().Logger(), b
	}
	w := zerolog.ConsoleWriter{
		Out:           b,
		TimeFormat:    time.TimeOnly,
		NoColor:       os.Getenv("NO_COLOR") != "",
		FormatPrepare: summarize,
		FieldsExclude: []string{"remote", "method", "host", "uri", "proto", "status", "bytes_in", "bytes_out",
			"duration_ms", "mode", "queue_ms", "spawn_ms", "first_byte_ms", "stream"},
	}
	return zerolog.New(w).With().Timestamp().Logger(), b
}

// summarize gives a request's record the message that its fields amount to.
func summarize(record map[string]any) error {
	if status, ok := record["status"]; ok {
		record[zerolog.MessageFieldName] = fmt.Sprintf("%v %v %v  %v bytes in %v ms",
			status, record["method"], record["uri"], record["bytes_out"], record["duration_ms"])
	}
	return nil
}

func init() {
	// The one setting of zerolog that is global: milliseconds in "time".
	zerolog.TimeFieldFormat = "2006-01-02T15:04:05.000Z07:00"
}
