package docs_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"framegate/server/internal/servertest"
)

// port is where documents serve; tests bind no fixed port, so a server that
// is started here has another, and what is shown is put back.
const port = "127.0.0.1:7890"

// A server is one `framegate serve` of a transcript. servertest.Start keeps
// the greeting to itself, which documents show.
type server struct {
	greeting string
	address  string
}

var servingAt = regexp.MustCompile(`http://([0-9.:]+)/`)

// startServer runs a command line such as "framegate serve --dev 2> log &".
func startServer(t *testing.T, dir, line string) *server {
	t.Helper()
	args, log := serveArgs(line)
	cmd := exec.Command(servertest.Build(t), args...)
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second
	var captured servertest.Buffer
	cmd.Stderr = &captured
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &server{}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM) // an error means that it is gone, which Wait tells
		io.Copy(io.Discard, stdout)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: after SIGTERM: got %v; want exit status 0\n%s", line, err, captured.String())
		}
		if log != "" {
			if err := os.WriteFile(filepath.Join(dir, log), []byte(s.fromPort(captured.String())), 0o644); err != nil {
				t.Error(err)
			}
		}
	})
	greeting, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("%s: no greeting: %v\n%s", line, err, captured.String())
	}
	s.greeting = greeting
	if m := servingAt.FindStringSubmatch(greeting); m != nil {
		s.address = m[1]
	}
	return s
}

// serveArgs takes the command line apart: the redirection of the log and the
// port are the test's, the rest is the document's.
func serveArgs(line string) (args []string, log string) {
	words := strings.Fields(strings.TrimSuffix(line, "&"))
	for i := 1; i < len(words); i++ {
		switch word := words[i]; {
		case word == "2>" && i+1 < len(words):
			i++
			log = words[i]
		case strings.Trim(word, "0123456789") == "":
		default:
			args = append(args, word)
		}
	}
	return append(args, "--listen", "127.0.0.1:0"), log
}

func (s *server) toPort(script string) string {
	if s == nil || s.address == "" {
		return script
	}
	return strings.ReplaceAll(script, port, s.address)
}

func (s *server) fromPort(output string) string {
	if s == nil || s.address == "" {
		return output
	}
	return strings.ReplaceAll(output, s.address, port)
}
