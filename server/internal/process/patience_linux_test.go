package process

import (
	"errors"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// However waits, their ends and the clock meet, a wait that is over is told of,
// and none leaves a deadline behind.
func TestPatience(t *testing.T) {
	p := &Patience{Limit: 4 * time.Millisecond}
	var waits sync.WaitGroup
	for range 16 {
		waits.Go(func() {
			r, w, err := os.Pipe()
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			defer w.Close()
			for i := range 50 {
				p.wait(r)
				if i%2 == 0 { // nothing comes
					if _, err := r.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
						t.Errorf("got %v; want %v", err, os.ErrDeadlineExceeded)
					}
				}
				p.done(r)
				w.WriteString("x")
				if _, err := r.Read(make([]byte, 1)); err != nil {
					t.Errorf("behind the wait: got %v; want what was written", err)
				}
			}
		})
	}
	waits.Wait()
}

// The clock runs while somebody waits, and no longer.
func TestPatienceRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		p := &Patience{Limit: time.Second}
		for range 2 {
			p.wait(r)
			if time.Sleep(10 * time.Second); !p.ticks.Load() {
				t.Error("the clock stands, and somebody waits")
			}
			p.done(r)
			if time.Sleep(10 * time.Second); p.ticks.Load() {
				t.Error("the clock runs, and nobody waits")
			}
		}
	})
}
