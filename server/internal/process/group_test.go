package process

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"framegate/server/internal/testframe"
)

// The whole group goes, not the leader alone: fcgiwrap's kill had its
// arguments swapped for years.
func TestStopReachesTheGroup(t *testing.T) {
	p := start(t, frameSpec(
		testframe.Grandchild(false, testframe.PrintPID(), testframe.Ready(), testframe.Hang()),
		testframe.Print("up\n"), testframe.Hang()))
	grandchild := readPID(t, p)
	readLine(t, p) // both run
	p.Stop(time.Hour)
	if exit := p.Wait(); exit.Signal != syscall.SIGTERM {
		t.Errorf("got code %d, signal %v; want %v", exit.Code, exit.Signal, syscall.SIGTERM)
	}
	gone(t, p.Pid())
	goneSoon(t, grandchild)
}

// readLine reads one line of stdout, byte by byte.
func readLine(t *testing.T, p *Process) string {
	t.Helper()
	var line []byte
	for b := make([]byte, 1); ; {
		if _, err := p.Output().Read(b); err != nil {
			t.Fatalf("stdout after %q: %v", line, err)
		}
		if b[0] == '\n' {
			return string(line)
		}
		line = append(line, b[0])
	}
}

func readPID(t *testing.T, p *Process) int {
	t.Helper()
	pid, err := strconv.Atoi(readLine(t, p))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// goneSoon waits for the end of a killed process that init is to reap, or
// finds it a zombie: where the test's init does not reap, that must do.
func goneSoon(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		_, after, _ := strings.Cut(string(stat), ") ")
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) || strings.HasPrefix(after, "Z") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d still runs: %q", pid, stat)
		}
	}
}

func TestStopLadder(t *testing.T) {
	t.Run("SIGTERM is enough", func(t *testing.T) {
		p := start(t, frameSpec(testframe.Print("up\n"), testframe.Hang()))
		readLine(t, p)
		p.Stop(time.Hour)
		p.Stop(0) // does nothing: it is on the ladder
		if exit := p.Wait(); exit.Signal != syscall.SIGTERM {
			t.Errorf("got %v; want %v", exit.Signal, syscall.SIGTERM)
		}
	})
	t.Run("SIGKILL after grace", func(t *testing.T) {
		p := start(t, frameSpec(testframe.Ignore(syscall.SIGTERM), testframe.Print("up\n"), testframe.Hang()))
		readLine(t, p)
		const grace = 50 * time.Millisecond
		began := time.Now()
		p.Stop(grace)
		if exit := p.Wait(); exit.Signal != syscall.SIGKILL || time.Since(began) < grace {
			t.Errorf("got %v after %v; want %v after %v", exit.Signal, time.Since(began), syscall.SIGKILL, grace)
		}
	})
	t.Run("a process that has ended", func(t *testing.T) {
		p := start(t, frameSpec(testframe.Exit(3)))
		<-p.Done()
		p.Stop(0)
		p.Signal(syscall.SIGKILL) // its number may be somebody else's by now
		if exit := p.Wait(); exit.Code != 3 {
			t.Errorf("got %d; want 3", exit.Code)
		}
	})
}

// golang/go#23019: a descendant that holds stdout must not hold the exchange.
func TestGrandchildHoldsStdout(t *testing.T) {
	// More than one Read's worth, which the leader has written before it ends.
	const size = 60_000
	tests := []struct {
		name    string
		session bool
		does    testframe.Step
		prints  bool // only once the leader is gone: its output comes first
	}{
		{"in the group, silent", false, testframe.Hang(), false},
		{"in a session of its own, silent", true, testframe.Hang(), false},
		{"in a session of its own, printing", true, testframe.EndlessBody("stray\n"), true},
		{"in a session of its own, noisy on stderr", true, testframe.Noise(1<<40, 80), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			gate := fifo(t)
			steps := []testframe.Step{testframe.PrintPID(), testframe.Ready()}
			if test.prints {
				steps = append(steps, testframe.Await(gate))
			}
			steps = append(steps, test.does)
			p := start(t, frameSpec(testframe.Grandchild(test.session, steps...), testframe.Fill(size), testframe.Exit(0)))
			grandchild := readPID(t, p)
			t.Cleanup(func() { syscall.Kill(grandchild, syscall.SIGKILL) })
			<-p.Done()
			began := time.Now()
			if test.prints {
				open(t, gate, os.O_WRONLY)
			}
			got := output(t, p)
			p.Wait()
			if !strings.HasPrefix(got, strings.Repeat("x", size)) {
				t.Errorf("%d bytes of stdout do not begin with the %d that the process had printed", len(got), size)
			}
			if len(got) > size+2*largestPipe {
				t.Errorf("%d bytes of stdout: the stray's output has no bound", len(got))
			}
			if d := time.Since(began); d > pipeGrace+5*time.Second {
				t.Errorf("the exchange ended %v after the process; want about %v", d, pipeGrace)
			}
			if !test.session {
				goneSoon(t, grandchild)
			}
		})
	}
}
