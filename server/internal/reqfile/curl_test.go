package reqfile

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"framegate/server/internal/servertest"
)

// wire keeps the requests that curl sends.
type wire struct {
	mu       sync.Mutex
	requests []*http.Request
}

func (w *wire) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	w.mu.Lock()
	defer w.mu.Unlock()
	hasBody := r.ContentLength != 0 || r.Header.Get("Content-Length") != ""
	r.Header.Del("Content-Length")
	r.Body = nil
	if hasBody {
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	if err != nil {
		r.Method = "broken: " + err.Error()
	}
	w.requests = append(w.requests, r)
}

// take is what came since the last time.
func (w *wire) take() []*http.Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	requests := w.requests
	w.requests = nil
	return requests
}

var boundary = regexp.MustCompile(`-{24}[0-9A-Za-z]{16,22}`)

// likened is a request without what two runs of curl do differently.
func likened(t *testing.T, r *http.Request) string {
	t.Helper()
	if strings.HasPrefix(r.Header.Get("User-Agent"), "curl/") {
		r.Header.Del("User-Agent")
	}
	if r.Header.Get("Expect") == "100-continue" {
		r.Header.Del("Expect")
	}
	if c := r.Header.Get("Cookie"); c != "" {
		r.Header.Set("Cookie", strings.ReplaceAll(c, "; ", ";")) // versions differ in how they join
	}
	return boundary.ReplaceAllString(shown(t, r), "BOUNDARY")
}

