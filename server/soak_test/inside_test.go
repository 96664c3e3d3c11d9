package soak_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"framegate/server/internal/config"
	"framegate/server/internal/gateway"
)

const (
	insideRequests = 1500
	insideClients  = 64

	// What a load may leave on the heap: pools, and maps that have grown.
	heapSlack = 512 << 10
)

// TestGoroutines is a load on a gateway inside this process. It ends with as
// many goroutines and as large a heap as it began with.
func TestGoroutines(t *testing.T) {
	requireLinux(t)
	before := goleak.IgnoreCurrent()
	s := newSite(t)
	log := new(server)
	addr, stop := startInside(t, s, log)
	own := leftovers(os.Getpid(), s.run, nil)

	burden := func(seedOfClients int) {
		counted := newTally(mix(), log.record)
		(load{clients: insideClients, requests: insideRequests, firstID: seedOfClients}).run(t.Context(), s, addr, counted)
		report(t, counted)
		eventually(t, settleLimit, func() string {
			if left := leftovers(os.Getpid(), s.run, own); len(left) > 0 {
				return fmt.Sprintf("%d processes are left, the first: %s", len(left), left[0])
			}
			return ""
		})
		log.forget()
	}
	burden(0) // pools, caches and the runtime's own goroutines come with the first load
	goroutines := quietGoroutines()
	descriptorsBefore, heap := countDescriptors(t), heapInUse()

	burden(insideClients)
	eventually(t, settleLimit, func() string {
		if n := runtime.NumGoroutine(); n > goroutines {
			return fmt.Sprintf("%d goroutines; want %d as before the load:\n%s", n, goroutines, stacks())
		}
		return ""
	})
	eventually(t, settleLimit, func() string {
		if n := countDescriptors(t); n > descriptorsBefore {
			return fmt.Sprintf("%d descriptors; want %d as before the load: %s", n, descriptorsBefore, descriptors(os.Getpid()))
		}
		return ""
	})
	eventually(t, 10*time.Second, func() string {
		if now := heapInUse(); now > heap+heapSlack {
			return fmt.Sprintf("%d bytes on the heap; want at most %d more than the %d before the load", now, heapSlack, heap)
		}
		return ""
	})
	t.Logf("behind %d exchanges: goroutines %d → %d, heap %d → %d KiB, descriptors %d → %d", insideRequests,
		goroutines, runtime.NumGoroutine(), heap>>10, heapInUse()>>10, descriptorsBefore, countDescriptors(t))
	runtime.KeepAlive(s) // its megabytes are on the heap at both ends
	stop()
	goleak.VerifyNone(t, before)
}

// startInside serves the site from this process; its log goes where that of a
// real server would.
func startInside(t *testing.T, s *site, log *server) (addr string, stop func()) {
	t.Helper()
	cfg, err := config.Load(s.config)
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	read := make(chan struct{})
	go func() { log.readLog(r); close(read) }()
	g, err := gateway.New(t.Context(), cfg, gateway.Options{Log: zerolog.New(w), Software: "framegate/soak"})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- g.Serve(ctx, context.Background(), ln) }()
	return ln.Addr().String(), func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
		if err := g.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		w.Close()
		<-read
		for _, alarm := range log.alarms {
			t.Errorf("in the log: %.500s", alarm)
		}
	}
}

// quietGoroutines is how many there are once their number stands still.
func quietGoroutines() int {
	least := runtime.NumGoroutine()
	for range 30 {
		time.Sleep(100 * time.Millisecond)
		least = min(least, runtime.NumGoroutine())
	}
	return least
}

// heapInUse is what a collection leaves. The second one empties what the
// first has only moved to the victims of the sync.Pools.
func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func countDescriptors(t *testing.T) int {
	t.Helper()
	u, err := usageOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return u.descriptors
}

func stacks() string {
	buf := make([]byte, 64<<10)
	return string(buf[:runtime.Stack(buf, true)])
}
