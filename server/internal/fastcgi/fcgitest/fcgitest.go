// Package fcgitest starts real FastCGI servers for tests.
package fcgitest

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"framegate/server/internal/servertest"
)

// startLimit is how long a server may take until it answers.
const startLimit = 20 * time.Second

// stopLimit is how long it may take to end by itself.
const stopLimit = 5 * time.Second

// FPM is a running php-fpm.
type FPM struct {
	Socket string // where it listens
	Cmd    *exec.Cmd

	mu   sync.Mutex
	logs []string
}

// StartFPM starts php-fpm with children processes on a socket of the test's
// own. Further lines go into its pool's configuration.
func StartFPM(t testing.TB, children int, lines ...string) *FPM {
	t.Helper()
	return StartFPMAt(t, filepath.Join(t.TempDir(), "fpm.sock"), children, lines...)
}

// StartFPMAt is StartFPM on a given address.
func StartFPMAt(t testing.TB, address string, children int, lines ...string) *FPM {
	t.Helper()
	dir := t.TempDir()
	conf := fmt.Sprintf("[global]\nerror_log = /proc/self/fd/2\n[www]\nlisten = %s\npm = static\npm.max_children = %d\n%s\n",
		address, children, strings.Join(lines, "\n"))
	file := filepath.Join(dir, "fpm.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	// -n: whatever the machine's php.ini says is not the test's business.
	args := []string{"-n", "-F", "-O", "-y", file}
	if os.Getuid() == 0 {
		args = append(args, "-R")
	}
	f := &FPM{Socket: address, Cmd: exec.Command(PHPFPM(t), args...)}
	stderr, err := f.Cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	start(t, f.Cmd)
	ready := make(chan bool, 1)
	var reading sync.WaitGroup
	reading.Go(func() {
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			f.mu.Lock()
			f.logs = append(f.logs, lines.Text())
			f.mu.Unlock()
			if strings.Contains(lines.Text(), "ready to handle connections") {
				ready <- true
			}
		}
		ready <- false
	})
	t.Cleanup(reading.Wait)
	stopAtEnd(t, f.Cmd)
	select {
	case ok := <-ready:
		if !ok {
			t.Fatalf("php-fpm has ended: %s", f.Log())
		}
	case <-time.After(startLimit):
		t.Fatalf("php-fpm is not ready after %s: %s", startLimit, f.Log())
	}
	return f
}

// Log is what php-fpm has said so far.
func (f *FPM) Log() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.logs, "\n")
}

// PHPFPM is the program, whose name on Debian holds its version.
func PHPFPM(t testing.TB) string {
	t.Helper()
	names := []string{"php-fpm"}
	versioned, _ := filepath.Glob("/usr/sbin/php-fpm*")
	return servertest.Require(t, "apt install php-fpm", append(names, versioned...)...)
}

// Spawn starts a program the way a FastCGI web server does: with a listening
// socket, whose path it returns, as descriptor 0 (FCGI_LISTENSOCK_FILENO).
func Spawn(t testing.TB, argv ...string) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "fcgi.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.SetUnlinkOnClose(false)
	file, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	startWith(t, file, argv)
	return socket
}

// Start starts a program that makes its socket itself.
func Start(t testing.TB, argv ...string) {
	t.Helper()
	startWith(t, nil, argv)
}

func startWith(t testing.TB, stdin *os.File, argv []string) {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	if stdin != nil {
		cmd.Stdin = stdin
	}
	cmd.Stderr = os.Stderr
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	start(t, cmd)
	stopAtEnd(t, cmd)
}

// start starts cmd in a process group of its own.
func start(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// stopAtEnd ends the process and whatever it has started with the test.
func stopAtEnd(t testing.TB, cmd *exec.Cmd) {
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(stopLimit, func() { cmd.Process.Kill() })
		cmd.Wait()
		kill.Stop()
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // descendants keep the group's number from being reused
	})
}
