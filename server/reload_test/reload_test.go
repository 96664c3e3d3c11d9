// Package reload_test reloads a running server, with requests coming all the time.
package reload_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"framegate/server/internal/servertest"
)

// site of one frame that prints the version which its configuration gives it.
const reloadConf = `
[[frame]]
name = "version"
mount = "/version"
command = ["./version.sh"]
env = { VERSION = "%s" }
`

func writeVersion(t *testing.T, dir, version string) {
	t.Helper()
	writeConf(t, dir, fmt.Sprintf(reloadConf, version))
}

// writeConf replaces the file in one step, as a careful operator does.
func writeConf(t *testing.T, dir, text string) {
	t.Helper()
	next := filepath.Join(dir, "next.toml")
	if err := os.WriteFile(next, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(dir, "gateway.toml")); err != nil {
		t.Fatal(err)
	}
}

func reloadSite(t *testing.T) (dir string, s *servertest.Server) {
	t.Helper()
	dir = t.TempDir()
	script := "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n%s' \"$VERSION\"\n"
	if err := os.WriteFile(filepath.Join(dir, "version.sh"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	writeVersion(t, dir, "0")
	return dir, servertest.Start(t, "-c", filepath.Join(dir, "gateway.toml"))
}

func getVersion(client *http.Client, url string) (string, error) {
	response, err := client.Get(url + "/version")
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s: %s", response.Status, body)
	}
	return string(body), err
}

// within asks until done is content.
func within(t *testing.T, what string, done func() bool) {
	t.Helper()
	for limit := time.Now().Add(30 * time.Second); !done(); {
		if time.Now().After(limit) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// Requests come all the time while the configuration is changed again and
// again: none fails, and what is answered is always the last or the next.
func TestReloadUnderLoad(t *testing.T) {
	dir, s := reloadSite(t)
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
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
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for n := 1; n <= 10; n++ {
		want := fmt.Sprint(n)
		writeVersion(t, dir, want)
		if err := syscall.Kill(s.PID, syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		within(t, "version "+want, func() bool {
			got, err := getVersion(client, s.URL)
			if err != nil {
				t.Fatal(err)
			}
			return got == want
		})
	}
	close(stop)
	clients.Wait()
}

// What cannot be loaded is told with file and line, and changes nothing.
func TestReloadRefused(t *testing.T) {
	dir, s := reloadSite(t)
	writeConf(t, dir, fmt.Sprintf(reloadConf, "1")+"colour = \"red\"\n")
	if err := syscall.Kill(s.PID, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	within(t, "a record of the refusal", func() bool {
		return strings.Contains(s.Stderr.String(), "not reloaded: what was there before serves on")
	})
	if log := s.Stderr.String(); !strings.Contains(log, `gateway.toml:7`) || !strings.Contains(log, "colour") {
		t.Errorf("the log does not name the line and the key:\n%s", log)
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	if got, err := getVersion(client, s.URL); got != "0" || err != nil {
		t.Errorf("got version %q, %v; want what was there before", got, err)
	}
}

// A listener cannot be changed while it is open: the log says so.
func TestReloadFixedKeys(t *testing.T) {
	dir, s := reloadSite(t)
	writeConf(t, dir, "[http]\nkeep-alive = \"5s\"\n"+fmt.Sprintf(reloadConf, "1"))
	if err := syscall.Kill(s.PID, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	within(t, "a record of the reload", func() bool { return strings.Contains(s.Stderr.String(), `"reloaded"`) })
	log := s.Stderr.String()
	if !strings.Contains(log, `"key":"keep-alive"`) || strings.Contains(log, `"key":"max-url"`) {
		t.Errorf("want a warning of keep-alive alone:\n%s", log)
	}
}
