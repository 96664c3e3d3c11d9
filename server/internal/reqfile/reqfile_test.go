package reqfile

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shown is a request as one reads it: its line, its header, its body.
func shown(t *testing.T, r *http.Request) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s\n", r.Method, r.RequestURI, r.Proto)
	if r.Host != "" {
		fmt.Fprintf(&b, "Host: %s\n", r.Host)
	}
	names := make([]string, 0, len(r.Header))
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range r.Header[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
		}
	}
	switch {
	case r.Body == nil:
		return b.String()
	case r.ContentLength < 0:
		b.WriteString("chunked ")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "%q\n", body)
	if r.ContentLength >= 0 && r.ContentLength != int64(len(body)) {
		t.Errorf("got ContentLength %d; want %d", r.ContentLength, len(body))
	}
	return b.String()
}

// parsed are the requests of a text, or the error of the first that has one.
func parsed(t *testing.T, text string, o Options) (requests []string, err error) {
	t.Helper()
	entries, err := Parse([]byte(text), o)
	if err != nil {
		return nil, err
	}
	for i := range entries {
		r, err := entries[i].Request()
		if err != nil {
			return requests, err
		}
		requests = append(requests, shown(t, r))
	}
	return requests, nil
}

// wantError holds an error to "what: why" and, behind " | ", its hint.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error; want %q", want)
	}
	got := err.Error()
	var e *Error
	if errors.As(err, &e) && e.Hint() != "" {
		got += " | " + e.Hint()
	}
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRaw(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"get", "GET /a?b HTTP/1.1\r\nHost: x:1\r\nX-A: 1\r\nX-A: 2\r\n\r\n", "GET /a?b HTTP/1.1\nHost: x:1\nX-A: 1\nX-A: 2\n"},
		{"lines that end in LF", "GET / HTTP/1.1\nHost: x\n\n", "GET / HTTP/1.1\nHost: x\n"},
		{"HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0\n"},
		{"a body, to the byte", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n\x00\xff\r\n\n b\r\n\n", "POST / HTTP/1.1\nHost: x\n\"\\x00\\xff\\r\\n\\n b\"\n"},
		{"an empty body", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "POST / HTTP/1.1\nHost: x\n\"\"\n"},
		{"no body", "POST / HTTP/1.1\r\nHost: x\r\n\r\n", "POST / HTTP/1.1\nHost: x\n"},
		{"chunks", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;e=f\r\nde\r\n0\r\n\r\n", "POST / HTTP/1.1\nHost: x\nchunked \"abcde\"\n"},
		{"no chunk", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "POST / HTTP/1.1\nHost: x\nchunked \"\"\n"},
		{"absolute form", "GET http://x:1/a HTTP/1.1\r\nHost: y\r\n\r\n", "GET /a HTTP/1.1\nHost: x:1\n"},
		{"as browsers show HTTP/2", "GET /a HTTP/2\nHost: x\n\n", "GET /a HTTP/1.1\nHost: x\n"},
		{"a target that is no URL path", "GET //a/%zz HTTP/1.1\r\nHost: x\r\n\r\n", ""},
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS * HTTP/1.1\nHost: x\n"},
		{"a byte order mark", "\xef\xbb\xbfGET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\nHost: x\n"},
		{"a second one", "POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n\n", "POST /1 HTTP/1.1\nHost: x\n\"a\"\n+GET /2 HTTP/1.1\nHost: x\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parsed(t, tt.text, Options{Name: "request"})
			if tt.want == "" {
				if err == nil {
					t.Errorf("got %q; want an error", got)
				}
				return
			}
			if err != nil || strings.Join(got, "+") != tt.want {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestRawErrors(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"no end", "GET / HTTP/1.1\r\nHost: x\r\n", "r.raw:1: the header has no end | an empty line ends it"},
		{"a short body", "\nPOST / HTTP/1.1\nHost: x\nContent-Length: 9\n\nabc", "r.raw:2: the body has 3 bytes; Content-Length says 9"},
		{"a body without a length", "POST / HTTP/1.1\nHost: x\n\nname=Ada\n",
			"r.raw:4: 9 bytes follow that the message ahead of them does not count as its body | give the message a Content-Length, or name the file .http: then its body goes as far as the file"},
		{"a bad chunk", "POST / HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\nzz\r\n", "r.raw:1: the body: invalid byte in chunk length"},
		{"no message", "hello\n", `r.raw:1: malformed HTTP request "hello"`},
		{"nothing", " \n", "r.raw: holds no request | a raw HTTP message, a .http file, a HAR file or a curl command line is read"},
		{"a header field without a name", "GET / HTTP/1.1\nHost: x\nA B: c\n\n", `r.raw:1: header field "A B": its name is not a word`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parsed(t, tt.text, Options{Name: "r.raw"})
			wantError(t, err, tt.want)
		})
	}
}

func TestHTTPFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "body.bin"), []byte("\x00\r\n{{who}}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, text, want string }{
		{"a URL alone", "http://x:1/a b\n", "GET /a%20b HTTP/1.1\nHost: x:1\n"},
		{"a path", "GET /a\nHost: x\n", "GET /a HTTP/1.1\nHost: x\n"},
		{"a version", "GET http://x/a HTTP/1.1\n", "GET /a HTTP/1.1\nHost: x\n"},
		{"version 1.0", "GET http://x/a HTTP/1.0\n", "GET /a HTTP/1.0\nHost: x\n"},
		{"version 2", "GET http://x/a HTTP/2\n", "GET /a HTTP/1.1\nHost: x\n"},
		{"no path", "http://x?a=1", "GET /?a=1 HTTP/1.1\nHost: x\n"},
		{"a query over lines", "GET http://x/a\n    ?b=1\n    &c=2\nX-A: 1\n", "GET /a?b=1&c=2 HTTP/1.1\nHost: x\nX-A: 1\n"},
		{"comments", "# one\n// two\nGET http://x/\n# three\nX-A: 1\n// four\n", "GET / HTTP/1.1\nHost: x\nX-A: 1\n"},
		{"a body", "POST http://x/\nContent-Type: text/plain\n\na\n\nb\n\n\n", "POST / HTTP/1.1\nHost: x\nContent-Type: text/plain\n\"a\\n\\nb\"\n"},
		{"a body of lines that end in CR LF", "POST http://x/\r\n\r\na\r\nb\r\n", "POST / HTTP/1.1\nHost: x\n\"a\\r\\nb\"\n"},
		{"no body", "POST http://x/\n\n\n", "POST / HTTP/1.1\nHost: x\n"},
		{"a body that looks like a comment", "POST http://x/\n\n# a\n// b\n", "POST / HTTP/1.1\nHost: x\n\"# a\\n// b\"\n"},
		{"a form over lines", "POST http://x/\nContent-Type: application/x-www-form-urlencoded\n\na=1\n&b=2\nc\n", "POST / HTTP/1.1\nHost: x\nContent-Type: application/x-www-form-urlencoded\n\"a=1&b=2\\nc\"\n"},
		{"multipart", "POST http://x/\nContent-Type: multipart/form-data; boundary=B\n\n--B\nContent-Disposition: form-data; name=\"f\"\n\n< body.bin\n--B--\n",
			"POST / HTTP/1.1\nHost: x\nContent-Type: multipart/form-data; boundary=B\n\"--B\\r\\nContent-Disposition: form-data; name=\\\"f\\\"\\r\\n\\r\\n\\x00\\r\\n{{who}}\\n\\r\\n--B--\\r\\n\"\n"},
		{"a file", "@who = Ada\nPUT http://x/\n\n< body.bin\n", "PUT / HTTP/1.1\nHost: x\n\"\\x00\\r\\n{{who}}\\n\"\n"},
		{"a file with variables", "@who = Ada\nPUT http://x/\n\n<@ body.bin\n", "PUT / HTTP/1.1\nHost: x\n\"\\x00\\r\\nAda\\n\"\n"},
		{"variables", "@host = x:1\n@base = http://{{host}}/api\n\nPOST {{base}}/a?b={{ given }}\nX-{{name}}: {{name}}\n\n{\"n\": \"{{name}}\", \"e\": \"{{$processEnv HOME}}\"}\n###\n@name = N",
			"POST /api/a?b=set HTTP/1.1\nHost: x:1\nX-N: N\n\"{\\\"n\\\": \\\"N\\\", \\\"e\\\": \\\"/home\\\"}\"\n"},
		{"one that is set wins", "@given = file\nhttp://x/{{given}}", "GET /set HTTP/1.1\nHost: x\n"},
		{"several", "### first\nhttp://x/1\n\n###\n# @name second\nPOST http://x/2\n\na\n\n### \n\n###\n", "GET /1 HTTP/1.1\nHost: x\n+POST /2 HTTP/1.1\nHost: x\n\"a\"\n"},
		{"what is meant for the answer", "POST http://x/\n\na\n\n> {%\n client.test()\n%}\n", "POST / HTTP/1.1\nHost: x\n\"a\"\n"},
		{"and where it is kept", "POST http://x/\n\na\n\n<> 2026.json\n", "POST / HTTP/1.1\nHost: x\n\"a\"\n"},
		{"a name and a password", "http://a%40b:c@x/", "GET / HTTP/1.1\nHost: x\nAuthorization: Basic YUBiOmM=\n"},
		{"Host wins", "GET http://x/\nHost: y", "GET / HTTP/1.1\nHost: y\n"},
		{"a fragment", "http://x/a#b", "GET /a HTTP/1.1\nHost: x\n"},
		{"Chinese", "http://x/中?值", "GET /%E4%B8%AD?%E5%80%BC HTTP/1.1\nHost: x\n"},
		{"chunked", "POST http://x/\nTransfer-Encoding: chunked\n\na", "POST / HTTP/1.1\nHost: x\nchunked \"a\"\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := Options{Name: filepath.Join(dir, "a.http"), Dir: dir, Vars: map[string]string{"given": "set"},
				Getenv: func(string) (string, bool) { return "/home", true }}
			got, err := parsed(t, tt.text, o)
			if err != nil || strings.Join(got, "+") != tt.want {
				t.Errorf("got  %q, %v\nwant %q", got, err, tt.want)
			}
		})
	}
}

