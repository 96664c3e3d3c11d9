package main

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestArrivals(t *testing.T) {
	const rate, d = 1000.0, 10 * time.Second
	got := arrivals(rate, d, 1)
	if n := float64(len(got)); n < 0.95*rate*d.Seconds() || n > 1.05*rate*d.Seconds() {
		t.Errorf("got %v arrivals in %v; want about %v", n, d, rate*d.Seconds())
	}
	if !slices.IsSorted(got) || got[0] < 0 || got[len(got)-1] >= d {
		t.Errorf("got %v to %v; want them in order, within %v", got[0], got[len(got)-1], d)
	}
	if !slices.Equal(got, arrivals(rate, d, 1)) || slices.Equal(got, arrivals(rate, d, 2)) {
		t.Error("want the same arrivals by the same seed, and others by another")
	}
}

// at is a schedule of n requests that are all due at once.
func at(n int) []time.Duration { return make([]time.Duration, n) }

func serveHandler(t *testing.T, h http.HandlerFunc) (address string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// Nobody is answered before all have come: a load that waited for answers would
// never end.
func TestOpenLoadDoesNotWaitForAnswers(t *testing.T) {
	const n = 50
	var all sync.WaitGroup
	all.Add(n)
	l := openLoad{path: "/", most: n, patience: 30 * time.Second}
	l.address = serveHandler(t, func(w http.ResponseWriter, _ *http.Request) {
		all.Done()
		all.Wait()
		io.WriteString(w, hello)
	})
	got := count(l.run(t.Context(), at(n)), time.Minute)
	if len(got.served) != n || got.failed != 0 || l.opened != n {
		t.Errorf("got %+v over %d connections; want %d served over as many", got, l.opened, n)
	}
}

// Beyond its connections a load is late, which shows: the time counts from when
// a request was due.
func TestOpenLoadIsLateBeyondItsConnections(t *testing.T) {
	const pause = 20 * time.Millisecond
	l := openLoad{path: "/", most: 1, patience: 30 * time.Second}
	l.address = serveHandler(t, func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(pause) // a service time
		io.WriteString(w, hello)
	})
	all := l.run(t.Context(), at(3))
	if l.opened != 1 {
		t.Errorf("got %d connections; want 1", l.opened)
	}
	last := slices.MaxFunc(all, func(a, b openRequest) int { return int(a.done - b.done) })
	if late := last.sent - last.due; late < 2*pause {
		t.Errorf("the last was %v late; want the service times of the two before it, %v at least", late, 2*pause)
	}
	if got := count(all, time.Minute); slices.Max(got.served) < 3*pause {
		t.Errorf("got %v at the most; want the time since it was due, %v at least", slices.Max(got.served), 3*pause)
	}
}

// Who is never answered is given up.
func TestOpenLoadGivesUp(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	l := openLoad{path: "/", most: 2, patience: 50 * time.Millisecond}
	l.address = serveHandler(t, func(http.ResponseWriter, *http.Request) { <-release })
	if got := count(l.run(t.Context(), at(4)), time.Minute); got.failed != 4 || got.firstErr == nil {
		t.Errorf("got %+v; want 4 failed, and why", got)
	}
}

func TestKeptConn(t *testing.T) {
	for _, tt := range []struct {
		name, body, err string
		status          int
		retry           bool
	}{
		{"right", hello, "", 200, false},
		{"wrong", "something else", `/: got "something else"; want "Hello, world\n"`, 200, false},
		{"refused", "busy", "", 503, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &keptConn{address: serveHandler(t, func(w http.ResponseWriter, _ *http.Request) {
				if tt.retry {
					w.Header().Set("Retry-After", "1")
				}
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.body)
			})}
			defer c.close()
			status, retry, err := c.ask(t.Context(), "/")
			if status != tt.status || retry != tt.retry || text(err) != tt.err {
				t.Errorf("got %d, %v, %q; want %d, %v, %q", status, retry, text(err), tt.status, tt.retry, tt.err)
			}
			if kept := c.conn != nil; kept != (tt.err == "") {
				t.Errorf("kept: got %v", kept)
			}
		})
	}
}

func TestClosedLoad(t *testing.T) {
	address := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, hello)
	})
	if got, err := closedLoad(t.Context(), address, "/", 2, 20*time.Millisecond); err != nil || got <= 0 {
		t.Errorf("got %v, %v; want a rate", got, err)
	}
	if _, err := closedLoad(t.Context(), address, "/none", 2, 20*time.Millisecond); text(err) != "/none: status 404" {
		t.Errorf("got %v; want the status", err)
	}
}

func TestCount(t *testing.T) {
	const s = time.Second
	got := count([]openRequest{
		{due: 1 * s, sent: 2 * s, done: 4 * s, status: 200},
		{due: 2 * s, sent: 2 * s, done: 9 * s, status: 200}, // after the load
		{due: 2 * s, sent: 2 * s, done: 3 * s, status: 503, retry: true},
		{due: 2 * s, sent: 2 * s, done: 4 * s, status: 503},
		{due: 2 * s, sent: 2 * s, done: 4 * s, status: 500},
		{due: 2 * s, sent: 2 * s, done: 4 * s, status: 200, err: errors.New("cut")},
	}, 5*s)
	if got.asked != 6 || got.inTime != 1 || got.failed != 2 || got.unsaid != 1 || got.bad() != 4 || text(got.firstErr) != "status 500" {
		t.Errorf("got %+v", got)
	}
	if want := []time.Duration{3 * s, 7 * s}; !slices.Equal(got.served, want) {
		t.Errorf("served: got %v; want %v", got.served, want)
	}
	if want := []time.Duration{1 * s, 2 * s}; !slices.Equal(got.refused, want) {
		t.Errorf("refused: got %v; want %v", got.refused, want)
	}
	if want := []time.Duration{s, 0, 0, 0, 0, 0}; !slices.Equal(got.late, want) {
		t.Errorf("late: got %v; want %v", got.late, want)
	}
}
