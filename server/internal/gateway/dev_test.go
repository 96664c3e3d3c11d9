package gateway_test

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"framegate/server/internal/testframe"
)

const talksFirst = `#!/bin/sh
echo "a word in private" >&2
echo "starting <b>up</b>"
printf 'Content-Type: text/plain\n\n'
exit 3
`

func wantAll(t *testing.T, text string, list ...string) {
	t.Helper()
	for _, want := range list {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if t.Failed() {
		t.Logf("the page:\n%s", text)
	}
}

// A browser on this machine is told everything there is.
func TestDevPage(t *testing.T) {
	t.Setenv("HOME", "/home/ada")
	t.Setenv("LANG", "zh_CN.UTF-8")
	t.Setenv("ONLY_SHELL", "a secret of the shell")
	t.Setenv("DIFFERENT", "in the shell")
	s := devSite(t, true, "env = { DIFFERENT = \"in the frame\", ONLY_FRAME = \"1\" }\n", map[string]string{"cgi-bin/before.sh": talksFirst})
	resp, page := s.browse("POST", "/cgi-bin/before.sh/a%20b?x=1", strings.NewReader("name=Ada"), "Content-Type: text/plain", "X-Note: from the client")
	s.wantStatus(resp, page, 502)
	wantAll(t, page,
		"<h1>502 Bad Gateway</h1>", "The program did not give a usable answer.",
		"starting &lt;b&gt;up&lt;/b&gt;&#34; is no header field", // the cause
		"<code>text-before-header</code>", "Write instead:",
		"<mark>73</mark> <mark>74</mark>", "a word in private",
		"HOME is not set: what a program looks for below /home/ada", "No locale is set (your shell has zh_CN.UTF-8)",
		"pass-env = [&#34;HOME&#34;, &#34;LANG&#34;]", "<code>ONLY_SHELL</code>", "in the shell", "in the frame", "ONLY_FRAME",
		"the first bytes on stdout", "<th scope=\"row\">PATH_INFO<td>/a b", "from the client", "name=Ada",
		"-X POST", "-d name=Ada", "framegate run -c", "/cgi-bin/before.sh/a%20b?x=1",
	)
	if strings.Contains(page, "a secret of the shell") {
		t.Error("a variable that has nothing to do with the frame is shown with its value")
	}

	resp, page = s.get("/cgi-bin/before.sh")
	s.wantStatus(resp, page, 502)
	if got := resp.Header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
		t.Errorf("got Content-Type %q for a client that has not asked for HTML", got)
	}
	wantAll(t, page, "\nCause: response header, line 1, byte 0:", "[text-before-header]", "\nstderr:\na word in private\n",
		"  000000 [73 74", "\nNot as in your shell: no HOME, LANG (pass-env = [\"HOME\", \"LANG\"]); DIFFERENT is another one; it runs in "+s.dir+"/cgi-bin; no terminal.\n",
		"REQUEST_METHOD=GET", " it runs, as process ", "\nAgain: framegate run -c ")
}

// With captures the page names the one of the exchange.
func TestDevPageNamesTheCapture(t *testing.T) {
	s := devSite(t, true, "[capture]\non = \"failure\"\npath = \"captures\"\n", map[string]string{"cgi-bin/before.sh": talksFirst})
	_, page := s.get("/cgi-bin/before.sh")
	id := regexp.MustCompile("Request id: (.*)\n").FindStringSubmatch(page)
	if want := regexp.MustCompile("\nReplay: sh " + regexp.QuoteMeta(s.dir) + "/captures/[0-9TZ.]+-cgi-" + id[1] + "\\.sh\n"); !want.MatchString(page) {
		t.Errorf("no line like %s:\n%s", want, page)
	}
}

// Where none can be written the page offers none.
func TestDevPageWithoutACapture(t *testing.T) {
	s := devSite(t, true, "[capture]\non = \"failure\"\npath = \"file/captures\"\n", map[string]string{"cgi-bin/before.sh": talksFirst, "file": ""})
	_, page := s.get("/cgi-bin/before.sh")
	wantAll(t, page, "\nReplay: # there is no capture: "+s.dir+"/file/captures cannot be written\n", "\nAgain: framegate run -c ")
	if strings.Contains(page, "Replay: sh ") {
		t.Errorf("a capture is offered that is not there:\n%s", page)
	}
}