func TestHTTPFileErrors(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"undefined", "\nGET http://{{host}}/\n", "a.http:2: {{host}} is not defined | @host = … in the file, or --set host=…"},
		{"dynamic", "GET http://x/{{$guid}}\n", "a.http:1: {{$guid}} is not defined | only plain names and {{$processEnv NAME}} are known here"},
		{"unset", "GET http://x/{{$processEnv NOPE}}\n", "a.http:1: {{$processEnv NOPE}} is not defined | set it in the environment"},
		{"of an answer", "http://x/\nA: {{login.response.body.token}}\n", "a.http:2: {{login.response.body.token}} is not defined | @login.response.body.token = … in the file, or --set login.response.body.token=…"},
		{"itself", "@a = {{a}}x\nhttp://x/{{a}}\n", "a.http:2: {{a}}x…: its variables stand for one another"},
		{"a header field", "http://x/\nX-A\n", `a.http:2: header field "X-A" is not 'Name: value' | an empty line ends the header`},
		{"a control character", "http://x/\nX-A: a\x01b\n", `a.http:1: header field X-A: its value "a\x01b" holds a control character`},
		{"another scheme", "GET ws://x/\n", `a.http:1: URL "ws://x/": ws is not HTTP`},
		{"no host", "GET http:///a\n", `a.http:1: URL "http:///a": "" is no host`},
		{"a bad host", "GET http://a{b/\n", `a.http:1: URL "http://a{b/": "a{b" is no host`},
		{"a file that is not there", "PUT http://x/\n\n< none.bin\n", "a.http:3: read the body: open none.bin: no such file or directory"},
		{"a script", "< {%\n x\n%}\nhttp://x/\n", "a.http:1: a script ahead of the request is not run | leave it out, and give what it sets as @name = value"},
		{"another program", "\nwget http://x/y\n", `a.http:2: "wget http://x/y" is no request line | it is GET http://localhost/path, say; a raw HTTP message, a HAR file or a curl command line is read, too`},
		{"words", "Hello world\n", `a.http:1: "Hello world" is no request line | it is GET http://localhost/path, say; a raw HTTP message, a HAR file or a curl command line is read, too`},
		{"a word", "garbage\n", `a.http:1: "garbage" is no request line | it is GET http://localhost/path, say; a raw HTTP message, a HAR file or a curl command line is read, too`},
		{"nothing", "# a\n###\n@b = c\n", "a.http: holds no request | a raw HTTP message, a .http file, a HAR file or a curl command line is read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parsed(t, tt.text, Options{Name: "a.http", Getenv: func(string) (string, bool) { return "", false }})
			wantError(t, err, tt.want)
		})
	}
}

