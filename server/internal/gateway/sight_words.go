package gateway

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// limitsInWords are the bounds of a process, for those who look at what it
// did under them.
func (f *frame) limitsInWords() []string {
	s := &f.cfg.Settings
	var words []string
	add := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	for _, limit := range []struct {
		name string
		d    time.Duration
	}{
		{"first-byte-timeout", s.FirstByteTimeout}, {"idle-timeout", s.IdleTimeout},
		{"total-timeout", s.TotalTimeout}, {"cpu-time", s.CPUTime},
	} {
		if limit.d > 0 {
			add("%s %s", limit.name, inWords(limit.d))
		}
	}
	for _, limit := range []struct {
		name string
		n    int64
	}{{"max-output", s.MaxOutput}, {"memory", s.Memory}} {
		if limit.n > 0 {
			add("%s %s", limit.name, bytesInWords(limit.n))
		}
	}
	if s.OpenFiles > 0 {
		add("open-files %d", s.OpenFiles)
	}
	if s.Processes > 0 {
		add("processes %d", s.Processes)
	}
	if s.User != "" {
		add("user %s", s.User)
	}
	if s.Group != "" {
		add("group %s", s.Group)
	}
	if s.NoNewPrivs {
		add("no-new-privs")
	}
	if s.Sandbox {
		network := ", no network"
		if s.Network {
			network = ""
		}
		add("sandbox: writes below %s%s", strings.Join(append([]string{f.dir}, s.WritePaths...), ", "), network)
	}
	return words
}

// inWords is a duration without the units that say nothing: "1m", not "1m0s".
func inWords(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func bytesInWords(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for i+1 < len(units) && n%1024 == 0 {
		n, i = n/1024, i+1
	}
	return strconv.FormatInt(n, 10) + units[i]
}
