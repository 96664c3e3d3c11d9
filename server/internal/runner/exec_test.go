package runner

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"framegate/server/internal/process"
	"framegate/server/internal/testframe"
)

func TestMain(m *testing.M) {
	testframe.Main(os.Args)
	goleak.VerifyTestMain(m)
}

// write makes a file of that mode in a directory of its own.
func write(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// finish reads a run to its end.
func finish(t *testing.T, r Run) string {
	t.Helper()
	data, err := io.ReadAll(r.Output())
	if err != nil {
		t.Errorf("stdout: %v", err)
	}
	<-r.Done()
	if a, b := r.Exit(), r.Wait(); a != b {
		t.Errorf("Exit says %+v, Wait says %+v", a, b)
	}
	return string(data)
}

func TestExec(t *testing.T) {
	argv := testframe.Command(testframe.ReadAll(), testframe.Print("read"), testframe.Exit(5))
	r, err := new(Exec).Start(t.Context(), &process.Spec{Path: argv[0], Argv: argv, Dir: "/", Feed: strings.NewReader("body")})
	if err != nil {
		t.Fatal(err)
	}
	if got := finish(t, r); got != "read" || r.Exit().Code != 5 {
		t.Errorf("got %q and status %d; want %q and 5", got, r.Exit().Code, "read")
	}
	if err := syscall.Kill(r.Pid(), 0); err != syscall.ESRCH {
		t.Errorf("process %d: kill 0 says %v; want %v", r.Pid(), err, syscall.ESRCH)
	}
	if err := new(Exec).Close(); err != nil {
		t.Error(err)
	}
}

// busy makes a program that is open for writing, and whose body says so.
func busy(t *testing.T) (spec *process.Spec, writer *os.File) {
	t.Helper()
	program, err := os.ReadFile("/bin/cat")
	if err != nil {
		t.Fatal(err)
	}
	path := write(t, "cat", string(program), 0o755)
	writer, err = os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { writer.Close() })
	return &process.Spec{Path: path, Argv: []string{"cat"}, Dir: "/", Feed: bytes.NewReader([]byte("whole"))}, writer
}

// golang/go#22315: a program that is being replaced is busy for a moment. The
// body is still whole at the try that succeeds.
func TestBusyProgramIsTriedAgain(t *testing.T) {
	spec, writer := busy(t)
	switch p, err := process.Start(spec); {
	case err == nil:
		finish(t, p)
		t.Skip("this kernel runs a program that is open for writing, as Linux 6.11 did")
	case !errors.Is(err, syscall.ETXTBSY):
		t.Fatalf("got %v; want %v", err, syscall.ETXTBSY)
	}
	time.AfterFunc(20*time.Millisecond, func() { writer.Close() })
	r, err := new(Exec).Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if got := finish(t, r); got != "whole" {
		t.Errorf("got %q; want %q", got, "whole")
	}
}

func TestBusyProgramIsGivenUp(t *testing.T) {
	spec, _ := busy(t)
	if _, err := new(Exec).Start(t.Context(), spec); !errors.Is(err, ErrProgram) || !strings.Contains(err.Error(), "text file busy") {
		t.Errorf("a program that stays busy: got %v; want %v: … text file busy", err, ErrProgram)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := new(Exec).Start(ctx, spec); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits any more: got %v; want %v", err, context.Canceled)
	}
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	tests := []struct {
		name string
		spec process.Spec
		kind error
		want string // behind the kind; PATH stands for the spec's
	}{
		{"missing", process.Spec{Path: dir + "/none"}, ErrProgram, "PATH: no such file"},
		{"missing interpreter", process.Spec{Path: write(t, "a", "#!/none/sh\n", 0o755)}, ErrProgram,
			`PATH: the interpreter of its first line "#!/none/sh" is missing`},
		{"CRLF", process.Spec{Path: write(t, "a", "#!/bin/sh\r\n", 0o755)}, ErrProgram,
			`PATH: the interpreter of its first line "#!/bin/sh\r" is missing: the line ends in CR LF, convert the file to LF`},
		{"no first line", process.Spec{Path: write(t, "a", "echo\n", 0o755)}, ErrProgram,
			"PATH: exec format error: a script needs a first line like #!/bin/sh"},
		{"no run bit", process.Spec{Path: write(t, "a", "#!/bin/sh\n", 0o644)}, ErrProgram,
			"PATH: permission denied: it needs the run bit (chmod +x)"},
		{"below a file", process.Spec{Path: "/etc/passwd/a"}, ErrProgram, "PATH: not a directory"},
		{"name too long", process.Spec{Path: "/" + strings.Repeat("a", 300)}, ErrProgram, "PATH: file name too long"},
		{"environ too large", process.Spec{Path: "/bin/sh", Env: []string{strings.Repeat("a", 200<<10)}}, ErrTooLarge, "argument list too long"},
		{"no directory", process.Spec{Path: "/bin/sh", Dir: dir + "/none"}, ErrProgram,
			"working directory: stat " + dir + "/none: no such file or directory"},
		{"a file for a directory", process.Spec{Path: "/bin/sh", Dir: "/etc/passwd"}, ErrProgram,
			"working directory /etc/passwd: not a directory"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.spec.Dir == "" {
				test.spec.Dir = dir
			}
			test.spec.Argv = []string{"a"}
			_, err := new(Exec).Start(t.Context(), &test.spec)
			want := test.kind.Error() + ": " + strings.ReplaceAll(test.want, "PATH", test.spec.Path)
			if !errors.Is(err, test.kind) || err.Error() != want {
				t.Errorf("got %q; want %q", err, want)
			}
		})
	}
}
