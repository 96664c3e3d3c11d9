package soak_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// usage is what a process has, as /proc tells it.
type usage struct {
	residentKiB int
	descriptors int
	threads     int
}

func usageOf(pid int) (usage, error) {
	var u usage
	dir := "/proc/" + strconv.Itoa(pid)
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		switch name {
		case "VmRSS":
			u.residentKiB = n
		case "Threads":
			u.threads = n
		}
	}
	fds, err := os.ReadDir(dir + "/fd")
	u.descriptors = len(fds)
	return u, err
}

// descriptors says what the descriptors of a process are, for a finding.
func descriptors(pid int) string {
	kinds := map[string]int{}
	links, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/fd/*")
	for _, link := range links {
		target, _ := os.Readlink(link)
		kind, _, _ := strings.Cut(target, ":[")
		kinds[kind]++
	}
	return fmt.Sprint(kinds)
}

// leftovers are the children of a process, zombies among them, and every
// process that carries the run's marker, whoever's child it has become, but
// for those that are known.
func leftovers(parent int, run string, known []string) (list []string) {
	mark := []byte("\x00" + marker + "=" + run + "\x00")
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has just ended
		}
		// PID (NAME) STATE PPID …, and the name may hold anything.
		end := bytes.LastIndexByte(stat, ')')
		fields := strings.Fields(string(stat[end+1:]))
		if end < 0 || len(fields) < 2 {
			continue
		}
		environ, _ := os.ReadFile(filepath.Dir(path) + "/environ")
		child := fields[1] == strconv.Itoa(parent)
		if child || bytes.Contains(append([]byte{0}, environ...), mark) {
			argv, _ := os.ReadFile(filepath.Dir(path) + "/cmdline")
			one := fmt.Sprintf("%s child of %s, %.80q", stat[:end+1], fields[1], argv)
			if fields[0] == "Z" {
				one += ", a zombie"
			}
			if !slices.Contains(known, one) {
				list = append(list, one)
			}
		}
	}
	return list
}

// eventually asks check until it has nothing to say, or the time is over;
// then what it last said is a finding.
func eventually(t *testing.T, limit time.Duration, check func() string) {
	t.Helper()
	for deadline := time.Now().Add(limit); ; {
		finding := check()
		if finding == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("after %v: %s", limit, finding)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}
