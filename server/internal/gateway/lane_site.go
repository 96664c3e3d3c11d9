package gateway

import "framegate/server/internal/httpguard"

// Enter is for httpguard: it begins with a request, if the gateway that gets it
// may have it on the lane.
func (s *Site) Enter(c *httpguard.Conn) bool {
	if !s.Gateway().laneOpen() {
		return false
	}
	s.running.Add(1)
	t := s.enter()
	l, ok := c.Kept.(*lane)
	if !ok {
		l = t.g.newLane(c)
		c.Kept = l
	}
	l.tenant = t
	return true
}

// Answer is for httpguard: it answers a request on the lane, or leaves it to
// ServeHTTP, perhaps with something begun.
func (s *Site) Answer(c *httpguard.Conn, head []byte) (answered, keep bool) {
	l := c.Kept.(*lane)
	t := l.tenant
	answered, keep = t.g.race(s.ends, l, head)
	if l.left {
		return answered, keep // t goes with what was begun
	}
	t.leave()
	s.running.Done()
	return answered, keep
}

// Closed is for httpguard: what was begun on the lane of a connection is
// nobody's any more.
func (s *Site) Closed(c *httpguard.Conn) {
	l, ok := c.Kept.(*lane)
	if !ok {
		return
	}
	b := l.begun.Swap(nil)
	if b == nil {
		return
	}
	b.drop()
	b.tenant.leave()
	s.running.Done()
}
