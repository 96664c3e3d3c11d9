// Package scripts_test runs scripts/frame-*.sh in the shells that people have,
// and holds what they make of a request to what framegate makes of it.
package scripts_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"framegate/server/internal/servertest"
)

func TestMain(m *testing.M) { servertest.Main(m) }

// commandTimeout bounds one run of a script.
const commandTimeout = time.Minute

// A shell is how one shell is called.
type shell struct {
	name string
	argv []string
	// quietDot says that "." hands no arguments to what it sources.
	quietDot bool
}

// shells are those that frame-env.sh promises to work in, and, where they are
// installed, more of them.
func shells(t *testing.T) []shell {
	t.Helper()
	list := []shell{
		{name: "bash", argv: []string{servertest.Require(t, "apt-get install bash", "bash")}},
		{name: "bash-posix", argv: []string{"bash", "--posix"}},
		{name: "dash", argv: []string{servertest.Require(t, "apt-get install dash", "dash")}, quietDot: true},
		{name: "busybox", argv: []string{servertest.Require(t, "apt-get install busybox", "busybox"), "sh"}},
		{name: "zsh", argv: []string{servertest.Require(t, "apt-get install zsh", "zsh")}},
		{name: "zsh-sh", argv: []string{"zsh", "--emulate", "sh"}},
	}
	for _, name := range []string{"mksh", "ksh93"} {
		if _, err := exec.LookPath(name); err == nil {
			list = append(list, shell{name: name, argv: []string{name}})
		}
	}
	return list
}

// plainShells are those that run the scripts which are not sourced.
func plainShells(t *testing.T) []shell {
	t.Helper()
	return slices.DeleteFunc(shells(t), func(s shell) bool { return !slices.Contains([]string{"bash", "dash", "busybox"}, s.name) })
}

// script is the absolute path of a file in scripts/.
func script(t *testing.T, file string) string {
	t.Helper()
	return repository(t, "scripts", file)
}

// repository is the absolute path of a file of this repository.
func repository(t *testing.T, path ...string) string {
	t.Helper()
	root, err := servertest.Root()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(append([]string{root}, path...)...)
}

// A result is what a program has printed and how it ended.
type result struct {
	stdout, stderr string
	status         int
}

// run runs a program to its end, whatever that is.
func run(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = 5 * time.Second // for what it left behind with its output open
	err := cmd.Run()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatalf("%s: %v\n%s", cmd, err, &stderr)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// command is a program of which the test's end is the end.
func command(t *testing.T, argv ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandTimeout)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = t.TempDir()
	return cmd
}

// say is a script given to a shell with -c, and its positional parameters.
func (s shell) say(t *testing.T, text string, args ...string) *exec.Cmd {
	t.Helper()
	return command(t, slices.Concat(s.argv, []string{"-c", text, s.name}, args)...)
}

// do is a script file given to a shell.
func (s shell) do(t *testing.T, file string, args ...string) *exec.Cmd {
	t.Helper()
	return command(t, slices.Concat(s.argv, []string{script(t, file)}, args)...)
}

// gateway is `framegate run` on a configuration.
func gateway(t *testing.T, toml string, args ...string) *exec.Cmd {
	t.Helper()
	file := filepath.Join(t.TempDir(), "gateway.toml")
	if err := os.WriteFile(file, []byte(toml), 0o644); err != nil {
		t.Fatal(err)
	}
	return command(t, slices.Concat([]string{servertest.Build(t), "run", "-c", file}, args)...)
}

// mounted is a configuration of one command.
func mounted(mount string, argv ...string) string {
	quoted := make([]string, len(argv))
	for i, arg := range argv {
		quoted[i] = fmt.Sprintf("%q", arg)
	}
	return fmt.Sprintf("[[frame]]\nname = \"frame\"\nmount = %q\ncommand = [%s]\n", mount, strings.Join(quoted, ", "))
}

// quote quotes for a shell.
func quote(args ...string) string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
	}
	return strings.Join(quoted, " ")
}
