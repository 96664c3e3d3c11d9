package scripts_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	// times are what differs from run to run.
	times     = regexp.MustCompile(`\d+\.\d{3} s`)
	hashes    = regexp.MustCompile(`sha256sum [0-9a-f…]+`)
	same      = regexp.MustCompile(`^/x: same: 200 OK, \d+ bytes \(A T s, B T s\)$`)
	different = regexp.MustCompile(`^/x: different \(A T s, B T s\)$`)
)

// frames writes one program per output, which prints it.
func frames(t *testing.T, dir string, outputs ...string) []string {
	t.Helper()
	var files []string
	for i, output := range outputs {
		name := string(rune('a' + i))
		if err := os.WriteFile(filepath.Join(dir, name+".out"), []byte(output), 0o644); err != nil {
			t.Fatal(err)
		}
		text := "#!/bin/sh\ncat " + quote(filepath.Join(dir, name+".out")) + "\n"
		if status, body, ok := strings.Cut(output, "EXIT\n"); ok {
			text = "#!/bin/sh\nprintf '%s' " + quote(body) + "\nexit " + status + "\n"
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		files = append(files, "./"+name)
	}
	return files
}

func TestDiff(t *testing.T) {
	const plain = "Content-Type: text/plain\n"
	many := plain + "\n" + strings.Repeat("a\n", 60)
	for i, tt := range []struct {
		name, a, b string
		args       []string
		want       string // below the first line
	}{
		{"same", plain + "\nhello\n", plain + "\nhello\n", nil, ""},
		{"same but for the order and case of names", plain + "X-A: 1\n\nhello\n", "x-a: 1\n" + plain + "\nhello\n", nil, ""},
		{"same but for times and cookies",
			plain + "Date: Sun, 22 Nov 2026 16:00:00 GMT\nLast-Modified: x\nSet-Cookie: id=123; Path=/\n\nhello\n",
			plain + "Last-Modified: y\nSet-Cookie: id=456; Path=/\nDate: Sun, 22 Nov 2026 17:00:00 GMT\n\nhello\n", nil, ""},
		{"ignored", plain + "X-Id: 1\n\nhello\n", plain + "X-Id: 2\n\nhello\n", []string{"--ignore", "x-ID"}, ""},
		{"filtered", plain + "\ntook 12 ms, it's 1\n", plain + "\ntook 3 ms, it's 1\n", []string{"--filter", "sed 's/[0-9]* ms/N ms/'"}, ""},
		{"status", "Status: 404\n" + plain + "\nhello\n", plain + "\nhello\n", nil, "  status: A 404 Not Found, B 200 OK\n"},
		{"exit", plain + "\nhello\n", "3EXIT\n" + plain + "\nhello\n", nil, "  end: A exit status 0, B exit status 3\n"},
		{"header", plain + "X-A: 1\nX-C: 1\n\nhello\n", plain + "X-A: 2\nX-B: 1\nX-C: 1\n\nhello\n", nil,
			"  header: - A, + B\n    -x-a: 1\n    +x-a: 2\n    +x-b: 1\n"},
		{"one has no date", plain + "Date: x\n\nhello\n", plain + "\nhello\n", nil, "  header: - A, + B\n    -date: …\n"},
		{"cookie's attributes", plain + "Set-Cookie: id=123; Path=/\n\nhello\n", plain + "Set-Cookie: id=4; Path=/x\n\nhello\n", nil,
			"  header: - A, + B\n    -set-cookie: id=…; Path=/\n    +set-cookie: id=…; Path=/x\n"},
		{"text", plain + "\n1\n2\n3\n4\n5\n", plain + "\n1\n2\n3\nfour\n5\n", nil,
			"  body: - A, + B\n    @@ -2,4 +2,4 @@\n     2\n     3\n    -4\n    +four\n     5\n"},
		{"text's last line feed", plain + "\nhello\n", plain + "\nhello", nil,
			"  body: - A, + B\n    @@ -1 +1 @@\n    -hello\n    +hello\n    \\ No newline at end of file\n"},
		{"much text", many, plain + "\nb\n", nil,
			"  body: - A, + B\n    @@ -1,60 +1 @@\n" + strings.Repeat("    -a\n", 39) + "    … 22 lines more\n"},
		{"binary", plain + "\na\x00b\x01c", plain + "\na\x00b\x02cd", nil,
			"  body: A 5 bytes, sha256sum 2dcb4a9b12c2f27e5e43e7ec4ccc7eb46b67f5cab39aa0b30db4cd95b8dbbf48, B 6 bytes, sha256sum …\n  first at byte 3 (from 0): A 0x01, B 0x02\n"},
		{"binary beginning", plain + "\na\x00b", plain + "\na\x00bc", nil,
			"  body: A 3 bytes, sha256sum …, B 4 bytes, sha256sum …\n  A is the beginning of B\n"},
		{"no answer", plain + "\nhello\n", "hello\n\n", nil,
			"  status: A 200 OK, B 502 Bad Gateway\n  header: - A, + B\n    -content-type: text/plain\n  body: - A, + B\n    @@ -1 +0,0 @@\n    -hello\n" +
				"  B: response header, line 1: \"hello\" is no header field: it has no colon (is something printed before the headers, or is the empty line after them missing?) (RFC 3875 §6.3)\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, sh := range plainShells(t)[i%3 : i%3+1] {
				cmd := sh.do(t, "frame-diff.sh", append(tt.args, "./a", "./b", "/x")...)
				frames(t, cmd.Dir, tt.a, tt.b)
				out := run(t, cmd)
				got := times.ReplaceAllString(out.stdout, "T s")
				first, rest, _ := strings.Cut(got, "\n")
				status, want := 1, different
				if tt.want == "" {
					status, want = 0, same
				}
				if !want.MatchString(first) || out.status != status || out.stderr != "" {
					t.Errorf("%s: got %q, status %d, stderr %q; want %q, status %d", sh.name, first, out.status, out.stderr, want, status)
				}
				if diff := cmp.Diff(withoutHashes(tt.want), withoutHashes(rest)); diff != "" {
					t.Errorf("%s: (-want +got)\n%s", sh.name, diff)
				}
			}
		})
	}
}

