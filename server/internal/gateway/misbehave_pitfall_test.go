package gateway_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"framegate/server/internal/process"
	"framegate/server/internal/testframe"
)

// TestPitfall is what broke in other systems that do this job.
func TestPitfall(t *testing.T) {
	pitfalls := []struct {
		name string
		run  func(t *testing.T)
	}{
		{"answer-while-reading", answerWhileReading},
		{"reset-kills-a-silent-frame", resetKills},
		{"half-close-gets-its-answer", halfClose},
		{"slow-body-binds-no-process", slowBody},
		{"slow-reader-keeps-no-process", slowReader},
		{"unread-body-does-not-hang", unreadBody},
		{"abort-is-accounted-at-shutdown", abortAtShutdown},
		{"inherited-descriptors", inheritedDescriptors},

		{"response-splitting", responseSplitting},
		{"httpoxy", httpoxy},
		{"underscore-poses-as-hyphen", underscore},
		{"own-variables-win", ownVariablesWin},
		{"no-shell-no-argv", noShell},
		{"redirect-status", redirectStatus},
		{"no-sniffing", noSniffing},

		{"upload-is-not-run", uploadNotRun},
		{"directory-escapes", directoryEscapes},
		{"encoded-slash-in-the-script", encodedSlash},
		{"symlink-out-of-the-root", symlinkOut},
		{"source-is-not-served", sourceNotServed},
	}
	for _, p := range pitfalls {
		t.Run(p.name, p.run)
	}
}

// Apache, fcgiwrap and uWSGI write the whole body before they read.
func answerWhileReading(t *testing.T) {
	const size = 8 << 20
	for _, keys := range []string{"", "stream-body = true"} {
		s := bad(t, keys, testframe.Print("Content-Type: text/plain\n\n"), testframe.Echo())
		body := bytes.Repeat([]byte("0123456789abcdef"), size/16)
		resp, got := s.do(s.client, "POST", "/bad", bytes.NewReader(body))
		s.wantStatus(resp, "", 200)
		if got != string(body) {
			t.Errorf("%s: got %d bytes back, or others; want the %d that were sent", keys, len(got), size)
		}
		s.wantRecord("info", "", 200)
	}
}

func resetKills(t *testing.T) {
	arrived := fifo(t)
	s := bad(t, "", testframe.Open(arrived), testframe.Hang())
	w := s.dial()
	w.send(ask("/bad"))
	meet(t, arrived, os.O_RDONLY)
	w.reset()
	// Nothing but the reset ends this frame: without it the record would say
	// that the server has stopped it.
	until(t, "the record", func() bool { return bytes.Contains(s.log.bytes(), []byte(`"status":499`)) })
	if record := s.wantRecord("info", "client closed the connection", 499); record["signal"] != "SIGTERM" {
		t.Errorf("got signal %v; want SIGTERM", record["signal"])
	}
}

// RFC 9112 §9.6: a client that has ended its side still wants its answer.
func halfClose(t *testing.T) {
	arrived, leave := fifo(t), fifo(t)
	s := bad(t, "", testframe.Open(arrived), testframe.Await(leave), testframe.Print(page+"still here"))
	w := s.dial()
	w.send("GET /bad HTTP/1.1\r\nHost: h\r\n\r\n")
	meet(t, arrived, os.O_RDONLY)
	if err := w.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	meet(t, leave, os.O_WRONLY)
	resp, body, err := w.everything().response()
	if resp.StatusCode != 200 || body != "still here" || err != nil {
		t.Errorf("got %d %q, %v; want 200 %q", resp.StatusCode, body, err, "still here")
	}
	s.wantRecord("info", "", 200)
}

// The one process that may run is not bound to a request whose body has not
// arrived.
func slowBody(t *testing.T) {
	s := bad(t, "max-concurrent = 1\nmax-queue = 0", testframe.Print(page), testframe.Count())
	slow := s.dial()
	slow.send("POST /bad HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 10\r\n\r\n01234")
	if resp, body, _ := s.everything(ask("/bad")).response(); resp.StatusCode != 200 {
		t.Errorf("beside a slow body: got %d %q; want 200", resp.StatusCode, body)
	}
	slow.send("56789")
	if resp, body, _ := slow.everything().response(); resp.StatusCode != 200 || body != "10" {
		t.Errorf("the slow body itself: got %d %q; want 200 %q", resp.StatusCode, body, "10")
	}
}

