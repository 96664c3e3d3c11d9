package gateway_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"framegate/server/internal/capture"
	"framegate/server/internal/cgi"
	"framegate/server/internal/testframe"
)

// onlooker is a watcher that keeps what it is shown.
type onlooker struct {
	interest capture.Interest

	mu      sync.Mutex
	started []capture.Exchange
	ended   []*capture.Exchange
	files   []string // what Stdin.File of each held
}

func (o *onlooker) Interest() capture.Interest { return o.interest }

func (o *onlooker) Started(x *capture.Exchange) {
	o.mu.Lock()
	o.started = append(o.started, *x)
	o.mu.Unlock()
}

func (o *onlooker) Ended(x *capture.Exchange) {
	text := ""
	if f := x.Stdin.File; f != nil {
		data, _ := io.ReadAll(io.NewSectionReader(f, 0, x.Stdin.Size))
		text = string(data)
	}
	o.mu.Lock()
	o.ended, o.files = append(o.ended, x), append(o.files, text)
	o.mu.Unlock()
}

// watched is a site with an onlooker and one frame, at /bad, that does steps.
func watched(t *testing.T, interest capture.Interest, keys string, steps ...testframe.Step) (*site, *onlooker) {
	t.Helper()
	o := &onlooker{interest: interest}
	return start(t, setup{watchers: []capture.Watcher{o}, frames: frameTable("bad", `mount = "/bad"`, testframe.Command(steps...), keys)}), o
}

// one is the only exchange that was shown, once nothing runs any more.
func (o *onlooker) one(s *site) *capture.Exchange {
	s.t.Helper()
	s.stop()
	if len(o.ended) != 1 {
		s.t.Fatalf("got %d exchanges; want one", len(o.ended))
	}
	return o.ended[0]
}

const plainHello = "Content-Type: text/plain\n\nhello\n"

