//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"framegate/server/internal/cgroup"
)

// died is how long what a killed gateway leaves may live on.
const died = time.Second

// Each frame says on the pipe "ready" which processes it consists of. All of
// them have a variable of this test's, by which they are found.
const killedFrames = `
listen = "127.0.0.1:0"
[defaults]
env = { FRAMEGATE_TEST_KILLED = "%s" }
max-concurrent = 64
[[frame]]
name = "silent"
mount = "/silent"
command = ["sh", "-c", 'echo $$ >ready; exec sleep 1000']
[[frame]]
name = "streaming"
mount = "/streaming"
command = ["sh", "-c", 'echo $$ >ready; printf "Content-Type: text/plain\n\n"; while :; do echo line; done']
[[frame]]
name = "reading"
mount = "/reading"
stream-body = true
command = ["sh", "-c", 'echo $$ >ready; exec cat >/dev/null']
[[frame]]
name = "family"
mount = "/family"
command = ["sh", "-c", 'trap "" TERM; sleep 1000 & echo $$ $! >ready; sleep 1000']
[[frame]]
name = "daemon"
mount = "/daemon"
command = ["sh", "-c", '''setsid sh -c 'echo $$ >ready; exec sleep 1000' & echo $$ >ready; sleep 1000''']
`

// victim is a server that is going to be killed.
type victim struct {
	daemon
	dir      string
	mark     string // in the environ of every frame and of what it starts
	ready    *bufio.Reader
	fifo     *os.File
	guardian int
	groups   string // directory of the frames' cgroups, if there can be any
	clients  sync.WaitGroup
}

func startVictim(t *testing.T) *victim {
	t.Helper()
	v := &victim{dir: t.TempDir()}
	v.mark = filepath.Base(filepath.Dir(v.dir)) + "-" + strconv.Itoa(os.Getpid())
	writeFile(t, filepath.Join(v.dir, "gateway.toml"), fmt.Sprintf(killedFrames, v.mark))
	fifo := filepath.Join(v.dir, "ready")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if v.fifo, err = os.OpenFile(fifo, os.O_RDWR|syscall.O_NONBLOCK, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.fifo.Close() })
	v.ready = bufio.NewReader(v.fifo)
	if err := os.Mkdir(v.tmp(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := v.start(v.dir, append(os.Environ(), "TMPDIR="+v.tmp()), filepath.Join(v.dir, "log"), "serve"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		v.kill()
		v.clients.Wait()
		for _, pid := range v.frames() {
			syscall.Kill(pid, syscall.SIGKILL) // only where the test has failed
		}
	})
	guardians := findProcesses("cmdline", fmt.Sprintf("\x00--guardian-of=%d\x00", v.pid()))
	if len(guardians) != 1 {
		t.Fatalf("guardians of the server: got processes %v; want one", guardians)
	}
	v.guardian = guardians[0]
	argv, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", v.guardian))
	if err != nil {
		t.Fatal(err)
	}
	if words := strings.Split(string(argv), "\x00"); len(words) > 3 { // and an empty one behind the last NUL
		v.groups = words[2]
	}
	return v
}

func (v *victim) tmp() string { return filepath.Join(v.dir, "tmp") }

func (v *victim) pid() int { return v.cmd.Process.Pid }

// frames are all processes of the server's frames.
func (v *victim) frames() []int {
	return findProcesses("environ", "FRAMEGATE_TEST_KILLED="+v.mark+"\x00")
}

// findProcesses lists the processes, other than zombies, that have text in
// their file of /proc.
func findProcesses(file, text string) []int {
	entries, _ := os.ReadDir("/proc")
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		got, _ := os.ReadFile(filepath.Join("/proc", e.Name(), file))
		if bytes.Contains(got, []byte(text)) && isAlive(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func isAlive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(stat), ") ")
	return err == nil && rest != "" && rest[0] != 'Z' && rest[0] != 'X'
}

// ask sends a request whose answer is not waited for.
func (v *victim) ask(path string, body io.Reader) {
	v.clients.Go(func() {
		request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, v.url+path, body)
		if err != nil {
			return
		}
		if body != nil {
			request.ContentLength = 1 << 30
		}
		if response, err := v.client().Do(request); err == nil {
			response.Body.Close()
		}
	})
}

