package scripts_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"framegate/server/internal/servertest"
)

// ended matches frame-try's last line.
var ended = regexp.MustCompile(`frame-try: (.*), \d+\.\d{3} s\n$`)

// try runs frame-try.sh in bash, as its first line has it.
func try(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	return command(t, append([]string{script(t, "frame-try.sh")}, args...)...)
}

// hello is the repository's hello in the languages of frames/, and one in PHP.
func hello(t *testing.T) map[string][]string {
	t.Helper()
	c := filepath.Join(t.TempDir(), "hello-c")
	cc := servertest.Require(t, "apt-get install gcc libc6-dev", "cc")
	if out, err := exec.Command(cc, "-o", c, repository(t, "frames", "hello.c")).CombinedOutput(); err != nil {
		t.Fatalf("build hello.c: %v\n%s", err, out)
	}
	return map[string][]string{
		"sh":     {repository(t, "frames", "hello.sh")},
		"perl":   {servertest.Require(t, "apt-get install perl", "perl"), repository(t, "frames", "hello.pl")},
		"python": {servertest.Require(t, "apt-get install python3", "python3"), repository(t, "frames", "hello.py")},
		"c":      {c},
		"php":    {servertest.Require(t, "apt-get install php-cgi", "php-cgi")},
	}
}

// TestTryAsTheGateway gives the hello frames the same requests by hand and
// through the gateway.
func TestTryAsTheGateway(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "body")
	var body []byte
	for i := range 70_000 {
		body = append(body, byte(i*i>>3))
	}
	if err := os.WriteFile(binary, body, 0o644); err != nil {
		t.Fatal(err)
	}
	requests := [][]string{
		{"/hello"},
		{"/hello/a%20b/%E4%B8%AD?name=Ada+L.&x=%00"},
		{"/hello/x", "-X", "HEAD"},
		{"/hello/x", "-X", "DELETE"},
		{"/hello/x", "-d", ""},
		{"/hello/x", "-d", "name=Ada\n"},
		{"/hello/x", "-X", "PUT", "-H", "Content-Type: application/octet-stream", "-d", "@" + binary},
	}
	for name, argv := range hello(t) {
		t.Run(name, func(t *testing.T) {
			toml, more := mounted("/hello", argv...), []string{"--script-name", "/hello"}
			if name == "php" {
				php := repository(t, "server", "scripts_test", "testdata", "hello.php")
				toml = fmt.Sprintf("[[frame]]\nname = \"php\"\nscripts = \"/\"\ndir = %q\ninterpreters = { \".php\" = [\"php-cgi\"] }\n", filepath.Dir(php))
				more = []string{"--script-name", "/hello.php", "--script-filename", php}
				argv = append(argv, php)
			}
			for i, request := range requests {
				if name == "php" {
					request = append([]string{"/hello.php/" + strings.TrimPrefix(request[0], "/hello")}, request[1:]...)
				}
				t.Run(strings.Join(request, " "), func(t *testing.T) {
					want := run(t, gateway(t, toml, request...))
					sh := plainShells(t)[(i+len(name))%3]
					got := run(t, sh.do(t, "frame-try.sh", slices.Concat(request, more, []string{"--"}, argv)...))
					if diff := cmp.Diff(plainAnswer(want.stdout), plainAnswer(got.stdout)); diff != "" || got.status != want.status {
						t.Errorf("%s: status %d; want %d; (-gateway +frame-try)\n%s%s", sh.name, got.status, want.status, diff, got.stderr)
					}
					if m := ended.FindStringSubmatch(got.stderr); m == nil || m[1] != "exit status 0" {
						t.Errorf("%s: stderr: got %q; want exit status 0", sh.name, got.stderr)
					}
				})
			}
		})
	}
}

