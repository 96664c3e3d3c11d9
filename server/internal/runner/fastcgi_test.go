package runner

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"framegate/server/internal/process"
	"framegate/server/internal/servertest"
)

// fcgiPool is a Workers of one program that speaks FastCGI.
func fcgiPool(t *testing.T, o WorkerOptions, argv ...string) *Workers {
	t.Helper()
	path, err := exec.LookPath(argv[0])
	if err != nil {
		t.Fatal(err)
	}
	o.Protocol, o.Sockets = FastCGI, t.TempDir()
	o.Max, o.Grace, o.Ready = max(o.Max, 1), time.Second, addressLimit
	o.Spec = process.Spec{Path: path, Argv: argv, Dir: "/", NoOutput: true, Env: []string{"PATH=" + os.Getenv("PATH")}, StderrLine: func([]byte) {}}
	r, err := OpenWorkers(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r.(*Workers)
}

func faulty(t *testing.T, o WorkerOptions) *Workers {
	t.Helper()
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return fcgiPool(t, o, servertest.Require(t, "apt install perl", "perl"), wd+"/testdata/fcgi_fault.pl")
}

// told is how an exchange of a worker has ended.
type told struct {
	Stdout, Stderr string
	Failed, Lost   bool
	Why            string // it was lost
}

func tell(t *testing.T, p Runner, query string, fill ...func(*process.Spec)) told {
	t.Helper()
	var got told
	spec := &process.Spec{
		Env:        []string{"REQUEST_METHOD=GET", "QUERY_STRING=" + query},
		StderrLine: func(line []byte) { got.Stderr += string(line) + "|" },
	}
	for _, f := range fill {
		f(spec)
	}
	run, err := p.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	k := KeptOf(run)
	run.Output().WhenBlocked(func() { run.Output().SetReadDeadline(time.Now().Add(addressLimit)) })
	for {
		data, err := io.ReadAll(run.Output())
		got.Stdout += string(data)
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) { // a look around, of which there may be several
			t.Fatal(err)
		}
	}
	end := k.Ending()
	got.Failed = end.Failed
	if end.Lost != nil {
		got.Lost, got.Why = true, end.Lost.Error()
	}
	run.Wait()
	return got
}

func again(s *process.Spec) { s.Again = true }

func body(text string) func(*process.Spec) {
	return func(s *process.Spec) {
		s.Feed = bytes.NewReader([]byte(text))
		s.Env = append(s.Env, fmt.Sprintf("CONTENT_LENGTH=%d", len(text)))
	}
}

// One connection carries a worker's requests, one after the other.
func TestFastCGIWorker(t *testing.T) {
	p := faulty(t, WorkerOptions{})
	first := tell(t, p, "pid").Stdout
	pid, nth, _ := strings.Cut(first, " ")
	if nth != "1" {
		t.Fatalf("got %q", first)
	}
	for i := 2; i < 5; i++ {
		if got, want := tell(t, p, "pid", again).Stdout, fmt.Sprintf("%s %d", pid, i); got != want {
			t.Errorf("got %q; want %q", got, want)
		}
	}
	for _, n := range []int{0, 1, 70000, 1 << 20} {
		text := strings.Repeat("x", n)
		if got := tell(t, p, "echo", body(text)); got.Stdout != text || got.Lost {
			t.Errorf("a body of %d: got %d bytes, %q", n, len(got.Stdout), got.Why)
		}
	}
	for query, want := range map[string]told{
		"fail":   {Stdout: "failed", Failed: true},
		"stderr": {Stdout: "ok", Stderr: "in a record|on descriptor 2|"},
	} {
		got := tell(t, p, query)
		if got.Stderr == "on descriptor 2|in a record|" { // they come on two ways
			got.Stderr = want.Stderr
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", query, diff)
		}
	}
	if got := tell(t, p, "early", body(strings.Repeat("x", 1<<20))); got.Stdout != "early" || got.Lost {
		t.Errorf("a body that is not read: got %+v", got)
	}
	if got := tell(t, p, "pid").Stdout; !strings.HasPrefix(got, pid+" ") {
		t.Errorf("got %q; want the same worker, %s, on another connection", got, pid)
	}
}

