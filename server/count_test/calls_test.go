//go:build linux && !race

package count_test

import (
	"bufio"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"framegate/server/internal/servertest"
)

const (
	callWindows  = 5
	callRequests = 40
)

// schedulerCalls are what Go's runtime calls of its own accord, more often or
// less as the threads happen to meet.
func schedulerCalls() []string {
	return []string{"futex", "sched_yield", "epoll_pwait", "epoll_wait", "restart_syscall",
		"tgkill", "gettid", "getpid", "rt_sigreturn", "clone", "sigaltstack", "madvise", "mmap", "munmap", "mprotect", "timer_settime"}
}

// watchCalls are those of Go's watchman, which wakes up as time goes by.
func watchCalls() []string { return []string{"nanosleep", "clock_nanosleep"} }

// TestSystemCalls counts the calls that the gateway makes for each request,
// also those of its children until they have become the program.
func TestSystemCalls(t *testing.T) {
	strace := servertest.Require(t, "apt-get install strace", "strace")
	dir := laySite(t)
	trace := filepath.Join(dir, "trace")
	s, stop := start(t, dir, strace, "-f", "-qq", "-s", "40", "-e", "signal=none", "-o", trace)
	for _, path := range []string{execC, worker, file} {
		c, mark := s.dial(t, path), s.dial(t, file)
		c.ask(callRequests)
		for i := range callWindows + 1 { // each but the last begins with its mark
			mark.mark(path, i)
			if i < callWindows {
				c.ask(callRequests)
			}
		}
		c.conn.Close()
		mark.conn.Close()
	}
	stop()
	windows := readTrace(t, trace)
	for _, path := range []string{execC, worker, file} {
		var own, scheduler counted
		sum := map[string]int{}
		for i := range callWindows {
			w := windows[fmt.Sprintf("%s-%d", path, i)]
			if len(w) == 0 {
				t.Fatalf("%s: window %d is not in the trace", path, i)
			}
			var o, r float64
			for name, n := range w {
				if slices.Contains(watchCalls(), name) {
					continue
				}
				if slices.Contains(schedulerCalls(), name) {
					r += float64(n)
				} else {
					o += float64(n)
				}
				sum[name] += n
			}
			own, scheduler = append(own, o/callRequests), append(scheduler, r/callRequests)
		}
		t.Logf("%s, each request: %s", path, perRequest(sum))
		judge(t, path, calls, own)
		judge(t, path, scheduling, scheduler)
	}
}

func perRequest(sum map[string]int) string {
	var list []string
	for _, name := range slices.SortedFunc(maps.Keys(sum), func(a, b string) int { return sum[b] - sum[a] }) {
		if n := float64(sum[name]) / callWindows / callRequests; n >= 0.05 {
			list = append(list, fmt.Sprintf("%s %.1f", name, n))
		}
	}
	return strings.Join(list, ", ")
}

// mark leaves a line in the trace: a request for what is not there.
func (c *client) mark(path string, i int) {
	c.t.Helper()
	if status, _ := c.get(fmt.Sprintf("/mark-%s-%d", path, i)); status != http.StatusNotFound {
		c.t.Fatalf("mark: got status %d; want 404", status)
	}
}

var (
	traced = regexp.MustCompile(`^(\d+) +(\w+)\(`)
	marked = regexp.MustCompile(`mark-([a-z]+-\d)`)
)

// readTrace counts the calls of the gateway in each window. What another
// program makes, once a child has become it, is its own.
func readTrace(t *testing.T, name string) map[string]map[string]int {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	windows := map[string]map[string]int{}
	var window map[string]int
	others := map[int]bool{} // processes that are other programs
	first := true
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if mark := marked.FindStringSubmatch(line); mark != nil && windows[mark[1]] == nil {
			window = map[string]int{}
			windows[mark[1]] = window
		}
		m := traced.FindStringSubmatch(line)
		if m == nil {
			continue // the rest of a call that has been counted, an exit
		}
		pid, _ := strconv.Atoi(m[1])
		if window != nil && !others[pid] {
			window[m[2]]++
		}
		if m[2] == "execve" {
			others[pid] = !first
			first = false
		}
	}
	return windows
}
