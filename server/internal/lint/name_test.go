package lint_test

import (
	"slices"
	"testing"

	"framegate/server/internal/lint"
)

// A field whose name holds a space is not the beginning of the body, where the
// header goes on to its end behind it; prose is.
func TestSpaceInName(t *testing.T) {
	const header = "Content-Type: text/plain\n"
	type found struct {
		code         string
		line, column int
	}
	for _, tt := range []struct {
		name, raw string
		want      []found
	}{
		{"the last field", header + "X Bad: 1\n\nhello\n", []found{{"bad-name", 2, 2}}},
		{"CR LF", "Content-Type: text/plain\r\nX Bad: 1\r\n\r\nhello\r\n", []found{{"bad-name", 2, 2}}},
		{"no value", header + "X Bad:\n\nhello\n", []found{{"bad-name", 2, 2}}},
		{"no body", header + "X Bad: 1\n\n", []found{{"bad-name", 2, 2}}},
		{"a tab", header + "X\tBad: 1\n\nhello\n", []found{{"bad-name", 2, 2}}},
		{"two", header + "X Bad: 1\nX Very Bad: 2\n\nhello\n", []found{{"bad-name", 2, 2}, {"bad-name", 3, 2}}},
		{"a field behind it", header + "X Bad: 1\nX-Good: 2\n\nhello\n", []found{{"bad-name", 2, 2}}},
		{"a known one behind it", header + "X Bad: 1\nSet-Cookie: a=b\n\nhello\n", []found{{"bad-name", 2, 2}}},
		{"the body is judged", header + "Content-Length: 9\nX Bad: 1\n\nhello", []found{{"body-too-short", 2, 17}, {"bad-name", 3, 2}}},
		{"prose behind it", header + "X Bad: 1\nhello\n\nmore\n", []found{{"missing-empty-line", 2, 1}}},
		{"no empty line", header + "X Bad: 1\n", []found{{"missing-empty-line", 2, 1}}},
		{"a sentence", header + "This is what I mean: prose\n\nmore\n", []found{{"missing-empty-line", 2, 1}}},
		{"no words", header + "Dear Ada, listen: prose\n\nmore\n", []found{{"missing-empty-line", 2, 1}}},
		{"a URL", header + "see http://example.com\n\nmore\n", []found{{"missing-empty-line", 2, 1}}},
		{"a time", header + "at 12:30\n\nmore\n", []found{{"missing-empty-line", 2, 1}}},
		{"text between fields", header + "so much is known: prose\nStatus: 200\n\nhello\n", []found{{"text-in-header", 2, 1}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []found
			for _, f := range lint.Output([]byte(tt.raw), lint.Context{}) {
				got = append(got, found{f.Code, f.Line, f.Column})
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v; want %v", got, tt.want)
			}
		})
	}
}