// A body that is no text, or long, is left to a file.
func TestDevPageAgainWithABody(t *testing.T) {
	s := devSite(t, true, "", map[string]string{"cgi-bin/broken.sh": "#!/bin/sh\nexit 1\n"})
	for _, tt := range []struct{ name, body, want string }{
		{"text", "name=Ada's\nx", "-d 'name=Ada'\\''s\nx' /cgi-bin/broken.sh"},
		{"binary", "\x00\x01", "-d @BODY /cgi-bin/broken.sh"},
		{"no UTF-8", "\xff", "-d @BODY /cgi-bin/broken.sh"},
		{"looks like a file", "@x", "-d @BODY /cgi-bin/broken.sh"},
		{"long", strings.Repeat("x", 5000), "-d @BODY /cgi-bin/broken.sh"},
		{"none", "", "gzip' /cgi-bin/broken.sh"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, page := s.do(s.client, "POST", "/cgi-bin/broken.sh", strings.NewReader(tt.body), "User-Agent: x gzip")
			_, again, _ := strings.Cut(page, "\nAgain: ")
			if !strings.HasSuffix(again, tt.want+"\n") {
				t.Errorf("got %q; want it to end in %q", again, tt.want)
			}
		})
	}
}

// What frames and clients say is text, whatever it looks like; nothing on the
// page runs but its own script.
func TestDevPageIsNoOnesHTML(t *testing.T) {
	const evil = `<script>alert(1)</script><img src=x onerror=alert(2)>"'` + "`"
	hostile := testframe.Command(testframe.PrintErr(evil+"\n\x1b[31m\u202e\n"), testframe.Print(evil+"\n\xff\x00\n\n"+evil), testframe.Exit(1))
	s := devSite(t, true, frameTable("evil", `mount = "/evil"`, hostile, "env = { EVIL = "+tomlString(evil)+" }\n"), nil)
	resp, page := s.browse("POST", "/evil/%3Cscript%3Ealert(3)%3C/script%3E?<script>", strings.NewReader(evil), "X-Evil: "+evil, "Content-Type: "+evil)
	s.wantStatus(resp, page, 502)
	for _, tag := range []string{"<script>", "<img", "onerror=alert(2)>\"", "\x1b", "\u202e", "\x00"} {
		if strings.Contains(page, tag) {
			t.Errorf("the page has %q:\n%s", tag, page)
		}
	}
	nonce := regexp.MustCompile(`<script nonce="([^"]{20,})">`).FindStringSubmatch(page)
	if strings.Count(page, "<script") != 1 || nonce == nil {
		t.Fatalf("want one script, with a nonce:\n%s", page)
	}
	policy := resp.Header.Get("Content-Security-Policy")
	wantAll(t, policy, "default-src 'none'", "script-src 'nonce-"+nonce[1]+"'", "style-src 'nonce-"+nonce[1]+"'", "connect-src 'self'",
		"base-uri 'none'", "form-action 'none'", "frame-ancestors 'self'")
	if strings.Contains(policy, "unsafe") {
		t.Errorf("got policy %q", policy)
	}
	if got := resp.Header.Get("Cross-Origin-Resource-Policy"); got != "same-origin" {
		t.Errorf("got Cross-Origin-Resource-Policy %q", got)
	}
	_, again := s.browse("GET", "/evil", nil)
	if strings.Contains(again, nonce[1]) || strings.Contains(again, s.token(page)) {
		t.Error("a nonce or a token was used twice")
	}
}

// secrets are what a stranger must not see of a failure.
func (s *site) secrets() []string {
	return []string{s.dir, "a word in private", "starting", "exited", "HTTP_", "GATEWAY_INTERFACE", "gateway.toml", "framegate run",
		"Cause", "Served", "no such file", "missing.sh", ".framegate", "data-token", "<script"}
}

// plainly holds an answer to the page that everybody gets: the same header and
// the same body, byte for byte, but for the id.
func (s *site) plainly(what string, resp, want *http.Response, page, wantPage string) {
	s.t.Helper()
	id := regexp.MustCompile(`Request id: [0-9a-f]{16}`)
	if got, want := id.ReplaceAllString(page, "ID"), id.ReplaceAllString(wantPage, "ID"); got != want || resp.StatusCode != 502 && resp.StatusCode != 500 && resp.StatusCode != 404 {
		s.t.Errorf("%s: got %s and\n%s\nwant\n%s", what, resp.Status, got, want)
	}
	for _, secret := range s.secrets() {
		if strings.Contains(page, secret) {
			s.t.Errorf("%s: the page has %q:\n%s", what, secret, page)
		}
	}
	for name := range resp.Header {
		if want.Header.Get(name) == "" || name != "Date" && resp.Header.Get(name) != want.Header.Get(name) {
			s.t.Errorf("%s: %s: got %q; want %q", what, name, resp.Header.Get(name), want.Header.Get(name))
		}
	}
}