// plainAnswer is an answer without what the server adds, its fields sorted.
func plainAnswer(answer string) string {
	head, body, _ := strings.Cut(answer, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	fields := slices.DeleteFunc(lines[1:], func(line string) bool {
		name, _, _ := strings.Cut(line, ":")
		return slices.Contains([]string{"Date", "Server", "Transfer-Encoding", "Content-Length", "Connection", "Cache-Control", "X-Content-Type-Options"}, name)
	})
	for i, field := range fields {
		name, value, _ := strings.Cut(field, ":")
		fields[i] = strings.ToLower(name) + ":" + value
	}
	slices.Sort(fields)
	return lines[0] + "\n" + strings.Join(fields, "\n") + "\n\n" + body
}

// TestTryOutput gives all kinds of output to frame-try and to the gateway: the
// status, the fields and the body that a client gets are the same.
func TestTryOutput(t *testing.T) {
	for i, tt := range []struct{ name, output, note string }{
		{"plain", "Content-Type: text/plain\n\nhello\n", ""},
		{"crlf", "Content-Type: text/plain\r\nX-A: b\r\n\r\nhello\r\n", ""},
		{"mixed", "Content-Type: text/plain\r\nX-A: b\n\r\nhello\r\n", ""},
		{"no body", "Content-Type: text/plain\n\n", ""},
		{"blanks", "X-A:  a b\t \nx-a:c\nContent-Type:text/plain\n\n1", ""},
		{"status", "Status: 404 Nothing Here\nContent-Type: text/plain\n\nno\n", ""},
		{"status alone", "Status: 201\n\n", ""},
		{"status line", "HTTP/1.1 403 No\nContent-Type: text/plain\n\nno\n", ""},
		{"bare status line", "404 Not Found\nContent-Type: text/plain\n\nno\n", ""},
		{"204", "Status: 204\n\nbody\n", "there is no Content-Type"},
		{"304", "Status: 304 x\nETag: \"a\"\n\n", ""},
		{"500", "Status: 500\nContent-Type: text/plain\n\noh\n", ""},
		{"client redirect", "Location: http://example.org/\n\n", ""},
		{"client redirect with status", "Location: http://example.org/\nStatus: 303\n\n", ""},
		{"hop by hop", "Connection: close\nKeep-Alive: 1\nContent-Type: text/plain\n\nx", ""},
		{"no type", "X-A: 1\n\n<p>\n", "there is no Content-Type"},
		{"binary", "Content-Type: a/b\n\n\x00\xff\n\n\x01", ""},
		{"length", "Content-Type: a/b\nContent-Length: 3\n\nabc", ""},
		{"length too short", "Content-Type: a/b\nContent-Length: 2\n\nabc", "the body is 1 bytes longer than the Content-Length of 2"},
		{"length too long", "Content-Type: a/b\nContent-Length: 100\n\nabc", "the body is 97 bytes shorter than the Content-Length of 100"},
		{"nothing", "", "the program ended before it printed a header"},
		{"only an empty line", "\n", "no header field at all"},
		{"text first", "hello\nContent-Type: text/plain\n\nx", `response header, line 1: "hello" is no header field: it has no colon`},
		{"unended", "Content-Type: text/plain\n", "the program ended before the empty line"},
		{"unended text", "Content-Type: text/plain\nhello\n", `response header, line 2: "hello" is no header field`},
		{"folded", "X-A: 1\n b\n\n", "response header, line 2: it begins with white space"},
		{"no name", ": 1\n\n", `response header, line 1: "" is no field name`},
		{"space in name", "X A: 1\n\n", `response header, line 1: "X A" is no field name`},
		{"space before colon", "X-A : 1\n\n", `response header, line 1: "X-A " is no field name`},
		{"bare CR", "X-A: 1\r2\n\n", "response header, line 1: the value of X-A holds a control character"},
		{"CR CR LF", "X-A: 1\r\r\n\n", "response header, line 1: the value of X-A holds a control character"},
		{"NUL", "X-A: 1\x002\n\n", "the header holds a NUL"},
		{"bom", "\xef\xbb\xbfContent-Type: text/plain\n\n", "response header, line 1: \"\xef\xbb\xbfContent-Type\" is no field name"},
		{"transfer-encoding", "Transfer-Encoding: chunked\n\n", "Transfer-Encoding is the server's to choose"},
		{"two types", "Content-Type: a/b\ncontent-type: a/b\n\n", "response header, line 2: a second content-type"},
		{"two statuses", "Status: 200\nStatus: 200\n\n", "response header, line 2: a second status"},
		{"status and status line", "200 OK\nStatus: 200\n\n", "response header, line 2: a second status"},
		{"bad status", "Status: 20\n\n", `response header, line 1: status "20": a status is three digits`},
		{"bad length", "Content-Length: 5 bytes\n\n", `Content-Length "5 bytes" is no number of bytes`},
		{"101", "Status: 101\n\n", "status 101 is no answer to a request"},
		{"long header", "X-A: " + strings.Repeat("a", 1<<16) + "\n\n", "the header is longer than 64 KiB"},
		{"utf-8 value", "X-A: 中\nContent-Type: text/plain\n\n中", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "output")
			if err := os.WriteFile(file, []byte(tt.output), 0o644); err != nil {
				t.Fatal(err)
			}
			want := run(t, gateway(t, mounted("/", "cat", file), "/"))
			for _, sh := range plainShells(t)[i%3 : i%3+1] {
				got := run(t, sh.do(t, "frame-try.sh", "/", "--", "cat", file))
				if !strings.Contains(got.stderr, tt.note) || tt.note == "" && strings.Count(got.stderr, "\n") != 1 {
					t.Errorf("%s: stderr: got %q; want %q", sh.name, got.stderr, tt.note)
				}
				wanted, given := plainAnswer(want.stdout), plainAnswer(got.stdout)
				if strings.HasPrefix(wanted, "HTTP/1.1 502") { // the gateway has a page for it
					wanted, given = "HTTP/1.1 502", given[:12]
				}
				if diff := cmp.Diff(wanted, given); diff != "" || got.status != want.status {
					t.Errorf("%s: status %d; want %d (-gateway +frame-try)\n%s%s", sh.name, got.status, want.status, diff, got.stderr)
				}
			}
		})
	}
}

