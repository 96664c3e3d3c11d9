package frames_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"framegate/server/internal/servertest"
)

// TestGateway asks every language the same questions over HTTP, each frame
// mounted at /NAME of one server. What the direct tests call PATH_INFO,
// SCRIPT_NAME and QUERY_STRING is here what the gateway made of a URL.
func TestGateway(t *testing.T) {
	langs := append(languages(t), executables()...)
	var toml strings.Builder
	usable := langs[:0]
	for _, lang := range langs {
		t.Run("build/"+lang.name, func(t *testing.T) {
			argv := lang.command(t)
			fmt.Fprintf(&toml, "[[frame]]\nname = %q\nmount = %q\ncommand = %s\n",
				strings.ReplaceAll(lang.name, ".", "-"), "/"+lang.name, tomlStrings(argv))
			usable = append(usable, lang)
		})
	}
	file := filepath.Join(t.TempDir(), "gateway.toml")
	if err := os.WriteFile(file, []byte(toml.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	s := servertest.Start(t, "-c", file)
	for _, lang := range usable {
		t.Run(lang.name, func(t *testing.T) {
			for _, ask := range questions(lang.name) {
				t.Run(ask.name, func(t *testing.T) { ask.check(t, s.URL) })
			}
		})
	}
}

// executables are the frames that the kernel starts by their first line.
func executables() (langs []language) {
	for _, file := range []string{"hello.sh", "hello.awk", "hello.pl", "hello.py"} {
		langs = append(langs, language{file, func(t *testing.T) []string {
			return []string{frame(t, file)}
		}})
	}
	return langs
}

func tomlStrings(argv []string) string {
	quoted := make([]string, len(argv))
	for i, arg := range argv {
		quoted[i] = fmt.Sprintf("%q", arg)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// A question is an HTTP request and what its response must be.
type question struct {
	name, method, url string
	body              io.Reader
	status            int
	allow, want       string
}

func questions(mount string) []question {
	script := "/" + mount
	var binary []byte
	for i := range 70_000 {
		binary = append(binary, byte(i*i>>3))
	}
	// lines are the part of the answer that all methods share.
	lines := func(hello, method, path, query string) string {
		return fmt.Sprintf("hello, %s\nmethod: %s\nscript: %s\npath: %s\nquery: %s\n", hello, method, script, path, query)
	}
	return []question{
		{name: "get", method: "GET", url: script, status: 200, want: lines("world", "GET", "", "")},
		{name: "slash", method: "GET", url: script + "/", status: 200, want: lines("world", "GET", "/", "")},
		{name: "path-and-query", method: "GET", url: script + "/a%20b/%E4%B8%AD?x=1&name=%E4%B8%96+%2b%00", status: 200,
			want: lines("世 +\x00", "GET", "/a b/中", "x=1&name=%E4%B8%96+%2b%00")},
		{name: "head", method: "HEAD", url: script + "?name=Ada", status: 200},
		{name: "post", method: "POST", url: script + "/up?name=Ada", body: bytes.NewReader([]byte("\x00a\x00")), status: 200,
			want: lines("Ada", "POST", "/up", "name=Ada") + "body: 3 bytes\n\x00a\x00"},
		{name: "post-empty", method: "POST", url: script, status: 200, want: lines("world", "POST", "", "") + "body: 0 bytes\n"},
		{name: "put-chunked", method: "PUT", url: script, body: io.MultiReader(bytes.NewReader(binary)), status: 200,
			want: lines("world", "PUT", "", "") + "body: 70000 bytes\n" + string(binary)},
		{name: "delete", method: "DELETE", url: script, status: 405, allow: "GET, HEAD, POST, PUT", want: "only GET, HEAD, POST and PUT\n"},
	}
}

func (q question) check(t *testing.T, base string) {
	req, err := http.NewRequestWithContext(t.Context(), q.method, base+q.url, q.body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != q.status {
		t.Errorf("status: got %d; want %d", resp.StatusCode, q.status)
	}
	if got, want := resp.Header.Get("Content-Type"), "text/plain; charset=utf-8"; got != want {
		t.Errorf("Content-Type: got %q; want %q", got, want)
	}
	if got := resp.Header.Get("Allow"); got != q.allow {
		t.Errorf("Allow: got %q; want %q", got, q.allow)
	}
	if got := string(body); got != q.want {
		t.Errorf("body: got %.500q; want %.500q", got, q.want)
	}
}
