package scripts_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An environ is a request's variables by name.
type environ map[string]string

// ours are the variables that frame-env.sh says in words of its own. The
// gateway hands over its PATH; a shell has one.
var ours = []string{"PATH", "SERVER_SOFTWARE", "REQUEST_ID"}

// meta matches the variables of a request (RFC 3875 §4.1 and CONTRACT).
var meta = regexp.MustCompile(`^(HTTP_.*|AUTH_TYPE|CONTENT_(LENGTH|TYPE)|DOCUMENT_ROOT|GATEWAY_INTERFACE|HTTPS|PATH_(INFO|TRANSLATED)|QUERY_STRING|` +
	`REDIRECT_STATUS|REMOTE_.*|REQUEST_.*|SCRIPT_.*|SERVER_.*)$`)

// assignment begins a line of `framegate run --env`; a line that does not is
// the rest of a value with a line feed.
var assignment = regexp.MustCompile(`^[A-Z][A-Z0-9_]*=`)

// parseLines reads what `framegate run --env` prints.
func parseLines(text string) environ {
	var list []string
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		if assignment.MatchString(line) {
			list = append(list, line)
		} else if len(list) > 0 {
			list[len(list)-1] += "\n" + line
		}
	}
	return newEnviron(list)
}

// newEnviron keeps the request's variables of a list.
func newEnviron(list []string) environ {
	e := environ{}
	for _, kv := range list {
		if name, value, ok := strings.Cut(kv, "="); ok && meta.MatchString(name) && !slices.Contains(ours, name) {
			e[name] = value
		}
	}
	return e
}

// A request is what is asked for, in words that both sides understand.
type request struct {
	target string
	args   []string // -X, -H, -d
}

// pieces are what targets are made of.
var pieces = []string{"a", "b.sh", ".", "..", "...", ".hidden", "/", "/", "/", "//", "%2F", "%2f", "%2e", "%2E%2e", ".%2e", "%41", "%7E",
	"%20", " ", "+", "中", "%E4%B8%AD", "%FF", "\xff", "\xe4\xb8", "%0A", "%09", "%01", "\t", "\x01", "\x7f", "%5C", `\`, `\0101`, `\c`, "'", `"`, "$(id)",
	"`id`", "$HOME", "*", "?[a]", "~", ";", "&", "|", "<>", ":/shop/", "{a,b}", "!", "^", "%25", "%2541", "=", "@", ":", "%"}

// spoiled are pieces that a gateway refuses.
var spoiled = []string{"%zz", "%4", "%00", "/../../../../.."}

