package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// On a terminal what runs is on the last line, which goes when it is over.
func TestTraceOnATerminal(t *testing.T) {
	s := serveTraced(t)
	ours, theirs := openTerminal(t)
	cmd := exec.Command("framegate", "trace", "-n", "1")
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.dir, append(s.env, "TERM=xterm"), theirs, theirs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	shown := bufio.NewReader(ours)
	until := func(text string) string {
		var b strings.Builder
		for !strings.HasSuffix(b.String(), text) {
			c, err := shown.ReadByte()
			if err != nil {
				t.Fatalf("got %q; want %q", b.String(), text)
			}
			b.WriteByte(c)
		}
		return b.String()
	}
	until("Ctrl-C ends it\r\n")
	answered := make(chan error, 1)
	go func() {
		_, err := s.daemon.get("GET", "/waits/x", nil)
		answered <- err
	}()
	until("GET /waits/x")
	until("\r\x1b[K") // it is drawn again, as the time goes on
	fifo, err := os.OpenFile(filepath.Join(s.dir, "fifo"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(fifo, "at last\n")
	fifo.Close()
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if before := until("\x1b[1mGET /waits/x\x1b[0m"); !strings.HasSuffix(before, "\r\x1b[K\x1b[1mGET /waits/x\x1b[0m") {
		t.Errorf("got %q; want what runs to be wiped away first", before)
	}
	until("exit status 0")
	go io.Copy(io.Discard, shown) // ends with EIO when the other side is closed
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
