package main

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"time"
)

const (
	overFactor   = 4 // times its capacity is what a frame is asked
	overTime     = 5 * time.Second
	calmTime     = 4 * time.Second
	mostConns    = 3000 // of the load, at once
	goodRate     = 50.0 // requests a second of each kind
	lateLimit    = 20   // ms at the 99th percentile: beyond, the client is behind
	overPatience = 30 * time.Second
)

// overload is a frame that is asked for more than it can do.
type overload struct {
	name    string
	work    string // arguments of site/work.c
	slots   int
	queue   int
	timeout time.Duration // queue-timeout
}

func overloads() []overload {
	return []overload{
		{"waits 10 ms", `"wait", "10"`, 8, 64, 30 * time.Second},
		{"computes 10 ms", `"spin", "10"`, runtime.NumCPU(), 64, 30 * time.Second},
		{"waits 10 ms, queue-timeout 250 ms", `"wait", "10"`, 8, 10_000, 250 * time.Millisecond},
	}
}

func (o overload) conf() string {
	return fmt.Sprintf(`
[[frame]]
name = "load"
mount = "/load"
command = ["DIR/cgi-bin/work", %s]
max-concurrent = %d
max-queue = %d
queue-timeout = "%dms"

[[frame]]
name = "good"
mount = "/good"
command = ["DIR/cgi-bin/hello"]
`, o.work, o.slots, o.queue, o.timeout.Milliseconds())
}

// bound is the longest that a request which is served may take: those that
// were ahead of it have ended, or its patience has, and then it has its own
// turn, at a time when all slots are in use.
func (o overload) bound(capacity float64) time.Duration {
	turn := time.Duration(float64(o.slots) / capacity * float64(time.Second))
	queue := time.Duration(float64(o.queue) / capacity * float64(time.Second))
	return min(queue, o.timeout) + turn
}

// good are the requests that have nothing to do with what is overloaded.
type good struct {
	what, path string
	alone      tally // nothing else being asked
	beside     tally // the overload
}

func newGoods() []*good {
	return []*good{{what: "another frame", path: "/good"}, {what: "a file", path: "/hello.txt"}}
}

// overloadTables are what becomes of the load, and of the others.
func overloadTables() (load, goods scaleTable) {
	load = scaleTable{
		title: fmt.Sprintf("Overload: a program, asked at %d × its capacity for %v, whether or not it answers; ms since a request was due", overFactor, overTime),
		head: []string{"the program", "slots", "queue", "capacity/s", "offered/s", "served/s", "of capacity", "p50", "p99", "bound", "p99/bound",
			"refused/s", "p50", "p99", "failed"},
	}
	goods = scaleTable{
		title: fmt.Sprintf("Good requests beside it, %.0f a second of each kind: ms since a request was due", goodRate),
		head:  []string{"beside a program that", "asked for", "asked", "failed", "p50 alone", "p99 alone", "p50", "p99"},
	}
	return load, goods
}

func measureOverload(ctx context.Context, s *site) ([]scaleTable, error) {
	load, goods := overloadTables()
	for _, o := range overloads() {
		if err := o.measure(ctx, s, &load, &goods); err != nil {
			return []scaleTable{load, goods}, fmt.Errorf("%s: %w", o.name, err)
		}
	}
	return []scaleTable{load, goods}, nil
}

func (o overload) measure(ctx context.Context, s *site, load, goods *scaleTable) error {
	progress("overload: a program that %s", o.name)
	r, err := s.startGateway(ctx, o.conf())
	if err != nil {
		return err
	}
	defer r.stop()
	return o.ask(ctx, r, "/load", newGoods(), load, goods)
}