func TestHAR(t *testing.T) {
	const around = `{"log":{"version":"1.2","entries":[%s]}}`
	for _, tt := range []struct{ name, entries, want string }{
		{"get", `{"request":{"method":"GET","url":"http://x:1/a?b=%20#f","httpVersion":"HTTP/1.1","headers":[{"name":"accept","value":"*/*"}]}}`,
			"GET /a?b=%20 HTTP/1.1\nHost: x:1\nAccept: */*\n"},
		{"HTTP/2", `{"request":{"method":"GET","url":"https://x/a","httpVersion":"h2","headers":[{"name":":authority","value":"y"},{"name":":path","value":"/a"},{"name":"Connection","value":"keep-alive"}]}}`,
			"GET /a HTTP/1.1\nHost: y\n"},
		{"text", `{"request":{"method":"POST","url":"http://x/","headers":[{"name":"Content-Length","value":"99"}],"postData":{"mimeType":"text/plain","text":"a\u4e2d\r\n"}}}`,
			"POST / HTTP/1.1\nHost: x\nContent-Type: text/plain\n\"a中\\r\\n\"\n"},
		{"base64", `{"request":{"method":"POST","url":"http://x/","postData":{"mimeType":"a/b","encoding":"base64","text":"AP8="}}}`,
			"POST / HTTP/1.1\nHost: x\nContent-Type: a/b\n\"\\x00\\xff\"\n"},
		{"a form", `{"request":{"method":"POST","url":"http://x/","postData":{"mimeType":"application/x-www-form-urlencoded","params":[{"name":"a b","value":"1&2"},{"name":"c"}]}}}`,
			"POST / HTTP/1.1\nHost: x\nContent-Type: application/x-www-form-urlencoded\n\"a+b=1%262&c=\"\n"},
		{"a form of parts", `{"request":{"method":"POST","url":"http://x/","postData":{"mimeType":"multipart/form-data; boundary=B","params":[{"name":"f","value":"v","fileName":"n","contentType":"t/u"}]}}}`,
			"POST / HTTP/1.1\nHost: x\nContent-Type: multipart/form-data; boundary=B\n\"--B\\r\\nContent-Disposition: form-data; name=\\\"f\\\"; filename=\\\"n\\\"\\r\\nContent-Type: t/u\\r\\n\\r\\nv\\r\\n--B--\\r\\n\"\n"},
		{"cookies", `{"request":{"method":"GET","url":"http://x/","cookies":[{"name":"a","value":"1"},{"name":"b","value":"2"}]}}`, "GET / HTTP/1.1\nHost: x\nCookie: a=1; b=2\n"},
		{"an empty body", `{"request":{"method":"POST","url":"http://x/","headers":[{"name":"Content-Length","value":"0"}]}}`, "POST / HTTP/1.1\nHost: x\n\"\"\n"},
		{"two", `{"request":{"method":"GET","url":"http://x/1"}},{"request":{"method":"GET","url":"http://x/2"}}`, "GET /1 HTTP/1.1\nHost: x\n+GET /2 HTTP/1.1\nHost: x\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parsed(t, fmt.Sprintf(strings.ReplaceAll(around, "%s", "%[1]s"), tt.entries), Options{Name: "site.har"})
			if err != nil || strings.Join(got, "+") != tt.want {
				t.Errorf("got  %q, %v\nwant %q", got, err, tt.want)
			}
		})
	}
}

