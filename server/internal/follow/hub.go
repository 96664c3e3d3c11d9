package follow

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"framegate/server/internal/capture"
)

// Hub is the server's side: a capture.Watcher that tells its followers. The
// zero Hub has none, and no socket.
type Hub struct {
	Reload func() Reloaded // what a reload does; set ahead of Open. nil refuses it

	path   string
	server func() Server
	ln     *net.UnixListener
	owned  sync.WaitGroup

	watched   atomic.Bool // there are followers
	mu        sync.Mutex
	followers []*follower
	conns     map[net.Conn]bool // nil once it is closed
}

const (
	maxFollowers = 16 // they bound what following may cost a server
	acceptPause  = 100 * time.Millisecond
)

// Open makes the socket, readable by its owner alone, and begins to take
// followers, whom server tells who it is. A socket that nobody has any more is
// replaced.
func (h *Hub) Open(path string, server func() Server) error {
	sweep(filepath.Dir(path))
	if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
		conn.Close()
		return fmt.Errorf("socket for trace %s: another server has it", path)
	} else if errors.Is(err, syscall.ECONNREFUSED) {
		os.Remove(path)
	}
	ln, err := bind(path)
	if err != nil {
		return fmt.Errorf("socket for trace: %w", err)
	}
	h.path, h.server, h.ln, h.conns = path, server, ln, map[net.Conn]bool{}
	h.owned.Go(h.accept)
	return nil
}

// sweep removes the sockets of servers that were killed.
func sweep(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !ours.MatchString(e.Name()) {
			continue
		}
		name := filepath.Join(dir, e.Name())
		if conn, err := net.DialTimeout("unix", name, time.Second); err == nil {
			conn.Close()
		} else if errors.Is(err, syscall.ECONNREFUSED) {
			os.Remove(name)
		}
	}
}

// bind makes the socket in a directory of its own and moves it from there: it
// is never there with more than its own mode.
func bind(path string) (*net.UnixListener, error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".fg")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	first := filepath.Join(dir, "s")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: first, Net: "unix"})
	if err != nil {
		return nil, err
	}
	ln.SetUnlinkOnClose(false)
	err = os.Chmod(first, 0o600)
	if err == nil {
		err = os.Rename(first, path)
	}
	if err != nil {
		ln.Close()
		return nil, err
	}
	return ln, nil
}

// Close ends the followers and removes the socket.
func (h *Hub) Close() error {
	if h.ln == nil {
		return nil
	}
	os.Remove(h.path)
	err := h.ln.Close()
	h.mu.Lock()
	conns := h.conns
	h.conns = nil
	h.mu.Unlock()
	for conn := range conns {
		conn.Close()
	}
	h.owned.Wait()
	return err
}

func (h *Hub) accept() {
	for {
		conn, err := h.ln.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			time.Sleep(acceptPause) // there may be no descriptor left: it is no hurry
			continue
		}
		if !h.enter(conn) {
			conn.Close()
			continue
		}
		h.owned.Go(func() {
			defer h.leave(conn)
			h.attend(conn)
		})
	}
}

func (h *Hub) enter(conn net.Conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conns == nil || len(h.conns) >= maxFollowers {
		return false
	}
	h.conns[conn] = true
	return true
}

func (h *Hub) leave(conn net.Conn) {
	conn.Close()
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, conn)
}

// follow adds a follower, or takes it away again.
func (h *Hub) follow(f *follower, on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if on {
		h.followers = append(slices.Clip(h.followers), f)
	} else {
		h.followers = slices.DeleteFunc(slices.Clone(h.followers), func(other *follower) bool { return other == f })
	}
	h.watched.Store(len(h.followers) > 0)
}

// present are the followers. Nobody changes the list that it returns.
func (h *Hub) present() []*follower {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.followers
}

// Interest is in everything while there are followers.
func (h *Hub) Interest() capture.Interest {
	if h.watched.Load() {
		return capture.Everything
	}
	return capture.Nothing
}

// Started tells that an exchange has begun.
func (h *Hub) Started(x *capture.Exchange) {
	for _, f := range h.present() {
		if f.filter.begins(x) {
			f.tell(Message{Began: outline(x)}, 0)
		}
	}
}

// outline is as much of an exchange that has begun as followers show; x itself
// is not to be kept.
func outline(x *capture.Exchange) *capture.Exchange {
	return &capture.Exchange{
		ID: x.ID, Time: x.Time, Frame: x.Frame, Mode: x.Mode, Pid: x.Pid,
		Request: capture.Request{Method: x.Request.Method, Target: x.Request.Target, Proto: x.Request.Proto, Host: x.Request.Host, Remote: x.Request.Remote},
		Program: capture.Program{Argv: slices.Clone(x.Program.Argv), Dir: x.Program.Dir, Umask: x.Program.Umask},
	}
}

// Ended tells the whole exchange to those who have asked for it.
func (h *Hub) Ended(x *capture.Exchange) {
	var bounded *capture.Exchange
	for _, f := range h.present() {
		switch {
		case f.filter.takes(x):
			if bounded == nil {
				bounded = bound(x)
			}
			f.tell(Message{Ended: bounded}, weight(bounded))
		case f.filter.begins(x):
			f.tell(Message{Over: x.ID}, 0)
		}
	}
}

// mostHead is how much of each stream is told.
const mostHead = 64 << 10

// bound is x with no more than the beginnings of its streams.
func bound(x *capture.Exchange) *capture.Exchange {
	b := *x
	for _, s := range []*capture.Stream{&b.Stdin, &b.Stdout, &b.Answer.Body} {
		s.File = nil
		s.Head = s.Head[:min(len(s.Head), mostHead)]
	}
	return &b
}

// weight is about how many bytes are kept for x.
func weight(x *capture.Exchange) int64 {
	n := 4 << 10
	n += len(x.Stdin.Head) + len(x.Stdout.Head) + len(x.Answer.Body.Head)
	for _, l := range x.Stderr.Last {
		n += len(l)
	}
	return int64(n)
}