const brokenFrames = "[[frame]]\nname = \"missing\"\nmount = \"/missing\"\ncommand = [\"bin/missing.sh\"]\n" +
	"[[frame]]\nname = \"noisy\"\nmount = \"/noisy\"\ncommand = [\"sh\", \"-c\", \"printf 'Status: 500\\nContent-Type: text/plain\\n\\nfailed'; exit 1\"]\n"

// Without --dev nothing of all this is in any answer, and under --dev in none
// but those to this machine's own browsers and programs. What strangers get is
// the same, byte for byte, as without --dev.
func TestDevPageLeaksNothing(t *testing.T) {
	files := map[string]string{"cgi-bin/before.sh": talksFirst}
	without, with := devSite(t, false, brokenFrames, files), devSite(t, true, brokenFrames, files)
	for _, path := range []string{"/cgi-bin/before.sh", "/missing", "/no/such", "/.framegate/live", "/.framegate/", "/noisy"} {
		for _, accept := range []string{"Accept: text/html", "Accept: */*"} {
			want, wantPage := without.from("127.0.0.1:4000", "127.0.0.1", path, accept)
			without.plainly("without --dev: "+path, want, want, wantPage, wantPage)
			for _, tt := range []struct {
				name, remote, host string
				fields             []string
			}{
				{"another machine", "192.0.2.1:4000", "127.0.0.1", nil},
				{"another machine, IPv6", "[2001:db8::1]:4000", "localhost", nil},
				{"behind a proxy", "127.0.0.1:4000", "localhost", []string{"X-Forwarded-For: 192.0.2.1"}},
				{"behind a proxy that says Forwarded", "127.0.0.1:4000", "localhost", []string{"Forwarded: for=192.0.2.1"}},
				{"behind a proxy that says Via", "127.0.0.1:4000", "localhost", []string{"Via: 1.1 proxy"}},
				{"a Unix socket", "@", "localhost", nil},
				{"a Unix socket without a name", "", "localhost", nil},
				{"a name that leads here", "127.0.0.1:4000", "evil.example", nil},
				{"a name that leads here, with our port", "127.0.0.1:4000", "evil.example:7890", nil},
				{"a name that looks like an address", "127.0.0.1:4000", "127.0.0.1.evil.example", nil},
				{"a name that looks like ours", "127.0.0.1:4000", "localhost.evil.example", nil},
				{"no name", "127.0.0.1:4000", "", nil},
				{"another address of this machine", "127.0.0.1:4000", "192.0.2.7", nil},
				{"another site's script", "127.0.0.1:4000", "localhost", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"}},
				{"another site's request", "127.0.0.1:4000", "localhost", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors"}},
			} {
				resp, page := with.from(tt.remote, tt.host, path, append(tt.fields, accept)...)
				with.plainly(fmt.Sprintf("%s: %s, %s", tt.name, path, accept), resp, want, page, wantPage)
			}
		}
	}
	for _, tt := range []struct{ remote, host string }{
		{"127.0.0.1:1", "localhost"}, {"127.0.0.1:1", "LOCALHOST.:80"}, {"127.8.9.1:1", "127.8.9.1:7890"}, {"[::1]:1", "[::1]:7890"},
		{"[::ffff:127.0.0.1]:1", "shop.localhost"},
	} {
		if _, page := with.from(tt.remote, tt.host, "/cgi-bin/before.sh"); !strings.Contains(page, "a word in private") {
			t.Errorf("%s for %s: got\n%s\nwant everything", tt.remote, tt.host, page)
		}
	}
	// An answer that a program has given itself is its own affair.
	if resp, page := without.get("/noisy"); resp.StatusCode != 500 || page != "failed" {
		t.Errorf("got %s, %q", resp.Status, page)
	}
}

// Without --dev nobody keeps what exchanges say.
func TestDevKeepsNothingWithout(t *testing.T) {
	s := devSite(t, false, "", map[string]string{"cgi-bin/before.sh": talksFirst})
	for range 3 {
		s.browse("GET", "/cgi-bin/before.sh", nil)
	}
	resp := s.ask("POST", "")
	defer resp.Body.Close()
	var plain bytes.Buffer
	plain.ReadFrom(resp.Body)
	if resp.StatusCode != 404 || !strings.HasPrefix(plain.String(), "404 Not Found\n\nThere is nothing at this URL.\nRequest id: ") {
		t.Errorf("got %s, %q", resp.Status, plain.String())
	}
}