// TestTryRaw holds --raw: the bytes as they are, the program's own status.
func TestTryRaw(t *testing.T) {
	for _, sh := range plainShells(t) {
		out := run(t, sh.do(t, "frame-try.sh", "--raw", "/x", "--", "sh", "-c", `printf 'a\0b\r\n\377'; exit 7`))
		if out.stdout != "a\x00b\r\n\xff" || out.status != 7 {
			t.Errorf("%s: got %q, status %d", sh.name, out.stdout, out.status)
		}
		if m := ended.FindStringSubmatch(out.stderr); m == nil || m[1] != "exit status 7" {
			t.Errorf("%s: stderr: got %q; want exit status 7", sh.name, out.stderr)
		}
	}
}

// TestTryEnviron looks at what a program finds: the request's variables, PATH,
// what -e says, and nothing else.
func TestTryEnviron(t *testing.T) {
	t.Setenv("OWN", "it's\nmine")
	t.Setenv("LC_ALL", "C.UTF-8")
	for _, sh := range plainShells(t) {
		out := run(t, sh.do(t, "frame-try.sh", "--raw", "/x", "-e", "OWN", "-e", "LC_ALL", "-e", "A=b c'", "-e", "PATH_INFO=/forged", "--", "cat", "/proc/self/environ"))
		got := strings.Split(strings.TrimSuffix(out.stdout, "\x00"), "\x00")
		var names []string
		for _, kv := range got {
			name, _, _ := strings.Cut(kv, "=")
			names = append(names, name)
		}
		want := []string{"PATH", "OWN", "LC_ALL", "A", "PATH_INFO", "GATEWAY_INTERFACE", "SERVER_SOFTWARE", "SERVER_PROTOCOL", "SERVER_NAME", "SERVER_PORT",
			"SERVER_ADDR", "REMOTE_ADDR", "REMOTE_HOST", "REQUEST_METHOD", "REQUEST_SCHEME", "REQUEST_URI", "QUERY_STRING", "SCRIPT_NAME",
			"SCRIPT_FILENAME", "REDIRECT_STATUS", "REQUEST_ID", "HTTP_HOST", "HTTP_USER_AGENT"}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("%s: names (-want +got):\n%s", sh.name, diff)
		}
		cat, err := exec.LookPath("cat")
		if err != nil {
			t.Fatal(err)
		}
		for _, kv := range []string{"OWN=it's\nmine", "LC_ALL=C.UTF-8", "A=b c'", "PATH_INFO=/x", "PATH=" + os.Getenv("PATH"), "SCRIPT_FILENAME=" + cat} {
			if !slices.Contains(got, kv) {
				t.Errorf("%s: got %q; want %q among them", sh.name, got, kv)
			}
		}
	}
}

