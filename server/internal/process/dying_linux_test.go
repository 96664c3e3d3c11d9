package process

import (
	"os/exec"
	"testing"
)

// A process that has closed its stdout is not dying; one that has ended, and
// is not yet reaped, is.
func TestIsDying(t *testing.T) {
	tests := []struct {
		name, script string
		want         bool
	}{
		{"lives on", "exec >&-; exec sleep 60", false},
		{"exits", "exit 1", true},
		{"is killed", "kill -KILL $$", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cmd := exec.Command("/bin/sh", "-c", test.script)
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Wait()
			defer cmd.Process.Kill()
			if n, err := stdout.Read(make([]byte, 1)); n > 0 || err == nil {
				t.Fatalf("read %d bytes, %v; want the end", n, err)
			}
			if got := isDying(cmd.Process.Pid); got != test.want {
				t.Errorf("got %v; want %v", got, test.want)
			}
		})
	}
}

func TestIsDyingWithoutProcess(t *testing.T) {
	if isDying(1 << 30) {
		t.Error("a process that does not exist is dying")
	}
}
