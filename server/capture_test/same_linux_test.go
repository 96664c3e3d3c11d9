package capture_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"framegate/server/internal/servertest"
)

// dump prints all that a process is given.
const dump = `#!/bin/dash
printf 'Content-Type: application/octet-stream\n\n'
cat "/proc/$$/cmdline" "/proc/$$/environ"
pwd; umask; ls "/proc/$$/fd"
exec cat
`

const config = `
[capture]
on = "all"
reveal = true
max-bytes = "256MiB"

[defaults]
max-header = "1MiB"
pass-env = ["FG_BYTES", "FG_LINES"]
pass-authorization = true
env = { TEXT = "it's 中文\n\t$(x) ` + "`y`" + ` \\ \"", EMPTY = "" }

[[frame]]
name = "dump"
mount = "/dump"
command = ["./dump.sh", "", "-n", "a b", "中文'"]

[[frame]]
name = "path"
mount = "/path"
command = ["dash", "./dump.sh", "A=b"]

[[frame]]
name = "renamed"
mount = "/renamed"
command = ["dash", "./dump.sh"]
env = { PATH = "/nowhere" }

[[frame]]
name = "equals"
mount = "/equals"
command = ["./a=b/dump.sh"]
umask = "0077"

[[frame]]
name = "scripts"
scripts = "/scripts"
dir = "scripts 目录"
interpreters = { ".dump" = ["dash", "-u"] }

[[frame]]
name = "scgi"
mount = "/scgi"
command = ["./dump.sh"]
stdin = "scgi"

[[frame]]
name = "stream"
mount = "/stream"
command = ["./dump.sh"]
stream-body = true
`

func newSite(t *testing.T) *site {
	t.Helper()
	servertest.Require(t, "apt-get install dash", "dash")
	all := make([]byte, 255)
	for i := range all {
		all[i] = byte(i + 1)
	}
	t.Setenv("FG_BYTES", string(all))
	t.Setenv("FG_LINES", "\n\n\n")
	absolute := strings.ReplaceAll(dump, "cat", "/bin/cat")
	absolute = strings.ReplaceAll(absolute, "ls \"", "/bin/ls \"")
	return serve(t, config, map[string]string{
		"dump.sh": absolute, "a=b/dump.sh": absolute, "scripts 目录/it's.dump": absolute,
	})
}

// randomBytes are any, NUL too.
func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestProgramSeesWhatItSaw(t *testing.T) {
	s := newSite(t)
	r := rand.New(rand.NewPCG(3, 4))
	text := strings.Repeat("name=Ada&text=it's 中文\n", 20)
	tests := []struct {
		name, method, path string
		body               io.Reader
	}{
		{"no body", "GET", "/dump/a%20b/%ff%01?x=%20'%22", nil},
		{"an empty body", "POST", "/dump", strings.NewReader("")},
		{"a text", "POST", "/dump/中文", strings.NewReader(text)},
		{"a text of lines", "POST", "/dump", strings.NewReader("--x\r\nA: b\r\n\r\nit's\r\n--x--\r\n")},
		{"bytes", "PUT", "/dump", bytes.NewReader(randomBytes(r, 300))},
		{"a long text", "POST", "/dump", strings.NewReader(strings.Repeat(text, 400))},
		{"a chunked body", "POST", "/dump", struct{ io.Reader }{bytes.NewReader(randomBytes(r, 9000))}},
		{"a body of just a mebibyte", "POST", "/dump", bytes.NewReader(randomBytes(r, 1<<20))},
		{"a body beside", "POST", "/dump", bytes.NewReader(randomBytes(r, 3<<20+1))},
		{"a name on PATH", "POST", "/path/x", strings.NewReader(text)},
		{"a name that is not on PATH", "POST", "/renamed", strings.NewReader(text)},
		{"a path that looks like a variable", "GET", "/equals", nil},
		{"a script with an interpreter", "POST", "/scripts/it's.dump/path", strings.NewReader(text)},
		{"scgi without a body", "GET", "/scgi/a?b", nil},
		{"scgi with a text", "POST", "/scgi", strings.NewReader(text)},
		{"scgi with bytes", "POST", "/scgi", bytes.NewReader(randomBytes(r, 70_000))},
		{"scgi with a body beside", "POST", "/scgi", bytes.NewReader(randomBytes(r, 2<<20))},
		{"streamed text", "POST", "/stream", strings.NewReader(text)},
		{"streamed bytes", "POST", "/stream", bytes.NewReader(randomBytes(r, 200<<10))},
	}
	for i := range 8 {
		n := r.IntN(200 << 10)
		tests = append(tests, struct {
			name, method, path string
			body               io.Reader
		}{fmt.Sprintf("random %d", i), "POST", "/dump/" + url.PathEscape(strings.ReplaceAll(string(randomBytes(r, 20)), "\x00", "")), bytes.NewReader(randomBytes(r, n))})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s.t = t
			req := s.request(test.method, test.path, test.body)
			decorate(req, r)
			a := s.ask(req)
			if a.status != 200 || !strings.Contains(a.body, "\x00REQUEST_METHOD="+test.method+"\x00") {
				t.Fatalf("got %d %.200q", a.status, a.body)
			}
			a.same(t, "")
		})
	}
}

// decorate adds fields with what a field's value can hold.
func decorate(r *http.Request, random *rand.Rand) {
	value := make([]byte, random.IntN(300))
	for i := range value {
		for value[i] < 0x20 || value[i] == 0x7f {
			value[i] = byte(random.Uint32())
		}
	}
	r.Header.Set("X-Random", "x"+string(value)+"x")
	r.Header.Set("X-Text", "it's 中文 %s \\n `a` $b")
	r.Header.Set("Cookie", "sid=secret; b=c")
	r.Header.Set("Authorization", "Basic YTpi")
	r.Header["X-Twice"] = []string{"a", "b"}
}

// A body that is longer than what is kept is cut, and the script says so.
func TestBodyIsCut(t *testing.T) {
	s := serve(t, `
[capture]
on = "all"
max-body = "1KiB"
[[frame]]
name = "cat"
mount = "/cat"
command = ["sh", "-c", "printf 'Content-Type: text/plain\\n\\n'; cat"]
`, nil)
	const of, kept = 40_000, 16 << 10
	a := s.ask(s.request("POST", "/cat", strings.NewReader(strings.Repeat("x", of))))
	a.body = a.body[:kept]
	a.same(t, fmt.Sprintf("framegate: capture: the body had %d bytes: only the first %d are here\n", of, kept))

	if err := os.Remove(a.file + ".body"); err != nil {
		t.Fatal(err)
	}
	out, errs, state := shells(t)[0].run(t, a.file)
	if out != "" || state.ExitCode() != 125 || !strings.Contains(errs, filepath.Base(a.file)+".body is missing") {
		t.Errorf("without its body: got %q, stderr %q, exit status %d", out, errs, state.ExitCode())
	}
}
