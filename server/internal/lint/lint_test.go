package lint_test

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"framegate/server/internal/lint"
)

func codes(findings []lint.Finding) (list []string) {
	for _, f := range findings {
		list = append(list, f.Code)
	}
	return list
}

// Outputs of any size and shape are judged in a time that is theirs.
func TestLarge(t *testing.T) {
	const size = 4 << 20
	const header = "Content-Type: text/plain\n"
	for _, tt := range []struct{ name, begin, again, code string }{
		{"short lines", "", "a\n", "no-header"},
		{"one line", "", "a", "no-header"},
		{"fields", "", "A: b\n", "header-too-long"},
		{"one field", "A: ", "b", "header-too-long"},
		{"CRs", "A: b", "\r", "bare-cr"},
		{"CR CR LF", "", "A: b\r\r\n", "cr-cr-lf"},
		{"NULs", "", "\x00", "no-header"},
		{"BOMs", "", "\ufeff", "bom"},
		{"folded", "A: b\n", " c\n", "folded-field"},
		{"no empty line", header, "a\n", "missing-empty-line"},
		{"interim", "", "Status: 103\nA: b\n\n", "too-many-interim"},
		{"invalid body", "Content-Type: text/plain; charset=utf-8\n\n", "\xff", "not-in-charset"},
		{"JSON", "Content-Type: application/json\n\n", "[", "bad-json"},
		{"HTML", "Content-Type: text/html\n\n<meta ", "中\n", "missing-charset"},
		{"cookie", "Set-Cookie: a=", "b, ", "header-too-long"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			raw := []byte(tt.begin + strings.Repeat(tt.again, size/len(tt.again)))
			findings := lint.Output(raw, lint.Context{})
			if !slices.Contains(codes(findings), tt.code) {
				t.Errorf("got %v; want %s", codes(findings), tt.code)
			}
			if err := lint.Print(io.Discard, "frame", findings, raw, true); err != nil {
				t.Error(err)
			}
		})
	}
}

// Of the beginning of an output nothing is said that the rest could disprove.
func TestBeginning(t *testing.T) {
	for _, tt := range []struct {
		name, raw string
		size      int64
		want      []string
	}{
		{"nothing yet", "", -1, nil},
		{"in a line", "Content-Ty", -1, nil},
		{"in the header", "Content-Type: text/plain\nX", -1, nil},
		{"a bad line", "Content-Type: text/plain\nhello\nX", -1, []string{"missing-empty-line"}},
		{"in the body", "Content-Type: text/plain\nContent-Length: 9\n\nhello", -1, nil},
		{"too much already", "Content-Type: text/plain\nContent-Length: 3\n\nhello", -1, []string{"body-too-long"}},
		{"of a known size", "Content-Type: text/plain\nContent-Length: 9\n\nhello", 53, nil},
		{"of another size", "Content-Type: text/plain\nContent-Length: 9\n\nhello", 54, []string{"body-too-long"}},
		{"of a small size", "Content-Type: text/plain\nContent-Length: 9\n\nhello", 52, []string{"body-too-short"}},
		{"in a character", "Content-Type: text/plain; charset=utf-8\n\n\xe4\xb8", -1, nil},
		{"in JSON", "Content-Type: application/json\n\n[1, 2", -1, nil},
		{"in bad JSON", "Content-Type: application/json\n\n[1; 2", -1, []string{"bad-json"}},
		{"before JSON", "Content-Type: application/json\n\n", -1, nil},
		{"in gzip", "Content-Type: text/plain\nContent-Encoding: gzip\n\n\x1f", -1, nil},
		{"in no gzip", "Content-Type: text/plain\nContent-Encoding: gzip\n\nh", -1, []string{"bad-encoding"}},
		{"interim", "Status: 103\nLink: </a>\n\n", -1, nil},
		{"in a traceback", "Content-Type: text/plain\n\nTraceback (most recent call last):\n  File \"a\"\nKeyError: 1\n", -1, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := codes(lint.Output([]byte(tt.raw), lint.Context{Size: tt.size})); !slices.Equal(got, tt.want) {
				t.Errorf("got %v; want %v", got, tt.want)
			}
		})
	}
}

