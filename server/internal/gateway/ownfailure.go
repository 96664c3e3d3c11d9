package gateway

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"framegate/server/internal/cgi"
)

// ownFailure looks at an error that the frame has answered itself, as a
// bridge does for an app that raised. Under --dev its page is ours, with what
// it said on stderr, when the process failed as well; else it passes.
func (x *exchange) ownFailure(resp *cgi.Response, buf, rest []byte) ([]byte, error) {
	n := copy(buf, rest)
	for n < len(buf) {
		m, err := x.read(buf[n:])
		n += m
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if n == len(buf) {
		return buf[:n], nil // there is more of it: a page of the program's own
	}
	how := x.howItFailed()
	if how == "" {
		return buf[:n], nil
	}
	return nil, &failure{status: resp.Status, sentence: sentenceOf(buf[:n]),
		cause: fmt.Errorf("the program answered %d and %s", resp.Status, how)}
}

// howItFailed is what a program besides its answer says of a failure, "" when
// it says nothing.
func (x *exchange) howItFailed() string {
	if x.kept != nil {
		if x.kept.Ending().Failed {
			return "says that its application has failed"
		}
		return ""
	}
	exit, ended := x.awaitExit()
	if !ended || exit.Code == 0 {
		return ""
	}
	return describeExit(exit)
}

// sentenceOf is what the frame's own page says: the first line of a plain
// text that is no heading.
func sentenceOf(page []byte) string {
	for line := range bytes.Lines(page) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && len(line) < 200 && utf8.Valid(line) && !strings.ContainsAny(string(line[:1]), "<0123456789") {
			return string(line)
		}
	}
	return "The program answered with an error."
}