// A client that does not read keeps neither the process nor the connection.
func slowReader(t *testing.T) {
	s := bad(t, "idle-timeout = \"200ms\"\nmax-response-buffer = \"1MiB\"\nstop-grace = \"1s\"", testframe.Print(page), testframe.EndlessBody("x"))
	w := s.dial()
	w.send(ask("/bad"))
	until(t, "the record", func() bool { return bytes.Contains(s.log.bytes(), []byte(`"status":200`)) })
	list := s.records()
	if len(list) != 1 || list[0]["error"] == nil || list[0]["signal"] == nil {
		t.Fatalf("got records %v; want one, of a process that was stopped", list)
	}
	checkRecord(t, list[0], fmt.Sprint(list[0]["level"]), fmt.Sprint(list[0]["error"]), 200)
}

// A request that is answered without its body gets its answer although the
// body never comes, and the connection ends.
func unreadBody(t *testing.T) {
	for _, path := range []string{"/none", "/plain.txt", "/cgi-bin/none"} {
		s := start(t, setup{})
		got := s.everything("POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n01234")
		if resp, body, err := got.response(); resp.StatusCode < 400 || err != nil {
			t.Errorf("%s: got %d %q, %v; want an error answer", path, resp.StatusCode, body, err)
		}
		if list := s.records(); len(list) != 1 {
			t.Errorf("%s: got %d records; want 1", path, len(list))
		}
	}
}

// Http.Server forgets a connection that was cut: its process and its record
// are waited for all the same.
func abortAtShutdown(t *testing.T) {
	s := bad(t, "stop-grace = \"300ms\"\nidle-timeout = \"100ms\"", testframe.Ignore(syscall.SIGTERM), testframe.Print(page+"begun"), testframe.Hang())
	if _, body, err := s.everything(ask("/bad")).response(); body != "begun" || err != io.ErrUnexpectedEOF {
		t.Errorf("got %q, %v; want %q and %v", body, err, "begun", io.ErrUnexpectedEOF)
	}
	if record := s.wantRecord("error", "idle-timeout: ", 200); record["signal"] != "SIGKILL" {
		t.Errorf("got signal %v; want SIGKILL", record["signal"])
	}
}

func inheritedDescriptors(t *testing.T) {
	if err := process.SealInherited(); err != nil { // as the binary does at its start
		t.Fatal(err)
	}
	s := bad(t, "", testframe.Print(page), testframe.PrintFDs())
	idle := s.dial() // connections and listeners of the gateway
	defer idle.Close()
	for _, request := range []string{ask("/bad"), "POST /bad HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2000000\r\n\r\n" + strings.Repeat("x", 2_000_000)} {
		_, body, _ := s.everything(request).response()
		lines := strings.Split(strings.TrimSpace(body), "\n")
		if len(lines) != 3 || !strings.HasPrefix(lines[0], "0 ") || !strings.HasPrefix(lines[1], "1 pipe:") || !strings.HasPrefix(lines[2], "2 pipe:") {
			t.Errorf("got descriptors %q; want 0, 1 and 2", lines)
		}
	}
}

// A frame that copies what a client has sent into a header must not let it
// write one (CVE-2024-24795).
func responseSplitting(t *testing.T) {
	tests := []struct {
		name, header string
		status       int
		text         string
	}{
		{"CR in a value", "X-A: b\rSet-Cookie: evil=1\n" + page, 502, "bare CR"},
		{"CR CR LF", "X-A: b\r\r\n" + page, 502, "bare CR"},
		{"NUL in a value", "X-A: b\x00\n" + page, 502, "NUL"},
		{"escape in a value", "X-A: b\x1b[0m\n" + page, 502, "0x1b"},
		{"CR in a name", "X\r-A: b\n" + page, 502, "bare CR"},
		{"space in a name", "Content-Length : 3\n" + page, 502, "space"},
		{"folded line", "X-A: b\n Set-Cookie: evil=1\n" + page, 502, "white space"},
		{"two lengths", "Content-Length: 4\nContent-Length: 40\n" + page, 502, "second Content-Length"},
		{"signed length", "Content-Length: +4\n" + page, 502, "no number"},
		{"own framing", "Transfer-Encoding: chunked\n" + page, 502, "Transfer-Encoding"},
		{"CR in a status", "Status: 200 OK\rSet-Cookie: evil=1\n" + page, 502, "bare CR"},
		{"Latin-1 line separators", "X-A: b\x85Set-Cookie: evil=1\n" + page, 200, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := bad(t, "", testframe.Print(test.header+"body"))
			got := s.everything(ask("/bad"))
			level := map[bool]string{true: "info", false: "error"}[test.status == 200]
			s.wantRecord(level, test.text, test.status)
			resp, body, err := got.response()
			if resp.StatusCode != test.status || err != nil || resp.Header.Get("Set-Cookie") != "" {
				t.Errorf("got %d, %v, Set-Cookie %q; want %d and no cookie", resp.StatusCode, err, resp.Header.Get("Set-Cookie"), test.status)
			}
			if test.status == 502 && strings.Contains(got.data, "evil") {
				t.Errorf("the answer holds what the frame's bad header said: %q", got.data)
			}
			if test.status == 200 && body != "body" {
				t.Errorf("got %q; want %q", body, "body")
			}
		})
	}
}

