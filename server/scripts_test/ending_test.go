package scripts_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"framegate/server/internal/servertest"
)

// TestTryEnding holds what is said of how a program ended.
func TestTryEnding(t *testing.T) {
	const header = `printf 'Content-Type: text/plain\n\nhi\n'; `
	for _, tt := range []struct {
		name, program, how, answer string
		status                     int
	}{
		{"0", header, "exit status 0", "HTTP/1.1 200 OK", 0},
		{"3 after the answer", header + "exit 3", "exit status 3", "HTTP/1.1 200 OK", 0},
		{"3 before it", "exit 3", "exit status 3", "HTTP/1.1 502 Bad Gateway", 1},
		{"128", header + "exit 128", "exit status 128", "HTTP/1.1 200 OK", 0},
		{"SIGSEGV", header + "kill -SEGV $$", "killed by SIGSEGV (the shell's status 139)", "HTTP/1.1 200 OK", 1},
		{"SIGKILL before it", "kill -KILL $$", "killed by SIGKILL (the shell's status 137)", "HTTP/1.1 502 Bad Gateway", 1},
		{"SIGINT is not ignored", "kill -INT $$; " + header, "killed by SIGINT (the shell's status 130)", "HTTP/1.1 502 Bad Gateway", 1},
		{"SIGQUIT is not ignored", "ulimit -c 0; kill -QUIT $$; " + header, "killed by SIGQUIT (the shell's status 131)", "HTTP/1.1 502 Bad Gateway", 1},
		{"hang", "sleep 600", "stopped: it was not done after 1 s", "HTTP/1.1 504 Gateway Timeout", 1},
		{"hang after the header", header + "sleep 600", "stopped: it was not done after 1 s", "HTTP/1.1 200 OK", 1},
		{"deaf hang", "trap '' TERM; sleep 600; sleep 600", "stopped: it was not done after 1 s", "HTTP/1.1 504 Gateway Timeout", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // they wait more than they work
			for _, sh := range plainShells(t) {
				out := run(t, sh.do(t, "frame-try.sh", "--timeout", map[bool]string{true: "1", false: "50"}[strings.Contains(tt.name, "hang")], "/x", "--", "sh", "-c", tt.program))
				m := ended.FindStringSubmatch(out.stderr)
				if m == nil || m[1] != tt.how || out.status != tt.status || !strings.HasPrefix(out.stdout, tt.answer+"\r\n") {
					t.Errorf("%s: got %q, status %d, stderr %q; want %q, status %d, %q", sh.name, out.stdout, out.status, out.stderr, tt.answer, tt.status, tt.how)
				}
			}
		})
	}
}

// TestTryLeavesNothing looks for the processes of a frame that was stopped, by
// its clock or by Ctrl-C, and of one that left a child behind.
func TestTryLeavesNothing(t *testing.T) {
	servertest.Require(t, "apt-get install util-linux", "setsid")
	for _, tt := range []struct {
		name, program, timeout string
		signal                 syscall.Signal
		status                 int
	}{
		{"clock", "wait", "1", 0, 1},
		{"interrupted", "wait", "50", syscall.SIGINT, 130},
		{"terminated", "wait", "50", syscall.SIGTERM, 143},
		{"left behind", "exit", "50", 0, 1},
	} {
		for _, sh := range plainShells(t) {
			t.Run(tt.name+"/"+sh.name, func(t *testing.T) {
				t.Parallel()
				pids := filepath.Join(t.TempDir(), "pids")
				cmd := sh.do(t, "frame-try.sh", "--timeout", tt.timeout, "-e", "PIDS="+pids, "/x", "--", "sh", "-c", `sleep 600 & echo "$$ $!" >"$PIDS.new"; mv "$PIDS.new" "$PIDS"; `+tt.program)
				cmd.WaitDelay = 5 * time.Second
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				started := waitFor(t, pids)
				if tt.signal != 0 {
					if err := cmd.Process.Signal(tt.signal); err != nil {
						t.Fatal(err)
					}
				}
				cmd.Wait() // the status says what there is to say
				if got := cmd.ProcessState.ExitCode(); got != tt.status {
					t.Errorf("status: got %d; want %d", got, tt.status)
				}
				for _, pid := range strings.Fields(started) {
					n, err := strconv.Atoi(pid)
					if err != nil {
						t.Fatal(err)
					}
					waitGone(t, n)
				}
			})
		}
	}
}

// waitFor reads a file that is about to be there.
func waitFor(t *testing.T, file string) string {
	t.Helper()
	for deadline := time.Now().Add(commandTimeout); ; time.Sleep(time.Millisecond) {
		data, err := os.ReadFile(file)
		if err == nil {
			return string(data)
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// waitGone waits for a process that was killed: it is gone, or dead and left
// to a reaper that may be a lazy one.
func waitGone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("process %d: still there: %s", pid, stat)
			syscall.Kill(pid, syscall.SIGKILL)
			return
		}
	}
}

// TestTryStrace holds --strace: what the program does, on stderr.
func TestTryStrace(t *testing.T) {
	servertest.Require(t, "apt-get install strace", "strace")
	out := run(t, try(t, "--strace", "/x", "-d", "abc", "--", "sh", "-c", `read -r a; printf 'Content-Type: text/plain\n\n%s\n' "$a"`))
	if strings.Contains(out.stderr, "Operation not permitted") {
		servertest.Missing(t, "strace may not trace here: "+out.stderr)
	}
	for _, want := range []string{`read(0, "a"`, `write(1, "Content-Type: text/plain\n\nabc\n"`, "+++ exited with 0 +++"} {
		if !strings.Contains(out.stderr, want) {
			t.Errorf("stderr: got %q; want %q in it", out.stderr, want)
		}
	}
	if want := "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nabc\n"; out.stdout != want {
		t.Errorf("got %q; want %q", out.stdout, want)
	}
}
