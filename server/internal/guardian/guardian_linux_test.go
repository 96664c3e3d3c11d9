package guardian

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"framegate/server/internal/testframe"
)

// noMain is the name of a program that has forgotten to call Main.
const noMain = "no-main"

// gatewayEnv makes the test binary a gateway: see gateway.
const gatewayEnv = "FRAMEGATE_TEST_GUARDIAN_GATEWAY"

func TestMain(m *testing.M) {
	if os.Args[0] != noMain {
		Main()
	}
	testframe.Main(os.Args)
	if frames := os.Getenv(gatewayEnv); frames != "" {
		os.Unsetenv(gatewayEnv)
		fmt.Fprintln(os.Stderr, "gateway:", gateway(frames))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// died is how long what a gateway leaves may live on.
const died = time.Second

// await returns nil when cond has come true in time.
func await(limit time.Duration, cond func() bool) error {
	for end := time.Now().Add(limit); ; time.Sleep(time.Millisecond) {
		if cond() {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("not within %v", limit)
		}
	}
}

// alive says whether pid runs; a zombie does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(stat), ") ")
	return err == nil && rest != "" && rest[0] != 'Z' && rest[0] != 'X'
}

// A frame prints the number of its child, which ignores SIGTERM, and its own.
func frame(session bool) []string {
	child := testframe.Grandchild(session, testframe.Ignore(syscall.SIGTERM), testframe.PrintPID(), testframe.Ready(), testframe.Hang())
	return testframe.Command(child, testframe.PrintPID(), testframe.Hang())
}

func start1(t *testing.T) *Guardian {
	t.Helper()
	g, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

// startFrame starts a frame of this test, which shows its child's number.
func startFrame(t *testing.T) (leader *exec.Cmd, child int) {
	t.Helper()
	argv := frame(false)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
	})
	if _, err := fmt.Fscanln(out, &child); err != nil {
		t.Fatal(err)
	}
	return cmd, child
}

func TestClose(t *testing.T) {
	g := start1(t)
	ended, spared := startFrame(t)
	left, child := startFrame(t)
	g.Started(g.Starting(), ended.Process.Pid)
	g.Started(g.Starting(), left.Process.Pid)
	g.Ended(ended.Process.Pid)
	for range 2 {
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
	}
	<-g.Done()
	if err := await(died, func() bool { return !alive(left.Process.Pid) && !alive(child) }); err != nil {
		t.Errorf("a group that was left: %v of the end", err)
	}
	if !alive(ended.Process.Pid) || !alive(spared) {
		t.Error("a group that had ended as such was killed")
	}
	g.Started(g.Starting(), left.Process.Pid) // late, and without harm
	g.Ended(left.Process.Pid)
}

func TestGuardianIsLost(t *testing.T) {
	g := start1(t)
	if err := syscall.Kill(g.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-g.Done()
	if err := g.Close(); err == nil || err.Error() != "the guardian: signal: killed" {
		t.Errorf("got %v; want %q", err, "the guardian: signal: killed")
	}
}

// The guardian holds nothing of the gateway's that anybody might wait for.
func TestHoldsNothing(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	g := start1(t)
	w.Close()
	if n, err := r.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("a pipe of the gateway's: got %d, %v; want its end", n, err)
	}
	proc := fmt.Sprintf("/proc/%d/", g.Pid())
	for _, tt := range []struct{ file, want string }{
		{"cwd", "/"}, {"fd/0", "/dev/null"}, {"fd/1", "/dev/null"}, {"fd/2", "/dev/null"}, {"fd/3", "socket:["}, {"fd/4", "/memfd:guardian"},
	} {
		got, err := os.Readlink(proc + tt.file)
		if err != nil || !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: got %q, %v; want %q", tt.file, got, err, tt.want)
		}
	}
	stat, err := os.ReadFile(proc + "stat")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	if fields := strings.Fields(rest); fields[2] != strconv.Itoa(g.Pid()) || fields[3] != strconv.Itoa(g.Pid()) {
		t.Errorf("process group and session: got %s, %s; want its own, %d", fields[2], fields[3], g.Pid())
	}
	if comm, err := os.ReadFile(proc + "comm"); string(comm) != "framegate-guard\n" || err != nil {
		t.Errorf("name: got %q, %v; want %q", comm, err, "framegate-guard\n")
	}
	cmdline, err := os.ReadFile(proc + "cmdline")
	if want := fmt.Sprintf("\x00--guardian-of=%d\x00", os.Getpid()); !strings.Contains(string(cmdline), want) || err != nil {
		t.Errorf("argv: got %q, %v; want %q in it", cmdline, err, want)
	}
}

func TestStartedByHand(t *testing.T) {
	other, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for name, files := range map[string][]*os.File{"nothing": nil, "other-files": {other, other}} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], marker+"1")
			cmd.ExtraFiles = files
			out, _ := cmd.CombinedOutput()
			want := "framegate: guardian: --guardian-of=...: only framegate itself starts it\n"
			if cmd.ProcessState.ExitCode() != 1 || string(out) != want {
				t.Errorf("got exit status %d, %q; want 1, %q", cmd.ProcessState.ExitCode(), out, want)
			}
		})
	}
}

// A program that does not call Main must learn it at once, and must not run
// as something else in the guardian's place.
func TestProgramWithoutMain(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Args[0] = noMain
	cmd.Env = append(os.Environ(), gatewayEnv+"=group 0")
	out, _ := cmd.CombinedOutput()
	want := "gateway: start the guardian: it ended at once: exit status 2\n"
	if string(out) != want {
		t.Errorf("got %q; want %q", out, want)
	}
}

// More starts than there are places wait for one, and none is lost.
func TestStartsAtTheSameTime(t *testing.T) {
	g := start1(t)
	var running sync.WaitGroup
	for range 3 * starts {
		running.Go(func() { g.Started(g.Starting(), 0) })
	}
	running.Wait()
	if got := len(g.free); got != starts {
		t.Errorf("free places: got %d; want %d", got, starts)
	}
}

func BenchmarkExchange(b *testing.B) {
	g, err := Start()
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	b.RunParallel(func(pb *testing.PB) {
		for pid := 1000; pb.Next(); pid = 1000 + (pid+1)%30000 {
			g.Started(g.Starting(), pid)
			g.Ended(pid)
		}
	})
}

func BenchmarkStartClose(b *testing.B) {
	for b.Loop() {
		g, err := Start()
		if err != nil {
			b.Fatal(err)
		}
		if err := g.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
