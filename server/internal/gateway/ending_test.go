package gateway_test

import (
	"strings"
	"testing"
)

// A process that seems to live on behind its stdout may be dying by itself,
// on a machine too busy to let it: what it dies of tells, and its answer is
// cut. The trap stands for that: a signal of its own, long after its stdout.
func TestDeathBehindClosedStdout(t *testing.T) {
	const closes = `printf 'Content-Type: text/plain\n\n%s\n' "$BODY"; exec >&-; `
	const waits = `; while :; do sleep 1; done`
	long := strings.Repeat("b", 100<<10) // goes through the outbox
	tests := []struct{ name, script, body, level, text string }{
		{"SIGSEGV", `trap 'kill -SEGV $$' TERM` + waits, "part", "error", "killed by SIGSEGV after its header"},
		{"SIGKILL", `trap 'kill -KILL $$' TERM` + waits, "part", "error", "killed by SIGKILL after its header"},
		{"SIGSEGV, long", `trap 'kill -SEGV $$' TERM` + waits, long, "error", "killed by SIGSEGV after its header"},
		{"the ladder's SIGTERM", "sleep 60", "whole", "warn", "closed its stdout and lived on"},
		{"an exit at SIGTERM", `trap 'exit 3' TERM` + waits, "whole", "warn", "closed its stdout and lived on"},
		{"the ladder's SIGTERM, long", "sleep 60", long, "warn", "closed its stdout and lived on"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, setup{frames: frameTable("bad", `mount = "/bad"`, []string{"/bin/sh", "-c", closes + test.script},
				"env = { BODY = \""+test.body+"\" }\nstop-grace = \"30s\"")})
			_, body, err := s.everything(ask("/bad")).response()
			if body != test.body+"\n" || (err != nil) != (test.level == "error") {
				t.Errorf("got %.100q, %v; want %.100q, cut where its level is error: %s", body, err, test.body, test.level)
			}
			s.wantRecord(test.level, test.text, 200)
		})
	}
	t.Run("the ladder's SIGKILL", func(t *testing.T) {
		s := start(t, setup{frames: frameTable("bad", `mount = "/bad"`, []string{"/bin/sh", "-c", closes + `trap '' TERM` + waits},
			"env = { BODY = \"whole\" }\nstop-grace = \"200ms\"")})
		if _, body, err := s.everything(ask("/bad")).response(); body != "whole\n" || err != nil {
			t.Errorf("got %q, %v; want %q", body, err, "whole\n")
		}
		s.wantRecord("warn", "closed its stdout and lived on", 200)
	})
}