func TestHARErrors(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"no JSON", "{\n \"log\": x}", `a.har:2: not a HAR file: invalid character 'x' looking for beginning of value`},
		{"other JSON", `{"a":1}`, `a.har: not a HAR file: it has no "log"`},
		{"another shape", `{"log":{"entries":[{"request":{"url":1}}]}}`, "a.har: not a HAR file: cannot unmarshal number into Go struct field harRequest.log.entries.request.url of type string"},
		{"a body that was left out", `{"log":{"entries":[{"request":{"method":"POST","url":"http://x/","headers":[{"name":"content-length","value":"5"}]}}]}}`,
			"a.har: request 1: its body of 5 bytes is not in the file"},
		{"a web socket", `{"log":{"entries":[{"request":{"method":"GET","url":"ws://x/"}}]}}`, `a.har: request 1: URL "ws://x/": ws is not HTTP`},
		{"bad base64", `{"log":{"entries":[{"request":{"method":"GET","url":"http://x/","postData":{"text":"*","encoding":"base64"}}}]}}`,
			"a.har: request 1: its body: illegal base64 data at input byte 0"},
		{"no method", `{"log":{"entries":[{"request":{"url":"http://x/"}}]}}`, `a.har: request 1: invalid method ""`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parsed(t, tt.text, Options{Name: "a.har"})
			wantError(t, err, tt.want)
		})
	}
}

func TestFormat(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"a.http", "GET / HTTP/1.1\n\n", "http"}, {"a.REST", "", "http"}, {"a.har", "", "har"}, {"a.http-raw", "", "raw"}, {"a.curl", "", "curl"},
		{"", "GET / HTTP/1.1\r\n\r\n", "raw"}, {"", "GET http://x/\n", "http"}, {"", "\n {\"log\":", "har"}, {"", "{{host}}/a", "http"},
		{"a.txt", "curl http://x", "curl"}, {"", "$ curl \\\n http://x", "curl"}, {"", "/usr/bin/curl x", "curl"}, {"", "curly", "http"},
		{"", "###\nGET / HTTP/1.1\n", "http"},
	} {
		if got := format([]byte(tt.text), tt.name); got != tt.want {
			t.Errorf("%q of %q: got %s; want %s", tt.text, tt.name, got, tt.want)
		}
	}
}

func TestSelect(t *testing.T) {
	entries := []Entry{{Name: "login", URL: "http://x/login"}, {Name: "items", URL: "http://x/items"}, {URL: "http://x/items/2"}}
	for _, tt := range []struct {
		nth   int
		which string
		want  string
	}{
		{1, "", "http://x/login"}, {3, "", "http://x/items/2"}, {0, "login", "http://x/login"}, {0, "items", "http://x/items"}, {0, "/items/2", "http://x/items/2"},
		{0, "", "holds 3 requests: which one?"}, {4, "", "there is no request 4"}, {-1, "", "there is no request -1"},
		{0, "/items", `2 requests have "/items" in their URL: which one?`}, {0, "nope", `no request is named "nope", or has that in its URL`},
		{0, "1", "http://x/login"}, {0, "2", "http://x/items"}, {0, "3", "http://x/items/2"}, {0, "4", "there is no request 4"}, {0, "0", "there is no request 0"},
	} {
		e, err := Select(entries, tt.nth, tt.which)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = e.URL
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%d %q: -want +got:\n%s", tt.nth, tt.which, diff)
		}
	}
	if e, err := Select(entries[:1], 0, ""); err != nil || e.Name != "login" {
		t.Errorf("one alone: got %v, %v", e, err)
	}
}
