package gateway_test

import (
	"strings"
	"syscall"
	"testing"

	"framegate/server/internal/testframe"
)

// What a frame does behind an answer that is whole by its Content-Length is
// its own trouble: the connection serves the next request all the same.
func TestBehindWholeAnswer(t *testing.T) {
	whole := testframe.Print("Content-Length: 5\n" + page + "whole")
	tests := []struct {
		name, keys string
		steps      []testframe.Step
		text       string // of the record's error
	}{
		{"total-timeout", `total-timeout = "300ms"`, []testframe.Step{whole, testframe.Hang()}, "total-timeout"},
		{"idle-timeout", `idle-timeout = "300ms"`, []testframe.Step{whole, testframe.Hang()}, "idle-timeout"},
		{"a signal", "", []testframe.Step{whole, testframe.Kill(syscall.SIGKILL)}, "killed by SIGKILL"},
		{"prints for ever", "", []testframe.Step{whole, testframe.EndlessBody("more")}, "65536 bytes longer than the Content-Length of 5"},
		{"prints for ever, long", "", []testframe.Step{testframe.Print("Content-Length: 100000\n" + page), testframe.EndlessBody("more")}, "longer than the Content-Length of 100000"},
		{"a header for ever", "", []testframe.Step{testframe.Print("Content-Length: 0\n" + page), testframe.EndlessHeader()}, "longer than the Content-Length of 0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := bad(t, "stop-grace = \"1s\"\n"+test.keys, test.steps...)
			got := s.everything("GET /bad HTTP/1.1\r\nHost: h\r\n\r\n" + ask("/none"))
			if got.err != nil || strings.Count(got.data, "HTTP/1.1 ") != 2 || !strings.Contains(got.data, "HTTP/1.1 404 ") {
				t.Fatalf("got %.300q, %v; want a whole answer and behind it a 404", got.data, got.err)
			}
			records := s.records()
			if len(records) != 2 {
				t.Fatalf("got %d records; want 2: %v", len(records), records)
			}
			checkRecord(t, records[0], "warn", test.text, 200)
		})
	}
}