// What is read of a command line is what curl sends for it.
func TestCurlAsCurl(t *testing.T) {
	servertest.Require(t, "apt-get install curl", "curl")
	servertest.Require(t, "apt-get install bash", "bash")
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.txt": "line 1\r\nline 2\n", "b.png": "\x89PNG\r\n\x00\xff", "c": "a=1&b= ü", "h": "X-File: 1\r\nX-Other: 2\n", "d;e\".bin": "x",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w := &wire{}
	server := httptest.NewServer(w)
	defer server.Close()
	for _, line := range []string{
		`curl URL`, `curl URL/a/b?c=d#e`, `curl URL?x`, `curl -s URL/%7Efoo/%2e%2E/x`, `curl URL/a/./b/../c/..?d/../e`, `curl --path-as-is URL/a/../b`,
		`curl URL/..`, `curl URL/a/.`, `curl -X PURGE URL/a`, `curl -XDELETE URL/a`, `curl --request PUT --url URL/a`,
		`curl URL -H 'X-A: 1' -H "X-B:2" -HX-A:\ 3`, `curl URL -H 'Accept:' -H 'User-Agent:'`, `curl URL -H 'X-Empty;'`, `curl URL -H 'Host: example.org'`,
		`curl URL -H 'Accept: text/html' -A 'me 1.0' -e http://from/ -b 'a=1; b=2' -b c=3`, `curl URL -A ''`, `curl URL -H @h`,
		`curl URL -d a=1 -d 'b=2 3' --data c`, `curl URL -d ''`, `curl URL -d @a.txt`, `curl URL --data-binary @a.txt`, `curl URL --data-binary @b.png`,
		`curl URL --data-raw @a.txt`, `curl URL --data-ascii 'ü中'`, `curl -X PUT URL -d x -H 'Content-Type: text/plain'`, `curl URL -d x -H 'Content-Type:'`,
		`curl URL --data-urlencode 'a b&ü' --data-urlencode '=c=d' --data-urlencode 'name=v v@~._-' --data-urlencode @c --data-urlencode n@c`,
		`curl -G URL -d a=1 -d b=2`, `curl -G 'URL/x?y' --data-urlencode 'q=a b'`, `curl -I URL/a`, `curl -G -I URL -d a`, `curl --get URL`,
		`curl --json '{"a": 1}' URL`, `curl --json '{"a":' --json ' 1}' URL`, `curl --json @c URL -H 'Accept: a/b'`,
		`curl -F a=b -F 'c=d e;type=text/x' -F f=@a.txt URL`, `curl -F 'f=@b.png;filename="x;y\"z.png"' URL`, `curl -F 'f=@b.png;type=a/b; charset=c' URL`,
		`curl -F 'f=<a.txt' URL`, `curl -F 'f=<a.txt;type=t/u' URL`, `curl --form-string 'a=@b;type=x' URL`, `curl -F 'f=@c;filename=n' -F 'n"m=v' URL`, `curl -F 'f=@"d;e\".bin"' URL`,
		`curl -X PATCH -F a=b URL -H 'X-A: b'`,
		`curl -u me:secret URL`, `curl -u 'a:b:c' URL`, `curl --oauth2-bearer TOKEN URL`, `curl -r 0-99 URL`, `curl -T a.txt URL/up`, `curl -0 URL`,
		`curl -sSLk --compressed URL -o /dev/null -H 'Accept-Encoding: gzip'`, `curl -sSiv --max-time 9 --no-progress-meter --http1.1 URL`, `curl -g 'URL/{a}[1-2]'`,
		`curl $'URL/a' -H $'X-A: \'\x41\102\t\u00e9\\' --data-raw $'{"a":"\u0021\n\xe4\xb8\xad"}'`, "curl URL \\\n  -H 'X-A: 1' \\\n  --data-raw 'a\n b'",
		`curl URL -H "X-A: \"q\" \\ \$ \n"`, `curl URL/a URL/b -d x`, `curl URL/1; curl URL/2 &&
curl URL/3`, `curl URL/1 -d a --next URL/2 -H 'X-A: 1'`, `curl URL -H 'Transfer-Encoding: chunked' -d abc`, `curl --request-target /other URL/a`,
		`curl "URL/a"'b'c\d?e=f`, `curl --url-query 'a=b c' --url-query +d=e 'URL?x'`, `curl URL -d a -H 'Content-Length: 1'`,
	} {
		t.Run(line, func(t *testing.T) {
			script := strings.ReplaceAll(line, "URL", server.URL)
			entries, err := Parse([]byte(script), Options{Name: "x.curl", Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i := range entries {
				r, err := entries[i].Request()
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, likened(t, r))
			}
			w.take()
			cmd := exec.Command("bash", "-c", strings.ReplaceAll(script, "curl ", "curl -q ")+"\nwait")
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "no_proxy=*", "LC_ALL=C.UTF-8")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("curl: %v\n%s", err, out)
			}
			var want []string
			for _, r := range w.take() {
				want = append(want, likened(t, r))
			}
			if strings.Join(got, "+") != strings.Join(want, "+") {
				t.Errorf("got\n%s\ncurl sends\n%s", strings.Join(got, "+"), strings.Join(want, "+"))
			}
		})
	}
}

