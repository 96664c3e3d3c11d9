// Package frames_test holds frames/hello.* to one behaviour: the same bytes
// from every language, run directly and through the gateway.
package frames_test

import (
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"framegate/server/internal/servertest"
)

func TestMain(m *testing.M) { servertest.Main(m) }

// A language is one way to run the hello frame.
type language struct {
	name    string
	command func(t *testing.T) []string // skips the test when something is missing
}

// languages are all of them; compiled ones are built once, in t's directory.
func languages(t *testing.T) []language {
	dir := t.TempDir()
	return []language{
		{"sh", script("hello.sh", "apt-get install dash", "sh")},
		{"busybox-sh", script("hello.sh", "apt-get install busybox", "busybox", "sh")},
		{"awk", script("hello.awk", "apt-get install mawk", "awk", "-f")},
		{"mawk", script("hello.awk", "apt-get install mawk", "mawk", "-f")},
		{"gawk", script("hello.awk", "apt-get install gawk", "gawk", "-f")},
		{"busybox-awk", script("hello.awk", "apt-get install busybox", "busybox", "awk", "-f")},
		{"perl", script("hello.pl", "apt-get install perl", "perl")},
		{"python", script("hello.py", "apt-get install python3", "python3")},
		{"c", compiled(dir, "hello.c", "apt-get install gcc libc6-dev", "cc",
			"-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror")},
		{"go", compiled(dir, "hello.go", "https://go.dev/dl", "go", "build")},
	}
}

// script runs a file of frames/ with an interpreter.
func script(file, install, interpreter string, args ...string) func(t *testing.T) []string {
	return func(t *testing.T) []string {
		argv := append([]string{servertest.Require(t, install, interpreter)}, args...)
		return append(argv, frame(t, file))
	}
}

// compiled builds a file of frames/ into dir, once.
func compiled(dir, file, install, compiler string, args ...string) func(t *testing.T) []string {
	program := filepath.Join(dir, file+".bin")
	var once sync.Once
	return func(t *testing.T) []string {
		argv := append([]string{servertest.Require(t, install, compiler)}, args...)
		once.Do(func() {
			argv = append(argv, "-o", program, frame(t, file))
			if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
				t.Fatalf("build %s: %v\n%s", file, err, out)
			}
		})
		return []string{program}
	}
}

// frame is the absolute path of a file in frames/.
func frame(t *testing.T, file string) string {
	root, err := servertest.Root()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, "frames", file)
}
