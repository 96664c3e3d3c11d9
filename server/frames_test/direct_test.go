package frames_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"framegate/server/internal/servertest"
)

// A request is one environ with its body, and the frame's whole answer.
type request struct {
	name   string
	env    []string
	stdin  string
	want   string
	stderr bool // some awks warn of bytes that are no text: not the answer's matter
}

const (
	head       = "Content-Type: text/plain; charset=utf-8\n\n"
	notAllowed = "Status: 405 Method Not Allowed\nAllow: GET, HEAD, POST, PUT\n" + head +
		"only GET, HEAD, POST and PUT\n"
)

// query makes a GET whose only interesting part is its query string.
func query(name, query, hello string) request {
	return request{
		name: "query-" + name,
		env:  []string{"REQUEST_METHOD=GET", "QUERY_STRING=" + query},
		want: head + "hello, " + hello + "\nmethod: GET\nscript: \npath: \nquery: " + query + "\n",
	}
}

// upload makes a request with a body of which the frame is told length bytes.
func upload(name, method, length, stdin, echoed string) request {
	shown := length
	if shown == "" {
		shown = "0"
	}
	return request{
		name:  name,
		env:   []string{"REQUEST_METHOD=" + method, "CONTENT_LENGTH=" + length},
		stdin: stdin,
		want: head + "hello, world\nmethod: " + method + "\nscript: \npath: \nquery: \n" +
			"body: " + shown + " bytes\n" + echoed,
	}
}

func requests() []request {
	binary := make([]byte, 0, 200_000)
	for i := range cap(binary) {
		binary = append(binary, byte(i*i>>3))
	}
	raw := query("raw-bytes", "name=\xff\xe4\xb8", "\xff\xe4\xb8")
	raw.stderr = true
	return []request{
		{name: "no-environ", want: head + "hello, world\nmethod: GET\nscript: \npath: \nquery: \n"},
		{name: "script-and-path",
			env:  []string{"REQUEST_METHOD=GET", "SCRIPT_NAME=/a b", "PATH_INFO=/中/%41/\\n/'x'", "QUERY_STRING="},
			want: head + "hello, world\nmethod: GET\nscript: /a b\npath: /中/%41/\\n/'x'\nquery: \n"},
		query("plain", "name=Ada", "Ada"),
		query("empty-name", "name=", "world"),
		query("no-equals", "name", "world"),
		query("between", "a=1&name=Ada&b=2", "Ada"),
		query("first-wins", "name=Ada&name=Bob", "Ada"),
		query("first-wins-empty", "name=&name=Bob", "world"),
		query("longer-key", "xname=1&names=2", "world"),
		query("name-in-value", "a=name=1", "world"),
		query("equals-in-value", "name=a=b", "a=b"),
		query("plus", "name=Ada+L.+%2B", "Ada L. +"),
		query("utf-8", "name=%E4%B8%96%e7%95%8c", "世界"),
		query("utf-8-raw", "name=世界", "世界"),
		query("latin-1", "name=%E4%FF", "\xe4\xff"),
		query("nul", "name=a%00b", "a\x00b"),
		query("newline-at-end", "name=a%0A", "a\n"),
		query("not-twice", "name=%2541", "%41"),
		query("ampersand", "name=a%26b", "a&b"),
		query("octal-digits-after", "name=%417%0012", "A7\x0012"),
		query("broken-escapes", "name=%&b", "%"),
		query("broken-escapes-2", "name=%4&b", "%4"),
		query("broken-escapes-3", "name=%zz%%34%4+%G1", "%zz%4%4 %G1"),
		query("shell-signs", "name='$(id)`id`\";*?[a]~\\\\n%27%5C%24(id)", "'$(id)`id`\";*?[a]~\\\\n'\\$(id)"),
		query("format-signs", "name=%25s%25d-n+-e", "%s%d-n -e"),
		raw,
		{name: "head", env: []string{"REQUEST_METHOD=HEAD", "QUERY_STRING=name=Ada"}, want: head},
		{name: "get-ignores-stdin", env: []string{"REQUEST_METHOD=GET"}, stdin: "unread",
			want: head + "hello, world\nmethod: GET\nscript: \npath: \nquery: \n"},
		upload("post", "POST", "5", "a\nb\nc", "a\nb\nc"),
		upload("put", "PUT", "2", "\n\n", "\n\n"),
		upload("post-empty", "POST", "0", "", ""),
		upload("post-no-length", "POST", "", "unread", ""),
		upload("post-at-most-length", "POST", "3", "abcdef", "abc"),
		upload("post-short-stdin", "POST", "10", "abc", "abc"),
		upload("post-nul", "POST", "5", "\x00a\x00\n\x00", "\x00a\x00\n\x00"),
		upload("post-crlf", "POST", "4", "\r\n\x1a\r", "\r\n\x1a\r"),
		upload("post-large-binary", "POST", "200000", string(binary), string(binary)),
		{name: "delete", env: []string{"REQUEST_METHOD=DELETE"}, want: notAllowed},
		{name: "lower-case", env: []string{"REQUEST_METHOD=get"}, want: notAllowed},
		{name: "two-methods", env: []string{"REQUEST_METHOD=GET HEAD"}, want: notAllowed},
		{name: "longer-method", env: []string{"REQUEST_METHOD=POSTS"}, want: notAllowed},
	}
}

