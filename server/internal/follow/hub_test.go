package follow

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"framegate/server/internal/capture"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

// open is a hub with a socket of its own.
func open(t *testing.T) (*Hub, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "fg") // shorter than t.TempDir: a socket's path is bounded
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	h, path := &Hub{}, filepath.Join(dir, "socket")
	if err := h.Open(path, func() Server { return Server{Pid: 7, Listen: "here", Frames: []string{"shop"}} }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h, path
}

func dial(t *testing.T, path string) *Client {
	t.Helper()
	c, err := Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func following(t *testing.T, path string, f Filter) *Client {
	t.Helper()
	c := dial(t, path)
	if err := c.Follow(f); err != nil {
		t.Fatal(err)
	}
	return c
}

func exchange(id string) *capture.Exchange {
	return &capture.Exchange{
		ID: id, Time: time.Unix(1, 0).UTC(), Frame: "shop", Mode: "exec", Pid: 8,
		Request: capture.Request{Method: "GET", Target: "/shop/" + id, Header: []capture.Field{{Name: "A", Value: "b"}}},
		Program: capture.Program{Path: "/bin/sh", Argv: []string{"sh"}, Env: []string{"A=\xff"}, Dir: "/", Umask: -1},
		Stdin:   capture.Stream{Read: -1}, Stdout: capture.Stream{Head: []byte("out"), Size: 3, Read: -1},
		Stderr: capture.Lines{Last: []string{"line"}}, Exit: &capture.Exit{Code: 3},
		Answer: capture.Answer{Status: 200, Body: capture.Stream{Read: -1}}, Events: []capture.Event{{At: 5, Kind: capture.Exited}},
	}
}

func next(t *testing.T, c *Client) Message {
	t.Helper()
	m, err := c.Next()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// until waits for a condition that others bring about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%s: not after %v", what, patience)
		}
	}
}

