//go:build linux && !race

package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"

	"framegate/server/internal/testframe"
)

// What the gateway allocates for an exchange does not grow with its bodies:
// each goes through buffers that are used again, or lies in a file. (The race
// detector has such buffers be thrown away now and then.)
func TestBodiesCostNoMemory(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	const mib = 1 << 20
	s := start(t, setup{frames: frameTable("exec", `mount = "/exec"`, testframe.Command(testframe.Print(page), testframe.ReadAll(), testframe.Fill(64*mib)), "") +
		frameTable("little", `mount = "/little"`, testframe.Command(testframe.Print(page), testframe.ReadAll(), testframe.Fill(mib)), "")})
	app := appSite(t, "")
	for _, tt := range []struct {
		name        string
		site        *site
		small, big  string
		smallUpload int
		bigUpload   int
	}{
		{"answers of programs", s, "/little", "/exec", 0, 0},
		{"answers of workers", app, fmt.Sprintf("/w/fill?%d", mib), fmt.Sprintf("/w/fill?%d", 64*mib), 0, 0},
		{"uploads to programs", s, "/little", "/little", mib, 64 * mib},
		{"uploads to workers", app, "/w/read", "/w/read", mib, 64 * mib},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", tt.site.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			c := &client{t: t, conn: conn, in: bufio.NewReaderSize(conn, 64<<10), buf: make([]byte, 64<<10)}
			for range 3 {
				c.exchange(tt.big, tt.bigUpload) // everything is warm
			}
			smallBytes, smallObjects := c.cost(tt.small, tt.smallUpload)
			bigBytes, bigObjects := c.cost(tt.big, tt.bigUpload)
			t.Logf("1 MiB: %d bytes in %d objects; 64 MiB: %d in %d", smallBytes, smallObjects, bigBytes, bigObjects)
			// Nine small objects come with each of 2,000 reads of 32 KiB.
			if bigBytes > smallBytes+mib || bigObjects > smallObjects+24_000 {
				t.Errorf("1 MiB takes %d bytes in %d objects; 64 MiB take %d in %d", smallBytes, smallObjects, bigBytes, bigObjects)
			}
		})
	}
}

// client asks over one connection, with buffers of its own.
type client struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	buf  []byte
}

func (c *client) exchange(path string, upload int) {
	c.t.Helper()
	c.conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(c.conn, "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", path, upload)
	for left := upload; left > 0; {
		n, err := c.conn.Write(c.buf[:min(left, len(c.buf))])
		if err != nil {
			c.t.Fatal(err)
		}
		left -= n
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{resp.Body}, c.buf); err != nil || resp.StatusCode != 200 {
		c.t.Fatal(resp.Status, err)
	}
}

// cost is the least that one exchange of several has allocated.
func (c *client) cost(path string, upload int) (bytes, objects uint64) {
	c.t.Helper()
	bytes, objects = 1<<62, 1<<62
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c.exchange(path, upload)
		runtime.ReadMemStats(&after)
		bytes = min(bytes, after.TotalAlloc-before.TotalAlloc)
		objects = min(objects, after.Mallocs-before.Mallocs)
	}
	return bytes, objects
}