func TestDirect(t *testing.T) {
	for _, lang := range languages(t) {
		t.Run(lang.name, func(t *testing.T) {
			argv := lang.command(t)
			for _, req := range requests() {
				for _, locale := range []string{"C", "C.UTF-8"} {
					t.Run(req.name+"/"+locale, func(t *testing.T) {
						runDirect(t, argv, locale, req)
					})
				}
			}
		})
	}
}

func runDirect(t *testing.T, argv []string, locale string, req request) {
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "LC_ALL=" + locale}, req.env...)
	cmd.Stdin = strings.NewReader(req.stdin)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	if got := stdout.String(); got != req.want {
		t.Errorf("stdout: got %.500q; want %.500q", got, req.want)
	}
	if got := stderr.String(); got != "" && !req.stderr {
		t.Errorf("stderr: got %q; want none", got)
	}
}

// TestHouse holds the frames to what makes them good to read and to start.
func TestHouse(t *testing.T) {
	for _, tt := range []struct {
		file, first string
		executable  bool
	}{
		{"hello.sh", "#!/bin/sh", true},
		{"hello.awk", "#!/usr/bin/awk -f", true},
		{"hello.pl", "#!/usr/bin/env perl", true},
		{"hello.py", "#!/usr/bin/env python3", true},
		{"hello.c", "/* hello.c: says hello and sends back what it is sent. C99.", false},
		{"hello.go", "//go:build ignore", false},
	} {
		t.Run(tt.file, func(t *testing.T) {
			text, err := os.ReadFile(frame(t, tt.file))
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
			if len(lines) >= 60 {
				t.Errorf("lines: got %d; want under 60", len(lines))
			}
			if lines[0] != tt.first {
				t.Errorf("first line: got %q; want %q", lines[0], tt.first)
			}
			for _, section := range []string{"RFC 3875", "§4.1", "§4.1.5", "§4.1.7", "§4.1.13", "§4.2", "§4.3.3", "§6.2", "§6.3.1", "§6.3.3"} {
				if !strings.Contains(string(text), section) {
					t.Errorf("comments: no %q", section)
				}
			}
			info, err := os.Stat(frame(t, tt.file))
			if err != nil {
				t.Fatal(err)
			}
			if got := info.Mode()&0o111 == 0o111; got != tt.executable {
				t.Errorf("executable: got %v; want %v", got, tt.executable)
			}
		})
	}
}

func TestShellcheck(t *testing.T) {
	shellcheck := servertest.Require(t, "apt-get install shellcheck", "shellcheck")
	if out, err := exec.Command(shellcheck, frame(t, "hello.sh")).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
