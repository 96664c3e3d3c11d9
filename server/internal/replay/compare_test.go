package replay

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"framegate/server/internal/capture"
)

// seen is an exchange whose program printed output and ended well.
func seen(id, output string) *capture.Exchange {
	head, body, _ := strings.Cut(output, "\n\n")
	x := &capture.Exchange{
		ID: id, Frame: "hello", Exit: &capture.Exit{},
		Request: capture.Request{Method: "GET", Target: "/hello", Proto: "HTTP/1.1"},
		Stdout:  capture.Stream{Head: []byte(output), Size: int64(len(output)), Read: -1},
		Answer:  capture.Answer{Status: 200, Body: capture.Stream{Head: []byte(body), Size: int64(len(body)), Read: -1}},
		Events:  []capture.Event{{At: time.Millisecond, Kind: capture.HeaderEnd}, {At: 2 * time.Millisecond, Kind: capture.Answered}},
	}
	for line := range strings.SplitSeq(head, "\n") {
		name, value, _ := strings.Cut(line, ": ")
		x.Answer.Header = append(x.Answer.Header, capture.Field{Name: name, Value: value})
	}
	return x
}

// recorded is what is left of x in a capture: the hash of its body.
func recorded(x *capture.Exchange) *capture.Recorded {
	was := &capture.Recorded{Exchange: *x, BodySum: capture.Sum{Bytes: x.Answer.Body.Size, SHA256: hash(x.Answer.Body.Head)}}
	was.Answer.Body.Head = nil
	return was
}

// counting are the differences that make an exchange a different one.
func counting(r *Result) (what []string) {
	for _, d := range r.Differences {
		if d.Counts {
			what = append(what, d.What)
		}
	}
	return what
}

