package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// On a terminal the log is for people: one line per request, in colour unless
// NO_COLOR says otherwise.
func TestLogOnATerminal(t *testing.T) {
	tests := []struct {
		name    string
		env     []string
		colours bool
	}{
		{"colour", nil, true},
		{"NO_COLOR", []string{"NO_COLOR=1"}, false},
		{"NO_COLOR empty", []string{"NO_COLOR="}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "NO_COLOR=") })
			text := logOnTerminal(t, append(env, tt.env...))
			if got := strings.Contains(text, "\x1b["); got != tt.colours {
				t.Errorf("got colours: %v; want %v:\n%q", got, tt.colours, text)
			}
			plain := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(text, "")
			for _, want := range []string{
				`(?m)^\d\d:\d\d:\d\d INF one line .*frame=good`,
				`(?m)^\d\d:\d\d:\d\d INF 200 GET /good  7 bytes in [0-9.]+ ms .*frame=good`,
			} {
				if !regexp.MustCompile(want).MatchString(plain) {
					t.Errorf("got %q; want a match for %s", plain, want)
				}
			}
		})
	}
}

// logOnTerminal serves one request with a terminal as stderr.
func logOnTerminal(t *testing.T, env []string) string {
	t.Helper()
	ours, theirs := openTerminal(t)
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "gateway.toml"), loggedFrames)
	var d daemon
	if err := d.startWith(dir, env, theirs, "serve"); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	t.Cleanup(d.kill)
	shown := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(ours) // ends with EIO when the server has closed its side
		shown <- string(text)
	}()
	if _, err := d.get("GET", "/good", nil); err != nil {
		t.Error(err)
	}
	if err := d.stop(); err != nil {
		t.Error(err)
	}
	return <-shown
}

// A finding does not go on where a body without a last line end has stopped.
func TestRunLintOnATerminal(t *testing.T) {
	ours, theirs := openTerminal(t)
	cmd := exec.Command("framegate", "run", "--lint", "--", "sh", "-c", `printf 'Content-Type: text/plain\n\nhi'; exit 3`)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = t.TempDir(), append(os.Environ(), "NO_COLOR=1"), theirs, theirs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	shown, _ := io.ReadAll(ours) // ends with EIO when the other side is closed
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(string(shown), "\r\nhi\r\noutput of ") {
		t.Errorf("got %q; want the finding on a line of its own", shown)
	}
}

// openTerminal makes a pseudo-terminal.
func openTerminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close() })
	if err := unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatalf("unlock the terminal: %v", err)
	}
	number, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatalf("name the terminal: %v", err)
	}
	theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { theirs.Close() })
	return ours, theirs
}
