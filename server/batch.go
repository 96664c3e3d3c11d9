package main

import (
	"io"
	"sync"
)

// batch writes lines one by one, or while it is held together. Who comes while
// somebody writes leaves the line to him, and need not wait: on a busy machine
// the system may put the writer to sleep, and would put everybody to sleep with
// him that has a line to write.
type batch struct {
	to io.Writer

	mu      sync.Mutex
	written sync.Cond // something was, or nobody writes any more
	held    bool
	writing bool   // somebody does, and will write what comes meanwhile
	buf     []byte // what is to be written
	spare   []byte
}

// mostHeld is how much waits at the most, give or take a line.
const mostHeld = 64 << 10

func newBatch(to io.Writer) *batch {
	b := &batch{to: to}
	b.written.L = &b.mu
	return b
}

// Write writes a line, in its time.
func (b *batch) Write(p []byte) (n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.writing && len(b.buf) > mostHeld {
		b.written.Wait()
	}
	b.buf = append(b.buf, p...)
	if !b.held || len(b.buf) > mostHeld {
		err = b.flush()
	}
	return len(p), err
}

// Hold has lines wait until Release.
func (b *batch) Hold() {
	b.mu.Lock()
	b.held = true
	b.mu.Unlock()
}

// Release writes them.
func (b *batch) Release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held = false
	b.flush()
}

// close returns when all has been written.
func (b *batch) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held = false
	for b.writing {
		b.written.Wait()
	}
	b.flush()
	for b.writing {
		b.written.Wait()
	}
}

// flush writes what is there, unless somebody is at it. What has come meanwhile
// is no longer the caller's, who may have a request to answer.
func (b *batch) flush() error {
	if b.writing || len(b.buf) == 0 {
		return nil
	}
	b.writing = true
	err := b.write()
	if b.more() {
		go b.rest()
	} else {
		b.end()
	}
	return err
}

func (b *batch) rest() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.more() {
		b.write()
	}
	b.end()
}

func (b *batch) more() bool { return len(b.buf) > 0 && !b.held || len(b.buf) > mostHeld }

func (b *batch) end() {
	b.writing = false
	b.written.Broadcast()
}

// write writes what is there; the lock is held, but not meanwhile.
func (b *batch) write() error {
	out := b.buf
	b.buf = b.spare[:0]
	b.mu.Unlock()
	_, err := b.to.Write(out)
	b.mu.Lock()
	b.spare = out
	b.written.Broadcast()
	return err
}
