package guardian

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"framegate/server/internal/cgroup"
)

// gateway starts a guardian and n frames, prints the process ids of all of
// them, and hangs. The frames have no PR_SET_PDEATHSIG: all is left to the
// guardian. With "cgroup" each frame's child is in a session of its own; with
// "starting" it never gets to say that the frames have started.
func gateway(frames string) error {
	g, err := Start()
	if err != nil {
		return err
	}
	fmt.Println(g.Pid())
	attr := &syscall.SysProcAttr{Setpgid: true}
	word, count, _ := strings.Cut(frames, " ")
	if word == "cgroup" {
		group, err := cgroup.Open("guarded", cgroup.Limits{})
		if err != nil {
			return err
		}
		fmt.Println(group.Path())
		attr.UseCgroupFD = true
		if attr.CgroupFD, err = group.FD(); err != nil {
			return err
		}
	}
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	argv := frame(word == "cgroup")
	for range n {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Stdout, cmd.SysProcAttr = os.Stdout, attr
		place := g.Starting()
		if err := cmd.Start(); err != nil {
			return err
		}
		if word == "starting" { // what the kernel would have done
			atomic.StoreInt32(place, int32(cmd.Process.Pid))
		} else {
			g.Started(place, cmd.Process.Pid)
		}
	}
	time.Sleep(time.Hour) // it is about to be killed
	return errors.New("still alive")
}

// startGateway returns a gateway's process and what it says.
func startGateway(t *testing.T, frames string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), gatewayEnv+"="+frames)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd, bufio.NewScanner(out)
}

func scanPID(t *testing.T, lines *bufio.Scanner) int {
	t.Helper()
	if !lines.Scan() {
		t.Fatalf("the gateway says no more: %v", lines.Err())
	}
	pid := number(t, lines.Text())
	t.Cleanup(func() {
		if alive(pid) {
			syscall.Kill(pid, syscall.SIGKILL) // only where the test has failed
		}
	})
	return pid
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestGatewayIsKilled(t *testing.T) {
	for _, tt := range []struct {
		name    string
		frames  string
		signals []syscall.Signal // to the guardian, before
	}{
		{"idle", "group 0", nil},
		{"one-frame", "group 1", nil},
		{"many-frames", "group 20", nil},
		{"starting", "starting 3", nil},
		{"signalled-before", "group 1", []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd, lines := startGateway(t, tt.frames)
			pids := []int{scanPID(t, lines)}
			_, n, _ := strings.Cut(tt.frames, " ")
			for range 2 * number(t, n) {
				pids = append(pids, scanPID(t, lines))
			}
			for _, sig := range tt.signals {
				if err := syscall.Kill(pids[0], sig); err != nil {
					t.Fatal(err)
				}
			}
			for _, pid := range pids {
				if !alive(pid) {
					t.Errorf("process %d has ended already", pid)
				}
			}
			killAndAwait(t, cmd, lines, pids)
		})
	}
}

// killAndAwait kills the gateway and waits for the end of pids.
func killAndAwait(t *testing.T, cmd *exec.Cmd, lines *bufio.Scanner, pids []int) {
	t.Helper()
	begun := time.Now()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		if err := await(died-time.Since(begun), func() bool { return !alive(pid) }); err != nil {
			t.Errorf("process %d: %v of the gateway's death", pid, err)
		}
	}
	t.Logf("%d processes are gone %v after the signal", len(pids), time.Since(begun).Round(100*time.Microsecond))
	if lines.Scan() {
		t.Errorf("the gateway has also said %q", lines.Text())
	}
}

// What has left the group, and the session, dies with its cgroup.
func TestGatewayIsKilledWithDaemons(t *testing.T) {
	probe, err := cgroup.Open("probe", cgroup.Limits{})
	if err != nil {
		t.Skip(err) // the documented gap: such processes live on
	}
	if err := probe.Close(); err != nil {
		t.Fatal(err)
	}
	cmd, lines := startGateway(t, "cgroup 3")
	pids := []int{scanPID(t, lines)}
	if !lines.Scan() {
		t.Fatal("the gateway names no cgroup")
	}
	dir := lines.Text()
	for range 6 {
		pids = append(pids, scanPID(t, lines))
	}
	killAndAwait(t, cmd, lines, pids)
	for _, dir := range []string{dir, filepath.Dir(dir)} {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %v; want that it is gone", dir, err)
		}
	}
}