func httpoxy(t *testing.T) {
	s := start(t, setup{})
	d := s.dump(s.client, "GET", "/dump", nil, "Proxy: http://evil/", "PROXY: http://evil/", "proxy: http://evil/")
	s.wantUnset(d, "HTTP_PROXY", "http_proxy")
}

func underscore(t *testing.T) {
	s := start(t, setup{})
	d := s.dump(s.client, "GET", "/dump", nil, "X-Real-User: alice", "X_Real_User: mallory", "X-Real_User: mallory", "X.Real.User: mallory")
	s.want(d, "HTTP_X_REAL_USER", "alice")
	d = s.dump(s.client, "GET", "/dump", nil, "X_Real_User: mallory")
	s.wantUnset(d, "HTTP_X_REAL_USER")
	_, body := s.raw("POST /dump HTTP/1.1", "Content_Length: 5", "Transfer_Encoding: chunked", "Content-Length: 0")
	s.want(s.readDump(200, body), "CONTENT_LENGTH", "0")
}

func ownVariablesWin(t *testing.T) {
	s := start(t, setup{top: `server-name = "right.example"`})
	_, body := s.raw("GET /dump HTTP/1.1", "Request-Method: EVIL", "Server-Name: evil", "Remote-User: root", "Path: /evil")
	d := s.readDump(200, body)
	s.want(d, "REQUEST_METHOD", "GET")
	s.want(d, "SERVER_NAME", "right.example")
	s.want(d, "PATH", os.Getenv("PATH"))
	s.wantUnset(d, "REMOTE_USER")
}

// CVE-2012-1823, CVE-2024-4577: nothing of a request becomes an argument or
// passes a shell.
func noShell(t *testing.T) {
	s := start(t, setup{})
	for _, path := range []string{"/cgi-bin/dump?-s", "/cgi-bin/dump?-d+allow_url_include%3d1", "/cgi-bin/dump?%ADd+a", "/cgi-bin/dump?a+b;id",
		"/cgi-bin/dump/$(id)/%60id%60?$(id)", "/dump?--help", "/dump/a%20b;id%26"} {
		d := s.dump(s.client, "GET", path, nil)
		if len(d.Argv) != 1 {
			t.Errorf("%s: got argv %q; want the program alone", path, d.Argv)
		}
	}
}

// Php-cgi runs nothing without it.
func redirectStatus(t *testing.T) {
	s := start(t, setup{})
	d := s.dump(s.client, "GET", "/cgi-bin/dump/extra", nil)
	s.want(d, "REDIRECT_STATUS", "200")
	s.want(d, "SCRIPT_FILENAME", filepath.Join(s.dir, "cgi-bin/dump"))
}

// CVE-2020-24553: a guessed HTML is cross-site scripting.
func noSniffing(t *testing.T) {
	s := bad(t, "", testframe.Print("X-A: b\n\n<html><script>alert(1)</script>"))
	resp, _, _ := s.everything(ask("/bad")).response()
	if got := resp.Header["Content-Type"]; len(got) != 1 || got[0] != "application/octet-stream" {
		t.Errorf("Content-Type: got %q; want application/octet-stream", got)
	}
}

// marker is a CGI program that tells that it was run.
const marker = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nRUN'\n"

// wantNotRun asks s for path and wants status, and no program's answer.
func wantNotRun(t *testing.T, s *site, path string, status int) {
	t.Helper()
	resp, body, _ := s.everything(ask(path)).response()
	if resp.StatusCode != status || strings.Contains(body, "RUN") || strings.Contains(body, "printf") {
		t.Errorf("%s: got %d %q; want %d, not run and not shown", path, resp.StatusCode, body, status)
	}
}

func uploadNotRun(t *testing.T) {
	s := start(t, setup{
		scripts: `interpreters = { ".php" = ["/bin/sh"] }`,
		files: map[string]string{
			"cgi-bin/img.png": "printf 'Content-Type: text/plain\\n\\nRUN'\n", "cgi-bin/real.php": "printf 'Content-Type: text/plain\\n\\nRUN'\n",
			"static/img.png": marker,
		},
	})
	if _, body := s.get("/cgi-bin/real.php"); body != "RUN" {
		t.Fatalf("a mapped extension: got %q; want RUN, or this test shows nothing", body)
	}
	wantNotRun(t, s, "/cgi-bin/img.png/x.php", 403)
	wantNotRun(t, s, "/cgi-bin/img.png", 403)
	wantNotRun(t, s, "/img.png/x.php", 404)
	wantNotRun(t, s, "/cgi-bin/none.php", 404)
	wantNotRun(t, s, "/cgi-bin/real.php%00.png", 400)
	wantNotRun(t, s, "/cgi-bin/real.php.", 404)
}

