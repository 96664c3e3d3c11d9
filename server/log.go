package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
)

// newLog writes for people on a terminal, in colour unless NO_COLOR is set,
// and JSON otherwise. Its lines can be held back for a moment, to be written
// together.
func newLog(f *os.File) (zerolog.Logger, *batch) {
	b := &batch{f: f}
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

// batch writes lines one by one, or while it is held together.
type batch struct {
	mu   sync.Mutex
	f    *os.File
	held bool
	buf  []byte
}

// mostHeld is how much waits at the most.
const mostHeld = 64 << 10

// Write writes a line, in its time.
func (b *batch) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.held {
		return b.f.Write(p)
	}
	b.buf = append(b.buf, p...)
	if len(b.buf) > mostHeld {
		b.flush()
	}
	return len(p), nil
}

// Hold has lines wait until Release.
func (b *batch) Hold() {
	b.mu.Lock()
	b.held = true
	b.mu.Unlock()
}

// Release writes them.
func (b *batch) Release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held = false
	b.flush()
}

func (b *batch) flush() {
	if len(b.buf) > 0 {
		b.f.Write(b.buf)
		b.buf = b.buf[:0]
	}
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