func TestCompare(t *testing.T) {
	const plain = "Content-Type: text/plain\n\nHello\n"
	tests := []struct {
		name    string
		was, is string // what was printed
		change  func(was *capture.Recorded, is *capture.Exchange)
		options Options
		want    []string
	}{
		{name: "the same", was: plain, is: plain},
		{name: "body", was: plain, is: "Content-Type: text/plain\n\nHallo\n", want: []string{"body"}},
		{name: "header", was: plain, is: "Content-Type: text/html\n\nHello\n", want: []string{"header"}},
		{name: "a field more", was: plain, is: "Content-Type: text/plain\nX-A: 1\n\nHello\n", want: []string{"header"}},
		{name: "a field that is ignored", was: plain, is: "Content-Type: text/plain\nX-A: 1\n\nHello\n", options: Options{Ignore: map[string]bool{"x-a": true}}},
		{name: "status", was: plain, is: plain, change: func(_ *capture.Recorded, is *capture.Exchange) { is.Answer.Status = 404 }, want: []string{"status"}},
		{name: "cut", was: plain, is: plain, change: func(_ *capture.Recorded, is *capture.Exchange) { is.Answer.Cut = true }, want: []string{"status"}},
		{name: "the request's id", was: "Content-Type: text/plain\n\nid was1\n", is: "Content-Type: text/plain\n\nid is22\n"},
		{name: "the request's id, exactly", was: "Content-Type: text/plain\n\nid was1\n", is: "Content-Type: text/plain\n\nid is22\n",
			options: Options{Exact: true}, want: []string{"body"}},
		{name: "dates and times", options: Options{Rules: StandardRules()},
			was: "Expires: Sun, 22 Nov 2026 10:00:00 GMT\n\n2026-11-22T10:00:00.123Z 2026-11-22 10:00:00\n",
			is:  "Expires: Mon, 23 Nov 2026 11:11:11 GMT\n\n2026-11-23T11:11:11Z 2026-11-23 11:11:11,5\n"},
		{name: "a time without the rule", was: "A: b\n\n2026-11-22T10:00:00Z\n", is: "A: b\n\n2026-11-22T10:00:01Z\n", want: []string{"body"}},
		{name: "uuids and addresses", options: Options{Rules: StandardRules()},
			was: "A: b\n\n01234567-89ab-cdef-0123-456789abcdef <object at 0x7f00deadbeef>\n",
			is:  "A: b\n\n11234567-89ab-cdef-0123-456789abcdef <object at 0x7f11deadbeef>\n"},
		{name: "the value of a cookie", was: "Set-Cookie: a=1; Path=/\n\n", is: "Set-Cookie: a=2; Path=/\n\n"},
		{name: "the name of a cookie", was: "Set-Cookie: a=1; Path=/\n\n", is: "Set-Cookie: b=1; Path=/\n\n", want: []string{"header"}},
		{name: "a cookie's attributes", was: "Set-Cookie: a=1; Path=/; HttpOnly\n\n", is: "Set-Cookie: a=1; Path=/\n\n", want: []string{"header"}},
		{name: "a redacted field", was: "X-Key: <redacted: 3 bytes>\n\n", is: "X-Key: abc\n\n",
			change: func(was *capture.Recorded, _ *capture.Exchange) { was.Redacted = []string{"X-Key"} }},
		{name: "Date", was: "Date: Sun, 22 Nov 2026 10:00:00 GMT\n\n", is: "Date: never\n\n"},
		{name: "exit status", was: plain, is: plain, change: func(_ *capture.Recorded, is *capture.Exchange) { is.Exit.Code = 7 }, want: []string{"exit"}},
		{name: "exit status of another program", was: plain, is: plain, options: Options{Against: true},
			change: func(_ *capture.Recorded, is *capture.Exchange) { is.Exit.Code = 7 }},
		{name: "exit status of what was stopped", was: plain, is: plain, change: func(was *capture.Recorded, is *capture.Exchange) {
			stop := capture.Event{Kind: capture.Stopped}
			was.Events, is.Events = append(was.Events, stop), append(is.Events, stop)
			is.Exit = &capture.Exit{Code: -1, Signal: "SIGTERM"}
		}},
		{name: "the captured id, which the program is given", was: "A: b\n\nid was1\n", is: "A: b\n\nid was1\n",
			change: func(was *capture.Recorded, _ *capture.Exchange) {
				was.BodySum = capture.Sum{Bytes: 9, SHA256: "a page under --dev"}
			}},
		{name: "not to be started, then and now", was: plain, is: plain, change: func(was *capture.Recorded, is *capture.Exchange) {
			was.Exit, was.Answer.Status, was.Pid = nil, 500, 0
			is.Exit, is.Answer.Status, is.Stdout, is.Pid = &capture.Exit{Code: 127}, 502, capture.Stream{}, 7
		}},
		{name: "not to be started then", was: plain, is: plain, change: func(was *capture.Recorded, is *capture.Exchange) {
			was.Exit, was.Answer.Status, was.Pid = nil, 500, 0
			is.Pid = 7
		}, want: []string{"status", "exit"}},
		{name: "a worker, whose process lives on", was: plain, is: plain, change: func(was *capture.Recorded, is *capture.Exchange) {
			was.Exit, was.Pid = nil, 5
			is.Exit.Code, is.Pid = 1, 7
		}},
		{name: "a worker that has ended", was: plain, is: plain, change: func(was *capture.Recorded, is *capture.Exchange) {
			was.Exit, was.Pid = &capture.Exit{Code: 3}, 5
			is.Pid = 7
		}, want: []string{"exit"}},
		{name: "at an address", was: plain, is: plain, change: func(was *capture.Recorded, is *capture.Exchange) {
			was.Exit, was.Events = nil, append(was.Events, capture.Event{Kind: capture.Spawned})
			is.Exit.Code, is.Pid = 1, 7
		}},
		{name: "at an address, whose program is not there now", was: plain, is: plain, change: func(was *capture.Recorded, is *capture.Exchange) {
			was.Exit, was.Events = nil, append(was.Events, capture.Event{Kind: capture.Spawned})
			is.Exit, is.Answer.Status, is.Stdout, is.Pid = &capture.Exit{Code: 127}, 502, capture.Stream{}, 7
		}, want: []string{"status"}},
		{name: "a worker then, not to be started now", was: plain, is: plain, change: func(was *capture.Recorded, is *capture.Exchange) {
			was.Exit, was.Pid = nil, 5
			is.Exit, is.Answer.Status, is.Stdout, is.Pid = nil, 500, capture.Stream{}, 0
		}, want: []string{"status"}},
		{name: "stderr", was: plain, is: plain, change: func(_ *capture.Recorded, is *capture.Exchange) { is.Stderr.Last = []string{"x"} }},
		{name: "the gateway's own page", was: plain, is: plain, change: func(was *capture.Recorded, is *capture.Exchange) {
			was.Events, is.Events = nil, nil
			was.Failure, is.Failure = "idle-timeout: nothing 1.002s after its start", "idle-timeout: nothing 999ms after its start"
			is.Answer.Body.Head = []byte("another id")
			is.Stdout.Head = nil
		}},
		{name: "another reason", was: plain, is: plain, change: func(was *capture.Recorded, is *capture.Exchange) {
			was.Events, is.Events = nil, nil
			was.Failure, is.Failure = "the program exited with status 1", "the program exited with status 2"
			is.Stdout.Head = nil
		}, want: []string{"failure"}},
		{name: "a page under --dev in the place of what was printed", was: plain, is: plain, change: func(was *capture.Recorded, _ *capture.Exchange) {
			was.Answer.Header, was.BodySum = nil, capture.Sum{Bytes: 5, SHA256: "x"}
		}},
		{name: "a body of which the capture has the hash alone", was: plain, is: "Content-Type: text/plain\n\nHallo\n",
			change: func(was *capture.Recorded, _ *capture.Exchange) { was.Stdout.Head = nil }, want: []string{"body"}},
		{name: "bytes", was: "A: b\n\n\xff\x00\x01", is: "A: b\n\n\xff\x00\x02", want: []string{"body"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			was, is := recorded(seen("was1", test.was)), seen("is22", test.is)
			if test.change != nil {
				test.change(was, is)
			}
			r := Compare(was, is, test.options)
			if got := counting(r); !slices.Equal(got, test.want) || r.Same != (len(test.want) == 0) {
				t.Errorf("got %v, same %t; want %v: %+v", got, r.Same, test.want, r.Differences)
			}
		})
	}
}

