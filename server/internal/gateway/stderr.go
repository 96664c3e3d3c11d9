package gateway

import (
	"bytes"
	"sync"

	"github.com/rs/zerolog"
)

// stderrLog takes down the stderr of one exchange, line by line.
type stderrLog struct {
	log   zerolog.Logger
	id    string
	frame string
	tap   *Tap

	mu      sync.Mutex
	bytes   int
	lines   int
	dropped bool
	last    []string
}

const (
	// What is logged per exchange; what is more is drained and dropped. A
	// record is longer than a short line by a hundred times.
	maxStderr      = 1 << 20
	maxStderrLines = 10_000

	keptLines = 40 // shown under --dev
)

// bridgeWarning begins a line in which a bridge tells what it has forgiven.
var bridgeWarning = []byte("framegate: warning: ")

func (s *stderrLog) line(line []byte) {
	if s.tap != nil && s.tap.Stderr != nil {
		s.tap.Stderr(line)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.last) == keptLines {
		s.last = append(s.last[:0], s.last[1:]...)
	}
	s.last = append(s.last, string(line))
	if s.dropped {
		return
	}
	level := zerolog.InfoLevel
	if bytes.HasPrefix(line, bridgeWarning) {
		level = zerolog.WarnLevel
	}
	s.bytes += len(line) + 1
	if s.lines++; s.bytes > maxStderr || s.lines > maxStderrLines {
		s.dropped = true
		level, line = zerolog.WarnLevel, []byte("more than 1 MiB or 10000 lines of stderr in one exchange: the rest is dropped")
	}
	s.log.WithLevel(level).Str("request_id", s.id).Str("frame", s.frame).Str("stream", "stderr").Msg(string(line))
}

func (s *stderrLog) lastLines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.last...)
}
