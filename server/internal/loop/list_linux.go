package loop

import "time"

// list is connections in the order in which they came to it.
type list struct {
	first, last *Conn
	len         int
}

func (s *list) add(c *Conn, now time.Time) {
	c.on, c.since = s, now
	c.prev, c.next = s.last, nil
	if s.last != nil {
		s.last.next = c
	} else {
		s.first = c
	}
	s.last = c
	s.len++
}

func (s *list) remove(c *Conn) {
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		s.first = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else {
		s.last = c.prev
	}
	c.on, c.prev, c.next = nil, nil, nil
	s.len--
}

// move takes c from the list that it is on to the end of this one.
func (s *list) move(c *Conn, now time.Time) {
	c.on.remove(c)
	s.add(c, now)
}