// ask measures the capacity, the good requests alone, and then all at once.
func (o overload) ask(ctx context.Context, r *running, path string, goods []*good, load, beside *scaleTable) error {
	connections := 2 * o.slots
	if _, err := closedLoad(ctx, r.address, path, connections, time.Second); err != nil {
		return err
	}
	capacity, err := closedLoad(ctx, r.address, path, connections, 2*time.Second)
	if err != nil {
		return err
	}
	r.askGood(ctx, goods, calmTime, func() {})
	for _, g := range goods {
		g.alone = g.beside
	}
	l := openLoad{address: r.address, path: path, most: mostConns, patience: overPatience}
	due := arrivals(overFactor*capacity, overTime, 1)
	var got tally
	r.askGood(ctx, goods, overTime, func() { got = count(l.run(ctx, due), overTime) })
	if ctx.Err() != nil {
		return ctx.Err()
	}
	o.row(load, capacity, len(due), got)
	got.notes(load, o.name, l.opened)
	load.note("%s: the server's memory was %d MiB at its peak", o.name, r.peakKiB()/kib)
	for _, g := range goods {
		beside.add(o.name, g.what, fmt.Sprint(g.beside.asked), fmt.Sprint(g.alone.bad()+g.beside.bad()),
			ms(g.alone.served, 0.5), ms(g.alone.served, 0.99), ms(g.beside.served, 0.5), ms(g.beside.served, 0.99))
	}
	return nil
}

func (o overload) row(t *scaleTable, capacity float64, offered int, got tally) {
	queue, bound, ratio := "none", "none", "–"
	if o.queue > 0 {
		b := o.bound(capacity)
		queue, bound = fmt.Sprint(o.queue), ms([]time.Duration{b}, 1)
		ratio = fmt.Sprintf("%.2f", quantile(milliseconds(got.served), 0.99)/(b.Seconds()*1000))
	}
	rate := func(n int) string { return fmt.Sprintf("%.0f", float64(n)/overTime.Seconds()) }
	t.add(o.name, fmt.Sprint(o.slots), queue, fmt.Sprintf("%.0f", capacity), rate(offered), rate(got.inTime),
		fmt.Sprintf("%.2f", float64(got.inTime)/overTime.Seconds()/capacity),
		ms(got.served, 0.5), ms(got.served, 0.99), bound, ratio,
		rate(len(got.refused)), ms(got.refused, 0.5), ms(got.refused, 0.99), fmt.Sprint(got.failed))
}

// askGood asks for each of the good ones at their rate while load runs.
func (r *running) askGood(ctx context.Context, goods []*good, d time.Duration, load func()) {
	var all sync.WaitGroup
	for i, g := range goods {
		all.Go(func() {
			l := openLoad{address: r.address, path: g.path, most: 200, patience: overPatience}
			g.beside = count(l.run(ctx, arrivals(goodRate, d, uint64(i)+2)), d)
		})
	}
	load()
	all.Wait()
}

// tally is what became of an open load.
type tally struct {
	asked    int
	inTime   int             // served within the time of the load
	served   []time.Duration // since they were due
	refused  []time.Duration // by 503
	failed   int             // no answer, or one that is neither
	unsaid   int             // 503 without Retry-After
	late     []time.Duration // of each, how late the client sent it
	firstErr error
}

func count(all []openRequest, d time.Duration) (t tally) {
	t.asked = len(all)
	for _, r := range all {
		t.late = append(t.late, r.sent-r.due)
		switch {
		case r.err == nil && r.status == http.StatusOK:
			t.served = append(t.served, r.done-r.due)
			if r.done <= d {
				t.inTime++
			}
		case r.err == nil && r.status == http.StatusServiceUnavailable:
			t.refused = append(t.refused, r.done-r.due)
			if !r.retry {
				t.unsaid++
			}
		default:
			t.failed++
			if t.firstErr == nil {
				t.firstErr = r.err
				if r.err == nil {
					t.firstErr = fmt.Errorf("status %d", r.status)
				}
			}
		}
	}
	return t
}

// bad are the requests that were not served.
func (t *tally) bad() int { return t.failed + len(t.refused) }

func (t *tally) notes(to *scaleTable, name string, connections int) {
	to.note("%s: over %d connections; the client sent its requests %s ms late at p99", name, connections, ms(t.late, 0.99))
	if quantile(milliseconds(t.late), 0.99) > lateLimit {
		to.note("%s: THE CLIENT WAS BEHIND: it offered less than it should have", name)
	}
	if t.unsaid > 0 {
		to.note("%s: %d refusals had no Retry-After", name, t.unsaid)
	}
	if t.firstErr != nil {
		to.note("%s: of those that failed, the first: %v", name, t.firstErr)
	}
}
