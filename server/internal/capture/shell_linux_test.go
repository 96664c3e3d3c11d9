package capture

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"framegate/server/internal/servertest"
)

// shell is one of those that a capture runs under.
type shell struct {
	name string
	argv []string
	text bool // it knows characters, and no other bytes
}

// shells are those of this machine; the ones that everybody has are required.
func shells(t *testing.T) []shell {
	t.Helper()
	var list []shell
	for _, s := range []shell{
		{"dash", []string{"dash"}, false},
		{"bash", []string{"bash"}, false},
		{"bash as sh", []string{"bash", "--posix"}, false},
		{"busybox", []string{"busybox", "sh"}, false},
		{"mksh", []string{"mksh"}, false},
		{"ksh93", []string{"ksh93"}, false},
		{"zsh", []string{"zsh"}, false},
		{"zsh as sh", []string{"zsh", "--emulate", "sh"}, false},
		{"yash", []string{"yash"}, true},
	} {
		if _, err := exec.LookPath(s.argv[0]); err != nil {
			if os.Getenv("FRAMEGATE_REQUIRE") == "all" {
				t.Fatalf("%s is missing: apt-get install dash bash busybox mksh ksh93u+m zsh yash", s.argv[0])
			}
			continue
		}
		list = append(list, s)
	}
	if len(list) == 0 {
		servertest.Missing(t, "no shell: apt-get install dash")
	}
	return list
}

// run runs a capture as that shell does; LANG is a user's own.
func (s shell) run(file string, args ...string) *exec.Cmd {
	argv := append(append(s.argv[1:len(s.argv):len(s.argv)], file), args...)
	cmd := exec.Command(s.argv[0], argv...)
	cmd.Env = append(os.Environ(), "LANG=C.UTF-8", "LC_ALL=C.UTF-8")
	return cmd
}

// dump is a program that prints all that a process is given.
const dump = `printf '%s\0' "$0" "$@"; cat "/proc/$$/environ"; pwd; umask; ls "/proc/$$/fd"; cat`

func dumpExchange(env []string, dir string, body []byte, args ...string) *Exchange {
	return &Exchange{
		ID: "0011223344556677", Frame: "dump", Mode: "exec",
		Request: Request{Method: "POST", Target: "/dump", Proto: "HTTP/1.1", Host: "h"},
		Program: Program{
			Path: "/bin/dash", Argv: append([]string{"/bin/dash", "-c", dump}, args...), Env: env, Dir: dir, Umask: 0o027,
		},
		Stdin: Stream{Head: body, Size: int64(len(body)), Read: -1},
	}
}

// direct is what the program of x prints when it is run as it was captured.
func direct(t *testing.T, x *Exchange) string {
	t.Helper()
	cmd := exec.Command(x.Program.Path)
	cmd.Args, cmd.Env, cmd.Dir = x.Program.Argv, x.Program.Env, x.Program.Dir
	cmd.Stdin = bytes.NewReader(x.Stdin.Head)
	old := syscall.Umask(x.Program.Umask)
	out, err := cmd.Output()
	syscall.Umask(old)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func write(t *testing.T, x *Exchange, o WriteOptions) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a capture.sh")
	var b bytes.Buffer
	if err := Write(&b, x, o); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func allText(words []string) bool {
	for _, w := range words {
		if !isText(w, "\n\t") {
			return false
		}
	}
	return true
}

// differ shows where got and want part.
func differ(got, want string) string {
	at := 0
	for at < len(got) && at < len(want) && got[at] == want[at] {
		at++
	}
	from := max(at-40, 0)
	return fmt.Sprintf("byte %d of %d and %d: got %.80q; want %.80q", at, len(got), len(want), got[from:], want[from:])
}

// A program sees under any shell what it saw behind the gateway.
func TestProgramSeesTheSame(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's a 目录\n")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	type sight struct {
		name string
		x    *Exchange
	}
	tests := []sight{
		{"little", dumpExchange([]string{"A=b", "E="}, "/", nil)},
		{"text", dumpExchange([]string{"A=it's", "CONTENT_LENGTH=5", "Z=中文\n $(x) `y` \\ \"\n\n"}, dir, []byte("a=b\n\n"), "", "-n", "--env", "A=b")},
		{"every byte", dumpExchange([]string{"ALL=" + everyByte(), "TAIL=\xe4", "LINES=\n\n\n"}, "/", []byte("x"), everyByte(), "\r")},
		{"lines", dumpExchange([]string{"A=b"}, "/", []byte("--x\r\nA: b\r\n\r\nit's 中\r\n--x--"))},
		{"lines with an end", dumpExchange([]string{"A=b"}, "/", []byte("-n\r\n%s\r\n"))},
		{"an environ of one long variable", dumpExchange([]string{"A=" + randomBytes(r, 60<<10, false)}, "/", nil)},
		{"a long body", dumpExchange([]string{"A=b"}, "/", []byte(randomBytes(r, 200<<10, true)))},
		{"a long text", dumpExchange([]string{"A=b"}, "/", []byte(strings.Repeat("it's '' 中文\n", 10<<10)))},
	}
	for i := range 6 {
		env := []string{"PATH=/bin"}
		for j := range r.IntN(5) {
			env = append(env, fmt.Sprintf("T%d=%s", j, randomText(r, r.IntN(40))))
		}
		text := i%2 == 0
		for j := 0; !text && j < r.IntN(4); j++ {
			env = append(env, fmt.Sprintf("B%d=%s", j, randomBytes(r, r.IntN(300), false)))
		}
		body := randomText(r, r.IntN(200))
		if !text {
			body = randomBytes(r, r.IntN(3000), true)
		}
		tests = append(tests, sight{fmt.Sprintf("random %d", i), dumpExchange(env, dir, []byte(body), randomText(r, 5), "")})
	}
	for _, test := range tests {
		want := direct(t, test.x)
		file := write(t, test.x, WriteOptions{Reveal: true})
		text := allText(test.x.Program.Env) && allText(test.x.Program.Argv)
		for _, s := range shells(t) {
			t.Run(test.name+"/"+s.name, func(t *testing.T) {
				var stderr bytes.Buffer
				cmd := s.run(file)
				cmd.Stderr = &stderr
				got, err := cmd.Output()
				if s.text && !text {
					if cmd.ProcessState.ExitCode() != 125 || !strings.Contains(stderr.String(), "take another shell") {
						t.Errorf("got %v, %q; want it to say that this shell will not do", err, stderr.String())
					}
					return
				}
				if err != nil || stderr.Len() > 0 {
					t.Errorf("got %v, stderr %q; want neither", err, stderr.String())
				}
				if string(got) != want {
					t.Error(differ(string(got), want))
				}
			})
		}
	}
}
