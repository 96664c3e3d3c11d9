package soak_test

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"
)

// class is one kind of exchange. run does one and says what was not as want
// has it.
type class struct {
	name   string
	want   string
	weight int  // how often it comes, beside the others
	good   bool // its answer may never be lost or cut
	run    func(w *worker) error
}

// mix is all the classes, the good ones first, or those that -only names.
func mix() []class {
	var list []class
	wanted := regexp.MustCompile(*only)
	for _, part := range [][]class{goodClasses(), faultClasses(), goneClasses(), headClasses()} {
		for _, c := range part {
			if wanted.MatchString(c.name) {
				list = append(list, c)
			}
		}
	}
	return list
}

// tally counts what became of the exchanges of a load.
type tally struct {
	classes []class
	counts  []count
	begun   atomic.Int64
	ended   atomic.Int64
	bad     atomic.Int64

	// logged is what the server says of the exchange with a client's address.
	logged func(remote string) string

	asking sync.WaitGroup // for what is logged
	mu     sync.Mutex
	shown  map[string]int // of findings, by class
	things []string       // the findings
}

type count struct{ sent, expected atomic.Int64 }

const (
	findingsShown = 5   // of one class
	findingsLimit = 300 // then the load ends: nothing new is to be learned
)

func newTally(classes []class, logged func(remote string) string) *tally {
	return &tally{classes: classes, counts: make([]count, len(classes)), shown: map[string]int{}, logged: logged}
}

// note counts an exchange of class i, with the client of the address remote.
func (t *tally) note(i int, remote string, err error) {
	t.ended.Add(1)
	t.counts[i].sent.Add(1)
	if err == nil {
		t.counts[i].expected.Add(1)
		return
	}
	t.bad.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	name := t.classes[i].name
	if t.shown[name]++; t.shown[name] > findingsShown {
		return
	}
	t.asking.Go(func() {
		time.Sleep(recordDelay)
		text := fmt.Sprintf("%s: want %s: %v\n\tthe log: %s", name, t.classes[i].want, err, t.logged(remote))
		t.mu.Lock()
		defer t.mu.Unlock()
		t.things = append(t.things, text)
	})
}

// recordDelay is how long after its answer an exchange may be logged: its
// process is waited for.
const recordDelay = 2 * time.Second

// findings are what was not as expected, the first few of each class.
func (t *tally) findings() []string {
	t.asking.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.things
}

// good is how many good answers were asked for and how many of them were not
// whole.
func (t *tally) good() (asked, lost int64) {
	for i, c := range t.classes {
		if c.good {
			asked += t.counts[i].sent.Load()
			lost += t.counts[i].sent.Load() - t.counts[i].expected.Load()
		}
	}
	return asked, lost
}

func (t *tally) print(out io.Writer) {
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "class\twant\tsent\tas expected\tother\t")
	var sent, expected int64
	for i, c := range t.classes {
		s, e := t.counts[i].sent.Load(), t.counts[i].expected.Load()
		sent, expected = sent+s, expected+e
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t\n", c.name, c.want, s, e, s-e)
	}
	fmt.Fprintf(table, "all %d classes\t\t%d\t%d\t%d\t\n", len(t.classes), sent, expected, sent-expected)
	table.Flush()
}

// load is how long and how wide the clients work. At least one of seconds and
// requests bounds it.
type load struct {
	clients  int
	requests int64 // 0 is no bound
	lasts    time.Duration
	firstID  int // of the clients: others choose differently
}

// run lets the clients work. Every class comes once before chance decides, so
// that even a short load meets all of them.
func (l load) run(ctx context.Context, s *site, addr string, t *tally) {
	if l.lasts > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.lasts)
		defer cancel()
	}
	wheel := newWheel(t.classes)
	var clients sync.WaitGroup
	for id := range l.clients {
		clients.Go(func() {
			w := newWorker(s, addr, l.firstID+id, t)
			defer w.drop()
			for ctx.Err() == nil && t.bad.Load() < findingsLimit {
				n := t.begun.Add(1)
				if l.requests > 0 && n > l.requests {
					return
				}
				i := int(n - 1)
				if i >= len(t.classes) {
					i = wheel[w.rnd.IntN(len(wheel))]
				}
				err := w.try(&t.classes[i])
				t.note(i, w.local, err)
			}
		})
	}
	clients.Wait()
}

// try does one exchange of the class. What is wrong with it may have begun with
// the one before, on the same connection.
func (w *worker) try(c *class) error {
	kept := w.kept
	w.class = c.name
	err := c.run(w)
	if err != nil && kept != nil && kept != w.kept {
		err = fmt.Errorf("%w (on a kept connection, behind %q)", err, kept.behind)
	}
	return err
}

// newWheel has each class as often as its weight says.
func newWheel(classes []class) []int {
	var wheel []int
	for i, c := range classes {
		for range c.weight {
			wheel = append(wheel, i)
		}
	}
	return wheel
}

// title underlines a line.
func title(out io.Writer, text string) {
	fmt.Fprintf(out, "\n%s\n%s\n", text, strings.Repeat("-", len(text)))
}