func TestFollow(t *testing.T) {
	h, path := open(t)
	c := dial(t, path)
	if diff := cmp.Diff(Server{Pid: 7, Listen: "here", Frames: []string{"shop"}}, c.Server); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := h.Interest(); got != capture.Nothing {
		t.Errorf("before anybody follows: got interest %v; want none", got)
	}
	if err := c.Follow(Filter{Status: []Range{{200, 299}}}); err != nil {
		t.Fatal(err)
	}
	if got := h.Interest(); got != capture.Everything {
		t.Errorf("got interest %v; want everything", got)
	}
	h.Started(exchange("1"))
	h.Started(exchange("2"))
	h.Ended(exchange("1"))
	failed := exchange("2")
	failed.Answer.Status = 500
	h.Ended(failed)
	for _, id := range []string{"1", "2"} {
		if m := next(t, c); m.Began == nil || m.Began.ID != id || m.Began.Pid != 8 || len(m.Began.Program.Env) != 0 {
			t.Errorf("got %+v; want that %s began", m, id)
		}
	}
	if diff := cmp.Diff(Message{Ended: exchange("1")}, next(t, c), cmpopts.IgnoreUnexported(capture.Exchange{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if m := next(t, c); m.Over != "2" {
		t.Errorf("got %+v; want that 2 is over", m)
	}
	c.Close()
	until(t, "the interest to end", func() bool { return h.Interest() == capture.Nothing })
	h.Started(exchange("3"))
	h.Ended(exchange("3"))
}

// A server that stops ends its followers, and leaves no socket.
func TestClose(t *testing.T) {
	h, path := open(t)
	c, silent := following(t, path, Filter{}), dial(t, path)
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	for _, c := range []*Client{c, silent} {
		if _, err := c.Next(); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("got %v; want the end", err)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("socket: got %v; want none", err)
	}
	if err := new(Hub).Close(); err != nil {
		t.Error(err)
	}
	h.Ended(exchange("1"))
}

// A follower that does not read delays nobody, and costs a bounded amount of
// memory. What it has missed it is told, once it reads.
func TestSlowFollower(t *testing.T) {
	h, path := open(t)
	c := following(t, path, Filter{})
	const sent = 1500
	x := exchange("1")
	x.Stdout.Head = []byte(strings.Repeat("x", mostHead+1))
	x.Stdout.Size = int64(len(x.Stdout.Head))
	begun := time.Now()
	for range sent {
		h.Started(x)
		h.Ended(x)
	}
	if took := time.Since(begun); took > patience/3 {
		t.Errorf("got %v for %d exchanges; want no time to speak of", took, sent)
	}
	f := h.present()[0]
	if n := f.waiting.Load(); n > maxWeight {
		t.Errorf("got %d bytes waiting; want %d at the most", n, maxWeight)
	}
	var ended, dropped int64
	stale := false
	for ended+dropped < sent {
		m := next(t, c)
		if m.Ended != nil {
			ended++
			if len(m.Ended.Stdout.Head) != mostHead || m.Ended.Stdout.Whole() {
				t.Fatalf("got %d of %d bytes; want the first %d", len(m.Ended.Stdout.Head), m.Ended.Stdout.Size, mostHead)
			}
		}
		dropped += m.Dropped
		stale = stale || m.Stale
	}
	if ended == 0 || dropped == 0 || !stale {
		t.Errorf("got %d, %d dropped, stale %v; want some of all", ended, dropped, stale)
	}
}

func TestManyFollowers(t *testing.T) {
	h, path := open(t)
	var clients []*Client
	for range maxFollowers {
		clients = append(clients, following(t, path, Filter{}))
	}
	if _, err := Dial(path); err == nil {
		t.Error("got one more; want it refused")
	}
	clients[0].Close()
	until(t, "a place to be free", func() bool {
		c, err := Dial(path)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	h.Ended(exchange("1"))
	for _, c := range clients[1:] {
		if m := next(t, c); m.Ended == nil {
			t.Errorf("got %+v; want an exchange", m)
		}
	}
}

// Followers come and go while exchanges do: for the race detector.
func TestComeAndGo(t *testing.T) {
	h, path := open(t)
	var all sync.WaitGroup
	stop := make(chan struct{})
	for i := range 4 {
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				x := exchange(fmt.Sprint(i, n))
				if h.Interest() == capture.Everything {
					h.Started(x)
				}
				h.Ended(x)
			}
		})
	}
	var followers sync.WaitGroup
	for range 4 {
		followers.Go(func() {
			for range 10 {
				c, err := Dial(path)
				if err == nil {
					err = c.Follow(Filter{Path: "/shop/*"})
				}
				if err != nil {
					t.Error(err)
					return
				}
				c.Next()
				c.Close()
			}
		})
	}
	followers.Wait()
	close(stop)
	all.Wait()
}

// Nonsense is answered with the end of the connection.
func TestNonsense(t *testing.T) {
	h, path := open(t)
	for _, text := range []string{"GET / HTTP/1.1\r\n\r\n", "[]\n", `{"path": 1}`, strings.Repeat(" ", maxFilter+1)} {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		go io.WriteString(conn, text) // it may not be read to its end
		conn.SetReadDeadline(time.Now().Add(patience))
		got, err := io.ReadAll(conn)
		if err != nil && !errors.Is(err, syscall.ECONNRESET) || strings.Contains(string(got), "following") {
			t.Errorf("%.20q: got %q, %v", text, got, err)
		}
		conn.Close()
	}
	if h.Interest() != capture.Nothing {
		t.Error("somebody follows")
	}
}

func TestSocket(t *testing.T) {
	h, path := open(t)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v; want mode 0600", info.Mode(), err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("got %v; want the socket alone", entries)
	}
	var second Hub
	if err := second.Open(path, nil); err == nil || !strings.Contains(err.Error(), "another server has it") {
		t.Errorf("got %v; want that another server has it", err)
	}
	following(t, path, Filter{})
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if err := second.Open(filepath.Join(filepath.Dir(path), "none", "socket"), nil); err == nil {
		t.Error("in a directory that is not there: got no error")
	}
}

// What a server that was killed has left is replaced, and swept away.
func TestStale(t *testing.T) {
	_, path := open(t)
	dir := filepath.Dir(path)
	stale := filepath.Join(dir, fileName("site", "addr"))
	for _, name := range []string{stale, filepath.Join(dir, "mine.sock"), filepath.Join(dir, "again")} {
		ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		ln.SetUnlinkOnClose(false)
		ln.Close()
	}
	var h Hub
	if err := h.Open(filepath.Join(dir, "again"), func() Server { return Server{} }); err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if _, err := os.Stat(stale); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v; want it gone", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "mine.sock")); err != nil {
		t.Errorf("somebody else's: got %v; want it left alone", err)
	}
	dial(t, filepath.Join(dir, "again"))
}

