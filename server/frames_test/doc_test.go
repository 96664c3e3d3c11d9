package frames_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"framegate/server/internal/servertest"
)

// block matches a fenced block: its language and its text.
var block = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")

// defaultURL is what a gateway.toml without `listen` is served at; a test may
// not bind that port, so it reads the address of its own server instead.
const defaultURL = "http://127.0.0.1:7890"

// TestFirstFrame types docs/first-frame.md: every sh block is run, in order,
// in one directory, and must print the text block that follows it.
func TestFirstFrame(t *testing.T) {
	servertest.Require(t, "apt-get install curl", "curl")
	root, err := servertest.Root()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile(filepath.Join(root, "docs", "first-frame.md"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(servertest.Build(t))+":"+os.Getenv("PATH"))
	t.Chdir(t.TempDir())

	blocks := block.FindAllStringSubmatch(string(doc), -1)
	server, commands := defaultURL, 0
	for i, b := range blocks {
		if b[1] != "sh" {
			continue
		}
		switch script := b[2]; script {
		case "go build -o framegate ./server\n": // servertest.Build did
		case "framegate serve\n":
			server = servertest.Start(t).URL
		default:
			want := ""
			if i+1 < len(blocks) && blocks[i+1][1] == "text" {
				want = blocks[i+1][2]
			}
			typeBlock(t, strings.ReplaceAll(script, defaultURL, server), want)
			commands++
		}
	}
	if commands < 12 {
		t.Errorf("blocks run: got %d; want all of the page, which has more", commands)
	}
}

// framing is the one header line that depends on how fast the frame is.
var framing = regexp.MustCompile(`(?m)^Content-Length: \d+\r?$`)

func typeBlock(t *testing.T, script, want string) {
	t.Helper()
	// The status of the last command is the page's own business: it shows
	// mistakes, too.
	out, err := exec.Command("sh", "-c", script).CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	got := framing.ReplaceAllString(strings.ReplaceAll(string(out), "\r\n", "\n"), "Transfer-Encoding: chunked")
	if !alike(got, want) {
		t.Errorf("$ %s\ngot:\n%s\nwant:\n%s", strings.TrimSuffix(script, "\n"), got, want)
	}
}

// alike compares line by line; a line of want that ends in "…" needs only to
// begin alike.
func alike(got, want string) bool {
	gots, wants := strings.Split(strings.TrimSuffix(got, "\n"), "\n"), strings.Split(strings.TrimSuffix(want, "\n"), "\n")
	if len(gots) != len(wants) {
		return false
	}
	for i, line := range wants {
		if start, open := strings.CutSuffix(line, "…"); gots[i] != line && !(open && strings.HasPrefix(gots[i], start)) {
			return false
		}
	}
	return true
}