func TestSightSeesEverything(t *testing.T) {
	keys := "umask = \"027\"\nmemory = \"4GiB\"\nopen-files = 64\ncpu-time = \"90s\"\nmax-output = \"1MiB\"\nno-new-privs = true\n"
	s, o := watched(t, capture.Everything, keys,
		testframe.ReadAll(), testframe.PrintErr("one\ntwo\n"), testframe.Print(plainHello))
	s.do(s.client, "POST", "/bad/a%20b?q", strings.NewReader("body"), "X-B: 2", "X-A: 1")
	x := o.one(s)

	got := *x
	got.ID, got.Time, got.Pid, got.Events, got.Exit, got.Program, got.Request.Remote = "", x.Time, 0, nil, nil, capture.Program{}, ""
	got.Request.Header = slices.DeleteFunc(slices.Clone(x.Request.Header), func(f capture.Field) bool { return !strings.HasPrefix(f.Name, "X-") })
	want := capture.Exchange{
		Time: x.Time, Frame: "bad", Mode: "exec",
		Request: capture.Request{Method: "POST", Target: "/bad/a%20b?q", Proto: "HTTP/1.1", Host: s.addr, Header: []capture.Field{{Name: "X-A", Value: "1"}, {Name: "X-B", Value: "2"}}},
		Stdin:   capture.Stream{Head: []byte("body"), Size: 4, Read: x.Stdin.Read},
		Stdout:  capture.Stream{Head: []byte(plainHello), Size: int64(len(plainHello)), Read: -1},
		Stderr:  capture.Lines{Last: []string{"one", "two"}},
		Answer: capture.Answer{Status: 200, Header: []capture.Field{{Name: "Content-Type", Value: "text/plain"}, {Name: "Server", Value: "framegate/test"}},
			Body: capture.Stream{Head: []byte("hello\n"), Size: 6, Read: -1}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the exchange (-want +got):\n%s", diff)
	}
	record := s.records()[0]
	if x.ID != record["request_id"] || float64(x.Pid) != record["pid"] || x.Exit.Code != 0 || x.Exit.CPU <= 0 || x.Exit.MaxRSSKiB <= 0 {
		t.Errorf("got id %s, pid %d, exit %+v; want those of %v", x.ID, x.Pid, x.Exit, record)
	}
	if x.Stdin.Read != 4 && x.Stdin.Read != -1 {
		t.Errorf("got %d bytes read; want 4, or -1 where that is not known", x.Stdin.Read)
	}
	p := x.Program
	if p.Dir != s.dir || p.Umask != 0o027 || p.Path != p.Argv[0] || p.File != p.Path || p.Bridge != 0 || !slices.Contains(p.Env, "PATH_INFO=/a b") {
		t.Errorf("program: got %+v", p)
	}
	limits := []string{"first-byte-timeout 1m", "idle-timeout 1m", "total-timeout 1h", "cpu-time 1m30s", "max-output 1MiB", "memory 4GiB", "open-files 64", "no-new-privs"}
	if diff := cmp.Diff(limits, p.Limits); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
	if len(o.started) != 1 || o.started[0].Pid != x.Pid || o.started[0].Program.Path != p.Path || o.started[0].Exit != nil {
		t.Errorf("started: got %+v; want the exchange as it began", o.started)
	}
	checkEvents(t, x, "start spawned stdin stdin-end stderr stderr stdout header-end stdout-end exit answered")
}

// checkEvents holds the kinds to a list, in whatever order those come that do
// not depend on one another, and their times to the order of the list.
func checkEvents(t *testing.T, x *capture.Exchange, want string) {
	t.Helper()
	var kinds []string
	for i, e := range x.Events {
		kinds = append(kinds, e.Kind)
		if i > 0 && e.At < x.Events[i-1].At {
			t.Errorf("event %d, %v, is ahead of the one before", i, e)
		}
	}
	list := strings.Fields(want)
	if diff := cmp.Diff(slices.Sorted(slices.Values(list)), slices.Sorted(slices.Values(kinds))); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if len(kinds) == 0 || kinds[0] != capture.Started {
		t.Errorf("events begin with %q; want %q", kinds, capture.Started)
	}
}

func TestSightShowsWhatIsWanted(t *testing.T) {
	for _, test := range []struct {
		name     string
		interest capture.Interest
		secret   string
		exit     int
		want     bool
	}{
		{"nobody looks", capture.Nothing, "", 3, false},
		{"a good one", capture.Failures, "", 0, false},
		{"a failure", capture.Failures, "", 3, true},
		{"everything", capture.Everything, "", 0, true},
		{"asked for", capture.Nothing, "open-sesame", 0, true},
		{"asked for in vain", capture.Nothing, "open-sesam", 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := &onlooker{interest: test.interest}
			s := start(t, setup{
				watchers: []capture.Watcher{o},
				frames: "\n[capture]\non = \"off\"\nsecret = \"open-sesame\"\n" +
					frameTable("bad", `mount = "/bad"`, testframe.Command(testframe.Print("Content-Type: text/plain\n\n"), testframe.PrintEnviron(), testframe.Exit(test.exit)), ""),
			})
			var fields []string
			if test.secret != "" {
				fields = []string{"Framegate-Capture: " + test.secret}
			}
			_, body := s.get("/bad", fields...)
			s.stop()
			if (len(o.ended) > 0) != test.want {
				t.Errorf("got %d exchanges; want some: %v", len(o.ended), test.want)
			}
			if test.want && o.ended[0].Asked != (test.secret != "") {
				t.Errorf("asked: got %v", o.ended[0].Asked)
			}
			if strings.Contains(body, "sesam") || test.want && strings.Contains(fmt.Sprint(o.ended[0]), "sesam") {
				t.Errorf("the secret has come through: %s", body)
			}
		})
	}
}

