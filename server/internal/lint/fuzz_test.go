package lint_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"framegate/server/internal/capture"
	"framegate/server/internal/cgi"
	"framegate/server/internal/lint"
)

// refused is what the gateway does with a header: see respond in package
// gateway, to which TestGatewayAgrees holds it.
func refused(raw []byte) bool {
	for n := 0; ; n++ {
		end := cgi.HeaderEnd(raw, 0)
		if end < 0 || end > 64<<10 {
			return true
		}
		resp, err := cgi.ParseHeader(raw[:end])
		switch {
		case err != nil, resp.Status == 101:
			return true
		case resp.Status >= 200:
			return false
		case n == 10:
			return true
		}
		raw = raw[end:]
	}
}

// refusals are the findings that say that the gateway refuses the output.
func refusals(findings []lint.Finding) (codes []string) {
	for _, f := range findings {
		if k, _ := lint.KindOf(f.Code); k.Gateway == lint.Refused {
			codes = append(codes, f.Code)
		}
	}
	return codes
}

// FuzzOutput: lint refuses what the gateway refuses and nothing else, names
// places that exist, claims nothing of a beginning that the rest could disprove,
// and prints it in a way that any terminal survives.
func FuzzOutput(f *testing.F) {
	for _, e := range examples(f, "testdata/*/*.out") {
		if len(e.raw) < 4<<10 {
			f.Add(e.raw, uint16(len(e.raw)/2), false)
			f.Add(e.raw, uint16(len(e.raw)-1), true)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, cut uint16, head bool) {
		c := lint.Context{}
		if head {
			c.Method = "HEAD"
		}
		findings := lint.Output(raw, c)
		if got, want := refusals(findings), refused(raw); want != (len(got) > 0) {
			t.Fatalf("%q: the gateway refuses it: %v; lint: %v", raw, want, got)
		}
		if diff := cmp.Diff(findings, lint.Output(raw, c)); diff != "" {
			t.Fatalf("%q: judged twice (-first +second):\n%s", raw, diff)
		}
		for _, f := range findings {
			checkFinding(t, raw, f)
		}
		checkPrint(t, raw, findings)

		beginning := raw[:min(int(cut), len(raw))]
		if len(beginning) == len(raw) {
			return
		}
		c.Size = -1
		early := lint.Output(beginning, c)
		if got := refusals(early); len(got) > 0 && !refused(raw) {
			t.Fatalf("%q: its beginning %q is refused for %v", raw, beginning, got)
		}
		if lint.Worst(early) == lint.Error && lint.Worst(findings) < lint.Error {
			t.Fatalf("%q: its beginning %q has errors that it has not: %v", raw, beginning, early)
		}
		for _, f := range early {
			checkFinding(t, beginning, f)
		}
	})
}

// checkFinding: it is complete, and its place exists.
func checkFinding(t *testing.T, raw []byte, f lint.Finding) {
	t.Helper()
	if f.What == "" || f.Why == "" || f.Fix == "" {
		t.Fatalf("%q: it does not say everything: %+v", raw, f)
	}
	if f.Offset < 0 {
		if f.Offset != -1 || f.Line != 0 || f.Length != 0 {
			t.Fatalf("%q: nowhere, and yet at a place: %+v", raw, f)
		}
		return
	}
	if f.Offset+int64(f.Length) > int64(len(raw)) || f.Length < 0 {
		t.Fatalf("%q: there is no such place: %+v", raw, f)
	}
	before := raw[:f.Offset]
	if line := 1 + bytes.Count(before, []byte("\n")); f.Line != line {
		t.Fatalf("%q: got line %d; want %d: %+v", raw, f.Line, line, f)
	}
	if column := len(before) - bytes.LastIndexByte(before, '\n'); f.Column != column {
		t.Fatalf("%q: got column %d; want %d: %+v", raw, f.Column, column, f)
	}
	if _, err := json.Marshal(f); err != nil {
		t.Fatal(err)
	}
}

// checkPrint: nothing that a frame has printed reaches a terminal as it is,
// but characters that show.
func checkPrint(t *testing.T, raw []byte, findings []lint.Finding) {
	t.Helper()
	var out strings.Builder
	lint.Print(&out, "frame", findings, raw, false)
	for i, r := range out.String() {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Fatalf("%q: %U at byte %d of\n%s", raw, r, i, out.String())
		}
	}
	if !utf8.ValidString(out.String()) {
		t.Fatalf("%q: not UTF-8:\n%q", raw, out.String())
	}
	for _, line := range strings.Split(out.String(), "\n") {
		if strings.HasSuffix(line, " ") && strings.TrimSpace(line) == "" {
			t.Fatalf("%q: an empty line that is not:\n%q", raw, out.String())
		}
	}
}

// FuzzExchange: whatever a client has sent and a frame has printed, what is
// found has a place that exists.
func FuzzExchange(f *testing.F) {
	for _, e := range examples(f, "testdata/*/*.txtar") {
		f.Add(e.raw, e.exchange.Request.Target, e.exchange.Stdin.Head, e.exchange.Failure)
	}
	f.Fuzz(func(t *testing.T, raw []byte, target string, stdin []byte, failure string) {
		failure = strings.TrimSpace(failure)
		x := &capture.Exchange{
			Pid:     1,
			Request: capture.Request{Method: "POST", Target: target, Header: []capture.Field{{Name: "Content-Type", Value: "application/x-www-form-urlencoded"}}},
			Stdin:   capture.Stream{Head: stdin, Size: int64(len(stdin)), Read: -1},
			Stdout:  capture.Stream{Head: raw, Size: int64(len(raw))},
			Stderr:  capture.Lines{Last: strings.Split(string(stdin), "\n")},
			Exit:    &capture.Exit{Code: len(stdin) % 2},
			Answer:  capture.Answer{Status: 200 + len(failure)%2*300},
			Failure: failure,
		}
		findings := lint.Exchange(x)
		for _, f := range findings {
			checkFinding(t, raw, f)
		}
		checkPrint(t, raw, findings)
	})
}
