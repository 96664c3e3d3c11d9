package gateway_test

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"os"
	"strings"
	"testing"
)

// A body of known length goes to a program by a pipe as long as that holds it,
// and beyond that as a file: in memory up to 1 MiB, and then on the disk. Each
// has it whole and from its beginning, and leaves nothing open.
func TestBodySpooledDirectly(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s := start(t, setup{files: map[string]string{"cgi-bin/body": `#!/bin/sh
printf 'Content-Type: text/plain\n\n'
echo "$CONTENT_LENGTH" "$(md5sum)" "$(readlink /proc/$$/fd/0)"
`}})
	s.get("/cgi-bin/body")
	before := openDescriptors(t)
	const kib, mib = 1 << 10, 1 << 20
	for _, tt := range []struct {
		size int
		want string
	}{
		{1, "pipe:"}, {64 * kib, "pipe:"}, {64*kib + 1, "/memfd:framegate-body"}, {300 * kib, "/memfd:framegate-body"},
		{mib, "/memfd:framegate-body"}, {mib + 1, os.Getenv("TMPDIR")}, {3*mib + 7, os.Getenv("TMPDIR")},
	} {
		content := noise(tt.size)
		resp, body := s.do(s.client, "POST", "/cgi-bin/body", bytes.NewReader(content))
		s.wantStatus(resp, body, 200)
		if want := fmt.Sprintf("%d %x  - %s", tt.size, md5.Sum(content), tt.want); !strings.HasPrefix(body, want) {
			t.Errorf("got %q; want %q", body, want)
		}
	}
	until(t, "all descriptors are closed", func() bool { return openDescriptors(t) <= before })
}

// A worker has it, too, and a second one when the first is lost.
func TestBodySpooledForApps(t *testing.T) {
	s := appSite(t, "")
	for _, size := range []int{64 << 10, 64<<10 + 1, 1 << 20, 1<<20 + 1} {
		content := noise(size)
		sum := 0
		for _, b := range content {
			sum += int(b)
		}
		for _, path := range []string{"/e/sum", "/w/sum", "/w/sum?" + t.TempDir() + "/died"} {
			resp, body := s.do(s.client, "PUT", path, bytes.NewReader(content))
			s.wantStatus(resp, body, 200)
			if want := fmt.Sprintf("%d %d", size, sum); body != want {
				t.Errorf("%d bytes to %s: got %q; want %q", size, path, body, want)
			}
		}
	}
}

func openDescriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
