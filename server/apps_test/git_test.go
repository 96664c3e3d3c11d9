package apps_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"framegate/server/internal/servertest"
)

// A gitClient runs git in a home of its own, so that no configuration of the
// machine changes what it sends.
type gitClient struct{ home string }

// run runs git and returns what it says on stdout and, trace included, stderr.
func (g gitClient) run(t *testing.T, dir string, args ...string) (stdout, stderr string) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + g.home, "LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_TRACE_CURL=1", "GIT_TRACE_CURL_NO_DATA=1",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.org",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.org",
	}
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("git %s: %v\n%.4000s", strings.Join(args, " "), err, errs.String())
	}
	return strings.TrimSpace(out.String()), errs.String()
}

func (g gitClient) head(t *testing.T, dir, ref string) string {
	t.Helper()
	id, _ := g.run(t, dir, "rev-parse", ref)
	return id
}

// commit makes a commit with a file of these bytes.
func (g gitClient) commit(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
		t.Fatal(err)
	}
	g.run(t, dir, "add", name)
	g.run(t, dir, "commit", "--quiet", "-m", "add "+name)
}

// TestGit clones, pushes and fetches through git-http-backend. A push above
// http.postBuffer (1 MiB) has a chunked body, a fetch with many haves a
// gzipped one: both are checked in git's own trace.
func TestGit(t *testing.T) {
	servertest.Require(t, "apt-get install git", "git")
	execPath, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	backend := servertest.Require(t, "apt-get install git", filepath.Join(strings.TrimSpace(string(execPath)), "git-http-backend"))

	g, root := gitClient{t.TempDir()}, t.TempDir()
	repos := filepath.Join(root, "repos")
	bare := filepath.Join(repos, "site.git")
	g.run(t, root, "init", "--quiet", "--bare", "--initial-branch=main", bare)
	g.run(t, bare, "config", "http.receivepack", "true") // no login: the owner allows it

	s := serve(t, fmt.Sprintf("[[frame]]\nname = 'git'\nmount = '/git'\ncommand = [%q]\n"+
		"env = { GIT_PROJECT_ROOT = %q, GIT_HTTP_EXPORT_ALL = '1' }\n", backend, repos))
	remote := s.URL + "/git/site.git"
	one, two := filepath.Join(root, "one"), filepath.Join(root, "two")
	large := noise(6 << 20)

	t.Run("clone-empty", func(t *testing.T) { g.run(t, root, "clone", "--quiet", remote, one) })
	t.Run("push-chunked", func(t *testing.T) {
		g.commit(t, one, "large.bin", large)
		_, trace := g.run(t, one, "push", "--quiet", "origin", "HEAD:main")
		if !strings.Contains(strings.ToLower(trace), "send header: transfer-encoding: chunked") {
			t.Errorf("trace: got no chunked body; want one\n%.4000s", trace)
		}
		if got, want := g.head(t, bare, "main"), g.head(t, one, "HEAD"); got != want {
			t.Errorf("pushed: got %s; want %s", got, want)
		}
		g.run(t, bare, "fsck", "--strict")
	})
	t.Run("clone-again", func(t *testing.T) {
		g.run(t, root, "clone", "--quiet", remote, two)
		if got, want := g.head(t, two, "HEAD"), g.head(t, one, "HEAD"); got != want {
			t.Errorf("cloned: got %s; want %s", got, want)
		}
		data, err := os.ReadFile(filepath.Join(two, "large.bin"))
		if err != nil || sha1Hex(data) != sha1Hex(large) {
			t.Errorf("large.bin: got %d bytes with %s, %v; want %s", len(data), sha1Hex(data), err, sha1Hex(large))
		}
	})
	t.Run("fetch-gzip", func(t *testing.T) {
		g.commit(t, one, "small.txt", []byte("small\n"))
		g.run(t, one, "push", "--quiet", "origin", "HEAD:main")
		// 60 commits that the server hasn't: 60 lines "have ID" are over the
		// 1 KiB from which git compresses its request.
		for range 60 {
			g.run(t, two, "commit", "--quiet", "--allow-empty", "-m", "mine")
		}
		_, trace := g.run(t, two, "fetch", "--quiet", "origin")
		if !strings.Contains(strings.ToLower(trace), "send header: content-encoding: gzip") {
			t.Errorf("trace: got no gzipped body; want one\n%.4000s", trace)
		}
		if got, want := g.head(t, two, "origin/main"), g.head(t, one, "HEAD"); got != want {
			t.Errorf("fetched: got %s; want %s", got, want)
		}
	})
	t.Run("push-refused", func(t *testing.T) {
		// Not a fast-forward: the refusal must reach the client as git's own words.
		cmd := exec.Command("git", "push", "--quiet", "origin", "HEAD:main")
		cmd.Dir, cmd.Env = two, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + g.home, "LC_ALL=C"}
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "[rejected]") {
			t.Errorf("got %v, %s; want a rejected push", err, out)
		}
	})
	t.Run("no-such-repository", func(t *testing.T) {
		got := newBrowser(t, s.URL).get(t, "/git/nowhere.git/info/refs?service=git-upload-pack")
		if got.status != 404 {
			t.Errorf("got %d; want 404", got.status)
		}
	})
}
