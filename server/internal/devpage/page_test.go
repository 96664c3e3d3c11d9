package devpage

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"framegate/server/internal/capture"
	"framegate/server/internal/lint"
)

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func TestMoments(t *testing.T) {
	at := func(n int, kind string) capture.Event { return capture.Event{At: ms(n), Kind: kind} }
	for _, tt := range []struct {
		name   string
		x      capture.Exchange
		events []capture.Event
		want   []string
	}{
		{"none", capture.Exchange{Pid: 1}, nil, nil},
		{"never ran", capture.Exchange{}, []capture.Event{at(0, capture.Started)}, nil},
		{"at once", capture.Exchange{Pid: 1}, []capture.Event{at(0, capture.Started)}, []string{"0.00 ms the process is started 0+0"}},
		{"a whole one", capture.Exchange{Pid: 7, Stdin: capture.Stream{Size: 3}, Stdout: capture.Stream{Size: 20000}, Exit: &capture.Exit{Code: 3}},
			[]capture.Event{at(0, capture.Started), at(1, capture.Spawned), at(1, capture.StdinData), at(2, capture.StdinEnd), at(10, capture.StderrPut),
				at(20, capture.StdoutPut), at(20, capture.HeaderEnd), at(30, capture.StdoutPut), at(40, capture.StderrPut), at(900, capture.StdoutPut),
				at(900, capture.StdoutEnd), at(1000, capture.Exited), at(1001, capture.Stopped), at(1002, capture.Answered)},
			[]string{"0.00 ms the process is started 0+0", "1.00 ms it runs, as process 7 0+0", "2.00 ms it has been given its stdin, 3 bytes 1+0",
				"10 ms the first line on stderr 2+7", "20 ms the first bytes on stdout 10+9", "20 ms its header is complete 19+0",
				"900 ms the last bytes on stdout, 19 KiB in all 20+878!", "900 ms stdout is closed 898+0", "1.00 s exit status 3 899+99"}},
		{"a worker", capture.Exchange{Pid: 7, Mode: "worker"}, []capture.Event{at(0, capture.Started), at(1, capture.Spawned)},
			[]string{"0.00 ms a worker is asked for 0+0", "1.00 ms process 7 has it 0+1000"}},
		{"stopped", capture.Exchange{Pid: 7, Exit: &capture.Exit{Code: -1, Signal: "SIGTERM"}},
			[]capture.Event{at(0, capture.Started), at(3000, capture.Stopped), at(3001, capture.Exited)},
			[]string{"0.00 ms the process is started 0+0", "3.00 s the gateway stops it 0+999!", "3.00 s killed by SIGTERM 1000+0"}},
		{"an end without a status", capture.Exchange{Pid: 7}, []capture.Event{at(0, capture.Started), at(1, capture.Exited)},
			[]string{"0.00 ms the process is started 0+0", "1.00 ms it has ended 0+1000"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.x.Events = tt.events
			var got []string
			for _, m := range moments(&tt.x) {
				long := ""
				if m.Long {
					long = "!"
				}
				got = append(got, fmt.Sprintf("%s %s %d+%d%s", m.At, m.What, m.Begin(), m.Gap, long))
			}
			if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// broken is a page with everything on it.
func broken() *Page {
	return &Page{
		Status: 502, Sentence: "It broke.", Cause: "a <cause>", Hint: "mend <it>", BadByte: -1,
		Exchange: &capture.Exchange{
			ID: "0123456789abcdef", Frame: "x", Mode: "exec", Pid: 7,
			Request: capture.Request{Method: "POST", Target: "/x?<q>", Proto: "HTTP/1.1", Host: "localhost", Header: []capture.Field{{Name: "X-A", Value: "<b>"}}},
			Program: capture.Program{Path: "/x", Argv: []string{"/x", "a b"}, Env: []string{"PATH=/bin", "PATH_INFO=/<p>", "HTTP_X_A=<b>"}, Dir: "/d", Umask: -1,
				Limits: []string{"first-byte-timeout 60 s"}},
			Stdin: capture.Stream{Head: []byte("a=<1>\n"), Size: 6}, Stdout: capture.Stream{Head: []byte("<h1>hi\n"), Size: 7},
			Stderr: capture.Lines{Last: []string{"<oops>", "", "again"}, Dropped: 4},
			Exit:   &capture.Exit{Code: 1, CPU: ms(2), MaxRSSKiB: 20480},
			Events: []capture.Event{{Kind: capture.Started}, {At: ms(5), Kind: capture.Exited}},
		},
		Findings: []lint.Finding{
			{Code: "note-code", Offset: 5, What: "<what0>", Severity: lint.Note},
			{Code: "text-before-header", Severity: lint.Error, Line: 1, Column: 1, Offset: 0, Length: 4, What: "<what>", Why: "<why>", Fix: "<fix>"},
		},
		Shell:    &Shell{Env: []string{"PATH=/bin", "HOME=/h", "X=1"}, Dir: "/s", Umask: -1},
		Commands: []Command{{"Replay", "sh captures/x.sh", "<note>"}, {"Again", "framegate run '/x?<q>'", ""}},
		Live:     &Live{Path: "/.framegate/live", Token: "t0k3n", Asks: true, Method: "POST"},
	}
}

func TestText(t *testing.T) {
	want := `502 Bad Gateway

It broke.
Request id: 0123456789abcdef

Cause: a <cause>
hint: mend <it>

note: <what0> [note-code]

error: line 1, column 1: <what> [text-before-header]
  <why>
  write instead: <fix>

stderr:
(4 lines before these)
<oops>

again

stdout, 7 bytes:
<h1>hi
byte 0:
  000000 [3c 68 31 3e]68 69 0a      <h1>hi·

Environ:
  PATH=/bin PATH_INFO='/<p>' HTTP_X_A='<b>'

Not as in your shell: no HOME (pass-env = ["HOME"]); it runs in /d; no terminal.

Times:
  0.00 ms the process is started; 5.00 ms exit status 1

Replay: sh captures/x.sh
Again: framegate run '/x?<q>'
`
	if got := string(broken().Text()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTextOfWhatIsNothing(t *testing.T) {
	p := &Page{Status: 404, Sentence: "There is nothing at this URL.", BadByte: -1, Exchange: &capture.Exchange{ID: "1"},
		Served: []Route{{"/x", "x.sh"}, {"/", "files of static"}}}
	want := "404 Not Found\n\nThere is nothing at this URL.\nRequest id: 1\n\nServed here:\n  /x → x.sh\n  / → files of static\n"
	if got := string(p.Text()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestHTML(t *testing.T) {
	r := NewRenderer()
	page, err := r.HTML(broken(), "n0nce")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`<style nonce="n0nce">:root`, `<script nonce="n0nce">"use strict";`, "<title>502 Bad Gateway · POST /x?&lt;q&gt;</title>",
		"<p>a &lt;cause&gt;\n\nhint: mend &lt;it&gt;</p>", "<strong>error</strong> &lt;what&gt;", "line 1, column 1 · <code>text-before-header</code>",
		"4 lines before these", "&lt;oops&gt;\n\nagain</pre>", `<span class="n">1</span><mark>&lt;h1&gt;</mark>hi`, `<mark>3c</mark> <mark>68</mark>`,
		`data-path="/.framegate/live" data-token="t0k3n" data-method="POST" data-asks`, `id="armed"`, "first-byte-timeout 60 s", "/x &#39;a b&#39;",
		"2.00 ms of processor time, at most 20 MiB of memory", "a=&lt;1&gt;",
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("no %q", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", page)
	}
	main, err := r.Main(broken())
	if err != nil || !strings.Contains(string(page), `<main id="main">`+string(main)+"</main>") {
		t.Errorf("the main part is another one on its own (%v)", err)
	}
}

// What cannot be repeated says why, and has no buttons.
func TestHTMLCannotRepeat(t *testing.T) {
	p := broken()
	p.Live.Cannot = "its body was not kept"
	page, err := NewRenderer().HTML(p, "n")
	if err != nil || !strings.Contains(string(page), "Reload this page by hand when you have mended it: its body was not kept.") ||
		strings.Contains(string(page), `id="armed"`) || strings.Contains(string(page), `id="again"`) {
		t.Errorf("got %v\n%s", err, page)
	}
}

// FuzzPage draws pages of anything: nothing of it becomes a tag, an attribute
// or a control character, and nothing fails.
func FuzzPage(f *testing.F) {
	f.Add([]byte("<script>\n\n"), "<img src=x>", "A=\"'`", int64(3), 5, int64(4))
	f.Add([]byte("\xff\x00\r\n世界"), "\x1b[2J\u202e", "=", int64(-1), -3, int64(-1))
	f.Add([]byte(""), "</style></script>{{.}}", "", int64(0), 0, int64(0))
	r := NewRenderer()
	tags := regexp.MustCompile(`<[a-zA-Z!/][^<>]*>`)
	f.Fuzz(func(t *testing.T, stdout []byte, text, env string, offset int64, length int, bodyAt int64) {
		draw := func(stdout []byte, text, env string) string {
			p := broken()
			x := p.Exchange
			p.Sentence, p.Cause, p.Hint, p.User = text, text, text, text
			x.Frame, x.Program.File, x.Program.Dir = text, text, text
			x.Request = capture.Request{Method: "GET", Target: text, Host: text, Header: []capture.Field{{Name: text, Value: text}}}
			x.Program.Argv, x.Program.Env = []string{text}, []string{env, "A=" + text, text}
			x.Stdin, x.Stdout = capture.Stream{Head: stdout, Size: int64(len(stdout))}, capture.Stream{Head: stdout, Size: int64(len(stdout))}
			x.Stderr.Last = []string{text, string(stdout)}
			x.Events = append(x.Events, capture.Event{Kind: capture.HeaderEnd, Offset: bodyAt}, capture.Event{Kind: text, At: time.Duration(offset)})
			p.Findings[1] = lint.Finding{Severity: lint.Error, Line: length, Offset: offset, Length: length, What: text, Why: text, Fix: text}
			p.Shell = &Shell{Env: []string{text, env}, Dir: text, User: text}
			p.Commands = []Command{{"Again", Word(text) + " " + Word(string(stdout)), ""}}
			p.Text()
			page, err := r.HTML(p, "nonce")
			if err != nil {
				t.Fatal(err)
			}
			return string(page)
		}
		page := draw(stdout, text, env)
		if strings.ContainsAny(page, "\x00\x1b\u202e") {
			t.Errorf("a control character: %q", page)
		}
		for _, tag := range tags.FindAllString(page, -1) {
			switch name := strings.ToLower(strings.Trim(strings.Fields(tag)[0], "</>")); name {
			case "img", "iframe", "object", "embed", "form", "base", "a", "video", "audio":
				t.Errorf("a tag of somebody else's: %s", tag)
			}
		}
		if strings.Count(page, "<script") != 1 || strings.Count(page, "</script") != 1 || strings.Count(page, "<style") != 1 || strings.Count(page, "</style") != 1 {
			t.Errorf("more than one script or style:\n%s", page)
		}
	})
}