// A mistake that is made all over is not told all over.
func TestMoreLikeThis(t *testing.T) {
	raw := []byte("Content-Type: text/plain\n" + strings.Repeat("X-A : b\n", 9) + "\nhello\n")
	findings := lint.Output(raw, lint.Context{})
	counts := map[string]int{}
	last := map[string]string{}
	for _, f := range findings {
		counts[f.Code]++
		last[f.Code] = f.What
	}
	if counts["space-before-colon"] != 5 || !strings.HasSuffix(last["space-before-colon"], "; and 4 more like this") {
		t.Errorf("got %v, %v", counts, last)
	}
}

func TestSeverity(t *testing.T) {
	if got := lint.Worst(nil); got >= lint.Note {
		t.Errorf("of nothing: got %v", got)
	}
	for _, s := range []lint.Severity{lint.Note, lint.Warning, lint.Error} {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var got lint.Severity
		if err := json.Unmarshal(text, &got); err != nil || got != s {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	var s lint.Severity
	if err := s.UnmarshalText([]byte("fatal")); err == nil || err.Error() != `unknown severity "fatal"` {
		t.Errorf("got %v", err)
	}
	findings := []lint.Finding{{Severity: lint.Note}, {Severity: lint.Error}, {Severity: lint.Warning}, {Severity: lint.Warning}}
	if diff := cmp.Diff("1 error, 2 warnings, 1 note", lint.Summary(findings)); diff != "" || lint.Worst(findings) != lint.Error {
		t.Errorf("got %v; (-want +got):\n%s", lint.Worst(findings), diff)
	}
}

// The mark stands under the bytes that it is about, whatever is in front.
func TestPrintColumns(t *testing.T) {
	for _, tt := range []struct {
		name, raw    string
		at, length   int
		line, marked string
	}{
		{"ASCII", "hello", 1, 2, "hello", " ^~"},
		{"wide", "中文abc", 6, 1, "中文abc", "    ^"},
		{"wide itself", "a中文b", 1, 6, "a中文b", " ^~~~"},
		{"in a character", "a中文b", 2, 1, "a中文b", " ^~"},
		{"combining", "e\u0301x", 3, 1, "e\u0301x", " ^"},
		{"unseen", "a\r\x00b", 2, 1, "a␍␀b", "  ^"},
		{"invalid", "a\xffb", 2, 1, "a<ff>b", "     ^"},
		{"tab", "a\tb", 2, 1, "a␉b", "  ^"},
		{"the end", "abc", 3, 0, "abc", "   ^"},
		{"nothing", "", 0, 0, "", "^"},
		{"a line end like any other", "abc\r\nd", 0, 3, "abc", "^~~"},
		{"a line end that matters", "abc\r\nd", 3, 1, "abc␍", "   ^"},
		{"an LF that matters", "abc\nd", 3, 1, "abc␊", "   ^"},
		{"right to left", "\u202eabc", 3, 1, "<U+202E>abc", "        ^"},
		{"long", strings.Repeat("a", 300) + "b" + strings.Repeat("c", 300), 300, 1,
			"…" + strings.Repeat("a", 48) + "b" + strings.Repeat("c", 47) + "…", strings.Repeat(" ", 49) + "^"},
		{"wide and long", strings.Repeat("中", 2000) + "b", 6000, 1, "…" + strings.Repeat("中", 24) + "b", strings.Repeat(" ", 49) + "^"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			f := lint.Finding{Code: "c", What: "what", Why: "why", Fix: "fix", Line: 1, Column: tt.at + 1, Offset: int64(tt.at), Length: tt.length}
			if err := lint.Print(&out, "f", []lint.Finding{f}, []byte(tt.raw), false); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(out.String(), "\n")
			line, _ := strings.CutPrefix(lines[1], "  1 |")
			mark, _ := strings.CutPrefix(lines[2], "    | ")
			mark = strings.TrimSuffix(mark, " why")
			if line = strings.TrimPrefix(line, " "); line != tt.line || mark != tt.marked {
				t.Errorf("got\n%s\n%s\nwant\n%s\n%s", line, mark, tt.line, tt.marked)
			}
		})
	}
}
