package process

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"framegate/server/internal/testframe"
)

// crowd opens so many descriptors that new ones are not low any more.
func crowd(t *testing.T) {
	t.Helper()
	for range 2 * mostLow {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
	}
}

// inUse counts the low numbers that processes have.
func (l *lowNumbers) inUse() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, unused := range l.unused {
		if !unused {
			n++
		}
	}
	return n
}

func TestLowNumbers(t *testing.T) {
	l := reserved()
	if len(l.unused) == 0 {
		t.Fatal("no number is reserved")
	}
	crowd(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	var taken []int
	for {
		fd := l.take(int(w.Fd()))
		if fd < 0 {
			break
		}
		taken = append(taken, fd)
	}
	if len(taken) != len(l.unused) {
		t.Errorf("took %d numbers; want all %d", len(taken), len(l.unused))
	}
	if _, err := unix.Write(taken[0], []byte("x")); err != nil {
		t.Errorf("what was taken is no copy: %v", err)
	}
	for _, fd := range taken {
		l.give(fd)
	}
	if n := l.inUse(); n != 0 {
		t.Errorf("%d numbers are in use after all were given back", n)
	}
	if fd := l.take(int(w.Fd())); fd != l.from {
		t.Errorf("got number %d; want the lowest, %d", fd, l.from)
	} else {
		l.give(fd)
	}
	if l.take(lowEnough-1) != -1 {
		t.Error("a number was taken for a descriptor that is low")
	}
}

// Among many descriptors, too, a process has its own three and no other, and
// whether it is waited for or not.
func TestStartAmongMany(t *testing.T) {
	crowd(t)
	for name, brief := range map[string]*Patience{"waited for": {Limit: enough}, "not": nil} {
		t.Run(name, func(t *testing.T) {
			var starts sync.WaitGroup
			for i := range 16 {
				starts.Go(func() {
					spec := frameSpec(testframe.PrintFDs(), testframe.Echo())
					spec.Brief = brief
					f, err := os.CreateTemp(t.TempDir(), "")
					if err != nil {
						t.Error(err)
						return
					}
					defer f.Close()
					fmt.Fprint(f, i)
					f.Seek(0, 0)
					spec.Stdin = f
					p, err := Start(spec)
					if err != nil {
						t.Error(err)
						return
					}
					var numbers []string
					out := strings.Split(output(t, p), "\n")
					for _, line := range out {
						number, _, _ := strings.Cut(line, " ")
						numbers = append(numbers, number)
					}
					if got, want := strings.Join(numbers, " "), fmt.Sprintf("0 1 2 %d", i); got != want {
						t.Errorf("got %q; want the three descriptors, and %d from stdin", out, i)
					}
					p.Wait()
				})
			}
			starts.Wait()
			if _, err := Start(&Spec{Path: "/missing", Argv: []string{"x"}, Dir: "/", Brief: brief}); err == nil {
				t.Error("a missing program was started")
			}
			if n := reserved().inUse(); n != 0 {
				t.Errorf("%d low numbers are in use after all has ended", n)
			}
		})
	}
}