func TestCurlErrors(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"curl http://x --frobnicate", "c:1: curl's --frobnicate is not known here | leave it out, if the request is the same without it"},
		{"curl -sY http://x", "c:1: curl's -Y is not known here | leave it out, if the request is the same without it"},
		{"curl http://x --no-request", "c:1: curl's --no-request is not known here | leave it out, if the request is the same without it"},
		{"curl http://x -H", "c:1: curl's -H needs a value"},
		{"curl http://x --data", "c:1: curl's --data needs a value"},
		{"curl -s", "c:1: curl has no URL"},
		{"curl http://x\n\nwget http://x", `c:3: "wget" is not curl: only curl's command lines are read`},
		{"curl http://x | jq", `c:1: "|": only plain command lines are read, nothing is piped or redirected | quote it, if it is part of a word`},
		{"curl http://x 2>/dev/null", `c:1: ">": only plain command lines are read, nothing is piped or redirected | quote it, if it is part of a word`},
		{"curl http://x/$ID", `c:1: "$ID": no variable or command is put in | write its value, in '…'`},
		{`curl "http://x/$(id)"`, `c:1: "$(id)": no variable or command is put in | write its value, in '…'`},
		{"curl `id`", "c:1: \"`\": no variable or command is put in | write its value, in '…'"},
		{"curl 'http://x", "c:1: a ' has no end"},
		{`curl "http://x`, `c:1: a " has no end`},
		{`curl $'http://x`, `c:1: a $' has no end`},
		{"curl http://x -b cookies.txt", `c:1: -b "cookies.txt" names a file of cookies: give them as -b 'name=value'`},
		{"curl http://x -d a -F b=c", "c:1: -d, -F, -T and -I exclude one another"},
		{"curl http://x -I -d a", "c:1: -d, -F, -T and -I exclude one another"},
		{"curl http://x -d @none", "c:1: read the body: open none: no such file or directory"},
		{"curl http://x -F f", `c:1: -F "f" is not 'name=value'`},
		{"curl http://x -F 'f=a;b=c'", `c:1: -F "a;b=c": only ;type= and ;filename= are known behind a ;`},
		{"curl http://x -d @-", "c:1: stdin is not to be had here: name a file"},
		{"curl http://x/a{b,c}", `c:1: URL "http://x/a{b,c}": {a,b} and [1-9] stand for several URLs; give one, or -g to have it as it is`},
		{"curl ftp://x/", `c:1: URL "ftp://x/": ftp is not HTTP`},
		{"curl http://x -H nocolon", `c:1: -H "nocolon" is not 'Name: value'`},
		{"curl http://x -H $'a: b\\r\\nc: d'", `c:1: header field A: its value "b\r\nc: d" holds a control character`},
		{"curl http://x -X 'A B'", `c:1: invalid method "A B"`},
		{"curl ^\"http://x^\" ^\n  -H ^\"a: b^\"", `c:1: this is quoted for a shell of Windows | take "Copy as cURL (bash)"`},
	} {
		t.Run(tt.line, func(t *testing.T) {
			_, err := parsed(t, tt.line, Options{Name: "c"})
			wantError(t, err, tt.want)
		})
	}
}

// As browsers copy it: Chrome's and Firefox's "Copy as cURL".
func TestCurlOfBrowsers(t *testing.T) {
	const chrome = `curl 'http://localhost:7890/api/items?q=%E4%BD%A0' \
  -H 'Accept: */*' \
  -H 'Accept-Language: zh-CN,zh;q=0.9' \
  -b 'sid=abc; theme=dark' \
  -H 'Content-Type: application/json' \
  -H 'sec-ch-ua: "Chromium";v="130"' \
  --data-raw $'{"text":"it\'s \u4f60\ud83d\ude00\u0021"}' \
  --compressed \
  --insecure ;
curl 'http://localhost:7890/style.css' -H 'Referer: http://localhost:7890/'`
	got, err := parsed(t, chrome, Options{Name: "c", Getenv: nil})
	want := "POST /api/items?q=%E4%BD%A0 HTTP/1.1\nHost: localhost:7890\nAccept: */*\nAccept-Encoding: deflate, gzip, br, zstd\nAccept-Language: zh-CN,zh;q=0.9\n" +
		"Content-Type: application/json\nCookie: sid=abc; theme=dark\nSec-Ch-Ua: \"Chromium\";v=\"130\"\n" + fmt.Sprintf("%q\n", `{"text":"it's 你😀!"}`) +
		"+GET /style.css HTTP/1.1\nHost: localhost:7890\nAccept: */*\nReferer: http://localhost:7890/\n"
	if err != nil || strings.Join(got, "+") != want {
		t.Errorf("got  %q, %v\nwant %q", got, err, want)
	}
}

func TestCurlStdin(t *testing.T) {
	got, err := parsed(t, "curl http://x -d @-", Options{Name: "c", Stdin: strings.NewReader("a\nb")})
	if want := "POST / HTTP/1.1\nHost: x\nAccept: */*\nContent-Type: application/x-www-form-urlencoded\n\"ab\"\n"; err != nil || strings.Join(got, "") != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}
