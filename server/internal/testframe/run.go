package testframe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Main does the steps of args and exits when args are a frame's; otherwise it
// returns at once.
func Main(args []string) {
	if len(args) < 2 || args[1] != marker {
		return
	}
	// Not os.Exit: with the race detector that takes a second.
	for _, text := range args[2:] {
		s, err := decode(text)
		if err == nil {
			err = s.runFirst()
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "testframe: %s: %v\n", s.name, err)
			syscall.Exit(99)
		}
	}
	syscall.Exit(0)
}

// actions are what the steps do, by name.
var actions = map[string]func(args []string) error{
	"print":      func(args []string) error { return write(os.Stdout, args[0]) },
	"printerr":   func(args []string) error { return write(os.Stderr, args[0]) },
	"pid":        func([]string) error { return write(os.Stdout, strconv.Itoa(os.Getpid())+"\n") },
	"drip":       drip,
	"fill":       func(args []string) error { return write(os.Stdout, strings.Repeat("x", number(args[0]))) },
	"endless":    endless,
	"noise":      noise,
	"exit":       func(args []string) error { syscall.Exit(number(args[0])); return nil },
	"kill":       func(args []string) error { return kill(syscall.Signal(number(args[0]))) },
	"hang":       func([]string) error { return hang() },
	"ignore":     func(args []string) error { signal.Ignore(syscall.Signal(number(args[0]))); return nil },
	"close":      func(args []string) error { return syscall.Close(number(args[0])) },
	"readall":    func([]string) error { _, err := io.Copy(io.Discard, os.Stdin); return err },
	"count":      func([]string) error { return count() },
	"echo":       func([]string) error { return echo() },
	"open":       func(args []string) error { return openFIFO(args[0], os.O_WRONLY) },
	"await":      func(args []string) error { return openFIFO(args[0], os.O_RDONLY) },
	"grandchild": grandchild,
	"ready":      func([]string) error { return syscall.Close(readyFD) },
	"fds":        func([]string) error { return printFDs() },
	"environ":    func([]string) error { return printList("/proc/self/environ") },
	"dir":        func([]string) error { dir, err := os.Getwd(); return errors.Join(err, write(os.Stdout, dir)) },
	"argv":       func([]string) error { return printList("/proc/self/cmdline") },
	"rawstart":   func(args []string) error { return rawStart(args[0]) },
	"closewire":  func([]string) error { return closeWire() },
}

// run does the step of a worker's start, too: that one has steps of its own.
func (s Step) runFirst() error {
	if s.name == "serve" {
		return serve(s.args[0])
	}
	return s.run()
}

// conditional has a step done that hangs on whether there is a file, which it
// makes if it is asked to.
func conditional(args []string, ifThere, makeIt bool, do func(Step) error) error {
	_, err := os.Stat(args[0])
	there := err == nil
	if makeIt && !there {
		if err := os.WriteFile(args[0], nil, 0o644); err != nil {
			return err
		}
	}
	step, err := decode(args[1])
	if err != nil || there != ifThere {
		return err
	}
	return do(step)
}

func (s Step) run() error { return s.runWith(Step.run) }

// runWith does the step; do is for the steps that are in it.
func (s Step) runWith(do func(Step) error) error {
	switch s.name {
	case "once":
		return conditional(s.args, false, true, do)
	case "butfirst":
		return conditional(s.args, true, true, do)
	case "unless":
		return conditional(s.args, false, false, do)
	case "all":
		for _, text := range s.args {
			step, err := decode(text)
			if err == nil {
				err = do(step)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	action := actions[s.name]
	if action == nil {
		return errors.New("there is no such step")
	}
	return action(s.args)
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err) // only the functions of steps.go write it
	}
	return n
}

func write(f *os.File, text string) error {
	_, err := io.WriteString(f, text)
	return err
}

func drip(args []string) error {
	pause, err := time.ParseDuration(args[1])
	for i := 0; err == nil && i < len(args[0]); i++ {
		time.Sleep(pause) // it is what the step is for
		err = write(os.Stdout, args[0][i:i+1])
	}
	return err
}

func endless(args []string) error {
	block := strings.Repeat(args[0], max(8192/len(args[0]), 1))
	for {
		if err := write(os.Stdout, block); err != nil {
			return err
		}
	}
}

func noise(args []string) error {
	n, width := number(args[0]), number(args[1])
	line := strings.Repeat("n", 4096)
	if width > 0 {
		line = strings.Repeat("n", width-1) + "\n"
	}
	for n > 0 {
		part := line[:min(n, len(line))]
		if err := write(os.Stderr, part); err != nil {
			return err
		}
		n -= len(part)
	}
	return nil
}

// kill is done by a shell in this process's place where Go's runtime would
// turn the signal into a traceback.
func kill(sig syscall.Signal) error {
	if sig == syscall.SIGKILL || sig == syscall.SIGTERM {
		if err := syscall.Kill(os.Getpid(), sig); err != nil {
			return err
		}
		return hang()
	}
	return syscall.Exec("/bin/sh", []string{"sh", "-c", fmt.Sprintf("kill -%d $$", sig)}, os.Environ())
}

func hang() error {
	// Not select{}: with nothing else to run that is a deadlock, and a crash.
	for {
		time.Sleep(time.Hour)
	}
}

func count() error {
	n, err := io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, write(os.Stdout, strconv.FormatInt(n, 10)))
}

func echo() error {
	buf := make([]byte, 4096)
	for {
		n, err := os.Stdin.Read(buf)
		if _, werr := os.Stdout.Write(buf[:n]); werr != nil {
			return werr
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func openFIFO(path string, flag int) error {
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// readyFD is where a grandchild has the pipe whose end its parent waits for.
const readyFD = 3

func grandchild(args []string) error {
	steps := make([]Step, len(args)-1)
	for i, text := range args[1:] {
		var err error
		if steps[i], err = decode(text); err != nil {
			return err
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	argv := Command(steps...)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = os.Stdout, os.Stderr, []*os.File{w}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: args[0] == "true"}
	if err := cmd.Start(); err != nil {
		return err
	}
	w.Close()
	io.Copy(io.Discard, r) // ends with the grandchild's Ready step, or with itself
	return nil
}

// printFDs prints what came through execve: what Go's own runtime has opened
// since is close-on-exec, what is inherited cannot be.
func printFDs() error {
	var b bytes.Buffer
	for fd := range 1024 {
		flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0)
		if errno != 0 || flags&syscall.FD_CLOEXEC != 0 {
			continue
		}
		target, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%d %s\n", fd, target)
	}
	_, err := b.WriteTo(os.Stdout)
	return err
}

// printList prints a file of /proc that ends each of its entries in NUL.
func printList(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	for entry := range strings.SplitSeq(strings.TrimSuffix(string(data), "\x00"), "\x00") {
		fmt.Fprintf(&b, "%q\n", entry)
	}
	_, err = b.WriteTo(os.Stdout)
	return err
}
