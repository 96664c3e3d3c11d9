package gateway

import (
	"bytes"
	"sync"

	"github.com/rs/zerolog"

	"framegate/server/internal/capture"
)

// stderrLog takes down the stderr of one exchange, line by line.
type stderrLog struct {
	log   zerolog.Logger
	id    string
	frame string
	tap   *Tap
	sight *sight

	mu      sync.Mutex
	bytes   int
	lines   int
	dropped bool
	last    []string
	early   int // lines ahead of last
}

const (
	// What is logged per exchange; what is more is drained and dropped. A
	// record is longer than a short line by a hundred times.
	maxStderr      = 1 << 20
	maxStderrLines = 10_000

	keptLines = 200 // shown under --dev, and in captures
)

// bridgeWarning begins a line in which a bridge tells what it has forgiven.
var bridgeWarning = []byte("framegate: warning: ")

func (s *stderrLog) line(line []byte) {
	if s.tap != nil && s.tap.Stderr != nil {
		s.tap.Stderr(line)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sight.event(capture.StderrPut, int64(s.early+len(s.last)), int64(len(line)))
	if len(s.last) == keptLines {
		s.early++
		s.last = append(s.last[:0], s.last[1:]...)
	}
	s.last = append(s.last, string(line))
	if s.dropped {
		return
	}
	level := stderrLevel(line)
	s.bytes += len(line) + 1
	if s.lines++; s.bytes > maxStderr || s.lines > maxStderrLines {
		s.dropped = true
		level, line = zerolog.WarnLevel, []byte("more than 1 MiB or 10000 lines of stderr in one exchange: the rest is dropped")
	}
	s.log.WithLevel(level).Str("request_id", s.id).Str("frame", s.frame).Str("stream", "stderr").Msg(string(line))
}

// recall takes lines in that the log has already, because they tell why there
// is no process.
func (s *stderrLog) recall(lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = append(s.last, lines...)
}

func stderrLevel(line []byte) zerolog.Level {
	if bytes.HasPrefix(line, bridgeWarning) {
		return zerolog.WarnLevel
	}
	return zerolog.InfoLevel
}

// tail is what captures show.
func (s *stderrLog) tail() capture.Lines {
	s.mu.Lock()
	defer s.mu.Unlock()
	return capture.Lines{Last: append([]string(nil), s.last...), Dropped: s.early}
}
