package runner

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"framegate/server/internal/process"
)

// A loaded process that is there ahead of the first request.
func TestForkWarm(t *testing.T) {
	f := openForks(t, "print('loading')\n"+forkApp)
	if f.loadedPid() != 0 {
		t.Error("a process runs ahead of Warm")
	}
	f.Warm(nil)
	if err := f.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	pid := f.loadedPid()
	f.ask(f.doing("0"))
	if pid == 0 || f.loadedPid() != pid {
		t.Errorf("got process %d, and %d for the request; want one", pid, f.loadedPid())
	}
	if got := f.logged(); got != "loading" {
		t.Errorf("stderr: got %q; want %q", got, "loading")
	}
	// One that dies is replaced before anybody asks.
	syscall.Kill(pid, syscall.SIGKILL)
	await(t, "another process", func() bool { return f.loadedPid() != pid && f.loadedPid() != 0 })
}

// What is shared by all requests although its author may not think so is told
// once, not for each process.
func TestForkTellsOnce(t *testing.T) {
	f := openForks(t, "import threading, socket\nthreading.Thread(target=threading.Event().wait, name='ticker', daemon=True).start()\nkept = socket.socketpair()\n"+forkApp)
	for range 2 {
		f.ask(f.doing("0"))
		pid := f.loadedPid()
		syscall.Kill(pid, syscall.SIGTERM)
		await(t, "the process ends", func() bool { return f.loadedPid() != pid })
	}
	want := []string{
		"a connection was opened when the application was loaded: requests share it; open it in the request, or in post-fork: socket without an address",
		"a thread was started when the application was loaded: requests are answered without it: thread ticker",
	}
	got := slices.DeleteFunc(strings.Split(f.noted(), "\n"), func(note string) bool { return strings.Contains(note, "has ended") })
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// An app that cannot be loaded fails each request, as in mode "exec", until it
// is mended.
func TestForkOfWhatCannotBeLoaded(t *testing.T) {
	f := openForks(t, "def application(:\n")
	f.Warm(nil)
	var start *StartError
	if err := f.Await(t.Context()); !errors.As(err, &start) || !strings.Contains(err.Error(), "web.py:1: SyntaxError") {
		t.Errorf("got %v; want a StartError that says where", err)
	}
	if _, exit := f.ask(f.doing("0")); exit.Code != 1 {
		t.Errorf("got %s; want status 1", exit)
	}
	f.write(forkApp)
	if got, exit := f.ask(f.doing("answer = b'mended'")); got != "mended" || !exit.Clean() {
		t.Errorf("got %q, %s; want it mended at once", got, exit)
	}
	// And the process that is forked is one that has it loaded, soon.
	await(t, "it is loaded", func() bool {
		f.ask(f.doing("0"))
		return f.Await(t.Context()) == nil
	})
}

// A process that ends before it is ready: who waits is told why, and so is who
// comes soon after; later it is tried again.
func TestForkOfWhatEndsWhileItIsLoaded(t *testing.T) {
	f := openForks(t, "import os, sys\nsys.stderr.write('no licence\\n')\nif not os.path.exists('licence'):\n    os._exit(3)\n"+forkApp)
	for range 2 {
		_, err := f.Start(t.Context(), f.doing("0"))
		var start *StartError
		const want = "no process is ready: the process ended before the application was loaded: exited with status 3: no licence"
		if !errors.Is(err, ErrNotReady) || !errors.As(err, &start) || err.Error() != want {
			t.Errorf("got %v; want %s", err, want)
		}
	}
	if err := os.WriteFile(filepath.Join(f.dir, "licence"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	await(t, "it is tried again", func() bool {
		run, err := f.Start(t.Context(), f.doing("0"))
		if err != nil {
			return false
		}
		io.ReadAll(run.Output())
		run.Wait()
		return true
	})
}

func TestForkIsNotLoadedInTime(t *testing.T) {
	f := openForks(t, "import time\ntime.sleep(600)\n", func(o *ForkOptions) { o.Ready = 300 * time.Millisecond })
	if _, err := f.Start(t.Context(), f.doing("0")); err == nil || !strings.Contains(err.Error(), "not loaded within 300ms") {
		t.Errorf("got %v; want that it took too long", err)
	}
}

func TestForkAfterClose(t *testing.T) {
	f := openForks(t, forkApp)
	f.ask(f.doing("0"))
	pid := f.loadedPid()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := f.Start(t.Context(), f.doing("0")); err == nil {
		t.Error("got an exchange after Close; want an error")
	}
	if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
		t.Errorf("process %d: kill 0 says %v; want %v", pid, err, syscall.ESRCH)
	}
}

// What does not speak the protocol is ended, and the request fails.
func TestForkOfWhatSpeaksSomethingElse(t *testing.T) {
	for _, tt := range []struct{ name, script, want string }{
		{"HTTP", `printf 'HTTP/1.1 400 Bad Request\r\n\r\n' >&0; exec sleep 600`, "does not speak its protocol"},
		{"another first message", `printf 'U\0\0\0\0' >&0; exec sleep 600`, `its first message is 'U'`},
		{"ends at once", `exit 4`, "exited with status 4"},
		{"closes the connection", `exec 0<&-; exec sleep 600`, "EOF"},
		{"nonsense later", `printf 'R\0\0\0\0' >&0; head -c 30 <&0 >/dev/null; printf 'X\0\0\0\034\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0' >&0; exec sleep 600`, errForkLost.Error()},
		{"a stranger's number", `printf 'R\0\0\0\0' >&0; head -c 30 <&0 >/dev/null; printf 'F\0\0\0\010\0\0\0\1\0\0\0\1' >&0; exec sleep 600`, errForkLost.Error()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := openForks(t, forkApp, func(o *ForkOptions) {
				o.Spec.Path, o.Spec.Argv = "/bin/sh", []string{"sh", "-c", tt.script}
				o.Grace = 200 * time.Millisecond
			})
			if _, err := f.Start(t.Context(), f.doing("0")); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v; want %q in it", err, tt.want)
			}
		})
	}
}

