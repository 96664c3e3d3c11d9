package reload_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"framegate/server/internal/servertest"
)

// ownSockets keeps the sockets of the test's servers apart from all others'.
func ownSockets(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "fg") // shorter than t.TempDir: a socket's path is bounded
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Setenv("XDG_RUNTIME_DIR", dir)
}

// reload runs `framegate reload` in dir.
func reload(t *testing.T, dir string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(servertest.Build(t), "reload")
	var out, errs strings.Builder
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func reloaded(t *testing.T, dir, url string) {
	t.Helper()
	code, stdout, stderr := reload(t, dir)
	if code != 0 || !strings.HasPrefix(stdout, "framegate: reloaded "+url+"/ in ") || stderr != "" {
		t.Fatalf("got %d, %q, %q; want a reload", code, stdout, stderr)
	}
}

const versionApp = `import os

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [os.environ["VERSION"].encode()]
`

// Requests come all the time while the configuration is changed and reloaded:
// none fails, and what comes after a reload is answered by what is new.
func TestReloadCommandUnderLoad(t *testing.T) {
	for _, mode := range append([]string{"exec"}, modes...) {
		t.Run(mode, func(t *testing.T) {
			ownSockets(t)
			dir := t.TempDir()
			source(t, dir, "app.py", versionApp)
			write := func(version string) {
				writeConf(t, dir, fmt.Sprintf("[[frame]]\nname = \"version\"\nmount = \"/version\"\napp = \"app:application\"\n"+
					"mode = %q\nenv = { VERSION = %q }\n", mode, version))
			}
			write("0")
			s := servertest.Start(t, "-c", filepath.Join(dir, "gateway.toml"))
			stop := make(chan struct{})
			var clients sync.WaitGroup
			for range 4 {
				client := newClient(t)
				clients.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
						}
						if _, err := getVersion(client, s.URL); err != nil {
							t.Errorf("a request failed: %v", err)
							return
						}
					}
				})
			}
			client := newClient(t)
			for n := 1; n <= 5; n++ {
				write(fmt.Sprint(n))
				reloaded(t, dir, s.URL)
				if got, err := getVersion(client, s.URL); got != fmt.Sprint(n) || err != nil {
					t.Errorf("got version %q, %v; want %d", got, err, n)
				}
			}
			close(stop)
			clients.Wait()
		})
	}
}

// While an app is being loaded anew, what was there before answers.
func TestReloadKeepsNobodyWaiting(t *testing.T) {
	ownSockets(t)
	dir := t.TempDir()
	held := fmt.Sprintf("import os\nif os.path.exists('hold'):\n    open('hold').close()\n%s", versionApp)
	source(t, dir, "app.py", held)
	conf := "[[frame]]\nname = \"version\"\nmount = \"/version\"\napp = \"app:application\"\nmode = \"worker\"\nworkers = 1\nenv = { VERSION = %q }\n"
	writeConf(t, dir, fmt.Sprintf(conf, "0"))
	s := servertest.Start(t, "-c", filepath.Join(dir, "gateway.toml"))
	client := newClient(t)
	want := func(version string) {
		t.Helper()
		if got, err := getVersion(client, s.URL); got != version || err != nil {
			t.Errorf("got version %q, %v; want %s", got, err, version)
		}
	}
	want("0")
	fifo := filepath.Join(dir, "hold")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	writeConf(t, dir, fmt.Sprintf(conf, "1"))
	done := make(chan struct{})
	go func() {
		defer close(done)
		reloaded(t, dir, s.URL)
	}()
	for _, who := range []string{"the check", "the worker"} {
		// Opening it waits for somebody who reads: for the import to be there.
		f, err := os.OpenFile(fifo, os.O_WRONLY, 0)
		if err != nil {
			t.Fatalf("%s: %v", who, err)
		}
		want("0")
		f.Close()
	}
	<-done
	want("1")
}

// What cannot be loaded is told to whoever asked for it, and changes nothing.
func TestReloadCommandRefused(t *testing.T) {
	ownSockets(t)
	dir := t.TempDir()
	source(t, dir, "app.py", versionApp)
	conf := "[[frame]]\nname = \"version\"\nmount = \"/version\"\napp = \"app:application\"\nmode = \"fork\"\nenv = { VERSION = \"0\" }\n"
	writeConf(t, dir, conf)
	s := servertest.Start(t, "-c", filepath.Join(dir, "gateway.toml"))
	client := newClient(t)
	last := "framegate: " + s.URL + "/ is not reloaded: what was there before serves on\n"
	for _, tt := range []struct {
		name, conf, app string
		want            []string
	}{
		{"a key", conf + "colour = \"red\"\n", versionApp, []string{"framegate: ", "gateway.toml:7: frame \"version\": unknown key \"colour\""}},
		{"a syntax error", conf, "def application(:\n", []string{"framegate: frame \"version\": cannot load app:application: " + dir + "/app.py:1: SyntaxError", "\nhint: mend it, and reload again\n"}},
		{"what only the loaded process finds", conf, "import sys\nif 'wsgi_fork' in sys.modules:\n    raise OSError('too many connections')\n" + versionApp,
			[]string{"framegate: frame \"version\": cannot load app:application: OSError: too many connections at " + dir + "/app.py:3 while it was imported"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			writeConf(t, dir, tt.conf)
			source(t, dir, "app.py", tt.app)
			code, stdout, stderr := reload(t, dir)
			if code != 1 || stdout != "" || !strings.HasSuffix(stderr, last) {
				t.Errorf("got %d, %q, %q; want 1 and %q", code, stdout, stderr, last)
			}
			for _, want := range tt.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("got %q; want %q in it", stderr, want)
				}
			}
			if got, err := getVersion(client, s.URL); got != "0" || err != nil {
				t.Errorf("got version %q, %v; want what was there before", got, err)
			}
		})
	}
	writeConf(t, dir, conf)
	source(t, dir, "app.py", strings.Replace(versionApp, "os.environ", "{} or os.environ", 1))
	reloaded(t, dir, s.URL)
}

// Keys of the listener, and frames that cannot answer, are told as warnings.
func TestReloadCommandWarns(t *testing.T) {
	ownSockets(t)
	dir, s := reloadSite(t)
	writeConf(t, dir, "[http]\nkeep-alive = \"5s\"\n"+fmt.Sprintf(reloadConf, "1")+
		"[[frame]]\nname = \"gone\"\nmount = \"/gone\"\ncommand = [\"./gone.sh\"]\n")
	code, stdout, stderr := reload(t, dir)
	if code != 0 || !strings.HasPrefix(stdout, "framegate: reloaded ") {
		t.Errorf("got %d, %q; want a reload", code, stdout)
	}
	for _, want := range []string{
		"warning: keep-alive has changed, but takes effect when the server is started again\n",
		"warning: a frame cannot answer: frame \"gone\": program " + dir + "/gone.sh: ",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("got %q; want %q in it", stderr, want)
		}
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	if got, err := getVersion(client, s.URL); got != "1" || err != nil {
		t.Errorf("got version %q, %v; want 1", got, err)
	}
}

func TestReloadNobody(t *testing.T) {
	ownSockets(t)
	dir := t.TempDir()
	writeConf(t, dir, "listen = \"unix:none\"\n")
	code, _, stderr := reload(t, dir)
	if want := "framegate: no server of " + dir + "/gateway.toml runs\nhint: start it with framegate serve"; code != 1 || !strings.HasPrefix(stderr, want) {
		t.Errorf("got %d, %q; want 1 and %q", code, stderr, want)
	}
}