// A worker may close its connection after any request: that is no harm to the
// next one, whatever its method.
func TestFastCGIWorkerCloses(t *testing.T) {
	p := faulty(t, WorkerOptions{})
	for range 3 {
		if got := tell(t, p, "close"); !strings.HasSuffix(got.Stdout, " 1") || got.Lost {
			t.Errorf("got %+v; want the first of its connection", got)
		}
	}
}

// A worker that ends by itself is replaced, and no request is lost by it.
func TestFastCGIWorkerEnds(t *testing.T) {
	p := faulty(t, WorkerOptions{})
	seen := map[string]bool{}
	for range 3 {
		got := tell(t, p, "exit", again)
		if got.Lost {
			t.Errorf("got %+v", got)
		}
		seen[got.Stdout] = true
	}
	if len(seen) != 3 {
		t.Errorf("got %v; want three workers", seen)
	}
}

// What goes wrong in one request is that request's alone.
func TestFastCGIWorkerFaults(t *testing.T) {
	p := faulty(t, WorkerOptions{})
	for query, want := range map[string]told{
		"half":    {Stdout: "half", Lost: true, Why: "was killed by SIGKILL"},
		"die":     {Lost: true, Why: "was killed by SIGKILL"},
		"nothing": {Lost: true, Why: "closed its connection"},
		"garbage": {Lost: true, Why: `does not speak its protocol: FastCGI protocol error: not a record of version 1: "HTTP/1.1" (an HTTP server?)`},
		"other":   {Lost: true, Why: "does not speak its protocol: FastCGI protocol error: the server sent STDOUT for request 8; the request is 1"},
	} {
		got := tell(t, p, query)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", query, diff)
		}
		if got := tell(t, p, "pid"); got.Lost || !strings.HasSuffix(got.Stdout, " 1") {
			t.Errorf("after %s: got %+v; want a new worker", query, got)
		}
	}
	if got := tell(t, p, "die", again); !got.Lost {
		t.Errorf("two workers died of it: got %+v", got)
	}
}

// A worker that hangs is read no longer than the clock lets, and can be stopped.
func TestFastCGIWorkerHangs(t *testing.T) {
	p := faulty(t, WorkerOptions{})
	run, err := p.Start(t.Context(), &process.Spec{Env: []string{"QUERY_STRING=hang"}})
	if err != nil {
		t.Fatal(err)
	}
	run.Output().SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if _, err := run.Output().Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	run.Stop(time.Second)
	run.Output().SetReadDeadline(time.Time{})
	if n, err := run.Output().Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("got %d, %v", n, err)
	}
	run.Wait()
	if KeptOf(run).Ending().Lost == nil {
		t.Error("it looks whole")
	}
	if got := tell(t, p, "pid"); got.Lost {
		t.Errorf("got %+v", got)
	}
}

// php-cgi is not left to count its requests itself.
func TestWithoutRecycling(t *testing.T) {
	base := make([]string, 1, 10)
	base[0] = "A=b"
	got := withoutRecycling(base)
	if diff := cmp.Diff([]string{"A=b", "PHP_FCGI_MAX_REQUESTS=0"}, got); diff != "" {
		t.Error(diff)
	}
	if base[:2][1] != "" {
		t.Error("the other's list was written to")
	}
	own := []string{"PHP_FCGI_MAX_REQUESTS=7"}
	if diff := cmp.Diff(own, withoutRecycling(own)); diff != "" {
		t.Error(diff)
	}
}

// More than the 500 requests after which a php-cgi would end by itself.
func TestPHPCGIWorkerGoesOn(t *testing.T) {
	php := servertest.Require(t, "apt install php-cgi", "php-cgi")
	p := fcgiPool(t, WorkerOptions{}, php, "-n")
	script := write(t, "pid.php", `<?php echo getmypid();`, 0o600)
	seen := map[string]int{}
	for range 510 {
		got := tell(t, p, "", func(s *process.Spec) {
			s.Env = append(s.Env, "SCRIPT_FILENAME="+script, "REDIRECT_STATUS=200")
		})
		if got.Lost {
			t.Fatalf("after %v: got %+v", seen, got)
		}
		_, pid, _ := strings.Cut(got.Stdout, "\r\n\r\n")
		seen[pid]++
	}
	if len(seen) != 1 {
		t.Errorf("got %v; want one process", seen)
	}
}
