package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"framegate/server/internal/config"
	"framegate/server/internal/gateway"
)

// confinedSite serves one sh frame under the given keys.
func confinedSite(t *testing.T, script, keys string) (*httptest.Server, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "frame.sh"), []byte("#!/bin/sh\necho Content-Type: text/plain\necho\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "gateway.toml")
	toml := "[[frame]]\nname = \"confined\"\nmount = \"/x\"\ncommand = [\"./frame.sh\"]\n" + keys
	if err := os.WriteFile(file, []byte(toml), 0o644); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(context.Background(), cfg, gateway.Options{Log: zerolog.Nop()})
	if err != nil {
		return nil, err
	}
	s := httptest.NewServer(g)
	t.Cleanup(func() {
		s.Close()
		http.DefaultClient.CloseIdleConnections()
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, nil
}

func getBody(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(body))
}

func TestLimitsAreInForce(t *testing.T) {
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("limits are Linux's, and user wants root")
	}
	outside := t.TempDir()
	for _, tt := range []struct{ name, keys, script, want string }{
		{"memory", `memory = "64MiB"`, "ulimit -d", "65536"},
		{"cpu-time", `cpu-time = "2s"`, "ulimit -St", "2"},
		{"open-files", `open-files = 32`, "ulimit -n", "32"},
		{"processes", `processes = 50`, "grep 'Max processes' /proc/self/limits | tr -s ' ' | cut -d' ' -f3", "50"},
		{"user", `user = "nobody"`, "id -u", "65534"},
		{"user and group", "user = \"nobody\"\ngroup = \"daemon\"", "id -g", "1"},
		{"umask", `umask = "027"`, "umask", "0027"},
		{"no-new-privs", `no-new-privs = true`, "grep NoNewPrivs /proc/self/status | cut -f2", "1"},
		{"sandbox keeps out", `sandbox = true`, "touch " + outside + "/f 2>/dev/null || echo kept out", "kept out"},
		{"sandbox lets in", `sandbox = true`, "touch f && echo written", "written"},
		{"sandbox lets into write-paths", fmt.Sprintf("sandbox = true\nwrite-paths = [%q]", outside), "touch " + outside + "/g && echo written", "written"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := confinedSite(t, tt.script, tt.keys)
			if err != nil {
				t.Fatal(err)
			}
			if tt.name == "user" || tt.name == "user and group" {
				open(t)
			}
			if status, got := getBody(t, s.URL+"/x"); status != 200 || got != tt.want {
				t.Errorf("got %d %q; want 200 %q", status, got, tt.want)
			}
		})
	}
}

// open lets every user reach the test's directories.
func open(t *testing.T) {
	t.Helper()
	for dir := t.TempDir(); dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLimitThatCannotBeInForceIsAnError(t *testing.T) {
	for _, tt := range []struct{ name, keys, want string }{
		{"user", `user = "no-such-user"`, `frame "confined": user "no-such-user": `},
		{"group", `group = "no-such-group"`, `frame "confined": group "no-such-group": `},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := confinedSite(t, "", tt.keys)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v; want %q…", err, tt.want)
			}
		})
	}
}

func TestMaxOutput(t *testing.T) {
	s, err := confinedSite(t, "yes | head -c 300000", `max-output = "100KiB"`)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(s.URL + "/x")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); err == nil || n > 100<<10 {
		t.Errorf("got %d bytes, %v; want a cut answer of at most 100 KiB", n, err)
	}
}
