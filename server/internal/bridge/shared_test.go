package bridge

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"framegate/server/internal/config"
	"framegate/server/internal/servertest"
)

// Python is asked who it is, and compiles the bridge, once for all frames that
// it runs, however many they are.
func TestSharedStarts(t *testing.T) {
	python := servertest.Require(t, "apt-get install python3", "/usr/bin/python3")
	dir, other := t.TempDir(), t.TempDir()
	starts := filepath.Join(dir, "starts")
	shim := filepath.Join(dir, "python3") // which does not say what it runs
	script := fmt.Sprintf("#!/bin/sh\necho >> %s\ncase \"$*\" in *sys.executable*) echo %s;; *) exec %s \"$@\";; esac\n", starts, shim, python)
	if err := os.WriteFile(shim, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	var shared Shared
	open := func(dir, mode string) *Bridge {
		b, err := Open(context.Background(), Options{
			Frame: &config.Frame{App: "web:application", Mode: mode, Settings: config.Settings{PathInfo: "text", Interpreter: shim}},
			Dir:   dir, Shared: &shared,
		})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, tt := range []struct {
		name, dir, mode string
		want            int
	}{
		{"the first", dir, "exec", 2}, {"the second", dir, "exec", 0}, {"a warm one", dir, "worker", 1},
		{"another warm one", dir, "fork", 0}, {"of another directory: a shim may go by that", other, "exec", 2},
	} {
		before, _ := os.ReadFile(starts)
		b := open(tt.dir, tt.mode)
		after, _ := os.ReadFile(starts)
		if got := strings.Count(string(after), "\n") - strings.Count(string(before), "\n"); got != tt.want {
			t.Errorf("%s: got %d starts; want %d", tt.name, got, tt.want)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(b.Argv[b.Script]); err != nil {
			t.Errorf("%s: after its Close, which leaves the others' files: %v", tt.name, err)
		}
	}
	laid := open(dir, "exec").Argv[3]
	if err := shared.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Dir(laid)); !os.IsNotExist(err) {
		t.Errorf("after the last Close: got %v; want the files gone", err)
	}
}

// A Python is the same wherever it is called; that it can be called there is
// looked at all the same.
func TestSharedDirectories(t *testing.T) {
	python := servertest.Require(t, "apt-get install python3", "/usr/bin/python3")
	var shared Shared
	if !isPython(python) {
		t.Skipf("%s is none itself", python)
	}
	for range 2 {
		if got, err := shared.Interpreter(context.Background(), python, t.TempDir()); err != nil || got != python {
			t.Errorf("got %q, %v; want %q", got, err, python)
		}
	}
	if len(shared.real) != 1 {
		t.Errorf("got %d answers; want one for both directories", len(shared.real))
	}
	if _, err := shared.Interpreter(context.Background(), python, filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("got no error for a directory that is not there")
	}
}