func directoryEscapes(t *testing.T) {
	s := start(t, setup{files: map[string]string{"outside.sh": marker, "cgi-bin/sub/in.sh": marker, "cgi-bin-other/o.sh": marker}})
	if _, body := s.get("/cgi-bin/sub/../sub/./in.sh"); body != "RUN" {
		t.Errorf("dots that stay inside: got %q; want RUN", body)
	}
	for path, status := range map[string]int{
		"/cgi-bin/../outside.sh":                    404,
		"/cgi-bin/%2e%2e/outside.sh":                404,
		"/cgi-bin/.%2e/outside.sh":                  404,
		"/cgi-bin/sub/../../outside.sh":             404,
		"/cgi-bin/..%2foutside.sh":                  404,
		"/cgi-bin/%2e%2e%2foutside.sh":              404,
		"/cgi-bin/..%5coutside.sh":                  404,
		"/cgi-bin/..\\outside.sh":                   404,
		"/cgi-bin/....//outside.sh":                 404,
		"/cgi-bin//../../outside.sh":                404,
		"/../outside.sh":                            404,
		"/..%2f..%2fetc/passwd":                     404,
		"/%2e%2e/%2e%2e/etc/passwd":                 404,
		"/cgi-bin/%252e%252e/outside.sh":            404,
		"/cgi-bin/%c0%ae%c0%ae/outside.sh":          404,
		"/cgi-bin/outside.sh%00":                    400,
		"/cgi-bin/%2":                               400,
		"/cgi-bin/%zz":                              400,
		"/cgi-bin-other/o.sh":                       404,
		"/cgi-bin/sub":                              404,
		"/cgi-bin/sub/":                             404,
		"/cgi-bin/":                                 404,
		"/" + strings.Repeat("../", 1000) + "a":     404,
		"/cgi-bin/" + strings.Repeat("a", 300):      404,
		"/cgi-bin/" + strings.Repeat("sub/", 3_000): 404,
	} {
		wantNotRun(t, s, path, status)
	}
}

func encodedSlash(t *testing.T) {
	s := start(t, setup{files: map[string]string{"cgi-bin/sub/in.sh": marker}})
	wantNotRun(t, s, "/cgi-bin/sub%2fin.sh", 404)
	wantNotRun(t, s, "/cgi-bin%2fsub/in.sh", 404)
	wantNotRun(t, s, "/%2fplain.txt", 404)
	d := s.dump(s.client, "GET", "/cgi-bin/dump/a%2Fb", nil)
	s.want(d, "PATH_INFO", "/a/b")
	s.want(d, "SCRIPT_NAME", "/cgi-bin/dump")
}

func symlinkOut(t *testing.T) {
	s := start(t, setup{files: map[string]string{"outside.sh": marker, "secrets/in.sh": marker, "cgi-bin/inside.sh": marker}})
	for name, target := range map[string]string{"file.sh": "../outside.sh", "dir": "../secrets", "absolute.sh": filepath.Join(s.dir, "outside.sh"), "fine.sh": "inside.sh"} {
		if err := os.Symlink(target, filepath.Join(s.dir, "cgi-bin", name)); err != nil {
			t.Fatal(err)
		}
	}
	wantNotRun(t, s, "/cgi-bin/file.sh", 404)
	wantNotRun(t, s, "/cgi-bin/absolute.sh", 404)
	wantNotRun(t, s, "/cgi-bin/dir/in.sh", 404)
	if _, body := s.get("/cgi-bin/fine.sh"); body != "RUN" {
		t.Errorf("a symlink inside the root: got %q; want RUN", body)
	}
	fifo := filepath.Join(s.dir, "cgi-bin/fifo")
	if err := syscall.Mkfifo(fifo, 0o755); err != nil {
		t.Fatal(err)
	}
	wantNotRun(t, s, "/cgi-bin/fifo", 404)
}

func sourceNotServed(t *testing.T) {
	s := start(t, setup{files: map[string]string{"cgi-bin/plain.txt": marker[2:], "frames/app.py": marker[2:]}})
	for _, path := range []string{"/cgi-bin/plain.txt", "/frames/app.py", "/gateway.toml", "/static/../gateway.toml", "/cgi-bin/../gateway.toml"} {
		resp, body, _ := s.everything(ask(path)).response()
		if resp.StatusCode < 400 || strings.Contains(body, "printf") || strings.Contains(body, "[[frame]]") {
			t.Errorf("%s: got %d %q; want an error", path, resp.StatusCode, body)
		}
	}
}
