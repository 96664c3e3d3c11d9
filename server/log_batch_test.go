package main

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"
)

// counted counts the writes that reach it.
type counted struct {
	mu     sync.Mutex
	buf    bytes.Buffer
	writes int
}

func (c *counted) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes++
	return c.buf.Write(p)
}

func (c *counted) lines() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Count(c.buf.Bytes(), []byte("\n"))
}

// Every record arrives, whole and in its writer's order, by fewer writes.
func TestBatch(t *testing.T) {
	const writers, records = 8, 2000
	w := &counted{}
	b := newBatch(w)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for j := range records {
				fmt.Fprintf(b, "%d %d %s\n", i, j, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")
			}
		})
	}
	wg.Wait()
	b.Close()
	next := [writers]int{}
	for line := range bytes.Lines(w.buf.Bytes()) {
		var i, j int
		if _, err := fmt.Sscanf(string(line), "%d %d", &i, &j); err != nil || j != next[i] {
			t.Fatalf("got %q, %v; want record %d of %d", line, err, next[i], i)
		}
		next[i]++
	}
	for i, n := range next {
		if n != records {
			t.Errorf("writer %d: got %d records; want %d", i, n, records)
		}
	}
	if w.writes >= writers*records/2 {
		t.Errorf("got %d writes for %d records", w.writes, writers*records)
	}
	fmt.Fprintln(b, "behind the end")
	if n := w.lines(); n != writers*records+1 {
		t.Errorf("got %d lines; want one more", n)
	}
}

// A single record does not wait for others.
func TestBatchOfOne(t *testing.T) {
	w := &counted{}
	b := newBatch(w)
	defer b.Close()
	for i := range 3 {
		fmt.Fprintln(b, "record")
		for deadline := time.Now().Add(10 * time.Second); w.lines() <= i; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the record has not been written")
			}
		}
	}
}
