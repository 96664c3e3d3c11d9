package capture

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// teller takes down what a ring tells.
type teller struct {
	sync.Mutex
	written []string
	losing  []error
	lost    []int
}

func (l *teller) options(o RingOptions) RingOptions {
	o.Written = func(_ *Exchange, file string) { l.Lock(); l.written = append(l.written, file); l.Unlock() }
	o.Losing = func(err error) { l.Lock(); l.losing = append(l.losing, err); l.Unlock() }
	o.Lost = func(n int) { l.Lock(); l.lost = append(l.lost, n); l.Unlock() }
	return o
}

func openRing(t *testing.T, dir string, o RingOptions) (*Ring, *teller) {
	t.Helper()
	told := new(teller)
	r, err := OpenRing(dir, told.options(o))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r, told
}

// failed is the n-th failing exchange of a test.
func failed(n int) *Exchange {
	return &Exchange{
		ID: fmt.Sprintf("%016x", n), Time: time.Date(2026, 11, 22, 15, 0, n, 0, time.UTC), Frame: "f", Mode: "exec", Failure: "it failed",
		Program: Program{Path: "/bin/true", Argv: []string{"true"}, Dir: "/"}, Request: Request{Method: "GET", Target: "/", Proto: "HTTP/1.1"},
	}
}

// names are those of a directory.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestRingKeepsTheNewest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "captures")
	r, told := openRing(t, dir, RingOptions{Interest: Failures, MaxCount: 3})
	if list := names(t, dir); list != nil {
		t.Errorf("before the first capture: got %q; want no directory", list)
	}
	for n := range 3 {
		r.Ended(failed(n))
	}
	r.Close()
	foreign := []string{"notes.txt", "x.sh", "20261122T150000.000Z-f-0.sh.bak", "20261122T150000.000Z-f.sh"}
	for _, name := range foreign {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Those of a former run are counted in.
	r, again := openRing(t, dir, RingOptions{Interest: Failures, MaxCount: 3})
	for n := 3; n < 5; n++ {
		r.Ended(failed(n))
	}
	r.Close()
	want := append([]string{FileName(failed(2)), FileName(failed(3)), FileName(failed(4))}, foreign...)
	got := names(t, dir)
	if diff := cmp.Diff(sorted(want), sorted(got)); diff != "" {
		t.Errorf("files that are wanted (-) and there (+):\n%s", diff)
	}
	if len(told.written) != 3 || len(again.written) != 2 || again.written[1] != filepath.Join(dir, FileName(failed(4))) {
		t.Errorf("told: got %q, then %q", told.written, again.written)
	}
	for path, mode := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, FileName(failed(4))): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: got %v, %v; want mode %v", path, info, err, mode)
		}
	}
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

func TestRingIsBoundedInBytes(t *testing.T) {
	dir := t.TempDir()
	r, _ := openRing(t, dir, RingOptions{Interest: Failures, MaxBytes: 100 << 10, Write: WriteOptions{MaxBody: 1 << 10}})
	body := []byte(strings.Repeat("\x00", 10<<10))
	for n := range 20 {
		x := failed(n)
		x.Stdin = Stream{Head: body, Size: int64(len(body))}
		r.Ended(x)
	}
	r.Close()
	var total int64
	bodies := 0
	list := names(t, dir)
	for _, name := range list {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
		if strings.HasSuffix(name, BodySuffix) {
			bodies++
		}
	}
	if total > 100<<10 || total < 70<<10 || bodies != len(list)/2 {
		t.Errorf("got %d bytes, %d bodies in %q", total, bodies, list)
	}
	if last := list[len(list)-1]; last != FileName(failed(19))+BodySuffix {
		t.Errorf("the last: got %s; want the newest", last)
	}
}

func TestRingTakes(t *testing.T) {
	good, bad, asked := failed(1), failed(2), failed(3)
	good.Failure, asked.Failure, asked.Asked = "", "", true
	for _, test := range []struct {
		name     string
		interest Interest
		want     int
	}{{"off", Nothing, 1}, {"failure", Failures, 2}, {"all", Everything, 3}} {
		t.Run(test.name, func(t *testing.T) {
			r, told := openRing(t, t.TempDir(), RingOptions{Interest: test.interest})
			for _, x := range []*Exchange{good, bad, asked} {
				r.Ended(x)
			}
			r.Close()
			if r.Interest() != test.interest || len(told.written) != test.want {
				t.Errorf("got interest %v, %q; want %v, %d captures", r.Interest(), told.written, test.interest, test.want)
			}
			r.Ended(bad) // it is closed: nothing happens
		})
	}
}

func TestRingWantsADirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenRing(file, RingOptions{}); err == nil || err.Error() != "captures: "+file+" is no directory" {
		t.Errorf("got %v", err)
	}
}

