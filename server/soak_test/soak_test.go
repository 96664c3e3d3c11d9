package soak_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-isatty"
)

const (
	warmUp = 5 * time.Second

	// What a load leaves behind may take this long to go: a grandchild that
	// has left its group sleeps 2 s, a stopped frame has its stop-grace.
	settleLimit = 30 * time.Second

	// Go gives memory back lazily: what a load has needed stays resident until
	// a collection finds it free, and goes back to the system bit by bit. So the
	// end is compared with the start once both have had a calm, in which little
	// traffic lets collections come, and within these bounds.
	residentLimit  = time.Minute
	residentFactor = 1.25
	residentSlack  = 16 << 10 // KiB
	// Threads that Go's scheduler has once needed stay. A client can bind one:
	// the start of a process blocks until it has executed its program.
	threadSlack = 32

	// cgroupFiles stay open of a frame once a request has come for it.
	cgroupFiles = 2
)

// TestServer is the soak of a real server.
func TestServer(t *testing.T) {
	requireLinux(t)
	s := newSite(t)
	srv := startServer(t, s)
	askForFile(t, srv)
	fresh := sample(t, srv)
	srv.own = leftovers(srv.pid(), s.run, nil) // what it has started for itself

	// The same load for a while, so that the start is compared with the end
	// of the same program: with its threads, its buffers and its heap.
	warm := newTally(mix(), srv.record)
	(load{clients: *concurrency, lasts: warmUp, requests: *requests}).run(t.Context(), s, srv.addr, warm)
	report(t, warm)
	settle(t, srv, s, fresh.descriptors+cgroupFiles*strings.Count(s.gatewayTOML(), "[[frame]]"))
	calm(t, srv, s)
	start := sample(t, srv)

	counted := newTally(mix(), srv.record)
	peak, stopWatching := watch(srv, counted)
	began := time.Now()
	(load{clients: *concurrency, lasts: time.Duration(*seconds) * time.Second, requests: *requests}).run(t.Context(), s, srv.addr, counted)
	took := time.Since(began)
	stopWatching()

	settle(t, srv, s, start.descriptors)
	end := settleMemory(t, srv, s, start)
	show(os.Stdout, counted, took)
	showUsage(os.Stdout, srv, fresh, start, *peak, end)
	report(t, counted)
}

// askForFile asks for a small file: one stays open once somebody has.
func askForFile(t *testing.T, srv *server) {
	t.Helper()
	req, err := http.NewRequest("GET", "http://"+srv.addr+"/small.bin", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "soak.test"
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Fatalf("a small file: got %s", resp.Status)
	}
}

func sample(t *testing.T, srv *server) usage {
	t.Helper()
	u, err := usageOf(srv.pid())
	if err != nil {
		t.Fatalf("the server is gone: %v\n%s", err, srv.tail(10))
	}
	return u
}

// report makes each finding a failure.
func report(t *testing.T, counted *tally) {
	t.Helper()
	for _, finding := range counted.findings() {
		t.Error(finding)
	}
	if counted.bad.Load() >= findingsLimit {
		t.Errorf("%d exchanges were not as expected: the load was ended early", counted.bad.Load())
	}
	for i, c := range counted.classes {
		if counted.counts[i].sent.Load() == 0 {
			t.Errorf("%s: was never sent: the load was too short", c.name)
		}
	}
}

// settle waits until nothing of the load is left: no process, no zombie, no
// descriptor.
func settle(t *testing.T, srv *server, s *site, descriptorsAtStart int) {
	t.Helper()
	eventually(t, settleLimit, func() string {
		if left := leftovers(srv.pid(), s.run, srv.own); len(left) > 0 {
			return fmt.Sprintf("%d processes are left, the first: %s", len(left), left[0])
		}
		return ""
	})
	eventually(t, settleLimit, func() string {
		if u := sample(t, srv); u.descriptors > descriptorsAtStart {
			return fmt.Sprintf("%d descriptors are open; want %d as at the start: %s", u.descriptors, descriptorsAtStart, descriptors(srv.pid()))
		}
		return ""
	})
}

