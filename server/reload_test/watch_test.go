package reload_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"framegate/server/internal/servertest"
)

// modes are those whose processes outlive a request.
var modes = []string{"worker", "fork"}

const watchedApp = `import part

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%s " + part.NAME]
`

// watchedSite serves an app of two modules, in a directory that is answered.
func watchedSite(t *testing.T, mode, keys string, args ...string) (dir string, s *servertest.Server) {
	t.Helper()
	dir = t.TempDir()
	source(t, dir, "app.py", fmt.Sprintf(watchedApp, "one"))
	source(t, dir, "part.py", `NAME = b"first"`)
	writeConf(t, dir, fmt.Sprintf("[[frame]]\nname = \"app\"\nmount = \"/app\"\napp = \"app:application\"\nmode = %q\n%s", mode, keys))
	return dir, servertest.Start(t, append([]string{"-c", filepath.Join(dir, "gateway.toml")}, args...)...)
}

func source(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func ask(t *testing.T, client *http.Client, url string) (status int, body string) {
	t.Helper()
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(data)
}

// awaitAnswer asks until the answer is the wanted one: the system tells of a
// changed file a moment after it was written.
func awaitAnswer(t *testing.T, client *http.Client, url string, status int, want string) {
	t.Helper()
	within(t, fmt.Sprintf("status %d and %q", status, want), func() bool {
		got, body := ask(t, client, url)
		return got == status && strings.Contains(body, want)
	})
}

func newClient(t *testing.T) *http.Client {
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// A changed source is what the next requests are answered with; one that cannot
// be loaded is told in the log, and the last good version serves on.
func TestWatch(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			dir, s := watchedSite(t, mode, "watch = true\n")
			client, url := newClient(t), s.URL+"/app/"
			awaitAnswer(t, client, url, 200, "one first")
			for _, word := range []string{"two", "six", "ten"} { // of one length, within one second
				source(t, dir, "app.py", fmt.Sprintf(watchedApp, word))
				awaitAnswer(t, client, url, 200, word+" first")
			}
			source(t, dir, "part.py", `NAME = b"other"`)
			awaitAnswer(t, client, url, 200, "ten other")

			source(t, dir, "part.py", `NAME = b"broken`)
			within(t, "a record of the failure", func() bool {
				if status, body := ask(t, client, url); status != 200 || body != "ten other" {
					t.Fatalf("got %d and %q; want the last good version", status, body)
				}
				return strings.Contains(s.Stderr.String(), "the last good version serves on")
			})
			if log := s.Stderr.String(); !strings.Contains(log, "SyntaxError") || !strings.Contains(log, "part.py:1") {
				t.Errorf("the log does not say what is wrong:\n%s", log)
			}
			source(t, dir, "part.py", `NAME = b"mended"`)
			awaitAnswer(t, client, url, 200, "ten mended")
		})
	}
}

// Under --dev sources are watched unasked, and what cannot be loaded is shown.
func TestWatchDev(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			dir, s := watchedSite(t, mode, "", "--dev")
			client, url := newClient(t), s.URL+"/app/"
			awaitAnswer(t, client, url, 200, "one first")
			source(t, dir, "part.py", `NAME = b"broken`)
			awaitAnswer(t, client, url, 503, "SyntaxError")
			source(t, dir, "part.py", `NAME = b"mended"`)
			awaitAnswer(t, client, url, 200, "one mended")
		})
	}
}

// Without watch and --dev nothing is watched.
func TestNotWatched(t *testing.T) {
	dir, s := watchedSite(t, "worker", "workers = 1\n")
	client, url := newClient(t), s.URL+"/app/"
	awaitAnswer(t, client, url, 200, "one first")
	source(t, dir, "app.py", fmt.Sprintf(watchedApp, "two"))
	for range 50 {
		if _, body := ask(t, client, url); body != "one first" {
			t.Fatalf("got %q; want what was loaded at the start", body)
		}
	}
}

// Requests come all the time while a source is changed again and again: none
// fails, and none is answered by what is no version.
func TestWatchUnderLoad(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			dir, s := watchedSite(t, mode, "watch = true\n")
			url := s.URL + "/app/"
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
						response, err := client.Get(url)
						if err != nil {
							t.Errorf("a request failed: %v", err)
							return
						}
						body, err := io.ReadAll(response.Body)
						response.Body.Close()
						if err != nil || response.StatusCode != 200 || !strings.HasSuffix(string(body), " first") {
							t.Errorf("got %s %q, %v", response.Status, body, err)
							return
						}
					}
				})
			}
			client := newClient(t)
			for n := range 8 {
				word := fmt.Sprintf("v%02d", n)
				// In one step: half a file would be a version, too.
				source(t, dir, "next", fmt.Sprintf(watchedApp, word))
				if err := os.Rename(filepath.Join(dir, "next"), filepath.Join(dir, "app.py")); err != nil {
					t.Fatal(err)
				}
				awaitAnswer(t, client, url, 200, word+" first")
			}
			close(stop)
			clients.Wait()
		})
	}
}
