package reqfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
)

// sound reads all of a file and holds each request to what every request must
// be: whoever sends it writes lines of it.
func sound(t *testing.T, name string, data []byte) []*http.Request {
	t.Helper()
	files := func(name string) ([]byte, error) {
		if strings.HasSuffix(name, "none") {
			return nil, os.ErrNotExist
		}
		return []byte("in {{a}}\r\n\x00" + name), nil
	}
	o := Options{Name: name, ReadFile: files, Stdin: strings.NewReader("stdin"), Vars: map[string]string{"v": "{{a}}"},
		Getenv: func(name string) (string, bool) { return name, name != "" }}
	entries, err := Parse(data, o)
	if err != nil {
		if err.Error() == "" || len(entries) > 0 {
			t.Errorf("got %d requests and the error %q", len(entries), err)
		}
		return nil
	}
	var requests []*http.Request
	for i := range entries {
		r, err := entries[i].Request()
		if err != nil {
			continue
		}
		requests = append(requests, r)
		if err := Check(r); err != nil {
			t.Error(err)
		}
		if strings.ContainsFunc(r.RequestURI, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
			t.Errorf("got %q in %q", r.RequestURI, data)
		}
		if r.RequestURI == "" || r.Proto != fmt.Sprintf("HTTP/%d.%d", r.ProtoMajor, r.ProtoMinor) {
			t.Errorf("got target %q, %s", r.RequestURI, r.Proto)
		}
		for _, name := range []string{"Host", "Content-Length", "Transfer-Encoding"} {
			if len(r.Header.Values(name)) > 0 {
				t.Errorf("got the field %s: %v", name, r.Header.Values(name))
			}
		}
		if r.Body == nil {
			continue
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || r.ContentLength >= 0 && r.ContentLength != int64(len(body)) {
			t.Errorf("got %d bytes, %v; want %d", len(body), err, r.ContentLength)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return requests
}

// FuzzRaw: what is read of a message is the same when it is written again.
func FuzzRaw(f *testing.F) {
	for _, seed := range []string{
		"GET /a?b HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n", "POST / HTTP/1.1\nHost: x\nContent-Length: 3\n\nabc\nGET / HTTP/1.0\n\n",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: x\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "GET http://a:b@x/ HTTP/2\n\n", "OPTIONS * HTTP/1.1\n\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, r := range sound(t, "a.raw", data) {
			if _, err := url.ParseRequestURI(r.RequestURI); err != nil || r.Host == "" || strings.HasPrefix(r.RequestURI, "//") {
				continue // net/http does not read it so, or has a host of it
			}
			var b bytes.Buffer
			fmt.Fprintf(&b, "%s %s %s\r\nHost: %s\r\n", r.Method, r.RequestURI, r.Proto, r.Host)
			r.Header.Write(&b)
			want := shown(t, r) // which reads its body
			if r.Body != nil {
				continue
			}
			b.WriteString("\r\n")
			if again := sound(t, "a.raw", b.Bytes()); len(again) != 1 || shown(t, again[0]) != want {
				t.Errorf("%q: got %v; want %q", b.Bytes(), again, want)
			}
		}
	})
}

func FuzzHTTPFile(f *testing.F) {
	for _, seed := range []string{
		"GET http://x/a HTTP/1.1\nA: {{a}}\n\nbody\n", "@a = {{b}}\n@b = {{a}}\nhttp://{{a}}/", "### n\n# @name m\nPOST /x\n  ?a=b\n\n< f\n<@ {{v}}\n> {%\n",
		"POST http://x/\nContent-Type: multipart/form-data; boundary=b\n\n--b\r\n\n< none\n--b--", "GET {{$processEnv A}}\nContent-Type: application/x-www-form-urlencoded\n\na\n&b",
		"@a={{v}}{{v}}{{v}}{{v}}{{v}}\nhttp://x/{{a}}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) { sound(t, "a.http", data) })
}

func FuzzHAR(f *testing.F) {
	for _, seed := range []string{
		`{"log":{"entries":[{"request":{"method":"POST","url":"http://x/","headers":[{"name":"a","value":"b"}],"postData":{"mimeType":"a/b","text":"c"}}}]}}`,
		`{"log":{"entries":[{"request":{"method":"GET","url":"https://x/","cookies":[{"name":"a","value":"b"}],"postData":{"mimeType":"multipart/form-data; boundary=b","params":[{"name":"n","fileName":"f"}]}}}]}}`,
		`{"log":{}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) { sound(t, "a.har", data) })
}

func FuzzCurl(f *testing.F) {
	for _, seed := range []string{
		`curl 'http://x/a' -H $'A: \x41\u00e9\'' --data-raw "a\"b" -b c=d --compressed`, "curl -sXPUT x -d @f -d b;curl -G x/../a --data-urlencode a@f", `$ curl -F 'a=@f;type=b;filename="c;\"d"' x --next y -I`,
		"curl -T - x\r\n  # c\ncurl.exe --json '{}' x \\\n -u a:b -r 1-2 -H @f", `curl --url-query +a --request-target '*' -0 x`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) { sound(t, "a.curl", data) })
}

// FuzzParse: whatever a file is taken for.
func FuzzParse(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), "a")
	f.Add([]byte("{}"), "b.http")
	f.Fuzz(func(t *testing.T, data []byte, name string) { sound(t, name, data) })
}

// FuzzWords: words that were quoted come back as they were, in each of the
// ways of sh.
func FuzzWords(f *testing.F) {
	f.Add("a b", "it's", "")
	f.Add("\\", "$x`\"!", "\r\n\t中\xff")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		words := []string{"curl", a, b, c}
		for name, quote := range map[string]func(string) string{
			"single": func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" },
			"double": func(s string) string {
				return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(s) + `"`
			},
			"ansi": func(s string) string {
				var b strings.Builder
				for i := range len(s) {
					fmt.Fprintf(&b, `\x%02x`, s[i])
				}
				return "$'" + b.String() + "'"
			},
		} {
			line := ""
			for _, w := range words {
				line += " " + quote(w)
			}
			list, err := commands(line+"\n", &Options{})
			if err != nil || len(list) != 1 || !slices.Equal(list[0].words, words) {
				got, _ := json.Marshal(list)
				t.Errorf("%s: %q: got %s, %v; want %q", name, line, got, err, words)
			}
		}
	})
}
