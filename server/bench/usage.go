package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// ticks of /proc/PID/stat in a second: USER_HZ is 100 on every Linux.
const ticks = 100

// root is the first process of one of a server's commands.
type root struct {
	pid  int
	solo bool // its processes run the app themselves
}

// proc is what /proc tells of one process.
type proc struct {
	pid, parent int
	own         time.Duration // its own processor time
	reaped      time.Duration // that of the children it has waited for
}

func processes() map[int]proc {
	all := map[int]proc{}
	names, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		end := bytes.LastIndexByte(data, ')') // the name before it may hold anything
		pid, err := strconv.Atoi(string(data[:bytes.IndexByte(data, ' ')]))
		fields := strings.Fields(string(data[end+1:]))
		if err != nil || len(fields) < 15 {
			continue
		}
		n := func(i int) int { v, _ := strconv.Atoi(fields[i]); return v }
		second := time.Second / ticks
		all[pid] = proc{pid: pid, parent: n(1), own: time.Duration(n(11)+n(12)) * second, reaped: time.Duration(n(13)+n(14)) * second}
	}
	return all
}

// tree is root and its descendants.
func tree(root int) []proc {
	all := processes()
	var found []proc
	var add func(pid int)
	add = func(pid int) {
		p, ok := all[pid]
		if !ok {
			return
		}
		found = append(found, p)
		for _, c := range all {
			if c.parent == pid {
				add(c.pid)
			}
		}
	}
	add(root)
	return found
}

// cpu is the processor time of a server's own processes, and that of the
// programs that it runs: those that it has waited for, and those that are
// still there. A program is told from the server by what it executes; where
// the app is in the server's own processes (solo), all of it is the app's.
func cpu(roots []root) (server, children time.Duration) {
	for _, r := range roots {
		executable := executableOf(r.pid)
		for _, p := range tree(r.pid) {
			if r.solo || executableOf(p.pid) != executable {
				children += p.own
			} else {
				server += p.own
			}
			children += p.reaped
		}
	}
	return server, children
}

func executableOf(pid int) string {
	name, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)) // "" once it has ended
	return name
}

// peak is the sum of the peaks of a server's processes. Pages that they share
// are counted for each.
func peak(roots []root) (kib int64) {
	for _, r := range roots {
		for _, p := range tree(r.pid) {
			kib += statusKiB(p.pid, "VmHWM:")
		}
	}
	return kib
}

func describeMachine() string {
	mem, _ := os.ReadFile("/proc/meminfo")
	var kib int64
	fmt.Sscanf(string(mem), "MemTotal: %d kB", &kib)
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	load, _ := os.ReadFile("/proc/loadavg")
	busy, _, _ := strings.Cut(string(load), " ")
	return fmt.Sprintf("%d cores, %d GiB, Linux %s, %s, load %s at the start, %s",
		runtime.NumCPU(), (kib+1<<19)>>20, strings.TrimSpace(string(kernel)), runtime.Version(), busy, time.Now().UTC().Format("2006-01-02"))
}

// residentKiB is what a process has in memory now, 0 once it has ended.
func residentKiB(pid int) int64 { return statusKiB(pid, "VmRSS:") }

// statusKiB is a line of /proc/PID/status.
func statusKiB(pid int, key string) (kib int64) {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			kib, _ = strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		}
	}
	return kib
}
