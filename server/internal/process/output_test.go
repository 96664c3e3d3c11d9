package process

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"framegate/server/internal/testframe"
)

func TestReadDeadline(t *testing.T) {
	p := start(t, frameSpec(testframe.Print("now"), testframe.Hang()))
	blocked := 0
	p.Output().WhenBlocked(func() { blocked++ })
	buf := make([]byte, 16)
	n, err := p.Output().Read(buf)
	if string(buf[:n]) != "now" || err != nil {
		t.Fatalf("got %q, %v; want %q", buf[:n], err, "now")
	}
	blocked = 0
	p.Output().SetReadDeadline(time.Now().Add(time.Millisecond))
	if n, err := p.Output().Read(buf); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %d, %v; want %v", n, err, os.ErrDeadlineExceeded)
	}
	if blocked != 1 {
		t.Errorf("WhenBlocked called %d times; want once", blocked)
	}
}

func TestStderr(t *testing.T) {
	tests := []struct {
		name string
		step testframe.Step
		want []string
	}{
		{"none", testframe.Exit(0), nil},
		{"LF and CRLF", testframe.PrintErr("a\nb\r\n\n c \n"), []string{"a", "b", "", " c "}},
		{"no line feed at the end", testframe.PrintErr("a\nlast"), []string{"a", "last"}},
		{"bytes", testframe.PrintErr("\x00\xff\n"), []string{"\x00\xff"}},
		{"as long as a line may be", testframe.PrintErr(strings.Repeat("a", 8<<10-1) + "\nb\n"), []string{strings.Repeat("a", 8<<10-1), "b"}},
		{"longer", testframe.PrintErr(strings.Repeat("a", 20<<10) + "\nb\n"),
			[]string{strings.Repeat("a", 8<<10), strings.Repeat("a", 8<<10), strings.Repeat("a", 4<<10), "b"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			spec := frameSpec(test.step)
			spec.StderrLine = func(line []byte) { got = append(got, string(line)) }
			p := start(t, spec)
			output(t, p)
			p.Wait()
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", test.want) {
				t.Errorf("got %.300q; want %.300q", got, test.want)
			}
		})
	}
}

// civetweb#529: noise never blocks a process, listened to or not.
func TestNoise(t *testing.T) {
	const size = 4 << 20
	for name, width := range map[string]int{"short lines": 10, "long lines": 100_000, "no line feed": 0} {
		for _, listening := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, listening %v", name, listening), func(t *testing.T) {
				spec := frameSpec(testframe.Noise(size, width), testframe.Print("done"))
				total, longest := 0, 0
				if listening {
					spec.StderrLine = func(line []byte) {
						total += len(line)
						longest = max(longest, len(line))
					}
				}
				p := start(t, spec)
				if got := output(t, p); got != "done" {
					t.Errorf("got %q; want %q", got, "done")
				}
				p.Wait()
				if listening && (total < size*9/10-1 || longest > 8<<10) {
					t.Errorf("got %d bytes in lines of up to %d; want nearly %d in lines of up to 8192", total, longest, size)
				}
			})
		}
	}
}
