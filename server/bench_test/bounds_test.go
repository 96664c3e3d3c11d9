package bench_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The same program with nothing of what bounds an exchange, with all of it,
// and in a sandbox besides.
const (
	helloFrame = `
[[frame]]
name = "hello"
mount = "/hello"
command = [%q]
`
	unbounded = `
[http]
header-timeout = "0"
body-timeout = "0"
min-body-rate = 0

[defaults]
first-byte-timeout = "0"
idle-timeout = "0"
total-timeout = "0"
queue-timeout = "0"
max-concurrent = 100000
max-body = "0"
` + helloFrame
	bounded = `
[capture]
on = "off"

[http]
hosts = ["bench"]
max-connections = 1000

[defaults]
max-output = "1GiB"
memory = "256MiB"
cpu-time = "10s"
open-files = 64
no-new-privs = true
` + helloFrame
	sandboxed = bounded + "sandbox = true\n"
)

const (
	boundsConnections = 8
	boundsRounds      = 25
)

// BenchmarkBounds measures what the bounds cost: three servers run at once and
// are asked in turn, over keep-alive connections, b.N requests in each of an
// odd number of rounds. Reported are, of the rounds, the median throughput and
// the median ratio to the unbounded server's, with its quartiles; and the ratio
// of the processor time that servers and programs took in all, which other work
// of the machine disturbs less.
func BenchmarkBounds(b *testing.B) {
	program := helloProgram(b, b.TempDir())
	var variants []*variant
	for _, v := range []struct{ name, config string }{{"unbounded", unbounded}, {"bounded", bounded}, {"sandboxed", sandboxed}} {
		variants = append(variants, newVariant(b, v.name, fmt.Sprintf(v.config, program)))
	}
	compare(b, variants, boundsRounds)
}

// compare asks the servers in turn and reports how they do beside the first.
func compare(b *testing.B, variants []*variant, rounds int) {
	for _, v := range variants {
		v.round(b, 200) // everything is warm, and has been started once
		v.rates, v.cpu, v.asked = nil, cpuTime(b, v.pid), 0
	}
	b.ResetTimer()
	for round := range rounds {
		for turn := range variants {
			variants[(round+turn)%len(variants)].round(b, b.N) // nobody is always the first
		}
	}
	b.StopTimer()
	b.ReportMetric(0, "ns/op")
	base := variants[0].perRequest(b)
	for _, v := range variants {
		b.ReportMetric(quantile(v.rates, 0.5), v.name+"-req/s")
		if v == variants[0] {
			b.ReportMetric(base, v.name+"-cpu-µs")
			continue
		}
		ratios := make([]float64, rounds)
		for round := range ratios {
			ratios[round] = v.rates[round] / variants[0].rates[round]
		}
		b.ReportMetric(quantile(ratios, 0.25), v.name+"-ratio-q1")
		b.ReportMetric(quantile(ratios, 0.5), v.name+"-ratio")
		b.ReportMetric(quantile(ratios, 0.75), v.name+"-ratio-q3")
		b.ReportMetric(v.perRequest(b)/base, v.name+"-cpu-ratio")
	}
}

// variant is one of the servers, and what it did.
type variant struct {
	name    string
	pid     int
	clients []*benchClient
	rates   []float64     // requests a second, of each round
	cpu     time.Duration // that it had taken at the start
	asked   int
}

// benchClient is a connection that is kept.
type benchClient struct {
	conn net.Conn
	in   *bufio.Reader
}

func newVariant(b *testing.B, name, config string) *variant {
	s := serve(b, b.TempDir(), config)
	v := &variant{name: name, pid: s.PID}
	for range boundsConnections {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close() })
		v.clients = append(v.clients, &benchClient{conn, bufio.NewReader(conn)})
	}
	return v
}

// round sends n requests over the connections.
func (v *variant) round(b *testing.B, n int) {
	share := max(n/len(v.clients), 1)
	errs := make(chan error, len(v.clients))
	start := time.Now()
	for _, c := range v.clients {
		go func() {
			var err error
			for i := 0; i < share && err == nil; i++ {
				err = c.ask()
			}
			errs <- err
		}()
	}
	for range v.clients {
		if err := <-errs; err != nil {
			b.Fatalf("%s: %v", v.name, err)
		}
	}
	v.asked += share * len(v.clients)
	v.rates = append(v.rates, float64(share*len(v.clients))/time.Since(start).Seconds())
}

func (c *benchClient) ask() error {
	if _, err := io.WriteString(c.conn, "GET /hello HTTP/1.1\r\nHost: bench\r\n\r\n"); err != nil {
		return err
	}
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return err
	}
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != "hello\n" {
		return fmt.Errorf("got %s %q, %v; want hello", response.Status, body, err)
	}
	return nil
}

// perRequest is the processor time that a request took, in microseconds.
func (v *variant) perRequest(b *testing.B) float64 {
	return float64((cpuTime(b, v.pid) - v.cpu).Microseconds()) / float64(v.asked)
}

// cpuTime is what a process and its children that have ended have taken, as
// the kernel counts it: in hundredths of a second.
func cpuTime(b *testing.B, pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	ticks := 0
	for _, field := range fields[11:15] { // utime, stime, cutime, cstime
		n, err := strconv.Atoi(field)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// quantile is the value below which the part q of list lies.
func quantile(list []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}