// What the script of a capture says is no part of what the program logs.
func TestCompareNotes(t *testing.T) {
	is := seen("is22", "A: b\n\n")
	is.Stderr.Last = []string{"framegate: capture: HTTP_COOKIE is redacted. To give it: …", "framegate: capture: the body was cut", "logged"}
	was := recorded(seen("was1", "A: b\n\n"))
	was.Stderr.Last = []string{"logged"}
	r := Compare(was, is, Options{})
	want := []string{"HTTP_COOKIE is redacted: give it with --set HTTP_COOKIE='...'", "the body was cut"}
	if !slices.Equal(r.Notes, want) || len(r.Differences) > 0 {
		t.Errorf("got %q and %+v; want %q and no difference", r.Notes, r.Differences, want)
	}
}

func TestPrint(t *testing.T) {
	was, is := seen("was1", "Content-Type: text/plain\n\none\ntwo\x1b[2J\n"), seen("is22", "Content-Type: text/plain\n\none\nthree\r\n")
	r := Compare(recorded(was), is, Options{})
	r.File = "x.sh"
	var out bytes.Buffer
	r.Print(&out, false)
	want := `different  x.sh  GET /hello → 200  (2ms, was 2ms)
  body
    @@ -1,2 +1,2 @@
     one
    -two\x1b[2J
    +three\r
`
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestParseRule(t *testing.T) {
	for _, bad := range []string{"", "x", "=x", "x=", "x=(", "x=a*"} {
		if _, err := ParseRule(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
	rule, err := ParseRule("token=t-[0-9]+")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Rules: []Rule{rule}}
	if got, want := o.normal("a t-12 b", nil), "a <token> b"; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
}

// Nothing that a capture says makes the comparison fail.
func FuzzCompare(f *testing.F) {
	f.Add("Content-Type: text/plain\n\nHello\n", "Content-Type: text/plain\n\nHallo\n", "Set-Cookie", int64(6))
	f.Add("", "\n\n", "", int64(-1))
	f.Fuzz(func(t *testing.T, was, is, redacted string, size int64) {
		w := recorded(seen("was1", was))
		w.Redacted = []string{redacted}
		w.BodySum.Bytes = size
		w.Answer.Body.Size = max(size, 0)
		r := Compare(w, seen("is22", is), Options{Rules: StandardRules()})
		var out bytes.Buffer
		r.Print(&out, true)
		if r.Same != (len(counting(r)) == 0) || out.Len() == 0 {
			t.Errorf("same %t with %v", r.Same, counting(r))
		}
		_ = fmt.Sprint(r)
	})
}
