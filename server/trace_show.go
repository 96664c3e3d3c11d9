package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"framegate/server/internal/capture"
	"framegate/server/internal/follow"
	"framegate/server/internal/timeline"
)

// tracer shows what a server tells.
type tracer struct {
	options    *traceOptions
	out, notes io.Writer
	live       bool // notes is a terminal: its last line shows what runs
	lined      bool // there is such a line
	shown      int
	running    map[string]*runningExchange
}

type runningExchange struct {
	*capture.Exchange
	told bool
}

const (
	// What runs for longer is shown as running; most is over sooner.
	runningAfter = 500 * time.Millisecond
	lookEvery    = 200 * time.Millisecond
)

// follow shows exchanges until ctx, the server or the count ends.
func (t *tracer) follow(ctx context.Context, c *follow.Client) error {
	messages := make(chan follow.Message)
	ended := make(chan error, 1)
	done := make(chan struct{})
	var receiving sync.WaitGroup
	receiving.Go(func() { ended <- t.receive(c, messages, done) })
	defer receiving.Wait()
	defer c.Close()
	defer close(done)
	return t.show(ctx, messages, ended)
}

// receive passes messages on until there are no more.
func (t *tracer) receive(c *follow.Client, messages chan<- follow.Message, done <-chan struct{}) error {
	for {
		m, err := c.Next()
		if err != nil {
			return err
		}
		select {
		case messages <- m:
		case <-done:
			return nil
		}
	}
}

func (t *tracer) show(ctx context.Context, messages <-chan follow.Message, ended <-chan error) error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	defer t.erase()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET) {
				t.note("framegate: the server has stopped")
				return nil
			}
			return fmt.Errorf("follow: %w", err)
		case m := <-messages:
			if err := t.message(m); err != nil {
				return err
			}
			if t.options.count > 0 && t.shown >= t.options.count {
				return nil
			}
		case <-look.C:
			t.look(time.Now())
		}
	}
}

func (t *tracer) message(m follow.Message) error {
	switch {
	case m.Began != nil:
		t.running[m.Began.ID] = &runningExchange{Exchange: m.Began}
	case m.Over != "":
		delete(t.running, m.Over)
	case m.Ended != nil:
		delete(t.running, m.Ended.ID)
		t.shown++
		t.erase()
		return t.draw(m.Ended)
	}
	if m.Stale {
		clear(t.running)
	}
	if m.Dropped > 0 {
		t.note(fmt.Sprintf("framegate: %d exchanges are not shown: they come faster than this can take them", m.Dropped))
	}
	return nil
}

func (t *tracer) draw(x *capture.Exchange) error {
	o := paper(t.out, t.options.env)
	switch {
	case t.options.json:
		return writeJSON(t.out, x)
	case t.options.line:
		o.Whole = !isTerminal(t.out)
		return timeline.Line(t.out, x, o)
	case t.shown > 1:
		fmt.Fprintln(t.out)
	}
	return timeline.Draw(t.out, x, o)
}

// look shows what has been running for a while: on a terminal on its last
// line, elsewhere once each.
func (t *tracer) look(now time.Time) {
	var list []*capture.Exchange
	for _, x := range t.running {
		lasts := now.Sub(x.Time)
		if lasts < max(runningAfter, t.options.filter.Longer) {
			continue
		}
		list = append(list, x.Exchange)
		if !t.live && !x.told {
			x.told = true
			t.note(timeline.Running([]*capture.Exchange{x.Exchange}, now, timeline.Options{ASCII: !utf8Locale(), Whole: true}))
		}
	}
	if !t.live {
		return
	}
	t.erase()
	if len(list) == 0 {
		return
	}
	slices.SortFunc(list, func(a, b *capture.Exchange) int { return a.Time.Compare(b.Time) })
	o := paper(t.notes, false)
	o.Width-- // a full line would go on to the next
	fmt.Fprint(t.notes, timeline.Running(list, now, o))
	t.lined = true
}

// erase takes the line away that shows what runs.
func (t *tracer) erase() {
	if t.lined {
		fmt.Fprint(t.notes, "\r\x1b[K")
		t.lined = false
	}
}

func (t *tracer) note(text string) {
	t.erase()
	fmt.Fprintln(t.notes, text)
}