func withoutHashes(s string) string { return hashes.ReplaceAllString(s, "sha256sum …") }

// TestDiffHello compares the hello frames of frames/ with one another: the
// gateway's tests hold them to one behaviour.
func TestDiffHello(t *testing.T) {
	languages := hello(t)
	for _, name := range []string{"perl", "python", "c"} {
		cmd := command(t, script(t, "frame-diff.sh"), "-X", "PUT", "-d", "@/bin/true", "--script-name", "/hello",
			strings.Join(languages["sh"], " "), strings.Join(languages[name], " "), "/hello", "/hello/x%20y?name=%E4%B8%AD", "/hello?name=%00%ff")
		out := run(t, cmd)
		if lines := strings.Split(strings.TrimSuffix(out.stdout, "\n"), "\n"); out.status != 0 || len(lines) != 3 {
			t.Errorf("%s: got %q, status %d; want three lines that say same", name, out.stdout, out.status)
		}
	}
}

// TestDiffSome holds the exit status when only one of the URLs differs.
func TestDiffSome(t *testing.T) {
	cmd := command(t, script(t, "frame-diff.sh"), "./a", repository(t, "frames", "hello.sh"), "/x", "/y")
	frames(t, cmd.Dir, "Content-Type: text/plain; charset=utf-8\n\nhello, world\nmethod: GET\nscript: \npath: /y\nquery: \n")
	out := run(t, cmd)
	if !strings.Contains(out.stdout, "/x: different (") || !strings.Contains(out.stdout, "/y: same: 200 OK, 51 bytes (") || out.status != 1 {
		t.Errorf("got %q, status %d, stderr %q", out.stdout, out.status, out.stderr)
	}
}

func TestDiffMistakes(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "frame-diff: want two programs and a URL: scripts/frame-diff.sh A B URL...\n"},
		{[]string{"true", "true"}, "frame-diff: want two programs and a URL: scripts/frame-diff.sh A B URL...\n"},
		{[]string{"--nix"}, "frame-diff: unknown option --nix: scripts/frame-diff.sh --help\n"},
		{[]string{"--ignore"}, "frame-diff: --ignore wants a value\n"},
		{[]string{"-d", "@-", "true", "true", "/x"}, "frame-diff: -d @-: stdin can be read only once: put it into a file, -d @FILE\n"},
		{[]string{"true", "/no/such", "/x"}, "frame-try: program /no/such: no such file\n"},
		{[]string{"true", "true", "/%zz"}, "frame-env: /%zz: the path holds a % that is not followed by two hex digits\n"},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			for _, sh := range plainShells(t) {
				if out := run(t, sh.do(t, "frame-diff.sh", tt.args...)); out.stderr != tt.want || out.status != 2 || out.stdout != "" {
					t.Errorf("%s: got %q, status %d, stdout %q; want %q, status 2", sh.name, out.stderr, out.status, out.stdout, tt.want)
				}
			}
		})
	}
}

// TestHelp holds the usage that is in each script's header.
func TestHelp(t *testing.T) {
	for _, file := range []string{"frame-env.sh", "frame-try.sh", "frame-diff.sh"} {
		out := run(t, command(t, script(t, file), "--help"))
		text, err := os.ReadFile(script(t, file))
		if err != nil {
			t.Fatal(err)
		}
		header, _, _ := strings.Cut(string(text), "\nset -eu\n")
		header, _, _ = strings.Cut(header, "\n\n")
		_, header, _ = strings.Cut(header, "\n")
		want := regexp.MustCompile(`(?m)^# ?`).ReplaceAllString(header, "") + "\n"
		if diff := cmp.Diff(want, out.stdout); diff != "" || out.status != 0 {
			t.Errorf("%s: status %d (-header +help)\n%s", file, out.status, diff)
		}
	}
}
