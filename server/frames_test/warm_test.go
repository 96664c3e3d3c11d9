package frames_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"framegate/server/internal/servertest"
)

// warmFrames are the programs of frames/warm, and how gateway.toml has them.
func warmFrames(t *testing.T) map[string]func(t *testing.T) string {
	worker := func(argv ...string) string {
		return fmt.Sprintf("command = %s\nworkers = 1\n", tomlStrings(argv))
	}
	return map[string]func(t *testing.T) string{
		"py": func(t *testing.T) string {
			return worker(servertest.Require(t, "apt-get install python3", "python3"), frame(t, "warm/hello.py"))
		},
		"pl": func(t *testing.T) string {
			return worker(servertest.Require(t, "apt-get install perl", "perl"), frame(t, "warm/hello.pl"))
		},
		"go": func(t *testing.T) string {
			program := filepath.Join(t.TempDir(), "hello")
			if out, err := exec.Command(servertest.Require(t, "https://go.dev/dl", "go"), "build", "-o", program, frame(t, "warm/hello.go")).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			return worker(program)
		},
		"sh": func(t *testing.T) string {
			return fmt.Sprintf("address = %q\n", "unix:"+socat(t, frame(t, "warm/hello.sh")))
		},
	}
}

// socat has a program answer each connection of a socket, whose path it returns.
func socat(t *testing.T, program string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hello.sock")
	cmd := exec.Command(servertest.Require(t, "apt-get install socat", "socat"), "UNIX-LISTEN:"+path+",fork", "EXEC:"+program)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
	})
	for limit := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		if conn, err := net.Dial("unix", path); err == nil {
			conn.Close() // which its program takes for a request that nobody has made
			return path
		} else if time.Now().After(limit) {
			t.Fatal(err)
		}
	}
}

// TestWarm asks the frames of frames/warm: they answer like one another, and
// go on when a client has gone.
func TestWarm(t *testing.T) {
	for name, config := range warmFrames(t) {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "gateway.toml")
			toml := fmt.Sprintf("[[frame]]\nname = %q\nmount = \"/warm\"\nmode = \"worker\"\n%s", name, config(t))
			if err := os.WriteFile(file, []byte(toml), 0o644); err != nil {
				t.Fatal(err)
			}
			s := servertest.Start(t, "-c", file)
			for i, ask := range []struct {
				path string
				body int
				want string
			}{
				{"/a%20b/%E4%B8%AD?x=1", 0, "hello, /a b/中"},
				{"/", 5, "hello, /"},
				{"", 70_000, "hello, "},
			} {
				body := bytes.Repeat([]byte{0, ':', ',', '\n', 0xff}, ask.body/5)
				resp, err := http.Post(s.URL+"/warm"+ask.path, "application/octet-stream", bytes.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				asked := i + 1
				if name == "sh" {
					asked = 1 // each connection has a shell of its own
				}
				if want := fmt.Sprintf("%s\nasked: %d\nbody: %d bytes\n", ask.want, asked, ask.body); err != nil || string(got) != want {
					t.Errorf("POST %s: got %q, %v; want %q", ask.path, got, err, want)
				}
				if got := resp.Header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
					t.Errorf("POST %s: got Content-Type %q", ask.path, got)
				}
			}
		})
	}
}

// Twenty lines, it says; and what they have in common is the same sentence.
func TestWarmFramesAreShort(t *testing.T) {
	for _, file := range []string{"hello.py", "hello.pl", "hello.sh", "hello.go"} {
		text, err := os.ReadFile(frame(t, "warm/"+file))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Count(string(text), "\n")
		if most := 24; lines > most && file != "hello.go" || lines > 40 {
			t.Errorf("%s: got %d lines; want about %d", file, lines, most)
		}
		if !strings.Contains(string(text), `the environ is a netstring: LENGTH ":" (NAME NUL VALUE NUL)* ","`) {
			t.Errorf("%s does not say what the environ is", file)
		}
	}
}
