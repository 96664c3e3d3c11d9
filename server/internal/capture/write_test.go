package capture

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"framegate/server/internal/servertest"
)

var update = flag.Bool("update", false, "write the captures of testdata anew; read them before they are committed")

// example is an exchange with something of everything.
func example() *Exchange {
	ms := func(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }
	return &Exchange{
		ID: "1f2e3d4c5b6a7988", Time: time.Date(2026, 11, 22, 15, 4, 5, 123456789, time.UTC), Frame: "greet", Mode: "exec",
		Request: Request{Method: "POST", Target: "/greet/a%20b?from=docs", Proto: "HTTP/1.1", Host: "127.0.0.1:7890", Remote: "127.0.0.1:51234",
			Header: []Field{{"Accept", "*/*"}, {"Content-Length", "8"}, {"Content-Type", "application/x-www-form-urlencoded"}, {"Cookie", "sid=0123456789"}, {"X-Empty", ""}}},
		Program: Program{
			Path: "/srv/site/greet.sh", Argv: []string{"/srv/site/greet.sh", "it's", "中文"}, Dir: "/srv/site", Umask: 0o022, File: "/srv/site/greet.sh",
			Env:    []string{"PATH=/usr/bin:/bin", "REQUEST_METHOD=POST", "PATH_INFO=/a b", "CONTENT_LENGTH=8", "HTTP_COOKIE=sid=0123456789", "HTTP_X_LATIN=caf\xe9"},
			Limits: []string{"first-byte-timeout 1m", "memory 64MiB"},
		},
		Stdin:  Stream{Head: []byte("name=Ada"), Size: 8, Read: 8},
		Stdout: Stream{Head: []byte("Set-Cookie: sid=secret\n folded\nX: y\n\nbody"), Size: 40, Read: -1},
		Stderr: Lines{Last: []string{"who is there?", "\x1b[31mred\x1b[0m"}, Dropped: 2},
		Pid:    4711, Exit: &Exit{Code: 3, CPU: ms(1.5), MaxRSSKiB: 3456},
		Answer: Answer{Status: 502, Header: []Field{{"Content-Type", "text/plain; charset=utf-8"}, {"Set-Cookie", "a=b"}}, Body: Stream{Head: []byte("502 Bad Gateway\n"), Size: 16, Read: -1}},
		Events: []Event{{0, Started, 0, 0}, {ms(0.5), Spawned, 0, 0}, {ms(0.6), StdinData, 0, 8}, {ms(0.61), StdinEnd, 8, 0},
			{ms(2), StdoutPut, 0, 40}, {ms(2.1), StderrPut, 0, 13}, {ms(3), StdoutEnd, 40, 0}, {ms(3.1), Exited, 0, 0}},
		Failure: "the program exited with status 3 before it printed a header",
	}
}

// examples are exchanges whose captures are in testdata, to be read.
func examples(t *testing.T) map[string]*Exchange {
	bin := example()
	bin.Stdin = Stream{Head: []byte("\x00\xff" + strings.Repeat("\x01", 100)), Size: 102, Read: -1}
	bin.Failure, bin.Warning = "", "the frame gave no Content-Type"
	scgi := example()
	scgi.Program.Ahead = 100
	app := example()
	app.Program.Path, app.Program.Argv = "/usr/bin/python3", []string{"/usr/bin/python3", "-X", "utf8", "/run/framegate-1/wsgi.pyc", "mini_frame:application"}
	app.Program.Bridge, app.Program.Source = 3, "import sys\nprint('FRAMEGATE_BRIDGE')\n'''\nFRAMEGATE_BRIDGE\n'''"
	app.Stdin, app.Program.Umask = Stream{Read: -1}, -1
	named := example()
	named.Program.Path, named.Program.Argv = "/usr/bin/env", []string{"greet", "it's"}
	named.Failure = "first-byte-timeout: nothing to read from the program 1m0s after its start"
	named.Events = append(named.Events, Event{time.Minute, Stopped, 0, 0})
	cut := example()
	cut.Stdin.Size = 1 << 40
	redirect := example()
	redirect.Answer, redirect.Failure, redirect.Stdin = Answer{}, "", Stream{}
	redirect.Program.Env, redirect.Request.Header, redirect.Request.Method = []string{"A=b"}, nil, "HEAD"
	return map[string]*Exchange{"text": example(), "bytes": bin, "scgi": scgi, "app": app, "named": named, "cut": cut, "redirect": redirect}
}

func TestExamples(t *testing.T) {
	for name, x := range examples(t) {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Write(&b, x, WriteOptions{Redact: []string{"X-Latin"}}); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".sh")
			if *update {
				if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("%s (-) and what is written (+):\n%s", file, diff)
			}
			check := exec.Command(servertest.Require(t, "apt-get install shellcheck", "shellcheck"), "-s", "sh", file)
			if out, err := check.CombinedOutput(); err != nil {
				t.Errorf("shellcheck: %v\n%s", err, out)
			}
		})
	}
}