// TestTryStdin holds the body: exactly CONTENT_LENGTH bytes, then the end.
func TestTryStdin(t *testing.T) {
	file := filepath.Join(t.TempDir(), "it's a body")
	body := append(bytes.Repeat([]byte("a\x00\xff\n"), 5000), "\n\n"...)
	if err := os.WriteFile(file, body, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, sh := range plainShells(t) {
		for _, tt := range []struct{ name, data, want string }{
			{"none", "", "0 "},
			{"text", "a\n\n", "3 a\n\n"},
			{"file", "@" + file, fmt.Sprint(len(body), " ", string(body))},
			{"stdin", "@-", fmt.Sprint(len(body), " ", string(body))},
		} {
			t.Run(sh.name+"/"+tt.name, func(t *testing.T) {
				cmd := sh.do(t, "frame-try.sh", "--raw", "/x", "-d", tt.data, "--", "sh", "-c", `printf '%s ' "$CONTENT_LENGTH"; cat`)
				cmd.Stdin = bytes.NewReader(body)
				if out := run(t, cmd); out.stdout != tt.want {
					t.Errorf("got %.80q; want %.80q", out.stdout, tt.want)
				}
			})
		}
	}
}

// TestTryEndless holds that what does not end neither fills the disk nor takes
// for ever.
func TestTryEndless(t *testing.T) {
	for _, sh := range plainShells(t) {
		out := run(t, sh.do(t, "frame-try.sh", "/x", "--", "yes", "A: b"))
		want := "frame-try: it printed more than 268435456 bytes: the rest was not read\nframe-try: the header is longer than 64 KiB\nhint: --raw shows what it printed\n"
		if m := ended.FindStringSubmatch(out.stderr); !strings.HasPrefix(out.stderr, want) || m == nil || m[1] != "killed by SIGPIPE (the shell's status 141)" || out.status != 1 {
			t.Errorf("%s: got %q, status %d; want %q", sh.name, out.stderr, out.status, want)
		}
	}
}

// TestTryPipe holds a body that can be read only once.
func TestTryPipe(t *testing.T) {
	out := run(t, command(t, "bash", "-c", quote(script(t, "frame-try.sh"))+` --raw /x -d @<(printf 'a\0b') -- sh -c 'printf "%s " "$CONTENT_LENGTH"; cat'`))
	if want := "3 a\x00b"; out.stdout != want {
		t.Errorf("got %q, stderr %q; want %q", out.stdout, out.stderr, want)
	}
}

// TestTryMistakes holds what is said before anything is run.
func TestTryMistakes(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{"crlf": "#!/bin/sh\r\necho\r\n", "crlf-env": "#! /usr/bin/env python3\r\nprint()\r\n", "none": "#!/no/such -x\n", "norun": "#!/bin/sh\n"}
	for name, text := range files {
		mode := os.FileMode(0o755)
		if name == "norun" {
			mode = 0o644
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"/x"}, "frame-try: no program\nhint: scripts/frame-try.sh [options] URL -- PROGRAM [ARG...]\n"},
		{[]string{"--", "true"}, "frame-env: no URL: frame_env 'http://localhost:7890/path?query'\n"},
		{[]string{"--nix", "/x", "--", "true"}, "frame-try: unknown option --nix\nhint: scripts/frame-try.sh --help\n"},
		{[]string{"/x", "-X"}, "frame-try: -X wants a value\n"},
		{[]string{"/x", "--timeout", "soon", "--", "true"}, "frame-try: --timeout soon: want a number of seconds\n"},
		{[]string{"/x", "--dir", "/no/such", "--", "true"}, "frame-try: --dir /no/such: no such directory\n"},
		{[]string{"/x", "-e", "A-B=1", "--", "true"}, "frame-try: -e A-B=1: want NAME or NAME=VALUE\n"},
		{[]string{"/x", "-e", "NO_SUCH_NAME", "--", "true"}, "frame-try: -e NO_SUCH_NAME: there is no such variable\n"},
		{[]string{"/x", "-d", "@/no/such", "--", "true"}, "frame-env: -d @/no/such: no such file, or it may not be read\n"},
		{[]string{"/%zz", "--", "true"}, "frame-env: /%zz: the path holds a % that is not followed by two hex digits\n"},
		{[]string{"/x", "--", "no-such-program"}, "frame-try: program no-such-program: not on PATH\n"},
		{[]string{"/x", "--", "none"}, "frame-try: program none: not on PATH\nhint: say ./none for the one in this directory\n"},
		{[]string{"/x", "--", "./nix"}, "frame-try: program ./nix: no such file\n"},
		{[]string{"/x", "--", "../"}, "frame-try: program ../: is not a file\n"},
		{[]string{"/x", "--", "./norun"}, "frame-try: program ./norun: has no run bit\nhint: chmod +x ./norun\n"},
		{[]string{"/x", "--", "./none"}, "frame-try: program ./none: the interpreter of its first line, /no/such, is missing\n"},
		{[]string{"/x", "--", "./crlf"}, "frame-try: program ./crlf: its first line ends in CR LF, so what is looked for is '/bin/sh\\r'\nhint: sed -i 's/\\r$//' ./crlf\n"},
		{[]string{"/x", "--", "./crlf-env"}, "frame-try: program ./crlf-env: its first line ends in CR LF, so what is looked for is 'python3\\r'\nhint: sed -i 's/\\r$//' ./crlf-env\n"},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			for _, sh := range plainShells(t) {
				cmd := sh.do(t, "frame-try.sh", tt.args...)
				cmd.Dir = dir
				if out := run(t, cmd); out.stderr != tt.want || out.status != 2 || out.stdout != "" {
					t.Errorf("%s: got %q, status %d, stdout %q; want %q, status 2", sh.name, out.stderr, out.status, out.stdout, tt.want)
				}
			}
		})
	}
}