// calm gives the server a little to do, and then nothing for a moment.
func calm(t *testing.T, srv *server, s *site) {
	t.Helper()
	quiet := newTally(goodClasses()[:1], srv.record)
	(load{clients: 2, requests: 2000}).run(t.Context(), s, srv.addr, quiet)
	report(t, quiet)
	time.Sleep(2 * time.Second) // for the runtime's scavenger: nothing tells when it is done
}

func settleMemory(t *testing.T, srv *server, s *site, start usage) usage {
	t.Helper()
	limit := int(float64(start.residentKiB)*residentFactor) + residentSlack
	eventually(t, residentLimit, func() string {
		calm(t, srv, s)
		if u := sample(t, srv); u.residentKiB > limit {
			return fmt.Sprintf("%d KiB are resident; want at most %d, from %d at the start", u.residentKiB, limit, start.residentKiB)
		}
		return ""
	})
	end := sample(t, srv)
	if most := *concurrency + threadSlack; end.threads > most {
		t.Errorf("%d threads; want at most %d", end.threads, most)
	}
	return end
}

// watch follows a load: it notes the most that the server had, and tells on
// stderr how far it is, on a terminal in one line that is written again.
func watch(srv *server, counted *tally) (peak *usage, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	peak = new(usage)
	terminal := isatty.IsTerminal(os.Stderr.Fd())
	every, lineStart, lineEnd := 10*time.Second, "", "\n"
	if terminal {
		every, lineStart, lineEnd = time.Second, "\r", "\x1b[K"
	}
	began, told := time.Now(), time.Now()
	go func() {
		defer close(done)
		ticker := time.NewTicker(250 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if u, err := usageOf(srv.pid()); err == nil {
				peak.residentKiB = max(peak.residentKiB, u.residentKiB)
				peak.descriptors = max(peak.descriptors, u.descriptors)
				peak.threads = max(peak.threads, u.threads)
			}
			if time.Since(told) >= every {
				told = time.Now()
				fmt.Fprintf(os.Stderr, "%s%4.0f s: %d exchanges, %d not as expected; %d MiB, %d descriptors, %d threads at the most%s", lineStart,
					time.Since(began).Seconds(), counted.ended.Load(), counted.bad.Load(), peak.residentKiB>>10, peak.descriptors, peak.threads, lineEnd)
			}
		}
	}()
	return peak, func() {
		cancel()
		<-done
		if terminal {
			fmt.Fprintln(os.Stderr)
		}
	}
}

func show(out io.Writer, counted *tally, took time.Duration) {
	title(out, fmt.Sprintf("%d clients, seed %d", *concurrency, *seed))
	counted.print(out)
	asked, lost := counted.good()
	fmt.Fprintf(out, "\n%d exchanges in %.1f s, %.0f a second\n", counted.ended.Load(), took.Seconds(), float64(counted.ended.Load())/took.Seconds())
	fmt.Fprintf(out, "good answers: %d, lost, cut or wrong: %d\n", asked, lost)
}

func showUsage(out io.Writer, srv *server, fresh, start, peak, end usage) {
	title(out, "the server")
	fmt.Fprintf(out, "%-14s %10s %12s %10s %10s\n", "", "fresh", "warmed up", "peak", "end")
	row := func(name string, of func(usage) int) {
		fmt.Fprintf(out, "%-14s %10d %12d %10d %10d\n", name, of(fresh), of(start), of(peak), of(end))
	}
	row("resident KiB", func(u usage) int { return u.residentKiB })
	row("descriptors", func(u usage) int { return u.descriptors })
	row("threads", func(u usage) int { return u.threads })
	srv.mu.Lock()
	defer srv.mu.Unlock()
	fmt.Fprintf(out, "log records of requests: %d\n", srv.records)
}