func TestCheckWritable(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ path, want string }{
		{dir, ""}, {dir + "/not/yet", ""}, {file, "captures: " + file + " is no directory"}, {file + "/below", file + "/below: not a directory"},
	} {
		got := ""
		if err := CheckWritable(tt.path); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: got %q; want %q", tt.path, got, tt.want)
		}
	}
}

// A disk that fails loses captures: that is told once, and how many it were.
func TestRingLosesCaptures(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "captures")
	r, told := openRing(t, dir, RingOptions{Interest: Failures})
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // nothing can be written there
		t.Fatal(err)
	}
	for n := range 5 {
		r.Ended(failed(n))
	}
	until(t, "five losses", func() bool { return r.held.Load() == 0 })
	told.Lock()
	if len(told.losing) != 1 || !errors.Is(told.losing[0], syscall.ENOTDIR) || len(told.lost) != 0 {
		t.Errorf("told: got %v, %v; want one error, that there is no directory", told.losing, told.lost)
	}
	told.Unlock()
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	r.Ended(failed(6))
	r.Close()
	if diff := cmp.Diff([]int{5}, told.lost); diff != "" || len(told.written) != 1 {
		t.Errorf("told: got %v lost, %q written; want 5, and one", told.lost, told.written)
	}
}

// Losses that were not told while they happened are told at the end.
func TestRingTellsAtTheEnd(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "captures")
	r, told := openRing(t, dir, RingOptions{Interest: Failures})
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		r.Ended(failed(n))
	}
	r.Close()
	if diff := cmp.Diff([]int{3}, told.lost); diff != "" || len(told.losing) != 1 {
		t.Errorf("told: got %v and %v; want one error, 3 lost", told.losing, told.lost)
	}
}

// What the writer cannot keep up with is lost, and costs no memory.
func TestRingQueueIsBounded(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, FileName(failed(0))+temporary)
	r, told := openRing(t, dir, RingOptions{Interest: Failures})
	release := make(chan struct{})
	r.o.Written = func(*Exchange, string) { <-release } // the writer waits
	r.Ended(failed(0))
	until(t, "the writer to be busy", func() bool { return len(r.queue) == 0 && exists(filepath.Join(dir, FileName(failed(0)))) })
	big := make([]byte, 1<<20)
	for n := range 200 {
		x := failed(n + 1)
		x.Stdin = Stream{Head: big, Size: int64(len(big))}
		r.Ended(x)
	}
	if held := r.held.Load(); held > queueBytes {
		t.Errorf("the queue holds %d bytes; want %d at most", held, queueBytes)
	}
	for n := range 200 {
		r.Ended(failed(n + 201))
	}
	if len(r.queue) > queueLength {
		t.Errorf("the queue holds %d exchanges; want %d at most", len(r.queue), queueLength)
	}
	close(release)
	r.Close()
	told.Lock()
	defer told.Unlock()
	if len(told.losing) != 1 || told.losing[0] != errQueue || len(told.lost) != 1 || told.lost[0]+len(names(t, dir)) != 401 {
		t.Errorf("told: got %v, %v lost, %d files; want one error, and 401 together", told.losing, told.lost, len(names(t, dir)))
	}
	if exists(path) {
		t.Errorf("%s is left", path)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// A body in a file is the ring's to read although its owner has closed it.
func TestRingKeepsTheBodysFile(t *testing.T) {
	dir := t.TempDir()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := strings.Repeat("0123456789", 1<<10)
	if _, err := f.WriteString(want); err != nil {
		t.Fatal(err)
	}
	r, _ := openRing(t, dir, RingOptions{Interest: Failures, Write: WriteOptions{MaxBody: 1 << 10}})
	x := failed(1)
	x.Stdin = Stream{Head: []byte("0123"), Size: int64(len(want)), File: f}
	r.Ended(x)
	f.Close()
	r.Close()
	got, err := os.ReadFile(filepath.Join(dir, FileName(x)+BodySuffix))
	if err != nil || string(got) != want {
		t.Errorf("got %.40q, %v; want %.40q", got, err, want)
	}
}

// What a server has left half written that died is removed after an hour.
func TestRingRemovesLeftovers(t *testing.T) {
	dir := t.TempDir()
	old, young := filepath.Join(dir, FileName(failed(1))+temporary), filepath.Join(dir, FileName(failed(2))+temporary)
	for _, path := range []string{old, young} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(old, past, past); err != nil {
		t.Fatal(err)
	}
	r, _ := openRing(t, dir, RingOptions{Interest: Failures})
	r.Ended(failed(3))
	r.Close()
	if exists(old) || !exists(young) {
		t.Errorf("got %q; want the young one alone, and the capture", names(t, dir))
	}
}

// until waits for what nothing can announce.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}