// Whose fault a failure is decides whether it is the frame's.
func TestSightKnowsFailures(t *testing.T) {
	for _, test := range []struct {
		name    string
		steps   []testframe.Step
		failure string
	}{
		{"status 500 of its own", []testframe.Step{testframe.Print("Status: 500\n\n")}, "the program answered 500"},
		{"status 404 of its own", []testframe.Step{testframe.Print("Status: 404\n\n")}, ""},
		{"exit 1 behind the answer", []testframe.Step{testframe.Print(plainHello), testframe.Exit(1)}, "the program exited with status 1 after a complete answer, which the client has"},
		{"no header", []testframe.Step{testframe.Exit(0)}, "the program exited with status 0 before it printed a header"},
		{"a signal", []testframe.Step{testframe.Kill(syscall.SIGSEGV)}, "the program was killed by SIGSEGV before it printed a header"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, o := watched(t, capture.Everything, "", test.steps...)
			s.get("/bad")
			if x := o.one(s); x.Failure != test.failure {
				t.Errorf("got %q; want %q", x.Failure, test.failure)
			}
		})
	}
}

// A client that breaks off its own body, or goes away, has not found a failure.
func TestSightExcusesClients(t *testing.T) {
	s, o := watched(t, capture.Everything, "stream-body = true\n", testframe.ReadAll(), testframe.Print(plainHello))
	w := s.dial()
	w.send("POST /bad HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf")
	until(t, "the process", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return len(o.started) == 1
	})
	w.Close()
	if x := o.one(s); x.Failure != "" {
		t.Errorf("got %q; want no failure", x.Failure)
	}
}

// A program that could not be started is shown as what it would have been.
func TestSightOfNothing(t *testing.T) {
	o := &onlooker{interest: capture.Failures}
	s := start(t, setup{
		watchers: []capture.Watcher{o}, files: map[string]string{"broken": "#!/none\n"},
		frames: "\n[[frame]]\nname = \"broken\"\nscripts = \"/x\"\ndir = \".\"\n",
	})
	s.get("/x/broken")
	x := o.one(s)
	if x.Pid != 0 || x.Exit != nil || !strings.HasPrefix(x.Failure, "program cannot be run: ") || x.Answer.Status != 500 || len(x.Program.Env) == 0 {
		t.Errorf("got pid %d, exit %v, failure %q, status %d, %d variables", x.Pid, x.Exit, x.Failure, x.Answer.Status, len(x.Program.Env))
	}
	checkEvents(t, x, "start answered")
}

func TestSightOfBodies(t *testing.T) {
	long := bytes.Repeat([]byte("0123456789abcdef"), 200<<10/16)
	longer := bytes.Repeat(long, 8)
	for _, test := range []struct {
		name, keys string
		body       []byte
		chunked    bool
	}{
		{"in memory", "", long, false},
		{"in a file", "", longer, false},
		{"chunked", "", longer, true},
		{"streamed", "stream-body = true\n", long, false},
		{"behind the environ", "stdin = \"scgi\"\n", long, false},
		{"in a file behind the environ", "stdin = \"scgi\"\n", longer, false},
		{"streamed behind the environ", "stdin = \"scgi\"\nstream-body = true\n", long, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, o := watched(t, capture.Everything, test.keys, testframe.ReadAll(), testframe.Print(plainHello))
			body := io.Reader(bytes.NewReader(test.body))
			if test.chunked {
				body = struct{ io.Reader }{body}
			}
			s.do(s.client, "POST", "/bad", body)
			x := o.one(s)
			got := x.Stdin.Head
			if !x.Stdin.Whole() {
				got = []byte(o.files[0])
			}
			if !bytes.Equal(got, test.body) || x.Stdin.Size != int64(len(test.body)) {
				t.Errorf("got %d bytes of %d; want the body, of %d", len(got), x.Stdin.Size, len(test.body))
			}
			ahead := 0
			if strings.Contains(test.keys, "scgi") {
				ahead = len(cgi.SCGI(x.Program.Env))
			}
			if x.Program.Ahead != int64(ahead) {
				t.Errorf("ahead of it: got %d bytes; want %d", x.Program.Ahead, ahead)
			}
			if x.Stdin.Read != -1 && x.Stdin.Read != x.Stdin.Size {
				t.Errorf("got %d bytes read; want all %d", x.Stdin.Read, x.Stdin.Size)
			}
			fed := int64(0)
			for _, e := range x.Events {
				if e.Kind == capture.StdinData {
					if e.Offset != fed {
						t.Errorf("%v: want it at %d", e, fed)
					}
					fed += e.Bytes
				}
			}
			if x.Stdin.File == nil && fed != x.Stdin.Size {
				t.Errorf("events tell of %d bytes; want %d", fed, x.Stdin.Size)
			}
		})
	}
}

