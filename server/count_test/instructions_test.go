//go:build linux && !race

package count_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"framegate/server/internal/servertest"
)

// Valgrind executes the gateway on a processor of its own making, and counts.
// It knows neither pidfd_open nor a child that shares its parent's memory, so
// that no program can be started there: mode exec has no such count, and the
// worker is one at an address.
const valgrindConfig = `
[static]
path = "static"

[[frame]]
name     = "worker"
mount    = "/worker"
mode     = "worker"
address  = ["unix:%s"]
protocol = "scgi"
`

// instructionRequests are those of several runs: what the start takes is in
// each, and not in their differences.
func instructionRequests() []int { return []int{100, 300, 500, 700} }

// TestInstructions counts what the gateway executes for each request, without
// what the kernel does for it.
func TestInstructions(t *testing.T) {
	valgrind := servertest.Require(t, "apt-get install valgrind", "valgrind")
	dir := laySite(t)
	socket := filepath.Join(dir, "scgi")
	if err := os.WriteFile(filepath.Join(dir, "gateway.toml"), fmt.Appendf(nil, valgrindConfig, socket), 0o644); err != nil {
		t.Fatal(err)
	}
	serveSCGI(t, socket)
	for _, path := range []string{worker, file} {
		var got counted
		before := 0
		for i, n := range instructionRequests() {
			refs := countInstructions(t, dir, valgrind, path, n)
			if i > 0 {
				got = append(got, float64(refs-before)/float64(n-instructionRequests()[i-1]))
			}
			before = refs
		}
		judge(t, path, instructions, got)
	}
}

var instructionRefs = regexp.MustCompile(`(?m)^==(\d+)== I\s+refs:\s+([0-9,]+)`)

func countInstructions(t *testing.T, dir, valgrind, path string, requests int) int {
	t.Helper()
	t.Setenv("GODEBUG", "asyncpreemptoff=1") // valgrind takes signals badly, and long
	output := filepath.Join(dir, "valgrind-out")
	s, stop := start(t, dir, valgrind, "--tool=cachegrind", "--cache-sim=no", "--branch-sim=no", "--cachegrind-out-file=/dev/null", "--log-file="+output)
	s.dial(t, path).ask(requests)
	stop()
	said, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range instructionRefs.FindAllSubmatch(said, -1) {
		if string(m[1]) == strconv.Itoa(s.pid) {
			n, _ := strconv.Atoi(strings.ReplaceAll(string(m[2]), ",", ""))
			return n
		}
	}
	t.Fatalf("valgrind has not counted:\n%s", said)
	return 0
}

// serveSCGI answers everything with hello, as a worker does that is served
// elsewhere.
func serveSCGI(t *testing.T, socket string) {
	t.Helper()
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			answerSCGI(conn)
		}
	}()
}

func answerSCGI(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	length, err := in.ReadString(':')
	if err != nil {
		return // a look whether anybody is there
	}
	if n, err := strconv.Atoi(strings.TrimSuffix(length, ":")); err == nil {
		io.CopyN(io.Discard, in, int64(n)+1)
		io.WriteString(conn, "Content-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world\n")
	}
}
