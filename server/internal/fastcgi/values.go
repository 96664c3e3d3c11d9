package fastcgi

import (
	"fmt"
	"slices"
	"strings"
)

// What a server can be asked about itself (§4.1).
const (
	MaxConns       = "FCGI_MAX_CONNS"  // how many connections it takes at once
	MaxReqs        = "FCGI_MAX_REQS"   // how many requests
	MultiplexConns = "FCGI_MPXS_CONNS" // "1" when one connection carries several
)

// Values asks the server about itself. A server leaves out what it does not
// know; one that answers nothing at all is known by the connection's deadline.
func (c *Conn) Values(names ...string) (map[string]string, error) {
	if c.busy {
		return nil, ErrBusy
	}
	b := openRecord(nil, GetValues, 0)
	for _, name := range names {
		b = AppendPair(b, name, "")
	}
	if err := c.write(closeRecord(b, 0)); err != nil {
		return nil, err
	}
	c.take()
	defer c.release()
	h, err := c.in.next()
	if err != nil {
		return nil, cut(err)
	}
	if h.ID != 0 || h.Type != GetValuesResult {
		return nil, fmt.Errorf("%w: the server answers GET_VALUES by %s for request %d", ErrProtocol, h.Type, h.ID)
	}
	content, err := c.in.whole()
	if err != nil {
		return nil, cut(err)
	}
	pairs, err := ParsePairs(content)
	if err != nil {
		return nil, err
	}
	c.in.drop(len(content))
	for c.in.ready() { // Go's net/http/fcgi ends it like a stream, with an empty record
		if h, err := c.in.next(); err != nil || h.Type != GetValuesResult || h.Content > 0 {
			break
		}
	}
	if !c.in.settle() {
		return nil, fmt.Errorf("%w: something follows the answer to GET_VALUES", ErrProtocol)
	}
	values := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		if name, value, _ := strings.Cut(pair, "="); slices.Contains(names, name) {
			values[name] = value
		}
	}
	return values, nil
}
