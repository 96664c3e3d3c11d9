package gateway

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// output is what a frame would print: each byte tells its place.
type output struct{ at int }

// next is a chunk of the next n bytes, of the pool.
func (o *output) next(n int) []byte {
	chunk := newChunk()[:n]
	for i := range chunk {
		chunk[i] = byteAt(o.at + i)
	}
	o.at += n
	return chunk
}

func byteAt(at int) byte { return byte(at ^ at>>8 ^ at>>16) }

// want holds a chunk to what was printed at o.
func (o *output) want(t *testing.T, chunk []byte) {
	t.Helper()
	for i, got := range chunk {
		if want := byteAt(o.at + i); got != want {
			t.Fatalf("byte %d: got %#x; want %#x", o.at+i, got, want)
		}
	}
	o.at += len(chunk)
}

func mustPut(t *testing.T, o *outbox, chunk []byte) {
	t.Helper()
	if wanted, err := o.put(chunk); !wanted || err != nil {
		t.Fatalf("put: got %v, %v; want true and no error", wanted, err)
	}
}

func mustTake(t *testing.T, o *outbox, out *output) {
	t.Helper()
	chunk, err := o.take(nil)
	if err != nil {
		t.Fatal(err)
	}
	out.want(t, chunk)
	recycle(chunk)
}

// fileSize is what the outbox has on disk.
func fileSize(t *testing.T, o *outbox) int64 {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.file == nil {
		return 0
	}
	info, err := o.file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// filled is an outbox whose memory is full.
func filled(t *testing.T, limit int64, in *output) *outbox {
	t.Helper()
	o := newOutbox(limit, time.Time{})
	t.Cleanup(o.close)
	for range maxChunks {
		mustPut(t, o, in.next(spillChunk))
	}
	return o
}

func TestOutboxGoesToTheFileAndBack(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	synctest.Test(t, func(t *testing.T) {
		var in, out output
		o := filled(t, 1<<20, &in)
		if o.file != nil {
			t.Error("there is a file while memory has room")
		}
		begun := time.Now()
		mustPut(t, o, in.next(1000))
		if waited := time.Since(begun); waited != patience {
			t.Errorf("a client that is slow for the first time was waited for %v; want %v", waited, patience)
		}
		mustPut(t, o, in.next(2000))
		if waited := time.Since(begun); waited != patience {
			t.Errorf("a client that is known to be slow was waited for %v more", waited-patience)
		}
		if got := fileSize(t, o); got != 3000 {
			t.Errorf("file: got %d bytes; want 3000", got)
		}
		if names, _ := filepath.Glob(filepath.Join(dir, "*")); len(names) > 0 {
			t.Errorf("the file has a name: %q", names)
		}
		for out.at < maxChunks*spillChunk {
			mustTake(t, o, &out)
		}
		mustPut(t, o, in.next(500)) // behind the file, though memory has room
		for out.at < in.at {
			mustTake(t, o, &out)
		}
		if got := fileSize(t, o); got != 0 {
			t.Errorf("a file that was read to its end: got %d bytes; want it emptied", got)
		}
		mustPut(t, o, in.next(700))
		if len(o.chunks) != 1 {
			t.Errorf("behind an emptied file: got %d chunks in memory; want 1", len(o.chunks))
		}
		mustTake(t, o, &out)
		o.end(nil)
		if _, err := o.take(nil); err != io.EOF {
			t.Errorf("at the end: got %v; want %v", err, io.EOF)
		}
	})
}

func TestOutboxFullWaits(t *testing.T) {
	const limit = 3 * spillChunk
	synctest.Test(t, func(t *testing.T) {
		var in, out output
		o := filled(t, limit, &in)
		for range 3 {
			mustPut(t, o, in.next(spillChunk))
		}
		done := false
		chunk := in.next(spillChunk)
		go func() {
			mustPut(t, o, chunk)
			done = true
		}()
		time.Sleep(time.Hour) // of the bubble
		for range maxChunks {
			mustTake(t, o, &out)
			synctest.Wait()
			if done {
				t.Fatal("there was room although the file is full")
			}
		}
		mustTake(t, o, &out)
		synctest.Wait()
		if !done {
			t.Fatal("there was no room although a part of the file was read")
		}
		for out.at < in.at {
			mustTake(t, o, &out)
		}
	})
}

// A client that is always a little behind must not make the file grow beyond
// its limit: it is never read to its end, so nothing would empty it.
func TestOutboxFileStaysWithinItsLimit(t *testing.T) {
	const limit = 3*spillChunk + 1000 // no chunk ends where the file does
	var in, out output
	o := filled(t, limit, &in)
	o.slow = true
	mustPut(t, o, in.next(spillChunk))
	for out.at < maxChunks*spillChunk {
		mustTake(t, o, &out)
	}
	for i := range 100 {
		mustPut(t, o, in.next(spillChunk-i))
		for in.at-out.at > spillChunk { // what is left in the file is never nothing
			mustTake(t, o, &out)
		}
		if got := fileSize(t, o); got > limit {
			t.Fatalf("after %d chunks: got a file of %d bytes; want %d at the most", i+1, got, limit)
		}
	}
	for out.at < in.at {
		mustTake(t, o, &out)
	}
}

func TestOutboxNobodyTakes(t *testing.T) {
	t.Run("while put waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var in output
			o := filled(t, spillChunk, &in)
			mustPut(t, o, in.next(spillChunk))
			go func() {
				time.Sleep(time.Minute)
				o.abandon()
			}()
			if wanted, err := o.put(in.next(1)); wanted || err != nil {
				t.Errorf("put: got %v, %v; want false and no error", wanted, err)
			}
		})
	})
	t.Run("ahead of put", func(t *testing.T) {
		var in output
		o := newOutbox(spillChunk, time.Time{})
		o.abandon()
		if wanted, err := o.put(in.next(1)); wanted || err != nil {
			t.Errorf("put: got %v, %v; want false and no error", wanted, err)
		}
	})
	t.Run("until total-timeout", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var in output
			o := filled(t, spillChunk, &in)
			begun := time.Now()
			o.until = begun.Add(10 * time.Second)
			mustPut(t, o, in.next(spillChunk))
			if wanted, err := o.put(in.next(1)); wanted || !errors.Is(err, errTooSlow) {
				t.Errorf("put: got %v, %v; want false and %v", wanted, err, errTooSlow)
			}
			if waited := time.Since(begun); waited < 10*time.Second || waited > 10*time.Second+2*patience {
				t.Errorf("put waited %v; want 10s", waited)
			}
		})
	})
}