func TestFileName(t *testing.T) {
	x := example()
	for _, test := range []struct{ frame, id, want string }{
		{"greet", "1f2e", "20261122T150405.123Z-greet-1f2e.sh"},
		{"../é x", "a/b", "20261122T150405.123Z-_____x-a_b.sh"},
		{"", "", "20261122T150405.123Z-_-_.sh"},
		{strings.Repeat("a", 100), strings.Repeat("b", 100), "20261122T150405.123Z-" + strings.Repeat("a", 64) + "-" + strings.Repeat("b", 32) + ".sh"},
	} {
		x.Frame, x.ID = test.frame, test.id
		got := FileName(x)
		if got != test.want {
			t.Errorf("%q, %q: got %s; want %s", test.frame, test.id, got, test.want)
		}
		if !ownName.MatchString(got) {
			t.Errorf("%s: a ring would not know it for its own", got)
		}
	}
	x.Time = time.Date(2026, 11, 22, 23, 0, 0, 0, time.FixedZone("", 3600))
	if got := FileName(x); !strings.HasPrefix(got, "20261122T220000.000Z-") {
		t.Errorf("got %s; want UTC", got)
	}
}

// No secret stands anywhere in a capture.
func TestRedaction(t *testing.T) {
	x := example()
	x.Request.Header = []Field{{"Authorization", "Basic s3cret"}, {"Cookie", "s3cret"}, {"Proxy-Authorization", "s3cret"}, {"X-Api-Key", "s3cret"}, {"x-lower", "s3cret"}}
	x.Program.Env = []string{"HTTP_AUTHORIZATION=Basic s3cret", "HTTP_COOKIE=s3cret", "HTTP_X_API_KEY=s3cret", "DB_PASSWORD=s3cret", "HTTP_X_LOWER=s3cret", "DB_PASSWORDS=public"}
	x.Answer.Header = []Field{{"Set-Cookie", "s3cret"}, {"X-Api-Key", "s3cret"}}
	x.Program.Ahead = 10
	x.Stdout.Head = []byte("A: b\r\nset-cookie : s3cret\r\n\ts3cret\r\nX-API-KEY:s3cret\r\nB: c\r\n\r\nSet-Cookie: body\n")
	redact := []string{"x-api-key", "DB_PASSWORD", "X-Lower"}
	var b bytes.Buffer
	if err := Write(&b, x, WriteOptions{Redact: redact}); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	rec, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text, "s3cret") || strings.Contains(string(rec.Stdout.Head), "s3cret") {
		t.Errorf("a secret is in it:\n%s\n%s", text, rec.Stdout.Head)
	}
	for _, want := range []string{"HTTP_COOKIE='<redacted: 6 bytes>'", "DB_PASSWORDS='public'", "#: redacted: DB_PASSWORD\n", "#: redacted: Set-Cookie\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not hold %q", want)
		}
	}
	const head = "A: b\r\nset-cookie : <redacted: 6 bytes>\r\n <redacted: 7 bytes>\r\nX-API-KEY: <redacted: 6 bytes>\r\nB: c\r\n\r\nSet-Cookie: body\n"
	if got := string(rec.Stdout.Head); got != head {
		t.Errorf("stdout: got %q; want %q", got, head)
	}
	b.Reset()
	if err := Write(&b, x, WriteOptions{Redact: redact, Reveal: true}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "s3cret"); n < 12 || strings.Contains(b.String(), "redacted") {
		t.Errorf("reveal: got the secrets %d times, or a marker; want all", n)
	}
}

// Lines that are too many, and events, are bounded: the last ones are kept.
func TestBounds(t *testing.T) {
	x := example()
	x.Stderr.Last, x.Events = nil, nil
	for range 200 {
		x.Stderr.Last = append(x.Stderr.Last, strings.Repeat("x", 8<<10))
		x.Events = append(x.Events, Event{Kind: StdoutPut, Bytes: 1}, Event{Kind: StderrPut, Bytes: 1})
	}
	x.Events = append(x.Events, Event{Kind: Exited})
	x.Stdout = Stream{Head: make([]byte, 60<<10), Size: 60 << 10}
	var b bytes.Buffer
	if err := Write(&b, x, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 100<<10 {
		t.Errorf("got %d bytes", b.Len())
	}
	rec, err := Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(rec.Stderr.Last); n != 7 || rec.Stderr.Dropped != 2+193 {
		t.Errorf("stderr: got %d lines, %d dropped; want 7 and 195", n, rec.Stderr.Dropped)
	}
	if n := len(rec.Events); n != toldEvents || rec.Events[n-1].Kind != Exited {
		t.Errorf("events: got %d, the last %v; want %d, the exit", n, rec.Events[n-1], toldEvents)
	}
	if len(rec.Stdout.Head) != toldStdout || rec.Stdout.Size != 60<<10 {
		t.Errorf("stdout: got %d of %d bytes", len(rec.Stdout.Head), rec.Stdout.Size)
	}
}

// What no program can be given is refused, and nothing is written.
func TestNul(t *testing.T) {
	x := example()
	x.Program.Env = []string{"A=\x00b\x00"}
	var b bytes.Buffer
	if err := Write(&b, x, WriteOptions{}); err == nil || b.Len() > 0 {
		t.Errorf("got %v, %d bytes; want an error", err, b.Len())
	}
}
