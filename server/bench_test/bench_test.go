// Package bench_test measures the gateway from outside, beside the physical
// limit. Run it with scripts/bench.sh; a figure is never a test.
package bench_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"framegate/server/internal/servertest"
)

func TestMain(m *testing.M) { servertest.Main(m) }

const hello = `#include <stdio.h>
int main(void) { puts("Content-Type: text/plain\n\nhello"); return 0; }
`

// helloProgram compiles the smallest frame there is.
func helloProgram(b *testing.B, dir string) string {
	source, program := filepath.Join(dir, "hello.c"), filepath.Join(dir, "hello")
	if err := os.WriteFile(source, []byte(hello), 0o644); err != nil {
		b.Fatal(err)
	}
	if out, err := exec.Command("cc", "-O2", "-static", "-o", program, source).CombinedOutput(); err != nil {
		b.Fatalf("cc: %v\n%s", err, out)
	}
	return program
}

func serve(b *testing.B, dir, config string) *servertest.Server {
	file := filepath.Join(dir, "gateway.toml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		b.Fatal(err)
	}
	return servertest.Start(b, "-c", file)
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// BenchmarkOverhead starts the same program bare and through the gateway, in
// turn, on one connection, and reports the medians and their difference.
func BenchmarkOverhead(b *testing.B) {
	dir := b.TempDir()
	program := helloProgram(b, dir)
	s := serve(b, dir, fmt.Sprintf("[[frame]]\nname = \"hello\"\nmount = \"/hello\"\ncommand = [%q]\n", program))
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)

	var bare, gateway []time.Duration
	for b.Loop() {
		start := time.Now()
		bareStart(b, program)
		bare = append(bare, time.Since(start))

		start = time.Now()
		request(b, conn, in)
		gateway = append(gateway, time.Since(start))
	}
	b.ReportMetric(float64(median(bare).Microseconds()), "bare-µs")
	b.ReportMetric(float64(median(gateway).Microseconds()), "gateway-µs")
	b.ReportMetric(float64((median(gateway) - median(bare)).Microseconds()), "overhead-µs")
	b.ReportMetric(0, "ns/op")
}

// bareStart is the physical limit: start, read the pipe to its end, reap.
func bareStart(b *testing.B, program string) {
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		b.Fatal(err)
	}
	p, err := os.StartProcess(program, []string{program}, &os.ProcAttr{Env: []string{}, Files: []*os.File{null, w, os.Stderr}})
	w.Close()
	null.Close()
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.ReadAll(r); err != nil {
		b.Fatal(err)
	}
	if _, err := p.Wait(); err != nil {
		b.Fatal(err)
	}
}

func request(b *testing.B, conn net.Conn, in *bufio.Reader) {
	if _, err := io.WriteString(conn, "GET /hello HTTP/1.1\r\nHost: bench\r\n\r\n"); err != nil {
		b.Fatal(err)
	}
	response, err := http.ReadResponse(in, nil)
	if err != nil {
		b.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil || string(body) != "hello\n" {
		b.Fatalf("got %q, %v; want hello", body, err)
	}
}

const large = 2 << 30

// zeros is a body of n bytes that costs nothing to make.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), z.left))
	clear(p[:n])
	z.left -= int64(n)
	return n, nil
}

// BenchmarkLargeBodies sends 2 GiB up and down through a frame, with the
// gateway's peak memory beside it: it must not grow with the body.
func BenchmarkLargeBodies(b *testing.B) {
	const config = `
[[frame]]
name = "count"
mount = "/count"
command = ["sh", "-c", "echo Content-Type: text/plain; echo; wc -c"]

[[frame]]
name = "stream"
mount = "/stream"
command = ["sh", "-c", "echo Content-Type: text/plain; echo; wc -c"]
stream-body = true

[[frame]]
name = "zeros"
mount = "/zeros"
command = ["sh", "-c", "echo Content-Type: application/octet-stream; echo; head -c 2147483648 /dev/zero"]
`
	for _, direction := range []string{"spooled-upload", "streamed-upload", "chunked-upload", "download"} {
		b.Run(direction, func(b *testing.B) {
			s := serve(b, b.TempDir(), config)
			b.SetBytes(large)
			for b.Loop() {
				transfer(b, s.URL, direction)
			}
			b.ReportMetric(float64(peakKiB(b, s.PID))/1024, "peak-MiB")
		})
	}
}

func transfer(b *testing.B, url, direction string) {
	if direction == "download" {
		response, err := http.Get(url + "/zeros")
		if err != nil {
			b.Fatal(err)
		}
		defer response.Body.Close()
		if n, err := io.Copy(io.Discard, response.Body); err != nil || n != large {
			b.Fatalf("got %d bytes, %v; want %d", n, err, large)
		}
		return
	}
	path := "/count"
	if direction == "streamed-upload" {
		path = "/stream"
	}
	r, err := http.NewRequest("POST", url+path, &zeros{large})
	if err != nil {
		b.Fatal(err)
	}
	if direction != "chunked-upload" {
		r.ContentLength = large
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if got := strings.TrimSpace(string(body)); err != nil || got != fmt.Sprint(large) {
		b.Fatalf("the frame counted %q, %v; want %d", got, err, large)
	}
}

// peakKiB is the most memory that a process has had resident.
func peakKiB(b *testing.B, pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kib int
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		b.Fatal(err)
	}
	return kib
}
