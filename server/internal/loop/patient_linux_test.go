package loop_test

import (
	"io"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"framegate/server/internal/loop"
)

// A patient loop is so alone: neither what is started meanwhile nor the loop
// itself, afterwards, runs as a batch job.
func TestPatient(t *testing.T) {
	l := open(t, &script{}, loop.Options{})
	policy := func(pid int) uint32 {
		attr, err := unix.SchedGetAttr(pid, 0)
		if err != nil {
			t.Error(err)
			return 0
		}
		return attr.Policy
	}
	on := func(f func() uint32) uint32 {
		got := make(chan uint32)
		l.Post(func() { got <- f() })
		select {
		case p := <-got:
			return p
		case <-time.After(30 * time.Second):
			t.Fatal("the loop does not answer")
			return 0
		}
	}
	if got := on(func() uint32 { l.Patient(true); return policy(0) }); got != unix.SCHED_BATCH {
		t.Errorf("patient: got policy %d, want %d", got, unix.SCHED_BATCH)
	}
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if got := policy(cmd.Process.Pid); got != unix.SCHED_NORMAL {
		t.Errorf("a process: got policy %d, want %d", got, unix.SCHED_NORMAL)
	}
	cmd.Process.Kill()
	cmd.Wait()
	if got := on(func() uint32 { l.Patient(false); return policy(0) }); got != unix.SCHED_NORMAL {
		t.Errorf("afterwards: got policy %d, want %d", got, unix.SCHED_NORMAL)
	}
	byOperator := on(func() uint32 {
		if err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_BATCH}, 0); err != nil {
			t.Error(err)
		}
		l.Patient(true)
		l.Patient(false)
		return policy(0)
	})
	if byOperator != unix.SCHED_BATCH {
		t.Errorf("an operator's policy: got %d, want %d", byOperator, unix.SCHED_BATCH)
	}
}

// The loop's thread may have started processes ahead of its being that. It
// stays, or they would be killed.
func TestThreadStays(t *testing.T) {
	l := open(t, &script{}, loop.Options{})
	cmd := exec.Command("cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan error)
	l.Post(func() {
		l.Patient(true)
		started <- cmd.Start()
	})
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	l.Close()
	l.Wait()
	for end := time.Now().Add(100 * time.Millisecond); time.Now().Before(end); {
		if _, err := io.WriteString(in, "x"); err != nil {
			t.Fatalf("the process has ended: %v", err)
		}
		if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
			t.Fatalf("the process has ended: %v", err)
		}
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
