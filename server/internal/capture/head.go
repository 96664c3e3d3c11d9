package capture

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Bounds of what a capture tells, beside what its script holds.
const (
	toldStdout = 8 << 10
	toldStderr = 64 << 10
	toldEvents = 64
)

// head writes the lines "#: NAME: VALUE".
type head struct{ bytes.Buffer }

func (h *head) put(name, value string) {
	h.WriteString("#: " + name + ": " + encodeValue(value) + "\n")
}

// may puts what may be nothing.
func (h *head) may(name, value string) {
	if value != "" {
		h.put(name, value)
	}
}

func (h *head) field(name string, f Field) { h.put(name, f.Name+": "+f.Value) }

// expectation is what was seen of x.
func expectation(x *Exchange, s *secrets) []byte {
	var h head
	h.put("id", x.ID)
	h.put("time", x.Time.UTC().Format(time.RFC3339Nano))
	h.put("frame", x.Frame)
	h.put("mode", x.Mode)
	h.may("failure", x.Failure)
	h.may("warning", x.Warning)
	if x.Asked {
		h.put("asked", "yes")
	}
	h.request(x, s)
	h.may("program", x.Program.File)
	for _, limit := range x.Program.Limits {
		h.put("limit", limit)
	}
	h.answer(&x.Answer, s)
	h.output(x, s)
	h.process(x)
	for _, name := range s.found {
		h.put("redacted", name)
	}
	return h.Bytes()
}

func (h *head) request(x *Exchange, s *secrets) {
	r := &x.Request
	h.put("request", r.Method+" "+r.Target+" "+r.Proto)
	h.may("host", r.Host)
	h.may("remote", r.Remote)
	for _, f := range r.Header {
		h.field("request-header", s.field(f))
	}
	if x.Stdin.Size > 0 {
		size := fmt.Sprintf("%d bytes", x.Stdin.Size)
		if x.Stdin.Read >= 0 {
			size += fmt.Sprintf(", %d read", x.Stdin.Read)
		}
		h.put("stdin", size)
	}
}

func (h *head) answer(a *Answer, s *secrets) {
	h.put("status", strconv.Itoa(a.Status))
	for _, f := range a.Header {
		h.field("header", s.field(f))
	}
	h.put("body", fmt.Sprintf("%d bytes", a.Body.Size))
	sum := sha256.Sum256(a.Body.Head)
	text := hex.EncodeToString(sum[:])
	if !a.Body.Whole() {
		text += fmt.Sprintf(" of the first %d bytes", len(a.Body.Head))
	}
	h.put("body-sha256", text)
	if a.Cut {
		h.put("cut", "yes")
	}
}

// output is what the program printed, to both sides.
func (h *head) output(x *Exchange, s *secrets) {
	h.put("stdout", fmt.Sprintf("%d bytes", x.Stdout.Size))
	told := x.Stdout.Head[:min(len(x.Stdout.Head), toldStdout)]
	text := base64.StdEncoding.EncodeToString(s.output(told))
	for len(text) > 0 {
		n := min(len(text), 76)
		h.put("stdout-base64", text[:n])
		text = text[n:]
	}
	lines, size := x.Stderr.Last, 0
	for i := len(lines) - 1; i >= 0; i-- {
		if size += len(lines[i]) + 1; size > toldStderr {
			lines = lines[i+1:]
			break
		}
	}
	if dropped := x.Stderr.Dropped + len(x.Stderr.Last) - len(lines); dropped > 0 {
		h.put("stderr-dropped", strconv.Itoa(dropped))
	}
	for _, line := range lines {
		h.put("stderr", line)
	}
}

func (h *head) process(x *Exchange) {
	if x.Pid > 0 {
		h.put("pid", strconv.Itoa(x.Pid))
	}
	if e := x.Exit; e != nil {
		how := e.Signal
		if how == "" {
			how = strconv.Itoa(e.Code)
		}
		h.put("exit", how)
		h.put("cpu", seconds(e.CPU)+" s")
		h.put("max-rss", fmt.Sprintf("%d KiB", e.MaxRSSKiB))
	}
	for _, e := range joined(x.Events, toldEvents) {
		words := []string{seconds(e.At), e.Kind}
		if e.Offset != 0 || e.Bytes != 0 {
			words = append(words, strconv.FormatInt(e.Offset, 10))
		}
		if e.Bytes != 0 {
			words = append(words, strconv.FormatInt(e.Bytes, 10))
		}
		h.put("event", strings.Join(words, " "))
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }

// joined is events, with those put together that only go on with the one
// before, when there are more of them than most. The last ones are kept: they
// tell how it ended.
func joined(events []Event, most int) []Event {
	if len(events) <= most {
		return events
	}
	var list []Event
	for _, e := range events {
		if n := len(list); n > 0 && list[n-1].Kind == e.Kind {
			list[n-1].Bytes += e.Bytes
			continue
		}
		list = append(list, e)
	}
	if over := len(list) - most; over > 0 {
		list = append(list[:most/2:most/2], list[most/2+over:]...)
	}
	return list
}
