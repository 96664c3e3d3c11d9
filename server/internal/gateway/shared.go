package gateway

import (
	"context"
	"os/exec"

	"framegate/server/internal/bridge"
	"framegate/server/internal/cgroup"
	"framegate/server/internal/process"
	"framegate/server/internal/runner"
)

// shared is what frames have in common and New finds out once: ten thousand
// frames of one program start as fast as they can be told apart. Only what is
// well is remembered: each frame that has something wrong tries again, and says
// so. It is for New's goroutine, but for bridges, which Advice has later.
type shared struct {
	umask    int // the gateway's own, -1 where that is not known
	cgroups  cgroup.Parent
	bridges  bridge.Shared
	found    map[string]string // executables by their names in commands
	whole    map[string]bool   // those with an interpreter that is there
	users    map[string]*process.User
	groupIDs map[string]int
}

func newShared() *shared {
	return &shared{
		umask: ownUmask(),
		found: map[string]string{}, whole: map[string]bool{},
		users: map[string]*process.User{}, groupIDs: map[string]int{},
	}
}

// program finds the executable that a command begins with, whose interpreter,
// if it has any, is there.
func (s *shared) program(ctx context.Context, name, dir string) (found bool, path string, err error) {
	if path, err = remembered(s.found, name, exec.LookPath); err != nil {
		return false, "", err
	}
	if path, err = s.bridges.Interpreter(ctx, path, dir); err != nil || s.whole[path] {
		return true, path, err
	}
	if err = runner.CheckInterpreter(path); err == nil {
		s.whole[path] = true
	}
	return true, path, err
}

// remembered is what find says of name, which is asked until that is no error.
func remembered[V any](known map[string]V, name string, find func(string) (V, error)) (V, error) {
	if v, ok := known[name]; ok {
		return v, nil
	}
	v, err := find(name)
	if err == nil {
		known[name] = v
	}
	return v, err
}
