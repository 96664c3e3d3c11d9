//go:build linux && (amd64 || arm64)

package process

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// free is Limits that bound nothing, for a test to add to.
func free() Limits { return Limits{Umask: -1, Group: -1} }

// confined runs a shell script under limits.
func confined(t *testing.T, limits Limits, script string) (string, Exit) {
	t.Helper()
	c, err := Confine(limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	out, exit, err := spawned(t, hasClone3(), &Spec{
		Path: "/bin/sh", Argv: []string{"sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"}, Dir: "/", Confinement: c,
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out), exit
}

func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may change the user")
	}
}

func TestConfineLimits(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Limits)
		script string
		want   string
	}{
		{"memory", func(l *Limits) { l.Memory = 64 << 20 }, "ulimit -d", "65536"},
		{"memory hog", func(l *Limits) { l.Memory = 64 << 20 }, `python3 -c 'bytearray(1 << 30)' 2>&1 | tail -n 1`, "MemoryError"},
		{"cpu-time", func(l *Limits) { l.CPUTime = 1500 * time.Millisecond }, "ulimit -St; ulimit -Ht", "2\n3"},
		{"open-files", func(l *Limits) { l.OpenFiles = 20 }, "ulimit -Sn; ulimit -Hn", "20\n20"},
		{"processes", func(l *Limits) { l.Processes = 7 }, "grep 'Max processes' /proc/self/limits | tr -s ' ' | cut -d' ' -f3,4", "7 7"},
		{"umask", func(l *Limits) { l.Umask = 0o027 }, "umask", "0027"},
		{"umask 0", func(l *Limits) { l.Umask = 0 }, "umask", "0000"},
		{"no-new-privs", func(l *Limits) { l.NoNewPrivs = true }, "grep NoNewPrivs /proc/self/status | cut -f2", "1"},
		{"nothing", func(l *Limits) {}, "ulimit -d; grep NoNewPrivs /proc/self/status | cut -f2", "unlimited\n0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			limits := free()
			tt.change(&limits)
			if got, _ := confined(t, limits, tt.script); got != tt.want {
				t.Errorf("got %q; want %q", got, tt.want)
			}
		})
	}
}

func TestConfineCPUTimeKills(t *testing.T) {
	limits := free()
	limits.CPUTime = time.Second
	if _, exit := confined(t, limits, "while :; do :; done"); exit.Signal != syscall.SIGXCPU {
		t.Errorf("got exit %+v; want SIGXCPU", exit)
	}
}

func TestConfineUser(t *testing.T) {
	asRoot(t)
	nobody, err := LookupUser("nobody")
	if err != nil {
		t.Fatal(err)
	}
	daemon, err := LookupGroup("daemon")
	if err != nil {
		t.Fatal(err)
	}
	const script = "id -u; id -G; grep Groups /proc/self/status | cut -f2"
	limits := free()
	limits.User = nobody
	if got, _ := confined(t, limits, script); got != "65534\n65534\n65534" {
		t.Errorf("got %q; want nobody and no group of root's", got)
	}
	limits.Group = daemon
	if got, _ := confined(t, Limits{Umask: -1, Group: daemon}, script); got != "0\n1" {
		t.Errorf("got %q; want root in group daemon and no other", got)
	}
	if got, _ := confined(t, limits, "id -u; id -g"); got != "65534\n1" {
		t.Errorf("got %q; want nobody in group daemon", got)
	}
}

// The fork bomb is bounded by the limit of its user's processes: the shell
// that meets it cannot fork.
func TestConfineForkBomb(t *testing.T) {
	asRoot(t)
	limits := free()
	var err error
	if limits.User, err = LookupUser("games"); err != nil {
		t.Fatal(err)
	}
	limits.Processes = 8
	out, _ := confined(t, limits, "i=0; while [ $i -lt 50 ]; do sleep 5 & i=$((i+1)); done; kill -9 $(jobs -p); echo all started")
	if !strings.Contains(out, "fork") || strings.Contains(out, "all started") {
		t.Errorf("got %q; want a refused fork", out)
	}
}

func TestConfineSandbox(t *testing.T) {
	inside, outside := t.TempDir(), t.TempDir()
	for _, dir := range []string{inside, outside} {
		if err := os.WriteFile(filepath.Join(dir, "file"), []byte("old"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	limits := free()
	limits.Sandbox = &Sandbox{WritePaths: []string{inside}}
	// Each line runs on its own; what must not work must not have worked.
	for _, tt := range []struct {
		name, script string
		works        bool
	}{
		{"read outside", "cat " + outside + "/file", true},
		{"execute outside", "/bin/true", true},
		{"write inside", "echo new >" + inside + "/file", true},
		{"make inside", "mkdir " + inside + "/d && rmdir " + inside + "/d", true},
		{"write to /dev/null", "echo x >/dev/null", true},
		{"write outside", "echo new >" + outside + "/file", false},
		{"truncate outside", "truncate -s 0 " + outside + "/file", false},
		{"make outside", "mkdir " + outside + "/d", false},
		{"remove outside", "rm -f " + outside + "/file", false},
		{"rename out", "mv " + inside + "/file " + outside + "/file", false},
		{"TCP", `python3 -c 'import socket; socket.socket(socket.AF_INET)'`, false},
		{"UDP", `python3 -c 'import socket; socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)'`, false},
		{"Unix socket pair", `python3 -c 'import socket; socket.socketpair(); socket.socket(socket.AF_UNIX)'`, true},
		{"signal to the gateway", "kill -0 $PPID", false},
		{"signal to a child", "sleep 9 & kill $!", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, exit := confined(t, limits, "("+tt.script+") 2>&1")
			if exit.Clean() != tt.works {
				t.Errorf("got exit %+v, output %q; want it to work: %v", exit, out, tt.works)
			}
		})
	}
	if got, err := os.ReadFile(filepath.Join(outside, "file")); err != nil || string(got) != "old" {
		t.Errorf("got %q, %v outside; want it unchanged", got, err)
	}
}

func TestConfineSandboxWithNetwork(t *testing.T) {
	limits := free()
	limits.Sandbox = &Sandbox{Network: true}
	script := `python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()'`
	if out, exit := confined(t, limits, script); !exit.Clean() {
		t.Errorf("got exit %+v, %q; want a listening socket", exit, out)
	}
}

func TestLookup(t *testing.T) {
	if u, err := LookupUser("0"); err != nil || u.UID != 0 {
		t.Errorf("got %+v, %v; want root by number", u, err)
	}
	if _, err := LookupUser("no-such-user"); err == nil {
		t.Error("got no error for a user that is none")
	}
	if g, err := LookupGroup("root"); err != nil || g != 0 {
		t.Errorf("got %d, %v; want 0", g, err)
	}
	if _, err := LookupGroup("no-such-group"); err == nil {
		t.Error("got no error for a group that is none")
	}
}