// await reads from the pipe which processes n frames consist of.
func (v *victim) await(t *testing.T, n int) (pids []int) {
	t.Helper()
	v.fifo.SetReadDeadline(time.Now().Add(endLimit))
	for range n {
		line, err := v.ready.ReadString('\n')
		if err != nil {
			t.Fatalf("a frame is not ready: %v", err)
		}
		for _, word := range strings.Fields(line) {
			pid, err := strconv.Atoi(word)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

// upload begins a request with a body and returns when a part of it is in a
// file that has no name any more.
func (v *victim) upload(t *testing.T) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(v.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := fmt.Fprintf(conn, "POST /silent HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", 64<<20, strings.Repeat("x", 3<<20)); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(endLimit); ; time.Sleep(time.Millisecond) {
		fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", v.pid()))
		for _, fd := range fds {
			target, _ := os.Readlink(fd)
			if strings.HasPrefix(target, v.tmp()) && strings.HasSuffix(target, " (deleted)") {
				return
			}
		}
		if time.Now().After(end) {
			t.Fatal("the body is not spooled to a file")
		}
	}
}

// killed kills the server and checks that its frames end in time: pids, of
// which the test knows, and any other that has the mark.
func (v *victim) killed(t *testing.T, pids []int) {
	t.Helper()
	for _, pid := range append(pids, v.guardian) {
		if !isAlive(pid) {
			t.Errorf("process %d has ended before the server", pid)
		}
	}
	// What /proc says of a process may be missing for a moment.
	found := v.frames()
	for since := time.Now(); len(found) < len(pids) && time.Since(since) < endLimit; found = v.frames() {
		time.Sleep(time.Millisecond)
	}
	if len(found) < len(pids) {
		t.Errorf("processes of frames: found %v; want %v, of which %v are alive", found, pids, stillAlive(pids))
	}
	begun := time.Now()
	if err := v.signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	left := append(pids, v.guardian)
	for len(left) > 0 && time.Since(begun) < died {
		time.Sleep(time.Millisecond)
		if left = stillAlive(left); len(left) == 0 {
			left = v.frames()
		}
	}
	for _, pid := range left {
		argv, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		t.Errorf("process %d (%q) lives on %v after the server", pid, argv, died)
	}
	if len(left) == 0 {
		t.Logf("nothing was left %v after SIGKILL", time.Since(begun).Round(100*time.Microsecond))
	}
	if _, err := os.Stat(v.groups); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the server's cgroup %s: got %v; want that it is gone", v.groups, err)
	}
	if spooled, err := os.ReadDir(v.tmp()); len(spooled) > 0 || err != nil {
		t.Errorf("temporary files: got %v, %v; want none", spooled, err)
	}
}

func stillAlive(pids []int) (alive []int) {
	for _, pid := range pids {
		if isAlive(pid) {
			alive = append(alive, pid)
		}
	}
	return alive
}

// The gateway dies by SIGKILL at each stage, and no process of a frame lives
// on for more than a second; nor does the guardian.
func TestKilled(t *testing.T) {
	const many = 24
	for _, tt := range []struct {
		name  string
		stage func(*testing.T, *victim) (pids []int)
	}{
		{"idle", func(*testing.T, *victim) []int { return nil }},
		{"frame-computes-silently", func(t *testing.T, v *victim) []int {
			v.ask("/silent", nil)
			return v.await(t, 1)
		}},
		{"frame-streams", func(t *testing.T, v *victim) []int {
			response, err := v.do(t.Context(), http.MethodGet, "/streaming", nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { response.Body.Close() })
			if line, err := bufio.NewReader(response.Body).ReadString('\n'); line != "line\n" {
				t.Fatalf("got %q, %v; want the first line of the answer", line, err)
			}
			return v.await(t, 1)
		}},
		{"upload-is-spooled", func(t *testing.T, v *victim) []int {
			v.upload(t)
			return nil
		}},
		{"frame-reads-an-upload", func(t *testing.T, v *victim) []int {
			v.ask("/reading", neverEnding{})
			return v.await(t, 1)
		}},
		{"frame-with-a-child", func(t *testing.T, v *victim) []int {
			v.ask("/family", nil)
			return v.await(t, 1)
		}},
		{"many-frames-with-children", func(t *testing.T, v *victim) []int {
			for range many {
				v.ask("/family", nil)
			}
			return v.await(t, many)
		}},
		{"many-frames-being-started", func(t *testing.T, v *victim) []int {
			for range many {
				v.ask("/family", nil)
			}
			return v.await(t, many/4)
		}},
		{"frame-with-a-daemon", func(t *testing.T, v *victim) []int {
			group, err := cgroup.Open("probe", cgroup.Limits{})
			if err != nil {
				t.Skip(err) // the documented gap: what leaves its frame's group lives on
			}
			group.Close()
			v.ask("/daemon", nil)
			return v.await(t, 2)
		}},
		{"server-is-stopping", func(t *testing.T, v *victim) []int {
			v.ask("/family", nil)
			pids := v.await(t, 1)
			if err := v.signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			(&slowServer{daemon: v.daemon}).awaitRefusal(t)
			return pids
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := startVictim(t)
			v.killed(t, tt.stage(t, v))
		})
	}
}

// neverEnding is the body of an upload.
type neverEnding struct{}

func (neverEnding) Read(p []byte) (int, error) { return len(p), nil }

// At a stop that is none of these the guardian ends, too, and with the
// server: who waits for the one need not wait for the other.
func TestKilledNobody(t *testing.T) {
	v := startVictim(t)
	if err := v.stop(); err != nil {
		t.Fatal(err)
	}
	if isAlive(v.guardian) {
		t.Error("the guardian lives on")
	}
}
