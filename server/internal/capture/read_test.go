package capture

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// told is what Read has to find in the capture of x.
func told(x *Exchange) *Recorded {
	rec := &Recorded{Exchange: *x, BodySum: sum(x.Answer.Body)}
	rec.Time = x.Time.UTC()
	rec.Program = Program{File: x.Program.File, Limits: x.Program.Limits}
	rec.Stdin.Head, rec.Answer.Body.Head = nil, nil
	rec.Stdin.File = nil
	if rec.Stdin.Size == 0 {
		rec.Stdin.Read = -1
	} else {
		rec.Body = x.Stdin.Head
	}
	rec.Answer.Body.Read = -1
	return rec
}

func sum(s Stream) Sum {
	h := sha256.Sum256(s.Head)
	return Sum{int64(len(s.Head)), hex.EncodeToString(h[:])}
}

// equal ignores the difference between no list and one that is empty.
func equal(a, b any) string {
	return cmp.Diff(a, b, cmp.FilterValues(func(x, y []byte) bool { return len(x)+len(y) == 0 }, cmp.Ignore()),
		cmp.FilterValues(func(x, y []Event) bool { return len(x)+len(y) == 0 }, cmp.Ignore()),
		cmp.FilterValues(func(x, y []Field) bool { return len(x)+len(y) == 0 }, cmp.Ignore()),
		cmp.FilterValues(func(x, y []string) bool { return len(x)+len(y) == 0 }, cmp.Ignore()))
}

func randomExchange(r *rand.Rand) *Exchange {
	text := func() string {
		if r.IntN(2) == 0 {
			return randomText(r, r.IntN(8))
		}
		return randomBytes(r, r.IntN(20), false)
	}
	stream := func() Stream {
		head := []byte(randomBytes(r, r.IntN(400), true))
		if r.IntN(2) == 0 {
			head = []byte(randomText(r, r.IntN(60)))
		}
		return Stream{Head: head, Size: int64(len(head)), Read: -1}
	}
	x := &Exchange{
		ID: text(), Time: time.Unix(r.Int64N(4e9), r.Int64N(1e9)), Frame: text(), Mode: text(),
		Request: Request{Method: "GET", Target: "/" + strings.ReplaceAll(text(), " ", ""), Proto: "HTTP/1.1", Host: text(), Remote: text()},
		Program: Program{Path: "/bin/" + text(), Argv: []string{text(), text()}, Env: []string{"A=" + text(), "B="}, Dir: "/" + text(), Umask: -1, File: text()},
		Stdin:   stream(), Stdout: stream(), Stderr: Lines{Dropped: r.IntN(2)},
		Pid: r.IntN(3), Answer: Answer{Status: 100 + r.IntN(500), Body: stream(), Cut: r.IntN(2) == 0},
		Failure: text(), Warning: text(), Asked: r.IntN(2) == 0,
	}
	if x.Stdin.Size > 0 && r.IntN(2) == 0 {
		x.Stdin.Read = r.Int64N(100)
	}
	for range r.IntN(4) {
		x.Request.Header = append(x.Request.Header, Field{"X-A", text()})
		x.Answer.Header = append(x.Answer.Header, Field{"X-B", text()})
		x.Stderr.Last = append(x.Stderr.Last, text())
		x.Program.Limits = append(x.Program.Limits, text())
		x.Events = append(x.Events, Event{time.Duration(r.IntN(1e9)) * time.Microsecond, StdoutPut, r.Int64N(9), r.Int64N(2)})
	}
	switch r.IntN(3) {
	case 1:
		x.Exit = &Exit{Code: r.IntN(256), CPU: time.Duration(r.IntN(1e6)) * time.Microsecond, MaxRSSKiB: r.Int64N(1e6)}
	case 2:
		x.Exit = &Exit{Code: -1, Signal: "SIGSEGV"}
	}
	return x
}

// What is written of an exchange is read again, to the byte.
func TestWriteRead(t *testing.T) {
	for seed := range uint64(300) {
		x := randomExchange(rand.New(rand.NewPCG(seed, 0)))
		var b bytes.Buffer
		if err := Write(&b, x, WriteOptions{Reveal: true}); err != nil {
			t.Fatal(err)
		}
		got, err := Read(&b)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if diff := equal(told(x), got); diff != "" {
			t.Fatalf("seed %d: written (-) and read (+) differ:\n%s", seed, diff)
		}
	}
}

