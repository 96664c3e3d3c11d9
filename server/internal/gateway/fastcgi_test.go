package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"framegate/server/internal/fastcgi/fcgitest"
	"framegate/server/internal/servertest"
)

// phpFiles are a small site of PHP.
func phpFiles() map[string]string {
	return map[string]string{
		"php/env.php":     `<?php header('Content-Type: text/plain'); foreach ($_SERVER as $k => $v) { if (is_string($v)) echo "$k=$v\n"; }`,
		"php/echo.php":    `<?php header('Content-Type: application/octet-stream'); readfile('php://input');`,
		"php/fill.php":    `<?php header('Content-Type: text/plain'); for ($i = 0; $i < $_GET['n']; $i++) echo str_repeat('x', 999), "\n";`,
		"php/warn.php":    `<?php error_log("a warning from PHP"); echo "answered";`,
		"php/status.php":  `<?php http_response_code(418); header('X-Tea: pot'); echo "short and stout";`,
		"php/go.php":      `<?php header('Location: /php/status.php');`,
		"php/die.php":     `<?php echo str_repeat('x', 100000); flush(); exec('kill -9 ' . getmypid());`,
		"php/nothing.php": `<?php exec('kill -9 ' . getmypid());`,
		"php/sleep.php":   `<?php ignore_user_abort(true); file_put_contents($_GET['mark'], 'began'); sleep((int)$_GET['s']); echo "slept";`,
		"php/pause.php":   `<?php echo str_repeat('x', 50000); flush(); sleep(1);`,
		"php/pid.php":     `<?php echo getmypid();`,
		"php/count.php":   `<?php echo $_SERVER['REQUEST_METHOD'], ' ', strlen(file_get_contents('php://input'));`,
		"php/secret.inc":  `<?php $password = 'geheim';`,
		"php/style.css":   `body { color: red }`,
		"php/sub/in.php":  `<?php echo basename(getcwd()), ' ', $_SERVER['PATH_INFO'] ?? '';`,
		"front/index.php": `<?php echo "front ", $_SERVER['REQUEST_URI'], ' ', $_SERVER['SCRIPT_NAME'], ' ', $_SERVER['PATH_INFO'] ?? '';`,
	}
}

// phpWay is one way to have PHP behind the gateway.
type phpWay struct {
	name  string
	keys  func(t *testing.T) string // of the frames that serve PHP
	crash bool                      // a process may be killed without the others being in the way
}

func phpWays() []phpWay {
	spawned := func(t *testing.T) string {
		php := servertest.Require(t, "apt install php-cgi", "php-cgi")
		return "mode = \"worker\"\nprotocol = \"fastcgi\"\nworkers = 2\ncommand = " + tomlArray([]string{php, "-n"})
	}
	at := func(addresses ...string) string {
		return "mode = \"worker\"\nprotocol = \"fastcgi\"\naddress = " + tomlArray(addresses)
	}
	return []phpWay{
		{"php-cgi, spawned", spawned, true},
		{"php-fpm", func(t *testing.T) string { return at("unix:" + fcgitest.StartFPM(t, 3).Socket) }, true},
		{"two php-fpm", func(t *testing.T) string {
			return at("unix:"+fcgitest.StartFPM(t, 2).Socket, "unix:"+fcgitest.StartFPM(t, 2).Socket)
		}, true},
	}
}

// phpSite serves PHP one way.
func phpSite(t *testing.T, way phpWay) *site {
	keys := way.keys(t)
	return start(t, setup{
		files: phpFiles(),
		frames: "\n[[frame]]\nname = \"php\"\nscripts = \"/php\"\ndir = \"php\"\n" + keys + "\n" +
			"\n[[frame]]\nname = \"front\"\nmount = \"/front\"\nscript-filename = \"front/index.php\"\n" + keys + "\n",
	})
}

func TestPHP(t *testing.T) {
	for _, way := range phpWays() {
		t.Run(way.name, func(t *testing.T) {
			s := phpSite(t, way)
			checkPHPAnswers(t, s)
			checkPHPBodies(t, s)
			checkPHPNotFound(t, s)
			if way.crash {
				checkPHPCrash(t, s)
			}
			checkPHPClientGone(t, s)
		})
	}
}

