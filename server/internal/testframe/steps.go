// Package testframe is the misbehaving child that tests share: a frame that
// prints, hangs, dies and disobeys in every way that a real one might. A test
// binary is its own frame:
//
//	func TestMain(m *testing.M) {
//		testframe.Main(os.Args)
//		goleak.VerifyTestMain(m)
//	}
//
//	argv := testframe.Command(testframe.Print("Status: 200\n\n"), testframe.Hang())
//
// Steps are carried out one after the other; behind the last one the frame
// exits with status 0. Where a test needs to know that a frame has come to a
// certain point it waits for a FIFO, never for a time.
package testframe

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Step is one thing that a frame does.
type Step struct {
	name string
	args []string
}

// marker is the first argument of a test binary that is to run as a frame.
const marker = "-framegate-testframe"

// separator stands between the words of a step. They are quoted, so that they
// may hold any byte: an argv cannot hold NUL, and a step may hold steps.
const separator = "\x1e"

// Command is the argv of a frame that does the steps.
func Command(steps ...Step) []string {
	path, err := os.Executable()
	if err != nil {
		panic(err) // a test binary that cannot find itself can test nothing
	}
	argv := []string{path, marker}
	for _, s := range steps {
		argv = append(argv, s.encode())
	}
	return argv
}

func (s Step) encode() string {
	words := []string{s.name}
	for _, arg := range s.args {
		words = append(words, strconv.Quote(arg))
	}
	return strings.Join(words, separator)
}

func decode(text string) (Step, error) {
	words := strings.Split(text, separator)
	s := Step{name: words[0]}
	for _, word := range words[1:] {
		arg, err := strconv.Unquote(word)
		if err != nil {
			return s, fmt.Errorf("argument %s: %w", word, err)
		}
		s.args = append(s.args, arg)
	}
	return s, nil
}

// Print prints text on stdout, in one write.
func Print(text string) Step { return Step{"print", []string{text}} }

// PrintErr prints text on stderr, in one write.
func PrintErr(text string) Step { return Step{"printerr", []string{text}} }

// PrintPID prints the frame's process id and a line feed.
func PrintPID() Step { return Step{"pid", nil} }

// Drip prints text byte by byte, with a pause ahead of each.
func Drip(text string, pause time.Duration) Step {
	return Step{"drip", []string{text, pause.String()}}
}

// Fill prints n bytes of "x".
func Fill(n int) Step { return Step{"fill", []string{strconv.Itoa(n)}} }

// EndlessHeader prints header fields until it is stopped.
func EndlessHeader() Step { return Step{"endless", []string{"X-Again: and again\n"}} }

// EndlessBody prints text until it is stopped.
func EndlessBody(text string) Step { return Step{"endless", []string{text}} }

// Noise prints n bytes on stderr, in lines of width bytes; with width 0 there
// is no line feed at all.
func Noise(n, width int) Step {
	return Step{"noise", []string{strconv.Itoa(n), strconv.Itoa(width)}}
}

// Exit ends the frame with status.
func Exit(status int) Step { return Step{"exit", []string{strconv.Itoa(status)}} }

// Kill ends the frame by a signal to itself.
func Kill(sig syscall.Signal) Step { return Step{"kill", []string{strconv.Itoa(int(sig))}} }

// Hang does nothing until a signal comes.
func Hang() Step { return Step{"hang", nil} }

// Ignore ignores a signal from here on.
func Ignore(sig syscall.Signal) Step { return Step{"ignore", []string{strconv.Itoa(int(sig))}} }

// CloseStdout closes stdout and lives on.
func CloseStdout() Step { return Step{"close", []string{"1"}} }

// CloseStdin closes stdin without having read it.
func CloseStdin() Step { return Step{"close", []string{"0"}} }

// ReadAll reads stdin to its end and forgets it.
func ReadAll() Step { return Step{"readall", nil} }

// Count reads stdin to its end and prints how many bytes that were.
func Count() Step { return Step{"count", nil} }

// Echo prints stdin while it reads it, in small pieces: it stands still as
// soon as somebody writes all of stdin before reading stdout.
func Echo() Step { return Step{"echo", nil} }

// Open opens the FIFO at path for writing and closes it: it waits until the
// test has opened it for reading, and tells the test that the frame is there.
func Open(path string) Step { return Step{"open", []string{path}} }

// Await waits until the test has opened the FIFO at path for writing.
func Await(path string) Step { return Step{"await", []string{path}} }

// Grandchild starts a process that does steps and shares stdout and stderr
// with the frame; with session it leaves the frame's group by setsid. The
// frame goes on when the grandchild does its Ready step or has ended.
func Grandchild(session bool, steps ...Step) Step {
	args := []string{strconv.FormatBool(session)}
	for _, s := range steps {
		args = append(args, s.encode())
	}
	return Step{"grandchild", args}
}

// Ready lets the frame that has started this grandchild go on.
func Ready() Step { return Step{"ready", nil} }

// PrintFDs prints the descriptors that the frame has inherited, one a line:
// number, space, what it is.
func PrintFDs() Step { return Step{"fds", nil} }

// PrintEnviron prints the environ as the kernel has it, one quoted variable a
// line.
func PrintEnviron() Step { return Step{"environ", nil} }

// PrintDir prints the working directory.
func PrintDir() Step { return Step{"dir", nil} }

// PrintArgv prints the whole argv, one quoted argument a line.
func PrintArgv() Step { return Step{"argv", nil} }