func TestReadBody(t *testing.T) {
	for _, body := range []string{
		"a", "'", "\n", "}\n", "\n}\n", "a\r\n", "a\r\nb", "\r\n\r\n}\r\n", "\r", "\x00", "\xff", "中文\n}\n", "FRAMEGATE_BODY\n", "FRAMEGATE_BODY\n\x00",
		strings.Repeat("'", 70<<10), strings.Repeat("a\r\n", 50<<10), everyByte(),
	} {
		x := &Exchange{Stdin: Stream{Head: []byte(body), Size: int64(len(body))}, Program: Program{Path: "/bin/true", Argv: []string{"true"}}}
		var b bytes.Buffer
		if err := Write(&b, x, WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		got, err := Read(&b)
		if err != nil || string(got.Body) != body {
			t.Errorf("got %.80q, %v; want %.80q", got.Body, err, body)
		}
	}
}

func TestReadErrors(t *testing.T) {
	const whole = "#!/bin/sh\n# framegate capture 1\n#: id: a\n#: time: 2026-11-22T15:04:05Z\n#: frame: f\n#: mode: exec\n#: request: GET / HTTP/1.1\n#: status: 200\n"
	tests := []struct{ name, text, want string }{
		{"nothing", "", "not a capture: its second line is not \"# framegate capture 1\""},
		{"one line", "#!/bin/sh", "not a capture: its second line is not \"# framegate capture 1\""},
		{"another script", "#!/bin/sh\necho\n", "not a capture: its second line is not \"# framegate capture 1\""},
		{"a later version", "#!/bin/sh\n# framegate capture 2\n", "read capture: it is of version 2; this framegate reads 1"},
		{"cut", "#!/bin/sh\n# framegate capture 1\n#: id: a\n", `read capture: there is no "time"`},
		{"twice", whole + "#: id: b\n", "read capture: line 9: id: is there twice"},
		{"no value", whole + "#: cut\n", `read capture: line 9: want "NAME: VALUE"`},
		{"string", whole + "#: host: \"a\n", "read capture: line 9: host: not a JSON string"},
		{"number", whole + "#: body: 12\n", `read capture: line 9: body: want a number and "bytes"`},
		{"negative", whole + "#: stdin: -1 bytes\n", `read capture: line 9: stdin: want a number and "bytes"`},
		{"header", whole + "#: header: a\n", `read capture: line 9: header: want "NAME: VALUE"`},
		{"event", whole + "#: event: 0.1 exit\n", "read capture: line 9: event: want seconds, as in 0.000123"},
		{"event of one word", whole + "#: event: exit\n", "read capture: line 9: event: want SECONDS KIND [OFFSET [BYTES]]"},
		{"base64", whole + "#: stdout-base64: %\n", "read capture: stdout-base64: not base64"},
		{"whole", whole, ""},
		{"with line ends of Windows", strings.ReplaceAll(whole, "\n", "\r\n"), ""},
		{"a name of later", whole + "#: colour: blue\n", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rec, err := Read(strings.NewReader(test.text))
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %q; want %q", got, test.want)
			}
			if err == nil && (rec.ID != "a" || rec.Answer.Status != 200) {
				t.Errorf("got id %q and status %d; want a and 200", rec.ID, rec.Answer.Status)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	for seed := range uint64(4) {
		var b bytes.Buffer
		if err := Write(&b, randomExchange(rand.New(rand.NewPCG(seed, 1))), WriteOptions{}); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	files, err := filepath.Glob("testdata/*.sh")
	if err != nil || len(files) == 0 {
		f.Fatalf("got %q, %v; want the examples", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rec, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		// What was understood can be written and understood again.
		rec.Stdin.Head, rec.Stdin.Size = rec.Body, int64(len(rec.Body))
		rec.Answer.Body.Head, rec.Answer.Body.Size = nil, 0
		rec.Stdout.Size = int64(len(rec.Stdout.Head))
		rec.Program.Path, rec.Program.Argv = "/bin/true", []string{"true"}
		var b bytes.Buffer
		if err := Write(&b, &rec.Exchange, WriteOptions{Reveal: true}); err != nil {
			if !strings.Contains(err.Error(), "NUL") {
				t.Fatal(err)
			}
			return
		}
		again, err := Read(&b)
		if err != nil {
			t.Fatal(err)
		}
		if again.ID != rec.ID || again.Failure != rec.Failure || !bytes.Equal(again.Body, rec.Body) || again.Request.Method != rec.Request.Method {
			t.Errorf("got %+v; want %+v", again, rec)
		}
	})
}

func FuzzValue(f *testing.F) {
	for _, s := range []string{"", "a", " a", `"`, "\x00\xff", "中文\u202e", "\U0001f600\xf0\x9f", `\udc80`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		encoded := encodeValue(s)
		if got, err := decodeValue(encoded); err != nil || got != s {
			t.Errorf("%q: got %q, %v", encoded, got, err)
		}
		if !isText(encoded, "") {
			t.Errorf("%q: not a line of text", encoded)
		}
		decodeValue(s) // must not panic
		decodeValue(`"` + s + `"`)
	})
}
