package fault_test

import (
	"strings"
	"testing"

	"framegate/server/internal/servertest"
)

// A frame that forks without end meets the limit of its user's processes, and
// all that it has started ends with it.
func TestForkBomb(t *testing.T) {
	requireRoot(t)
	perl := servertest.Require(t, "apt-get install perl", "perl")
	const bomb = `$| = 1; print "Content-Type: text/plain\n\nlit\n"; while (1) { select undef, undef, undef, 0.01 unless defined fork }`
	s := start(t, frame("bomb", []string{perl, "-e", bomb}, `user = "games"`, "processes = 40", `dir = "/"`, `total-timeout = "2s"`))
	most := 0
	got := make(chan answer, 1)
	go func() { got <- s.get("/bomb") }()
	s.until("the end of the bomb", func() bool {
		most = max(most, len(s.processes()))
		select {
		case a := <-got:
			if a.err == nil && a.status < 500 {
				t.Errorf("got %d %q, whole; want a cut answer, or a 5xx", a.status, a.body)
			}
			return true
		default:
			return false
		}
	})
	if most < 2 || most > 40 {
		t.Errorf("got up to %d processes; want 40 at the most, and more than one", most)
	}
	t.Logf("up to %d processes; record: %v", most, s.record("/bomb", 1))
	s.afterwards()
}

// A frame that wants more memory than its limit does not get it; nobody else
// notices.
func TestMemoryHog(t *testing.T) {
	perl := servertest.Require(t, "apt-get install perl", "perl")
	const hog = `push @all, ("x" x (1 << 20)) . $_ while @all < 4096; print "Content-Type: text/plain\n\n"`
	python := servertest.Require(t, "apt-get install python3", "/usr/bin/python3", "python3")
	const leak = "import sys\nprint('Content-Type: text/plain\\n\\nbegun', flush=True)\nall = []\nwhile len(all) < 4096: all.append(bytes([len(all) % 256]) * (1 << 20))\n"
	s := start(t, frame("ahead", []string{perl, "-e", hog}, `memory = "128MiB"`)+
		frame("behind", []string{python, "-c", leak}, `memory = "128MiB"`)+
		frame("modest", []string{perl, "-e", strings.Replace(hog, "4096", "16", 1)}, `memory = "128MiB"`))

	a := s.get("/ahead")
	s.want(a, 502, "")
	record := s.record("/ahead", 1)
	s.wantRecord(record, 502, "before it printed a header")
	if kib, _ := record["max_rss_kib"].(float64); kib > 160<<10 {
		t.Errorf("got a resident size of %v KiB; want less than 160 MiB", kib)
	}
	s.afterwards()

	// An exit status behind a header leaves the answer as it is, and is told.
	s.want(s.get("/behind"), 200, "begun\n")
	s.wantRecord(s.record("/behind", 1), 200, "exited with status 1 after a complete answer")
	if log := s.log.String(); !strings.Contains(log, "MemoryError") {
		t.Errorf("the log does not tell of the MemoryError")
	}
	s.afterwards()

	s.want(s.get("/modest"), 200, "")
	s.afterwards()
}

// A frame that wants all of the processor, all descriptors or the largest file
// gets what its limits say.
func TestOtherLimits(t *testing.T) {
	s := start(t, frame("cpu", []string{"/bin/sh", "-c", "while :; do :; done"}, `cpu-time = "1s"`)+
		frame("files", []string{"/bin/sh", "-c", "printf 'Content-Type: text/plain\\n\\n'; ulimit -n; exec 9>&1 && echo nine; exec 8>&1 && echo eight"}, "open-files = 9"))
	s.want(s.get("/cpu"), 502, "")
	s.wantRecord(s.record("/cpu", 1), 502, "was killed by SIGXCPU before it printed a header")
	s.afterwards()
	a := s.get("/files")
	if !strings.HasPrefix(a.body, "9\n") || strings.Contains(a.body, "nine") {
		t.Errorf("got %q; want 9, and no descriptor of that number", a.body)
	}
	s.afterwards()
}