func randomRequest(r *rand.Rand) request {
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	path := "/"
	if r.IntN(2) == 0 {
		path = "/sh%6fp/"
	}
	for range r.IntN(8) {
		path += strings.ReplaceAll(pick(pieces[:len(pieces)-1]), "?", "%3f")
	}
	if r.IntN(12) == 0 {
		path += pick(spoiled)
	}
	path = "/" + strings.TrimLeft(path, "/") // two slashes are another server to some
	q := request{target: path}
	if r.IntN(2) == 0 {
		q.target += "?"
		for range r.IntN(5) {
			q.target += pick(pieces)
		}
	}
	names := []string{"X-A", "x-a", "X-a", "Cookie", "cookie", "Accept", "X_A", "x.b", "Content-Type", "Host", "Proxy", "Proxy-Authorization",
		"Authorization", "Content-Length", "Transfer-Encoding", "User-Agent", "X-2fa", "If-None-Match", "Accept-Language"}
	values := []string{"", " ", "a", "a b", "  a\t", "a: b", ":b", ":: c:", "中文", "\xff", "'", `"a"`, `\n`, "$(id)", "a=1; b=2", "text/*, */*;q=0.1", "example.org", "[::1]:80"}
	for range r.IntN(5) {
		name, value := pick(names), pick(values)
		if name == "Host" {
			value = pick([]string{"example.org", "EXAMPLE.org:80", "[::1]:8080", "a.b-c"})
		}
		q.args = append(q.args, "-H", pick([]string{name + ":" + value, name + ": " + value, name + ": " + value, name + ";"}))
	}
	if r.IntN(2) == 0 {
		q.args = append(q.args, "-X", pick([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get", "PROPFIND", "M-SEARCH"}))
	}
	if r.IntN(2) == 0 {
		q.args = append(q.args, "-d", pick([]string{"", "a", "a=1&b=%20", "中", "a\n", "\n\n", "'$(id)'", strings.Repeat("x", 5000)}))
	}
	return q
}

// TestEnvironAsTheGateway gives random requests to `framegate run --env` and to
// frame_env of every shell: the same environ, or refused by both.
func TestEnvironAsTheGateway(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	const requests = 40
	mounts := []string{"/", "/shop"}
	var asked []request
	var want []environ
	var mount []string
	for range requests {
		q, m := randomRequest(r), mounts[r.IntN(len(mounts))]
		out := run(t, gateway(t, mounted(m, "cat"), append([]string{"--env", q.target}, q.args...)...))
		asked, want, mount = append(asked, q), append(want, parseLines(out.stdout)), append(mount, m)
	}
	for _, sh := range shells(t) {
		t.Run(sh.name, func(t *testing.T) {
			text := loadFunctions(t)
			for i, q := range asked {
				args := append([]string{"http://127.0.0.1:7890" + q.target, "--script-name", mount[i]}, q.args...)
				text += "frame_env " + quote(args...) + " && cat /proc/self/environ\nprintf '\\0\\0'\n"
			}
			out := run(t, sh.say(t, text))
			answers := strings.Split(out.stdout, "\x00\x00")
			for i, q := range asked {
				got := newEnviron(strings.Split(answers[min(i, len(answers)-1)], "\x00"))
				compareEnvirons(t, fmt.Sprintf("%q %q at %s", q.args, q.target, mount[i]), got, want[i])
			}
		})
	}
}

// compareEnvirons allows for what is documented to differ: the frame of the
// gateway is a program, and its client has a name of its own.
func compareEnvirons(t *testing.T, what string, got, want environ) {
	t.Helper()
	if len(want) > 0 {
		want["SCRIPT_FILENAME"] = got["SCRIPT_FILENAME"]
	}
	if strings.HasPrefix(want["HTTP_USER_AGENT"], "framegate/") && strings.HasPrefix(got["HTTP_USER_AGENT"], "frame-env") {
		want["HTTP_USER_AGENT"] = got["HTTP_USER_AGENT"]
	}
	if got["SCRIPT_FILENAME"] == "" {
		delete(want, "SCRIPT_FILENAME")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-gateway +script):\n%s", what, diff)
	}
}

// loadFunctions is how a script sources frame-env.sh in any shell.
func loadFunctions(t *testing.T) string {
	t.Helper()
	return "load() { . " + quote(script(t, "frame-env.sh")) + "; }\nload --functions\n"
}

// TestEnvironOfURLs holds the parts of a URL that `framegate run` is not given.
func TestEnvironOfURLs(t *testing.T) {
	for _, tt := range []struct {
		url  string
		want environ
	}{
		{"http://example.org/a", environ{"HTTP_HOST": "example.org", "SERVER_NAME": "example.org", "SERVER_PORT": "80", "PATH_INFO": "/a", "REQUEST_SCHEME": "http"}},
		{"http://example.org:80/a", environ{"HTTP_HOST": "example.org", "SERVER_PORT": "80"}},
		{"http://example.org:443/a", environ{"HTTP_HOST": "example.org:443", "SERVER_NAME": "example.org", "SERVER_PORT": "443"}},
		{"https://example.org/a", environ{"HTTP_HOST": "example.org", "SERVER_PORT": "443", "REQUEST_SCHEME": "https", "HTTPS": "on"}},
		{"HTTPS://EXAMPLE.org:8443/a", environ{"HTTP_HOST": "EXAMPLE.org:8443", "SERVER_PORT": "8443", "HTTPS": "on"}},
		{"http://[::1]:81/a", environ{"HTTP_HOST": "[::1]:81", "SERVER_NAME": "[::1]", "SERVER_PORT": "81", "SERVER_ADDR": "::1", "REMOTE_ADDR": "::1"}},
		{"http://[2001:db8::7]/a", environ{"HTTP_HOST": "[2001:db8::7]", "SERVER_NAME": "[2001:db8::7]", "SERVER_PORT": "80"}},
		{"localhost:7890/a?b#c", environ{"HTTP_HOST": "localhost:7890", "REQUEST_URI": "/a?b", "QUERY_STRING": "b"}},
		{"/a?b?c=/d", environ{"HTTP_HOST": "127.0.0.1:7890", "SERVER_PORT": "7890", "REQUEST_URI": "/a?b?c=/d", "QUERY_STRING": "b?c=/d", "PATH_INFO": "/a"}},
		{"http://h", environ{"REQUEST_URI": "/", "PATH_INFO": "/", "QUERY_STRING": ""}},
		{"http://h?q", environ{"REQUEST_URI": "/?q", "PATH_INFO": "/", "QUERY_STRING": "q"}},
		{"http://h:/", environ{"HTTP_HOST": "h", "SERVER_PORT": "80"}},
		{"http://u:p@h:81/", environ{"HTTP_HOST": "h:81", "SERVER_NAME": "h"}},
	} {
		t.Run(tt.url, func(t *testing.T) {
			out := run(t, command(t, script(t, "frame-try.sh"), "--env", tt.url))
			got := parseLines(out.stdout)
			for name, want := range tt.want {
				if value, ok := got[name]; !ok || value != want {
					t.Errorf("%s: got %q, %v; want %q", name, value, ok, want)
				}
			}
			if _, secure := tt.want["HTTPS"]; !secure && got["HTTPS"] != "" {
				t.Errorf("HTTPS: got %q; want it unset", got["HTTPS"])
			}
		})
	}
}

// TestEnvironOptions holds the options that change more than a field.
func TestEnvironOptions(t *testing.T) {
	body := t.TempDir() + "/body"
	if err := os.WriteFile(body, []byte("a\x00b\r\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		args  []string
		want  environ
		unset []string
	}{
		{"nothing", []string{"/a"}, environ{"SCRIPT_NAME": "", "PATH_INFO": "/a", "REDIRECT_STATUS": "200", "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_PROTOCOL": "HTTP/1.1"},
			[]string{"CONTENT_LENGTH", "CONTENT_TYPE", "DOCUMENT_ROOT", "PATH_TRANSLATED", "SCRIPT_FILENAME", "REMOTE_PORT", "REMOTE_USER", "AUTH_TYPE", "HTTPS"}},
		{"document-root", []string{"/a", "--document-root", "/srv/"}, environ{"DOCUMENT_ROOT": "/srv/", "PATH_TRANSLATED": "/srv/a"}, nil},
		{"no PATH_INFO", []string{"/a", "--document-root", "/srv", "--script-name", "/a"}, environ{"DOCUMENT_ROOT": "/srv", "PATH_INFO": ""}, []string{"PATH_TRANSLATED"}},
		{"script-filename", []string{"/a", "--script-filename", "x y.php"}, environ{"SCRIPT_FILENAME": "x y.php"}, nil},
		{"mount of text", []string{"/a%20b/%E4%B8%AD/x", "--script-name", "/a b/中/"}, environ{"SCRIPT_NAME": "/a b/中", "PATH_INFO": "/x"}, nil},
		{"authorization", []string{"/a", "-H", "Authorization: Basic YTpi", "--pass-authorization"}, environ{"HTTP_AUTHORIZATION": "Basic YTpi"}, []string{"REMOTE_USER"}},
		{"no authorization", []string{"/a", "-H", "Authorization: Basic YTpi", "-H", "Authorization-Extra: 1"},
			environ{"HTTP_AUTHORIZATION_EXTRA": "1"}, []string{"HTTP_AUTHORIZATION"}},
		{"body of a file", []string{"/a", "-d", "@" + body}, environ{"CONTENT_LENGTH": "5", "REQUEST_METHOD": "POST"}, nil},
		{"body with a method", []string{"/a", "-d", "x", "-X", "QUERY"}, environ{"CONTENT_LENGTH": "1", "REQUEST_METHOD": "QUERY"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := run(t, command(t, append([]string{script(t, "frame-try.sh"), "--env"}, tt.args...)...))
			got := parseLines(out.stdout)
			for name, want := range tt.want {
				if value, ok := got[name]; !ok || value != want {
					t.Errorf("%s: got %q, %v; want %q\n%s", name, value, ok, want, out.stderr)
				}
			}
			for _, name := range tt.unset {
				if value, ok := got[name]; ok {
					t.Errorf("%s: got %q; want it unset", name, value)
				}
			}
		})
	}
}
