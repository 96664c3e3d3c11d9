package gateway

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// outbox holds what a frame has printed and its client has not yet taken, in
// memory first and then in an unlinked file, so that a client that reads
// slowly keeps no process alive. One goroutine puts, one takes.
type outbox struct {
	limit int64     // bytes of the file, which is written round and round; a chunk or more
	until time.Time // when waiting for the client ends; zero is never
	slow  bool      // the client has been slow once: a full memory does not wait for it again

	mu     sync.Mutex
	moved  chan struct{} // has a token when something was put, taken or ended
	room   chan struct{} // has a token when something was taken or nobody takes any more
	chunks [][]byte      // in memory, oldest first
	file   *os.File      // what follows chunks, nil until it is needed
	from   int64         // what waits there, counted as if it had no end:
	to     int64         // the place of a byte is the rest of its number by limit
	ended  bool
	err    error // why it ended, nil at the end of the output
	gone   bool  // nobody takes any more
}

const (
	maxChunks  = 16                     // of 64 KiB: a megabyte in memory
	patience   = 100 * time.Millisecond // for a chunk to be taken: less than 640 KiB a second is slow
	spillChunk = 64 << 10
)

var errTooSlow = errors.New("total-timeout: the client reads too slowly")

func newOutbox(limit int64, until time.Time) *outbox {
	return &outbox{limit: limit, until: until, moved: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// put adds a chunk, which belongs to the outbox from then on. It waits while
// everything is full, and reports false when nobody wants it any more.
func (o *outbox) put(chunk []byte) (bool, error) {
	var timer *time.Timer // most often there is room at once
	for {
		o.mu.Lock()
		switch {
		case o.gone:
			o.mu.Unlock()
			return false, nil
		case o.to == o.from && len(o.chunks) < maxChunks:
			o.chunks = append(o.chunks, chunk)
			o.mu.Unlock()
			signal(o.moved)
			return true, nil
		case o.slow && o.to-o.from+int64(len(chunk)) <= o.limit:
			o.mu.Unlock()
			return o.spill(chunk)
		}
		o.mu.Unlock()
		if timer == nil {
			timer = time.NewTimer(patience)
			defer timer.Stop()
		}
		select {
		case <-o.room:
		case <-timer.C:
			o.slow = true
			timer.Reset(patience)
			if !o.until.IsZero() && time.Now().After(o.until) {
				return false, errTooSlow
			}
		}
	}
}

// spill writes a chunk behind what waits in the file.
func (o *outbox) spill(chunk []byte) (bool, error) {
	defer recycle(chunk)
	if o.file == nil {
		f, err := os.CreateTemp("", "framegate-response-")
		if err != nil {
			return false, err
		}
		os.Remove(f.Name()) // from here on it vanishes with its descriptor
		o.mu.Lock()
		o.file = f
		o.mu.Unlock()
	}
	// Nobody may empty the file between the look at its end and the write.
	o.mu.Lock()
	err := o.writeFile(chunk)
	o.mu.Unlock()
	if err != nil {
		return false, err
	}
	signal(o.moved)
	return true, nil
}

// writeFile writes a chunk that there is room for.
func (o *outbox) writeFile(chunk []byte) error {
	for len(chunk) > 0 {
		at := o.to % o.limit
		n, err := o.file.WriteAt(chunk[:min(int64(len(chunk)), o.limit-at)], at)
		if err != nil {
			return err
		}
		chunk = chunk[n:]
		o.to += int64(n)
	}
	return nil
}

// end says that no more will be put, because of err or, when it is nil,
// because that was all.
func (o *outbox) end(err error) {
	o.mu.Lock()
	o.ended, o.err = true, err
	o.mu.Unlock()
	signal(o.moved)
}

// take returns the next chunk, to be recycled. When there is none yet it
// calls idle once and waits. io.EOF is the end of the output.
func (o *outbox) take(idle func()) ([]byte, error) {
	for {
		chunk, ok, err := o.poll()
		if ok || err != nil {
			signal(o.room)
			return chunk, err
		}
		if idle != nil {
			idle()
			idle = nil
		}
		<-o.moved
	}
}

func (o *outbox) poll() (chunk []byte, ok bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case len(o.chunks) > 0:
		chunk = o.chunks[0]
		o.chunks = o.chunks[1:]
		return chunk, true, nil
	case o.to > o.from:
		return o.pollFile()
	case o.ended && o.err != nil:
		return nil, false, o.err
	case o.ended:
		return nil, false, io.EOF
	}
	return nil, false, nil
}

// pollFile reads the oldest bytes of the file. Once all are read it is
// emptied, and memory takes over again.
func (o *outbox) pollFile() ([]byte, bool, error) {
	chunk := newChunk()
	at := o.from % o.limit
	n := int(min(int64(len(chunk)), o.to-o.from, o.limit-at))
	if _, err := o.file.ReadAt(chunk[:n], at); err != nil {
		recycle(chunk)
		if err == io.EOF {
			err = io.ErrUnexpectedEOF // not the end of the output: somebody has cut the file
		}
		return nil, false, err
	}
	if o.from += int64(n); o.from == o.to && !o.ended {
		o.from, o.to = 0, 0
		if err := o.file.Truncate(0); err != nil {
			recycle(chunk)
			return nil, false, err
		}
	}
	return chunk[:n], true, nil
}

// abandon says that no more will be taken.
func (o *outbox) abandon() {
	o.mu.Lock()
	o.gone = true
	o.mu.Unlock()
	signal(o.room)
}

// close gives the file back, once nobody puts or takes.
func (o *outbox) close() {
	if o.file != nil {
		o.file.Close()
	}
}

// newChunk is a buffer from the pool; recycle gives it back, at whatever
// length it has been cut to.
func newChunk() []byte { return *buffers.Get().(*[]byte) }

func recycle(chunk []byte) {
	chunk = chunk[:cap(chunk)]
	if len(chunk) == spillChunk {
		buffers.Put(&chunk)
	}
}
