package main

import (
	"io"
	"sync"
	"time"
)

// batch writes what comes within a moment in one system call: at thousands of
// requests a second a call for each record would cost as much as a request does
// without it.
type batch struct {
	w io.Writer

	mu     sync.Mutex
	buf    []byte
	closed bool

	writing sync.Mutex // records leave in the order in which they came
	spare   []byte

	wake chan struct{} // has a token when there is something to write
	stop chan struct{}
	done chan struct{}
}

const (
	batchDelay = 2 * time.Millisecond
	batchMost  = 64 << 10 // more than that is written by whoever has brought it
)

func newBatch(w io.Writer) *batch {
	b := &batch{w: w, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go b.run()
	return b
}

// Write takes a record down. It only waits when there is much to write.
func (b *batch) Write(p []byte) (int, error) {
	b.mu.Lock()
	first := len(b.buf) == 0
	b.buf = append(b.buf, p...)
	much := len(b.buf) > batchMost || b.closed
	b.mu.Unlock()
	switch {
	case much:
		b.flush()
	case first:
		select {
		case b.wake <- struct{}{}:
		default: // it will be written with what is written already
		}
	}
	return len(p), nil
}

func (b *batch) run() {
	defer close(b.done)
	for {
		select {
		case <-b.wake:
			time.Sleep(batchDelay) // for others to come
			b.flush()
		case <-b.stop:
			return
		}
	}
}

// flush writes what there is. Nobody could be told that it cannot be written.
func (b *batch) flush() {
	b.writing.Lock()
	defer b.writing.Unlock()
	b.mu.Lock()
	out := b.buf
	b.buf = b.spare[:0]
	b.mu.Unlock()
	if len(out) > 0 {
		b.w.Write(out)
	}
	if b.spare = out; cap(out) > 4*batchMost {
		b.spare = nil
	}
}

// Close writes the rest; what comes behind it is written at once.
func (b *batch) Close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	close(b.stop)
	<-b.done
	b.flush()
}
