package process

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"framegate/server/internal/testframe"
)

func TestLinesDrain(t *testing.T) {
	full := strings.Repeat("x", longestLine)
	for _, tt := range []struct {
		name, in string
		want     []string
	}{
		{"lines", "a\nb\r\n\nc", []string{"a", "b", "", "c"}},
		{"longest line", full + "\n", []string{full}},
		{"longest line, CR LF", full + "\r\nnext\n", []string{full, "next"}},
		{"one byte more", full + "y\n", []string{full, "y"}},
		{"several pieces", full + full + "yz", []string{full, full, "yz"}},
		{"nothing", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, fd, err := outputPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			w := os.NewFile(uintptr(fd), "|1")
			if _, err := w.WriteString(tt.in); err != nil { // less than a pipe holds
				t.Fatal(err)
			}
			w.Close()
			var got []string
			newLines(r, func(line []byte) { got = append(got, string(line)) }).drain()
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("got (-want +got):\n%s", diff)
			}
		})
	}
}

// What a process has written is handed out by the time that flush returns,
// whoever has read it.
func TestFlushStderr(t *testing.T) {
	var mu sync.Mutex
	var got []string
	argv := testframe.Command(testframe.PrintErr("one\ntwo"), testframe.Print("said"), testframe.ReadAll())
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	p, err := Start(&Spec{Path: argv[0], Argv: argv, Stdin: in, StderrLine: func(line []byte) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, string(line))
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Output().Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	p.FlushStderr()
	mu.Lock()
	if diff := cmp.Diff([]string{"one", "two"}, got); diff != "" {
		t.Errorf("got (-want +got):\n%s", diff)
	}
	mu.Unlock()
	out.Close()
	p.Wait()
	p.FlushStderr() // nothing is there any more
	if len(got) != 2 {
		t.Errorf("got %q behind the end", got[2:])
	}
}

// A process that answers elsewhere prints into the log.
func TestNoOutput(t *testing.T) {
	var got []string
	argv := testframe.Command(testframe.Print("printed\n"), testframe.PrintErr("said\n"))
	p, err := Start(&Spec{Path: argv[0], Argv: argv, NoOutput: true, StderrLine: func(line []byte) { got = append(got, string(line)) }})
	if err != nil {
		t.Fatal(err)
	}
	if p.Output() != nil {
		t.Errorf("got an output; want none")
	}
	p.Wait()
	if diff := cmp.Diff([]string{"printed", "said"}, got); diff != "" {
		t.Errorf("got (-want +got):\n%s", diff)
	}
}
