package runner

import (
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"framegate/server/internal/fastcgi"
)

// hello answers with a name.
func hello(name string) fcgiHandler {
	return func(q *question) bool {
		q.answer(name)
		return true
	}
}

func TestLeastConnections(t *testing.T) {
	var under [3]atomic.Int32
	release := make(chan struct{})
	var addresses []string
	for i := range under {
		addresses = append(addresses, fcgiServer(t, "", func(q *question) bool {
			under[i].Add(1)
			<-release
			q.answer("hello")
			return true
		}).address)
	}
	a, _ := openAt(t, FastCGI, addresses...)
	var wg sync.WaitGroup
	for range 9 {
		wg.Go(func() { exchange(t, a, get("/")) })
	}
	waitFor(t, "nine requests are under way", func() bool { return under[0].Load()+under[1].Load()+under[2].Load() == 9 })
	for i := range under {
		if n := under[i].Load(); n != 3 {
			t.Errorf("address %d has %d requests; want 3", i, n)
		}
	}
	close(release)
	wg.Wait()
}

// An address that refuses is left out, and comes back by itself.
func TestAddressOut(t *testing.T) {
	dir := t.TempDir()
	one, two := "unix:"+filepath.Join(dir, "1"), "unix:"+filepath.Join(dir, "2")
	fcgiServer(t, one, hello("one"))
	second := fcgiServer(t, two, hello("two"))
	a, n := openAt(t, FastCGI, one, two)
	seen := func() string {
		names := map[string]bool{}
		for range 8 {
			g := exchange(t, a, post("body"))
			if g.err != "" {
				t.Errorf("got %+v", g)
			}
			names[g.stdout] = true
		}
		switch {
		case names["one"] && names["two"]:
			return "both"
		case names["one"]:
			return "one"
		}
		return "two"
	}
	if got := seen(); got != "both" {
		t.Errorf("got %s; want both", got)
	}
	second.stop()
	if got := seen(); got != "one" {
		t.Errorf("got %s; want one", got)
	}
	n.await(t, "an address is out: connect to "+two+": ")
	fcgiServer(t, two, hello("two"))
	n.await(t, "an address is back: "+two)
	if got := seen(); got != "both" {
		t.Errorf("got %s; want both", got)
	}
}

// With nobody left a request says why, and the first that finds somebody is
// answered: it does not wait for a probe.
func TestAddressNobody(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := l.Addr().String()
	l.Close()
	a, _ := openAt(t, FastCGI, "unix:"+socket, refused)
	_, err = a.Start(t.Context(), get("/"))
	if !errors.Is(err, ErrUnreachable) || !errors.Is(err, syscall.ENOENT) || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v", err)
	}
	for _, want := range []string{
		"connect to unix:" + socket + ": connect: no such file or directory (there is no such socket: is it running?)",
		"connect to " + refused + ": connect: connection refused (nothing listens there: is it running?)",
	} {
		if !strings.HasPrefix(err.Error(), "no address answers: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want %s", err, want)
		}
	}
	for range 5 { // the next probe is a while away by then
		exchange(t, a, get("/"))
	}
	fcgiServer(t, "unix:"+socket, hello("back"))
	if g := exchange(t, a, get("/")); g.stdout != "back" {
		t.Errorf("got %+v", g)
	}
}

func TestAddressReach(t *testing.T) {
	there := fcgiServer(t, "", hello("hello"))
	missing := "unix:" + filepath.Join(t.TempDir(), "s")
	a, _ := openAt(t, FastCGI, there.address, missing)
	want := "connect to " + missing + ": connect: no such file or directory (there is no such socket: is it running?)"
	if err := a.Reach(t.Context()); err == nil || err.Error() != want {
		t.Errorf("got %v; want %s", err, want)
	}
}

// Who serves is told at the start what is not there.
func TestAddressWarm(t *testing.T) {
	there := fcgiServer(t, "", hello("hello"))
	missing := "unix:" + filepath.Join(t.TempDir(), "s")
	a, n := openAt(t, FastCGI, there.address, missing)
	a.Warm(nil)
	n.await(t, "an address is out: connect to "+missing)
	fcgiServer(t, missing, hello("hello"))
	n.await(t, "an address is back: "+missing)
}

// OVERLOADED is nobody's answer while another address may have one.
func TestAddressOverloaded(t *testing.T) {
	busy := fcgiServer(t, "", func(q *question) bool {
		q.refuse(fastcgi.Overloaded)
		return true
	})
	free := fcgiServer(t, "", func(q *question) bool {
		q.answer("free " + string(q.stdin))
		return true
	})
	a, _ := openAt(t, FastCGI, busy.address, free.address)
	for range 4 {
		if g := exchange(t, a, post("body")); g.stdout != "free body" {
			t.Errorf("got %+v", g)
		}
	}
	alone, _ := openAt(t, FastCGI, busy.address)
	want := got{code: -1, err: busy.address + ": the FastCGI server is overloaded (OVERLOADED)"}
	if g := exchange(t, alone, post("body")); g != want {
		t.Errorf("got %+v; want %+v", g, want)
	}
}

// deafSocket listens, and has no room for who connects.
func deafSocket(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	for {
		c, err := net.DialTimeout("unix", path, time.Second)
		if errors.Is(err, syscall.EAGAIN) {
			return path
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
}

// An address that takes nobody in is given up after a while, and costs the
// next requests nothing; closing does not wait for its probe.
func TestAddressDeaf(t *testing.T) {
	deaf := "unix:" + deafSocket(t)
	a, n := openAt(t, FastCGI, deaf)
	began := time.Now()
	if g := exchange(t, a, get("/")); !strings.Contains(g.err, "connect to "+deaf+": its queue is full") {
		t.Errorf("got %+v", g)
	}
	if took := time.Since(began); took < connectLimit {
		t.Errorf("it was given up after %s; want %s", took, connectLimit)
	}
	n.await(t, "an address is out")
	began = time.Now()
	if g := exchange(t, a, get("/")); !strings.Contains(g.err, "its queue is full") {
		t.Errorf("got %+v", g)
	}
	a.Close()
	if took := time.Since(began); took > connectLimit {
		t.Errorf("the next request and closing took %s", took)
	}
}
