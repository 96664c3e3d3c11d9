package guardian

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"framegate/server/internal/cgroup"
)

// marker is the start of the guardian's first argument. A program that does
// not know the argument refuses it; a name in its place might be overlooked.
const marker = "--guardian-of="

// What the guardian is started with.
const (
	lineFD  = 3
	tableFD = 4
)

// Main is the guardian, when this program was started as one; otherwise it
// returns at once. It comes first in a program that calls Start.
func Main() {
	if len(os.Args) < 2 || !strings.HasPrefix(os.Args[1], marker) {
		return
	}
	// The terminal is another session's, but a service manager may signal
	// each process of the service.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
	if err := guard(os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "framegate: guardian:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// guard waits for the gateway's end and kills what it has left.
func guard(cgroups []string) error {
	if !isTable(tableFD) {
		return fmt.Errorf("%s...: only framegate itself starts it", marker)
	}
	unix.CloseOnExec(lineFD)
	unix.CloseOnExec(tableFD)
	// Otherwise it is "exe". For people only; so it may fail.
	os.WriteFile("/proc/self/comm", []byte("framegate-guard"), 0)
	syscall.Write(lineFD, []byte("!")) // when it fails, the end has come already
	awaitEnd()
	return clear(os.NewFile(tableFD, "table"), cgroups)
}

// awaitEnd returns when nobody has the other end of the line: neither the
// gateway nor a process that it was about to start when it died. It is
// syscall's read, which lets the runtime's other threads rest.
func awaitEnd() {
	var b [1]byte
	for {
		n, err := syscall.Read(lineFD, b[:])
		if n <= 0 && err != syscall.EINTR {
			return // the end, or a reset, which is the end with a byte unread
		}
	}
}

func clear(table *os.File, cgroups []string) error {
	pids, err := readTable(table)
	for _, pid := range pids {
		syscall.Kill(-pid, syscall.SIGKILL) // it may be gone already
	}
	if err != nil {
		return fmt.Errorf("read the table: %w", err)
	}
	for _, dir := range cgroups {
		if err := cgroup.Remove(dir); err != nil {
			return err
		}
	}
	return nil
}