// However much happens, what is kept is bounded, and tells the beginning and
// the end.
func TestSightIsBounded(t *testing.T) {
	s, o := watched(t, capture.Everything, "", testframe.Print("Content-Type: text/plain\n\n"), testframe.Noise(1<<20, 100), testframe.Fill(1<<20))
	s.get("/bad")
	x := o.one(s)
	last := x.Events[len(x.Events)-1].Kind
	if n := len(x.Events); n > 256 || !slices.ContainsFunc(x.Events, func(e capture.Event) bool { return e.Kind == capture.Exited }) || last != capture.Answered && last != capture.Exited {
		t.Errorf("got %d events, the last %q; want 256 at most, and the end", n, last)
	}
	if len(x.Stdout.Head) != 64<<10 || x.Stdout.Size != 1<<20+26 || len(x.Answer.Body.Head) != 64<<10 || x.Answer.Body.Size != 1<<20 {
		t.Errorf("stdout: got %d of %d bytes, of the answer %d of %d", len(x.Stdout.Head), x.Stdout.Size, len(x.Answer.Body.Head), x.Answer.Body.Size)
	}
	if len(x.Stderr.Last) > 200 || x.Stderr.Dropped < 10_000 {
		t.Errorf("stderr: got %d lines, %d ahead of them", len(x.Stderr.Last), x.Stderr.Dropped)
	}
}

// A local redirect makes two exchanges; the second has answered.
func TestSightOfRedirect(t *testing.T) {
	o := &onlooker{interest: capture.Everything}
	s := start(t, setup{watchers: []capture.Watcher{o}, answers: map[string][]testframe.Step{
		"/from": {testframe.Print("Location: /to\n\n")}, "/to": {testframe.Print(plainHello)},
	}})
	s.get("/from")
	s.stop()
	if len(o.ended) != 2 {
		t.Fatalf("got %d exchanges; want two", len(o.ended))
	}
	from, to := o.ended[0], o.ended[1]
	if from.Answer.Status != 0 || from.Failure != "" || to.Answer.Status != 200 || from.Pid == to.Pid || from.Pid == 0 || to.Pid == 0 {
		t.Errorf("got status %d and %d, processes %d and %d", from.Answer.Status, to.Answer.Status, from.Pid, to.Pid)
	}
	if string(from.Stdout.Head) != "Location: /to\n\n" || string(to.Stdout.Head) != plainHello {
		t.Errorf("got %q and %q", from.Stdout.Head, to.Stdout.Head)
	}
}

// Exchanges at once do not see one another's bytes, and whoever keeps one
// keeps what it was.
func TestSightsAreApart(t *testing.T) {
	s, o := watched(t, capture.Everything, "", testframe.Print("Content-Type: text/plain\n\n"), testframe.Echo())
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for j := range 10 {
				s.do(s.client, "POST", "/bad", strings.NewReader(fmt.Sprintf("%d/%d ", i, j)+strings.Repeat("x", 1000*j)))
			}
		})
	}
	wait.Wait()
	s.stop()
	if len(o.ended) != 80 {
		t.Fatalf("got %d exchanges; want 80", len(o.ended))
	}
	for _, x := range o.ended {
		if in := string(x.Stdin.Head); string(x.Stdout.Head) != "Content-Type: text/plain\n\n"+in || string(x.Answer.Body.Head) != in {
			t.Errorf("stdin %.20q, stdout %.60q, answer %.20q", in, x.Stdout.Head, x.Answer.Body.Head)
		}
	}
}
