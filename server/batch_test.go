package main

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// slowFile takes each write only when it is let.
type slowFile struct {
	let chan struct{}

	mu  sync.Mutex
	got []string
}

func (f *slowFile) Write(p []byte) (int, error) {
	<-f.let
	f.mu.Lock()
	defer f.mu.Unlock()
	f.got = append(f.got, string(p))
	return len(p), nil
}

// Who comes while somebody writes need not wait, and what they leave is written
// together, in order, without anybody coming for it.
func TestBatchWhileWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &slowFile{let: make(chan struct{})}
		b := newBatch(f)
		go b.Write([]byte("1\n"))
		synctest.Wait() // until it is at the file
		for _, line := range []string{"2\n", "3\n", "4\n"} {
			if n, err := b.Write([]byte(line)); n != 2 || err != nil {
				t.Errorf("got %d, %v; want 2", n, err)
			}
		}
		b.Hold() // nor does the loop
		b.Release()
		f.let <- struct{}{}
		f.let <- struct{}{}
		b.close()
		if got, want := fmt.Sprintf("%q", f.got), `["1\n" "2\n3\n4\n"]`; got != want {
			t.Errorf("got %s; want %s", got, want)
		}
	})
}

// What a file does not take is not collected without end.
func TestBatchIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &slowFile{let: make(chan struct{})}
		b := newBatch(f)
		line := []byte(strings.Repeat("x", 1<<10))
		written := 0
		go func() {
			for range 200 {
				go b.Write(line)
			}
		}()
		synctest.Wait()
		b.mu.Lock()
		if n := len(b.buf); n <= mostHeld || n > mostHeld+len(line) {
			t.Errorf("%d bytes wait; want %d and a line at the most", n, mostHeld)
		}
		b.mu.Unlock()
		close(f.let)
		synctest.Wait()
		b.close()
		for _, p := range f.got {
			written += len(p)
		}
		if written != 200<<10 {
			t.Errorf("got %d bytes; want all of %d", written, 200<<10)
		}
	})
}

// Lines are whole and each writer's are in order, whoever holds them meanwhile.
func TestBatchKeepsLines(t *testing.T) {
	var out bytes.Buffer
	b := newBatch(&out)
	var writers sync.WaitGroup
	const each = 500
	for w := range 8 {
		writers.Go(func() {
			for i := range each {
				fmt.Fprintf(b, "%d %d\n", w, i)
			}
		})
	}
	for range 100 {
		b.Hold()
		b.Release()
	}
	writers.Wait()
	b.close()
	var next [8]int
	for line := range strings.Lines(out.String()) {
		var w, i int
		if _, err := fmt.Sscanf(line, "%d %d\n", &w, &i); err != nil || i != next[w] {
			t.Fatalf("got %q, %v; want line %d of %d", line, err, next[w], w)
		}
		next[w]++
	}
	for w, n := range next {
		if n != each {
			t.Errorf("writer %d: got %d lines; want %d", w, n, each)
		}
	}
}
