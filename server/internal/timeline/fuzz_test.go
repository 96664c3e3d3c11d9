package timeline

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"framegate/server/internal/capture"
)

var (
	sgr    = regexp.MustCompile("\x1b\\[[0-9]+m")
	listed = regexp.MustCompile(`^ *([0-9]+\.[0-9]+)  `)
)

// check holds a drawing to what every drawing keeps: nothing runs over the
// edge, nothing that came from outside reaches the terminal as a command, what
// is listed is in the order of time.
func check(t *testing.T, text string, o Options) {
	t.Helper()
	width := max(o.Width, leastWidth)
	if o.Width == 0 {
		width = defaultWidth
	}
	if !utf8.ValidString(text) || !strings.HasSuffix(text, "\n") {
		t.Fatalf("got %q; want lines of UTF-8", text)
	}
	plain := sgr.ReplaceAllString(text, "")
	if !o.Color && plain != text {
		t.Errorf("got colours in %q", text)
	}
	if strings.Count(text, "\x1b[0m")*2 != len(sgr.FindAllString(text, -1)) {
		t.Errorf("a colour does not end: %q", text)
	}
	before := 0.0
	for _, line := range strings.Split(plain, "\n") {
		if n := cells(line); n > width {
			t.Errorf("got %d columns; want %d: %q", n, width, line)
		}
		for _, r := range line {
			if r < ' ' || r >= 0x7f && r < 0xa0 || o.ASCII && r > 0x7f || !shows(r) {
				t.Fatalf("got %q in %q", r, line)
			}
		}
		if m := listed.FindStringSubmatch(line); m != nil {
			at, err := strconv.ParseFloat(m[1], 64)
			if err != nil || at < before {
				t.Errorf("got %s after %f", m[1], before)
			}
			before = at
		}
	}
}

// reader makes an exchange of whatever bytes there are.
type reader struct{ data []byte }

func (r *reader) byte() byte {
	if len(r.data) == 0 {
		return 0
	}
	c := r.data[0]
	r.data = r.data[1:]
	return c
}

func (r *reader) int() int64 {
	n := int64(0)
	for range r.byte() % 9 {
		n = n<<8 | int64(r.byte())
	}
	return n
}

func (r *reader) text() string {
	n := min(int(r.byte()), len(r.data))
	s := string(r.data[:n])
	r.data = r.data[n:]
	return s
}

func (r *reader) texts() (list []string) {
	for range r.byte() % 5 {
		list = append(list, r.text())
	}
	return list
}

func (r *reader) stream() capture.Stream {
	return capture.Stream{Head: []byte(r.text()), Size: r.int(), Read: r.int()}
}

func (r *reader) exchange() *capture.Exchange {
	kinds := []string{capture.Started, capture.Spawned, capture.StdinData, capture.StdinEnd, capture.StdoutPut, capture.HeaderEnd,
		capture.StdoutEnd, capture.StderrPut, capture.Stopped, capture.Exited, capture.Answered, "unheard-of\n"}
	x := &capture.Exchange{
		ID: r.text(), Frame: r.text(), Mode: r.text(), Pid: int(r.int()), Failure: r.text(), Warning: r.text(),
		Request: capture.Request{Method: r.text(), Target: r.text()},
		Program: capture.Program{Argv: r.texts(), Env: r.texts(), Dir: r.text()},
		Stdin:   r.stream(), Stdout: r.stream(), Stderr: capture.Lines{Last: r.texts(), Dropped: int(r.int())},
		Answer: capture.Answer{Status: int(r.int()), Cut: r.byte()&1 != 0, Body: r.stream()},
	}
	if r.byte()&1 != 0 {
		x.Exit = &capture.Exit{Code: int(r.int()), Signal: r.text(), CPU: time.Duration(r.int()), MaxRSSKiB: r.int()}
	}
	if r.byte()&1 != 0 {
		x.Time = time.Unix(r.int()%1e10, 0)
	}
	for len(r.data) > 0 {
		kind := kinds[int(r.byte())%len(kinds)]
		for range r.byte()%20 + 1 {
			x.Events = append(x.Events, capture.Event{Kind: kind, At: time.Duration(r.int()), Offset: r.int(), Bytes: r.int()})
		}
	}
	return x
}

// FuzzDraw: whatever an exchange holds, and however little of it.
func FuzzDraw(f *testing.F) {
	f.Add([]byte{}, 80, byte(0))
	f.Add([]byte("\x02\xe4\xb8\x04echo\x00\x01\x05\x03a\nb\x00\x04POST\x03/\x1b[\x02\x02sh\x01\\"), 40, byte(7))
	f.Fuzz(func(t *testing.T, data []byte, width int, flags byte) {
		o := Options{Width: min(width, 1000), Color: flags&1 != 0, ASCII: flags&2 != 0, Env: flags&4 != 0}
		text := draw(t, (&reader{data}).exchange(), o)
		check(t, text, o)
		if o.Color {
			o.Color = false
			if bare := draw(t, (&reader{data}).exchange(), o); bare != sgr.ReplaceAllString(text, "") {
				t.Errorf("got %q without colours; want %q", bare, text)
			}
		}
	})
}
