package fault_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"framegate/server/internal/testframe"
)

// program is a file of the site that is a frame of testframe.
func (s *site) program(name string, steps ...testframe.Step) (command []string) {
	s.t.Helper()
	command = testframe.Command(steps...)
	binary, err := os.ReadFile(command[0])
	if err != nil {
		s.t.Fatal(err)
	}
	command[0] = s.write(name, string(binary), 0o755)
	return command
}

// hello is a shell script that is a frame.
func hello(text string) string {
	return "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n" + text + "'\n"
}

// running is a server with one exchange of the frame "prog" under way, whose
// program is the file "prog", and which goes on when release is called.
func running(t *testing.T) (s *site, release func() answer) {
	t.Helper()
	s = newSite(t, "")
	arrived, leave := s.fifo("arrived"), s.fifo("leave")
	command := s.program("prog", testframe.Open(arrived), testframe.Await(leave), testframe.Print(page+"old"))
	s.add(frame("prog", command))
	s.serve()
	got := make(chan answer, 1)
	go func() { got <- s.get("/prog") }()
	s.meet(arrived, os.O_RDONLY)
	return s, func() answer {
		s.meet(leave, os.O_WRONLY)
		return <-got
	}
}

// A program that is deleted while it runs completes its exchange; the next one
// is told, until there is a program again.
func TestProgramDeleted(t *testing.T) {
	s, release := running(t)
	if err := os.Remove(filepath.Join(s.dir, "prog")); err != nil {
		t.Fatal(err)
	}
	s.want(s.get("/prog"), 500, "")
	s.wantRecord(s.record("/prog", 1), 500, "prog: no such file")
	s.want(release(), 200, "old")
	s.write("prog", hello("new"), 0o755)
	s.want(s.get("/prog"), 200, "new")
	s.afterwards()
}

// A program that is replaced while it runs, by rename, completes its exchange
// as it was; every request from then on sees the new one.
func TestProgramReplaced(t *testing.T) {
	s, release := running(t)
	next := s.write("prog.new", hello("new"), 0o755)
	if err := os.Rename(next, filepath.Join(s.dir, "prog")); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s.want(s.get("/prog"), 200, "new")
	}
	s.want(release(), 200, "old")
	s.afterwards()
}

// A program that cannot be run is a 500 whose record says what to do; once it
// is mended, it is run.
func TestProgramThatCannotBeRun(t *testing.T) {
	s := start(t, "")
	for _, test := range []struct{ name, content, text string }{
		{"no-format", "echo\n", "exec format error: a script needs a first line like #!/bin/sh"},
		{"empty", "", "exec format error"},
		{"half-a-binary", "\x7fELF\x02\x01\x01", "exec format error"},
		{"no-interpreter", "#!/no/such/interpreter -x\n", `the interpreter of its first line "#!/no/such/interpreter -x" is missing`},
		{"crlf", "#!/bin/sh\r\necho\r\n", "convert the file to LF"},
		{"itself", "", "too many levels"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := s.in(t)
			uri := "/cgi-bin/" + test.name
			if test.name == "itself" {
				test.content, test.text = "#!"+filepath.Join(s.dir, "cgi-bin/itself")+"\n", "too many levels of symbolic links"
			}
			s.write("cgi-bin/"+test.name, test.content, 0o755)
			s.want(s.get(uri), 500, "")
			s.wantRecord(s.record(uri, 1), 500, test.text)
			s.write("cgi-bin/"+test.name, hello("mended"), 0o755)
			s.want(s.get(uri), 200, "mended")
			s.afterwards()
		})
	}
}

// The kernel takes strings of up to 128 KiB, and as much in all as the stack's
// limit says: up to there a request is answered, beyond it is a 431.
func TestEnvironAtTheKernelsLimit(t *testing.T) {
	const longest = 128<<10 - 1 // a NUL ends it
	var stack syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_STACK, &stack); err != nil {
		t.Fatal(err)
	}
	most := int(min(stack.Cur/4, 6<<20)) / (longest + 1)
	s := newSite(t, "")
	variables := func(n, length int) string {
		list := []string{fmt.Sprintf("%s = %q", marker, s.run)}
		for i := range n {
			name := fmt.Sprintf("BIG_%02d", i)
			list = append(list, fmt.Sprintf("%s = %q", name, strings.Repeat("b", length-len(name+"="))))
		}
		return "env = { " + strings.Join(list, ", ") + " }"
	}
	count := []string{"/bin/sh", "-c", `printf 'Content-Type: text/plain\n\n'; env | grep -c "^BIG_"; exit 0`}
	s.add(frame("longest", count, variables(1, longest)) + frame("longer", count, variables(1, longest+1)) +
		frame("most", count, variables(most-1, longest)) + frame("more", count, variables(most+1, longest)) +
		frame("header", count) + "\n[http]\nmax-header = \"1MiB\"\n")
	s.serve()
	for _, test := range []struct {
		name   string
		field  int // bytes of the request's longest field
		status int
		answer string
	}{
		{"longest", 0, 200, "1\n"},
		{"longer", 0, 431, ""},
		{"most", 0, 200, fmt.Sprintln(most - 1)},
		{"more", 0, 431, ""},
		{"header", 100 << 10, 200, "0\n"},
		{"header?2", 200 << 10, 431, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := s.in(t)
			s.want(s.ask("GET", "/"+test.name, nil, "X-Field: "+strings.Repeat("f", test.field)), test.status, test.answer)
			text := ""
			if test.status == 431 {
				text = "environ is larger than the kernel takes"
			}
			s.wantRecord(s.record("/"+test.name, 1), test.status, text)
			s.afterwards()
		})
	}
}