// Whatever a loaded process says, the gateway goes on, and every fork that it
// waits for gets an answer when the connection ends.
func FuzzForkWire(f *testing.F) {
	number := func(kind byte, numbers ...uint32) []byte {
		m := binary.BigEndian.AppendUint32([]byte{kind}, uint32(4*len(numbers)))
		for _, n := range numbers {
			m = binary.BigEndian.AppendUint32(m, n)
		}
		return m
	}
	self := uint32(os.Getpid())
	f.Add(slices.Concat(number('F', 1, self), number('X', 1, self, 0, 0, 5, 0, 7)))
	f.Add(slices.Concat(number('F', 1, 1<<30), number('X', 1, 1<<30, 9, 0, 5, 0, 7)))
	f.Add(number('E', 2, 11))
	f.Add(number('E', 1, 125))
	f.Add(number('F', 1, 1))
	f.Add(number('F', 1, 1<<32-1))
	f.Add(number('X', 1, 1, 9))
	f.Add([]byte("R\x00\x00\x00\x00"))
	f.Add([]byte{'F', 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		l := &loaded{o: &ForkOptions{}, forks: map[uint32]*forked{}, users: 1}
		var all []*forked
		for range 2 {
			c, err := l.newFork()
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, c)
		}
		l.listen(strings.NewReader(string(data)))
		for _, c := range l.forks {
			c.forsake()
		}
		for _, c := range all {
			select {
			case err := <-c.started:
				if err == nil && c.Pid() <= 1 {
					t.Errorf("fork %d runs as %d", c.number, c.Pid())
				}
			default:
				t.Errorf("fork %d is waited for still", c.number)
			}
		}
	})
}

func TestForkMessage(t *testing.T) {
	got := forkMessage(7, []string{"A=b", "C=中"})
	if want := "Q\x00\x00\x00\x0e\x00\x00\x00\x07A\x00b\x00C\x00中\x00"; string(got) != want {
		t.Errorf("got %q; want %q", got, want)
	}
}

// A number that is somebody else's is not to be signalled, whoever says so.
func TestHandleOfAStranger(t *testing.T) {
	if h, err := process.OpenHandle(1, os.Getpid()); err == nil {
		h.Close()
		t.Error("process 1 passes for a child of this one")
	}
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	if h, err := process.OpenHandle(gone.Process.Pid, os.Getpid()); err != nil || h.Holds() {
		t.Errorf("process %d, which is gone: got %v, %v; want nothing that holds", gone.Process.Pid, h, err)
	}
}
