package follow

import (
	"encoding/json"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// follower is one connection, and what waits to go out on it.
type follower struct {
	conn    net.Conn
	filter  Filter
	queue   chan queued
	waiting atomic.Int64 // bytes in the queue, about
	dropped atomic.Int64
	stale   atomic.Bool
	lost    chan struct{} // has a token when one of the two is to be told
}

type queued struct {
	Message
	weight int64
}

// What waits for a follower who reads slowly is bounded in number and in
// bytes; what is more is dropped, and told.
const (
	maxQueued = 512
	maxWeight = 16 << 20

	askTimeout   = 10 * time.Second // for the filter to come
	writeTimeout = time.Minute      // then the follower has gone to sleep
	maxFilter    = 64 << 10         // bytes
)

// attend serves one connection to its end.
func (h *Hub) attend(conn net.Conn) {
	f := &follower{conn: conn, queue: make(chan queued, maxQueued), lost: make(chan struct{}, 1)}
	server := h.server()
	if f.write(Message{Server: &server}) != nil {
		return
	}
	conn.SetReadDeadline(time.Now().Add(askTimeout))
	var asked request
	if json.NewDecoder(io.LimitReader(conn, maxFilter)).Decode(&asked) != nil {
		return // whoever only asks who this is says nothing, and goes
	}
	conn.SetReadDeadline(time.Time{})
	if asked.Reload {
		if h.Reload != nil {
			reloaded := h.Reload()
			f.write(Message{Reloaded: &reloaded})
		}
		return
	}
	f.filter = asked.Filter
	h.follow(f, true)
	defer h.follow(f, false)
	if f.write(Message{Following: true}) != nil {
		return
	}
	gone := make(chan struct{})
	h.owned.Go(func() {
		defer close(gone)
		io.Copy(io.Discard, conn) // it says nothing more: this is to see it go
	})
	f.send(gone)
	conn.Close()
	<-gone
}

// send writes what is queued until the follower has gone.
func (f *follower) send(gone <-chan struct{}) {
	for {
		var m Message
		select {
		case <-gone:
			return
		case <-f.lost:
			m = Message{Dropped: f.dropped.Swap(0), Stale: f.stale.Swap(false)}
		case q := <-f.queue:
			f.waiting.Add(-q.weight)
			m = q.Message
		}
		if f.write(m) != nil {
			return
		}
	}
}

func (f *follower) write(m Message) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	f.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err = f.conn.Write(append(data, '\n'))
	return err
}

// tell queues a message. It is called on the way of a request: it waits for
// nothing.
func (f *follower) tell(m Message, weight int64) {
	if f.waiting.Load()+weight <= maxWeight {
		f.waiting.Add(weight)
		select {
		case f.queue <- queued{m, weight}:
			return
		default:
			f.waiting.Add(-weight)
		}
	}
	if m.Ended != nil {
		f.dropped.Add(1)
	}
	if m.Began == nil {
		f.stale.Store(true)
	}
	select {
	case f.lost <- struct{}{}:
	default: // it is there
	}
}