func TestOutboxErrorComesBehindTheData(t *testing.T) {
	cause := errors.New("killed")
	for _, test := range []struct {
		name   string
		chunks int
	}{{"nothing printed", 0}, {"in memory", 1}, {"in the file", maxChunks + 3}} {
		t.Run(test.name, func(t *testing.T) {
			var in, out output
			o := newOutbox(1<<20, time.Time{})
			defer o.close()
			o.slow = true
			for range test.chunks {
				mustPut(t, o, in.next(1000))
			}
			o.end(cause)
			for out.at < in.at {
				mustTake(t, o, &out)
			}
			for range 2 {
				if _, err := o.take(nil); err != cause {
					t.Errorf("behind the data: got %v; want %v", err, cause)
				}
			}
		})
	}
}

func TestOutboxTellsWhenItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var in, out output
		o := newOutbox(1<<20, time.Time{})
		idle := 0
		mustPut(t, o, in.next(10))
		chunk, _ := o.take(func() { idle++ })
		out.want(t, chunk)
		if idle != 0 {
			t.Errorf("with a chunk there: idle was called %d times; want none", idle)
		}
		go func() {
			time.Sleep(time.Second)
			signal(o.moved) // a token that nothing has come for
			time.Sleep(time.Second)
			mustPut(t, o, in.next(20))
		}()
		chunk, _ = o.take(func() { idle++ })
		out.want(t, chunk)
		if idle != 1 {
			t.Errorf("with none there: idle was called %d times; want 1", idle)
		}
	})
}

func TestOutboxDiskErrors(t *testing.T) {
	t.Run("no temporary directory", func(t *testing.T) {
		t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
		var in output
		o := filled(t, 1<<20, &in)
		o.slow = true
		if wanted, err := o.put(in.next(10)); wanted || !errors.Is(err, os.ErrNotExist) {
			t.Errorf("put: got %v, %v; want false and %v", wanted, err, os.ErrNotExist)
		}
	})
	t.Run("file cannot be read", func(t *testing.T) {
		var in, out output
		o := filled(t, 1<<20, &in)
		o.slow = true
		mustPut(t, o, in.next(10))
		o.file.Close()
		for out.at < maxChunks*spillChunk {
			mustTake(t, o, &out)
		}
		if chunk, err := o.take(nil); !errors.Is(err, os.ErrClosed) {
			t.Errorf("take: got %d bytes, %v; want %v", len(chunk), err, os.ErrClosed)
		}
	})
}

// Every buffer of the pool has its whole length, whatever it was cut to; one
// that is not of the pool does not get into it.
func TestRecycle(t *testing.T) {
	for range 100 {
		recycle(newChunk()[:1])
		recycle(make([]byte, 10))
		recycle(make([]byte, 2*spillChunk)[:spillChunk])
		if got := len(newChunk()); got != spillChunk {
			t.Fatalf("a buffer of the pool: got %d bytes; want %d", got, spillChunk)
		}
	}
}

// TestOutboxSchedules lets a frame and a client run beside each other, each at
// a pace that changes at random: what comes out is what went in.
func TestOutboxSchedules(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 2
	}
	for round := range rounds {
		seed := uint64(time.Now().UnixNano())
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Logf("seed %d", seed)
			rng := rand.New(rand.NewPCG(seed, 0))
			o := newOutbox(spillChunk*(1+rng.Int64N(6))+rng.Int64N(1000), time.Time{})
			o.slow = true
			cause := []error{io.EOF, errors.New("killed")}[rng.IntN(2)]
			var in, out output
			chunks, printed := 50+rng.IntN(150), make(chan struct{})
			go func() {
				defer close(printed)
				rng := rand.New(rand.NewPCG(seed, 1))
				for range chunks {
					size := 1 + rng.IntN(spillChunk)
					mustPut(t, o, in.next(size))
					dawdle(rng)
				}
				if cause == io.EOF {
					o.end(nil)
				} else {
					o.end(cause)
				}
			}()
			for {
				chunk, err := o.take(func() { dawdle(rng) })
				if err != nil {
					if err != cause {
						t.Errorf("at the end: got %v; want %v", err, cause)
					}
					break
				}
				out.want(t, chunk)
				recycle(chunk)
				if size := fileSize(t, o); size > o.limit {
					t.Fatalf("got a file of %d bytes; want %d at the most", size, o.limit)
				}
				dawdle(rng)
			}
			<-printed
			o.close()
			if in.at != out.at {
				t.Errorf("got %d bytes; want %d", out.at, in.at)
			}
		})
	}
}

// dawdle gives the other side a turn, most of the time a short one.
func dawdle(rng *rand.Rand) {
	for range rng.IntN(4) {
		runtime.Gosched()
	}
	if rng.IntN(50) == 0 {
		time.Sleep(time.Duration(rng.IntN(2000)) * time.Microsecond) // lets the other side run full or empty
	}
}