// A socket is put where its owner alone may look.
func TestPath(t *testing.T) {
	dir, err := os.MkdirTemp("", "fg")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	t.Setenv("XDG_RUNTIME_DIR", dir)
	ours := filepath.Join(dir, "framegate")
	path, err := Path("/srv/site/gateway.toml", "127.0.0.1:7890")
	if err != nil || filepath.Dir(path) != ours {
		t.Fatalf("got %q, %v; want it in %s", path, err, ours)
	}
	if info, err := os.Stat(ours); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("got %v, %v; want mode 0700", info, err)
	}
	var h Hub
	if err := h.Open(path, func() Server { return Server{Pid: 5} }); err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	found := Find("/srv/site/gateway.toml")
	if len(found) != 1 || found[0].Server.Pid != 5 {
		t.Fatalf("got %v; want the one", found)
	}
	found[0].Close()
	if other := Find("/srv/site/other.toml"); len(other) != 0 {
		t.Errorf("got %v; want none", other)
	}
	for name, spoil := range map[string]func() error{
		"open to others": func() error { return os.Chmod(ours, 0o750) },
		"a link":         func() error { return errors.Join(os.Rename(ours, ours+"2"), os.Symlink(ours+"2", ours)) },
		"a file":         func() error { return errors.Join(os.Remove(ours), os.WriteFile(ours, nil, 0o600)) },
	} {
		os.RemoveAll(ours)
		os.RemoveAll(ours + "2")
		if err := os.Mkdir(ours, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if err := private(ours); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func TestSite(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "gateway.toml")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Symlink(file, filepath.Join(dir, "link.toml"))); err != nil {
		t.Fatal(err)
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ file, dir, want string }{
		{file, dir, filepath.Join(real, "gateway.toml")}, {filepath.Join(dir, "link.toml"), "", filepath.Join(real, "gateway.toml")},
		{"", dir + "/.", real}, {"", filepath.Join(dir, "none"), filepath.Join(dir, "none")},
	} {
		if got, err := Site(tt.file, tt.dir); err != nil || got != tt.want {
			t.Errorf("%q, %q: got %q, %v; want %q", tt.file, tt.dir, got, err, tt.want)
		}
	}
}

// A reload is asked for on the same socket, and answered when it is over.
func TestReload(t *testing.T) {
	dir, err := os.MkdirTemp("", "fg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	want := Reloaded{Errors: []Mistake{{Text: "gateway.toml:7: unknown key", Hint: "did you mean"}}, Warnings: []string{"careful"}}
	h, path := &Hub{Reload: func() Reloaded { return want }}, filepath.Join(dir, "socket")
	if err := h.Open(path, func() Server { return Server{} }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	got, err := dial(t, path).Reload()
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("got %v, and a difference (-want +got):\n%s", err, diff)
	}
}

// A server that cannot is told from one that has.
func TestReloadRefused(t *testing.T) {
	_, path := open(t)
	if got, err := dial(t, path).Reload(); err == nil {
		t.Errorf("got %+v; want an error", got)
	}
}
