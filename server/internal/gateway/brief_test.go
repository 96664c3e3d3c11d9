package gateway_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"framegate/server/internal/testframe"
)

// A program that ends soon is watched while it runs the first time only. The
// client and the log are told the same each time.
func TestEveryTimeTheSame(t *testing.T) {
	tests := []struct {
		name  string
		steps []testframe.Step
	}{
		{"an answer", []testframe.Step{testframe.Print(page + "body")}},
		{"a status", []testframe.Step{testframe.Print("Status: 404 Not Found\n" + page + "body")}},
		{"a long answer", []testframe.Step{testframe.Print(page + strings.Repeat("body", 10_000))}},
		{"in pieces", []testframe.Step{testframe.Print("Content-"), testframe.Print("Type: text/plain\n\n"), testframe.Print("body")}},
		{"a failure after the answer", []testframe.Step{testframe.Print(page + "body"), testframe.Exit(3)}},
		{"a cut answer", []testframe.Step{testframe.Print(page + "body"), testframe.Kill(syscall.SIGKILL)}},
		{"an answer too short", []testframe.Step{testframe.Print("Content-Length: 9\n" + page + "body")}},
		{"an answer too long", []testframe.Step{testframe.Print("Content-Length: 2\n" + page + "body")}},
		{"nothing", nil},
		{"no header", []testframe.Step{testframe.Print("body")}},
		{"a signal", []testframe.Step{testframe.Kill(syscall.SIGSEGV)}},
		{"stderr", []testframe.Step{testframe.PrintErr("one\ntwo"), testframe.Print(page + "body")}},
		{"a body", []testframe.Step{testframe.Print(page), testframe.Echo()}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := bad(t, "", test.steps...)
			const request = "POST /bad HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"
			var got []sent
			for range 4 {
				got = append(got, s.everything(request))
			}
			var first string
			for i, r := range s.records() {
				resp, body, err := got[i].response()
				told := fmt.Sprintf("%d %q %v: level %v, error %v, exit %v, signal %v, sent %v", resp.StatusCode,
					strings.ReplaceAll(body, fmt.Sprint(r["request_id"]), "ID"), err,
					r["level"], r["error"], r["exit_code"], r["signal"], r["bytes_out"])
				if i == 0 {
					first = told
				} else if told != first {
					t.Errorf("request %d: got %s\nwant %s", i+1, told, first)
				}
			}
		})
	}
}
