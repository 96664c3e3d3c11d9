package fault_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"framegate/server/internal/servertest"
)

// smallDisk mounts a file system of n bytes as the temporary directory of what
// the test starts from here on.
func smallDisk(t *testing.T, n int) (dir string) {
	t.Helper()
	requireRoot(t)
	servertest.Build(t) // it needs more room
	dir = t.TempDir()
	if err := syscall.Mount("framegate-test", dir, "tmpfs", 0, fmt.Sprintf("size=%d", n)); err != nil {
		t.Fatalf("mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount the tmpfs: %v", err)
			syscall.Unmount(dir, syscall.MNT_DETACH)
		}
	})
	t.Setenv("TMPDIR", dir)
	return dir
}

// used is how much of a file system is taken, by files without a name, too.
func used(t *testing.T, dir string) int64 {
	t.Helper()
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	return int64(fs.Blocks-fs.Bfree) * fs.Bsize
}

// A disk that is full while a request's body is stored: the client is told,
// the disk is given back, and bodies that fit are taken again.
func TestDiskFullWhileSpooling(t *testing.T) {
	tmp := smallDisk(t, 4<<20)
	s := start(t, frame("count", []string{"/bin/sh", "-c", `printf 'Content-Type: text/plain\n\n'; wc -c`}))
	// What is left of a body that does not fit is read before the connection
	// ends, up to 1 MiB: else a reset might overtake the answer.
	const tooLong = 4<<20 + 700<<10
	body := func(n int) io.Reader { return bytes.NewReader(make([]byte, n)) }
	for i, test := range []struct {
		name   string
		body   io.Reader
		status int
		answer string
	}{
		{"a body that fits", body(3 << 20), 200, fmt.Sprintln(3 << 20)},
		{"one that does not", body(tooLong), 500, ""},
		{"one that is chunked and does not", struct{ io.Reader }{body(tooLong)}, 500, ""},
		{"one that fits, again", body(3 << 20), 200, fmt.Sprintln(3 << 20)},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := s.in(t)
			s.want(s.ask("POST", "/count", test.body), test.status, test.answer)
			text := map[int]string{200: "", 500: "no space left on device"}[test.status]
			record := s.record("/count", i+1)
			s.wantRecord(record, test.status, text)
			if started := record["pid"] != nil; started != (test.status == 200) {
				t.Errorf("got a process: %v", started)
			}
			s.until("the disk to be given back", func() bool { return used(t, tmp) == 0 })
			s.afterwards()
		})
	}
}

// A disk that is full while an answer waits there for its client: the frame is
// ended, and the client gets what was printed before, cut.
func TestDiskFullWhileBuffering(t *testing.T) {
	tmp := smallDisk(t, 2<<20)
	s := newSite(t, "")
	data := make([]byte, 32<<20)
	rand.Read(data)
	const little = 1 << 20 // waits in memory
	script := `printf 'Content-Type: text/plain\n\n'; exec head -c $0 ` + s.write("data", string(data), 0o644)
	s.add(frame("print", []string{"/bin/sh", "-c", script, fmt.Sprint(len(data))}) + frame("little", []string{"/bin/sh", "-c", script, fmt.Sprint(little)}))
	s.serve()

	conn := s.dial()
	fmt.Fprint(conn, "GET /print HTTP/1.1\r\nHost: h\r\n\r\n")
	s.until("the disk to be full", func() bool { return used(t, tmp) > 1<<20 })
	s.until("the frame's end", func() bool { return len(s.processes()) == 0 })
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	if err == nil || len(got) < 2<<20 || !bytes.HasPrefix(data, got) {
		t.Errorf("got %d bytes, %v, as printed: %v; want what was printed first, and an error", len(got), err, bytes.HasPrefix(data, got))
	}
	record := s.record("/print", 1)
	s.wantRecord(record, 200, "buffer the response: ")
	if text := fmt.Sprint(record["error"]); !strings.Contains(text, "no space left on device") {
		t.Errorf("record: got %q; want it to say that the disk is full", text)
	}
	s.until("the disk to be given back", func() bool { return used(t, tmp) == 0 })

	s.want(s.get("/little"), 200, string(data[:little]))
	if names, _ := filepath.Glob(filepath.Join(tmp, "*")); len(names) > 0 {
		t.Errorf("in TMPDIR: got %q; want nothing", names)
	}
	s.afterwards()
}
