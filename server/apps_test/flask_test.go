package apps_test

import (
	"bufio"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestFlask(t *testing.T) {
	requireModule(t, "flask")
	for _, p := range places("flask") {
		t.Run(p.name, func(t *testing.T) {
			pipe := filepath.Join(t.TempDir(), "pipe")
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			s := serve(t, p.wsgi("board:app", testdata(t, "flask"), fmt.Sprintf("STREAM_PIPE = %q", pipe)))
			b := newBrowser(t, s.URL+p.prefix)

			t.Run("urls", func(t *testing.T) { flaskURLs(t, b, s.URL, p.prefix) })
			t.Run("chinese-path", func(t *testing.T) { flaskChinese(t, b) })
			if !p.whole {
				return
			}
			t.Run("session", func(t *testing.T) { flaskSession(t, b, p.prefix) })
			t.Run("upload", func(t *testing.T) { checkUpload(t, b, "/upload") })
			t.Run("stream", func(t *testing.T) { flaskStream(t, b, pipe) })
			t.Run("static", func(t *testing.T) {
				b.get(t, "/static/board.css").is(t, 200, "body { color: teal; }\n")
			})
			t.Run("method-not-allowed", func(t *testing.T) {
				got := b.do(t, "PUT", "/login", "", nil)
				if allow := got.header.Get("Allow"); got.status != 405 || !strings.Contains(allow, "POST") {
					t.Errorf("got %d, Allow %q; want 405 with POST", got.status, allow)
				}
			})
		})
	}
}

func flaskURLs(t *testing.T, b *browser, server, prefix string) {
	b.get(t, "/").is(t, 200, "board at "+prefix+"/")
	b.get(t, "/user/Ada%20L.%2B").is(t, 200, "user Ada L.+")
	b.get(t, "/urls").json(t, map[string]any{
		"index":       prefix + "/",
		"user":        prefix + "/user/Ada",
		"chinese":     prefix + "/%E8%82%A1%E7%A5%A8/%E8%8C%85%E5%8F%B0",
		"query":       prefix + "/count?page=2",
		"external":    server + prefix + "/user/Ada",
		"static":      prefix + "/static/board.css",
		"script_root": prefix,
		"path":        "/urls",
	})
}

func flaskChinese(t *testing.T, b *browser) {
	b.get(t, "/"+url.PathEscape("股票")+"/"+url.PathEscape("茅台")).json(t, map[string]any{
		"code": "茅台", "path": "/股票/茅台",
	})
	b.get(t, "/user/"+url.PathEscape("é中😀")).is(t, 200, "user é中😀")
}

func flaskSession(t *testing.T, b *browser, prefix string) {
	for _, want := range []string{"1", "2", "3"} {
		b.get(t, "/count").is(t, 200, want)
	}
	if got := b.get(t, "/me"); got.status != 403 {
		t.Errorf("before the login: got %d; want 403", got.status)
	}
	b.post(t, "/login", url.Values{"name": {"李四 & co"}}).redirects(t, 303, prefix+"/me")
	b.get(t, "/me").is(t, 200, "you are 李四 & co")
	b.get(t, "/count").is(t, 200, "4")
}

// flaskStream reads the first line while the application still waits for the
// pipe: a gateway that holds the answer back until its end hangs here.
func flaskStream(t *testing.T, b *browser, pipe string) {
	resp, err := b.client.Get(b.base + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body := bufio.NewReader(resp.Body)
	if got, err := body.ReadString('\n'); got != "first\n" {
		t.Fatalf("first line: got %q, %v; want %q", got, err, "first\n")
	}
	// Opened for both ways, so that neither end waits for the other to be there.
	end, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer end.Close()
	if _, err := end.WriteString("second\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(body); string(got) != "second\n" || err != nil {
		t.Errorf("the rest: got %q, %v; want %q", got, err, "second\n")
	}
}

// TestFlaskError holds the log to the traceback of an application's mistake.
func TestFlaskError(t *testing.T) {
	requireModule(t, "flask")
	var log fmt.Stringer
	t.Run("serve", func(t *testing.T) {
		s := serve(t, places("flask")[0].wsgi("board:app", testdata(t, "flask"), ""))
		log = s.Stderr
		if got := newBrowser(t, s.URL).get(t, "/flask/boom"); got.status != 500 || strings.Contains(got.body, "as the test wants") {
			t.Errorf("got %d %q; want 500 without the cause", got.status, got.body)
		}
	})
	// The server has ended, so that its log is whole.
	for _, want := range []string{"RuntimeError: boom, as the test wants", "board.py", "request_id"} {
		if log != nil && !strings.Contains(log.String(), want) {
			t.Errorf("log: got no %q in\n%s", want, log)
		}
	}
}