func checkPHPAnswers(t *testing.T, s *site) {
	t.Helper()
	for _, tt := range []struct {
		path   string
		status int
		body   string
	}{
		{"/php/status.php", 418, "short and stout"},
		{"/php/warn.php", 200, "answered"},
		{"/php/go.php", 302, ""}, // PHP adds the status by itself
		{"/php/sub/in.php/extra%20path", 200, "sub /extra path"},
		{"/front/a/b?c=d", 200, "front /front/a/b?c=d /front /a/b"},
	} {
		resp, body := s.do(s.client, "GET", tt.path, nil)
		if resp.StatusCode != tt.status || body != tt.body {
			t.Errorf("%s: got %d %q; want %d %q", tt.path, resp.StatusCode, body, tt.status, tt.body)
		}
	}
	_, env := s.do(s.client, "GET", "/php/env.php/x?q=1", nil, "X-Thing: some")
	for _, want := range []string{
		"SCRIPT_FILENAME=" + filepath.Join(s.dir, "php/env.php"), "SCRIPT_NAME=/php/env.php", "PATH_INFO=/x", "QUERY_STRING=q=1",
		"HTTP_X_THING=some", "SERVER_SOFTWARE=framegate/test", "GATEWAY_INTERFACE=CGI/1.1", "REQUEST_URI=/php/env.php/x?q=1",
	} {
		if !strings.Contains(env, want+"\n") {
			t.Errorf("%s is not in the environ:\n%s", want, env)
		}
	}
	if log := string(s.log.bytes()); !strings.Contains(log, "a warning from PHP") {
		t.Error("PHP's stderr is not in the log")
	}
}

func checkPHPBodies(t *testing.T, s *site) {
	t.Helper()
	body := bytes.Repeat([]byte("0123456789abcdef"), 3<<20/16)
	for _, n := range []int{0, 1, 40000, 70000, len(body)} {
		if resp, got := s.do(s.client, "POST", "/php/echo.php", bytes.NewReader(body[:n])); got != string(body[:n]) || resp.StatusCode != 200 {
			t.Errorf("a body of %d: got %d, %d bytes", n, resp.StatusCode, len(got))
		}
	}
	// chunked: its length is known only when it is here
	if _, got := s.do(s.client, "PUT", "/php/count.php", io.MultiReader(strings.NewReader("hello"))); got != "PUT 5" {
		t.Errorf("a chunked body: got %q", got)
	}
	if _, got := s.do(s.client, "GET", "/php/fill.php?n=5000", nil); len(got) != 5000*1000 {
		t.Errorf("got %d bytes; want %d", len(got), 5000*1000)
	}
}

// checkPHPNotFound: what is no script is found by the gateway, and neither run
// nor shown.
func checkPHPNotFound(t *testing.T, s *site) {
	t.Helper()
	for path, want := range map[string]int{
		"/php/missing.php": 404, "/php/": 404, "/php/style.css": 403, "/php/secret.inc": 403, "/php/style.css/x.php": 403,
		"/php/..%2fsecret.php": 404, "/php/sub": 404,
	} {
		if resp, body := s.do(s.client, "GET", path, nil); resp.StatusCode != want || strings.Contains(body, "geheim") {
			t.Errorf("%s: got %d %q; want %d", path, resp.StatusCode, body, want)
		}
	}
}

// checkPHPCrash: a process that dies costs its request, and no other.
func checkPHPCrash(t *testing.T, s *site) {
	t.Helper()
	resp, err := s.client.Get(s.url + "/php/die.php")
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	if err == nil {
		t.Error("an answer that was cut looks whole")
	}
	if resp, body := s.do(s.client, "POST", "/php/nothing.php", nil); resp.StatusCode != 502 {
		t.Errorf("got %d %q; want 502", resp.StatusCode, body)
	}
	for range 4 {
		if resp, body := s.do(s.client, "GET", "/php/status.php", nil); resp.StatusCode != 418 {
			t.Errorf("after a crash: got %d %q", resp.StatusCode, body)
		}
	}
}

// checkPHPClientGone: a client that goes away frees the frame for others.
func checkPHPClientGone(t *testing.T, s *site) {
	t.Helper()
	mark := filepath.Join(t.TempDir(), "mark")
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", s.url+"/php/sleep.php?s=1&mark="+mark, nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := s.client.Do(req)
		done <- err
	}()
	for limit := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(mark); err == nil {
			break
		}
		if time.Now().After(limit) {
			t.Fatal("the script has not begun")
		}
	}
	cancel()
	<-done
	if resp, _ := s.do(s.client, "GET", "/php/status.php", nil); resp.StatusCode != 418 {
		t.Errorf("after a client has gone: got %d", resp.StatusCode)
	}
}

