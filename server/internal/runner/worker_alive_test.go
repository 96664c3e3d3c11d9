package runner

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"framegate/server/internal/testframe"
)

// livesOn has a worker close its connection and go on, whatever it is told.
func livesOn() testframe.Step {
	return testframe.All(testframe.Ignore(syscall.SIGTERM), testframe.CloseConn(), testframe.Hang())
}

// soon wants one try of several to take less than a second, which is what a
// worker that is about to end is waited for: a busy machine is no failure.
func soon(t *testing.T, try func() time.Duration) {
	t.Helper()
	var took []time.Duration
	for range 5 {
		d := try()
		if d < 900*time.Millisecond || t.Failed() {
			return
		}
		took = append(took, d)
	}
	t.Errorf("got %v; want one of them to be less than a second", took)
}

// One that closes its connection at a request and lives on is ended and told of
// in one line, and nobody waits for it: neither the request nor the next one.
func TestWorkerLostAlive(t *testing.T) {
	for _, tt := range []struct {
		name  string
		again bool // the request may be answered twice
		want  string
		lost  string
	}{
		{"repeated", true, "1", "<nil>"},
		{"not to be repeated", false, "", "closed its connection"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			soon(t, func() time.Duration {
				dir := t.TempDir()
				p := openPool(t, WorkerOptions{Max: 1, Standing: Standing{Grace: 100 * time.Millisecond}})
				told := p.told()
				first := p.want("1", testframe.Serial()).Pid()
				spec := request(testframe.PrintErr("farewell\n"), testframe.Once(dir+"/lost", livesOn()), testframe.Serial())
				spec.Again = tt.again
				var lines []string
				spec.StderrLine = func(line []byte) { lines = append(lines, string(line)) }
				begun := time.Now()
				got, k := p.ask(spec)
				took := time.Since(begun)
				if lost := fmt.Sprint(k.Ending().Lost); got != tt.want || lost != tt.lost || (k.Pid() == first) == tt.again {
					t.Errorf("got %q, lost %v, of worker %d, the first being %d; want %q, %q", got, lost, k.Pid(), first, tt.want, tt.lost)
				}
				k.Wait()
				farewells := []string{"farewell"} // of each that had the request
				var want []string
				if tt.again {
					farewells = append(farewells, "farewell")
					want = append(want, fmt.Sprintf("%d: a worker was lost: closed its connection", first))
				}
				if !slices.Equal(lines, farewells) {
					t.Errorf("got stderr %q; want %q", lines, farewells)
				}
				p.want("next", testframe.Print("next"))
				p.awaitState(1, 1, 0, 1) // that of the ladder is gone, too
				if err := syscall.Kill(first, 0); err != syscall.ESRCH {
					t.Errorf("kill 0 says %v of the first worker; want %v", err, syscall.ESRCH)
				}
				p.Close()
				if got := told(); !slices.Equal(got, want) {
					t.Errorf("got %q; want %q", got, want)
				}
				return took
			})
		})
	}
}

// One that closes its connection between requests has seen none of the next,
// which another answers, whatever it is.
func TestWorkerLostAliveBetween(t *testing.T) {
	protocols(t, func(t *testing.T, protocol string) {
		soon(t, func() time.Duration {
			p := openPool(t, WorkerOptions{Protocol: protocol, Max: 1, Standing: Standing{Grace: 100 * time.Millisecond}})
			told := p.told()
			first := p.want("bye", testframe.Print("bye"), testframe.Over(0), livesOn()).Pid()
			p.Workers.mu.Lock()
			l := p.idle[0].link
			p.Workers.mu.Unlock()
			await(t, "the end of its connection", func() bool { return isDeaf(l) })
			spec := withBody(request(testframe.Serial()), strings.NewReader(""), 0)
			spec.Again = false
			begun := time.Now()
			got, k := p.ask(spec)
			took := time.Since(begun)
			if got != "1" || k.Ending().Lost != nil || k.Pid() == first {
				t.Errorf("got %q, %+v, of worker %d, the first being %d; want the answer of another", got, k.Ending(), k.Pid(), first)
			}
			k.Wait()
			p.awaitState(1, 1, 0, 1)
			p.Close()
			want := []string{fmt.Sprintf("%d: a worker was lost: closed its connection", first)}
			if got := told(); !slices.Equal(got, want) {
				t.Errorf("got %q; want %q", got, want)
			}
			return took
		})
	})
}

// isDeaf reports whether the process at the other end has closed its connection.
func isDeaf(l link) (deaf bool) {
	switch l := l.(type) {
	case *socket:
		l.answers.raw.Control(func(fd uintptr) {
			fds := []unix.PollFd{{Fd: int32(fd)}}
			n, _ := unix.Poll(fds, 0)
			deaf = n > 0 && fds[0].Revents&unix.POLLHUP != 0
		})
	case *scgi:
		fd, err := dialUnix(l.path)
		if deaf = err != nil; !deaf {
			unix.Close(fd)
		}
	}
	return deaf
}

// Close ends those that live on by their ladder, which has begun already.
func TestWorkerLostAliveAtClose(t *testing.T) {
	p := openPool(t, WorkerOptions{Min: 2, Max: 2, Standing: Standing{Grace: 50 * time.Millisecond}})
	p.Warm(nil)
	p.awaitState(2, 2, 0, 2)
	var runs []Run
	for range 2 {
		spec := request(livesOn())
		spec.Again = false
		run, err := p.Start(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, run)
	}
	var pids []int
	for _, run := range runs {
		out := run.Output()
		out.WhenBlocked(func() { out.SetReadDeadline(time.Now().Add(30 * time.Second)) })
		if _, err := io.ReadAll(out); err != nil {
			t.Fatal(err)
		}
		pids = append(pids, run.Pid())
	}
	p.Close()
	for i, run := range runs {
		if exit := run.Wait(); exit.Signal != syscall.SIGKILL {
			t.Errorf("got %+v; want %v", exit, syscall.SIGKILL)
		}
		if err := syscall.Kill(pids[i], 0); err != syscall.ESRCH {
			t.Errorf("kill 0 says %v; want %v", err, syscall.ESRCH)
		}
	}
}
