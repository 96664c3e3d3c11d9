package capture

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	defaultMaxBody = 1 << 20
	besideTimes    = 16       // how many times longer than in the script a body may be beside it
	longestText    = 96 << 10 // where printf is a program of its own, its arguments are bounded
	bodyEnd        = "FRAMEGATE_BODY"
)

// stdin is what a capture holds of the request's body, and how.
type stdin struct {
	src    io.ReaderAt
	kept   int64 // bytes that are written
	of     int64 // bytes that the body had
	beside bool  // in a file of their own
}

// stdin says where the body of x goes.
func (x *Exchange) stdin(o WriteOptions) stdin {
	most := o.MaxBody
	if most <= 0 {
		most = defaultMaxBody
	}
	s := stdin{src: bytes.NewReader(x.Stdin.Head), kept: int64(len(x.Stdin.Head))}
	if x.Stdin.File != nil && !x.Stdin.Whole() {
		s.src, s.kept = x.Stdin.File, x.Stdin.Size
	}
	declared, _ := x.declared()
	s.of = max(x.Stdin.Size, declared, s.kept)
	switch {
	case s.kept <= most:
	case o.Beside:
		s.beside = true
		s.kept = min(s.kept, besideTimes*most)
	default:
		s.kept = most
	}
	return s
}

// declared is the body's length as the environ has it. A body that is passed
// on as it arrives may have come no further than to a part of it.
func (x *Exchange) declared() (length int64, given bool) {
	for _, kv := range x.Program.Env {
		if v, ok := strings.CutPrefix(kv, "CONTENT_LENGTH="); ok {
			length, _ = strconv.ParseInt(v, 10, 64)
			return length, true
		}
	}
	return 0, false
}

func (s *stdin) read() ([]byte, error) {
	data := make([]byte, s.kept)
	if n, err := s.src.ReadAt(data, 0); int64(n) < s.kept {
		return nil, err
	}
	return data, nil
}

// WriteBody writes what stands beside the capture of x; nothing does when it
// reports false.
func WriteBody(w io.Writer, x *Exchange, o WriteOptions) (bool, error) {
	s := x.stdin(o)
	if !s.beside {
		return false, nil
	}
	_, err := io.Copy(w, io.NewSectionReader(s.src, 0, s.kept))
	return true, err
}

// bodyFunction is the commands of the script that print data: as text, as
// lines that end in CR LF, as forms and headers have them, or as base64.
func bodyFunction(data []byte) (commands string, small bool) {
	s := string(data)
	if isText(s, "\n\t") && len(singleQuoted(s)) <= longestText {
		return "\tprintf '%s' " + singleQuoted(s) + "\n", true
	}
	if lines := strings.Split(s, "\r\n"); isText(strings.Join(lines, ""), "\t") {
		last := len(lines) - 1
		var b strings.Builder
		b.WriteString("\tprintf '%s\\r\\n'")
		for _, line := range lines[:last] {
			b.WriteString(" \\\n\t\t" + singleQuoted(line))
		}
		b.WriteByte('\n')
		if lines[last] != "" {
			b.WriteString("\tprintf '%s' " + singleQuoted(lines[last]) + "\n")
		}
		if b.Len() <= longestText {
			return b.String(), true
		}
	}
	return "\tdecode <<'" + bodyEnd + "'\n" + base64Lines(data) + bodyEnd + "\n", false
}

func base64Lines(data []byte) string {
	var b strings.Builder
	for len(data) > 0 {
		n := min(len(data), 57)
		b.WriteString(base64.StdEncoding.EncodeToString(data[:n]))
		b.WriteByte('\n')
		data = data[n:]
	}
	return b.String()
}

// body fills in the request's body.
func (s *script) body(x *Exchange, o WriteOptions) error {
	in := x.stdin(o)
	s.HasBody, s.Beside = in.of > 0, in.beside
	if in.kept < in.of {
		s.Cut = singleQuoted(fmt.Sprintf("the body had %d bytes: only the first %d are here", in.of, in.kept))
	}
	switch {
	case !s.HasBody:
	case s.Beside:
		s.Body, s.BodySmall = "\tcat \"$self"+BodySuffix+"\"\n", true
	default:
		data, err := in.read()
		if err != nil {
			return err
		}
		s.Body, s.BodySmall = bodyFunction(data)
		s.BodyLarge = !s.BodySmall
	}
	return nil
}