// The clocks and bounds of an exchange hold at an address as anywhere, and the
// address serves on.
func TestPHPClocks(t *testing.T) {
	fpm := fcgitest.StartFPM(t, 4)
	frame := func(name, keys string) string {
		return fmt.Sprintf("\n[[frame]]\nname = %q\nscripts = \"/%s\"\ndir = \"php\"\nmode = \"worker\"\nprotocol = \"fastcgi\"\naddress = %q\n%s\n", name, name, "unix:"+fpm.Socket, keys)
	}
	s := start(t, setup{files: phpFiles(), frames: frame("first", `first-byte-timeout = "300ms"`) + frame("most", `max-output = "2MiB"`) +
		frame("stream", `stream-body = true`) + frame("idle", `idle-timeout = "300ms"`)})
	mark := filepath.Join(t.TempDir(), "mark")
	if resp, body := s.do(s.client, "GET", "/first/sleep.php?s=1&mark="+mark, nil); resp.StatusCode != 504 {
		t.Errorf("first-byte-timeout: got %d %q; want 504", resp.StatusCode, body)
	}
	if resp, err := s.client.Get(s.url + "/idle/pause.php"); err == nil {
		if text, err := io.ReadAll(resp.Body); err == nil {
			t.Errorf("idle-timeout: it looks whole: %d bytes", len(text))
		}
		resp.Body.Close()
	}
	if resp, err := s.client.Get(s.url + "/most/fill.php?n=5000"); err == nil {
		if text, err := io.ReadAll(resp.Body); err == nil {
			t.Errorf("max-output: it looks whole: %d bytes", len(text))
		}
		resp.Body.Close()
	}
	body := strings.Repeat("x", 3<<20)
	if _, got := s.do(s.client, "POST", "/stream/count.php", strings.NewReader(body)); got != fmt.Sprint("POST ", len(body)) {
		t.Errorf("stream-body: got %q", got)
	}
	s.stop()
	log := string(s.log.bytes())
	for _, want := range []string{"first-byte-timeout: nothing to read", "idle-timeout: nothing to read", "more than max-output"} {
		if !strings.Contains(log, want) {
			t.Errorf("%q is not in the log:\n%s", want, log)
		}
	}
}

// Perl's FCGI, and any other program that speaks FastCGI on descriptor 0.
func TestFastCGICommand(t *testing.T) {
	perl := servertest.Require(t, "apt install perl", "perl")
	if exec.Command(perl, "-MFCGI", "-e1").Run() != nil {
		servertest.Missing(t, "Perl's FCGI is missing: apt install libfcgi-perl")
	}
	script, err := filepath.Abs("../fastcgi/testdata/fcgi.pl")
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, setup{frames: "\n[[frame]]\nname = \"perl\"\nmount = \"/perl\"\nmode = \"worker\"\nprotocol = \"fastcgi\"\nworkers = 1\ncommand = " +
		tomlArray([]string{perl, script}) + "\n"})
	if _, env := s.do(s.client, "GET", "/perl/x?env", nil); !strings.Contains(env, "PATH_INFO=/x\n") || !strings.Contains(env, "SCRIPT_NAME=/perl\n") {
		t.Errorf("got the environ:\n%s", env)
	}
	for range 3 {
		if resp, body := s.do(s.client, "POST", "/perl?echo", strings.NewReader("hello")); body != "hello" || resp.StatusCode != 200 {
			t.Errorf("got %d %q", resp.StatusCode, body)
		}
	}
	if _, body := s.do(s.client, "GET", "/perl?stderr", nil); body != "and an answer" {
		t.Errorf("got %q", body)
	}
	if resp, err := s.client.Get(s.url + "/perl?die"); err == nil {
		if _, err = io.ReadAll(resp.Body); err == nil {
			t.Error("an answer that was cut looks whole")
		}
		resp.Body.Close()
	}
	if _, body := s.do(s.client, "GET", "/perl?echo", nil); body != "" {
		t.Errorf("after a crash: got %q", body)
	}
	if log := string(s.log.bytes()); !strings.Contains(log, "a warning") {
		t.Errorf("stderr is not in the log:\n%s", log)
	}
}

// Nothing is there: 503, and an answer as soon as something is.
func TestPHPNotThere(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "fpm.sock")
	s := start(t, setup{files: phpFiles(), frames: fmt.Sprintf(
		"\n[[frame]]\nname = \"php\"\nscripts = \"/php\"\ndir = \"php\"\nmode = \"worker\"\nprotocol = \"fastcgi\"\naddress = %q\n", "unix:"+socket)})
	resp, body := s.do(s.client, "GET", "/php/status.php", nil)
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || !strings.Contains(body, "cannot be reached") {
		t.Errorf("got %d %q; want 503 with Retry-After", resp.StatusCode, body)
	}
	if log := string(s.log.bytes()); !strings.Contains(log, "there is no such socket: is it running?") {
		t.Errorf("the log does not say why:\n%s", log)
	}
	fcgitest.StartFPMAt(t, socket, 1)
	if resp, body := s.do(s.client, "GET", "/php/status.php", nil); resp.StatusCode != 418 {
		t.Errorf("got %d %q; want 418", resp.StatusCode, body)
	}
	s.stop()
	if log := string(s.log.bytes()); !strings.Contains(log, fmt.Sprintf(`"address":%q`, "unix:"+socket)) {
		t.Errorf("the log does not say where it was answered:\n%s", log)
	}
}
