package follow

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Client follows one server.
type Client struct {
	Path   string // of its socket
	Server Server

	conn net.Conn
	in   *json.Decoder
}

// dialTimeout bounds the wait for a server that is there and says nothing.
const dialTimeout = 5 * time.Second

// Dial finds out who has the socket at path.
func Dial(path string) (*Client, error) {
	conn, err := net.DialTimeout("unix", path, dialTimeout)
	if err != nil {
		return nil, err
	}
	c := &Client{Path: path, conn: conn, in: json.NewDecoder(conn)}
	conn.SetReadDeadline(time.Now().Add(dialTimeout))
	m, err := c.Next()
	if err == nil && m.Server == nil {
		err = errors.New("it does not say who it is")
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("%s: no framegate: %w", path, err)
	}
	c.Server = *m.Server
	return c, nil
}

// Follow asks for exchanges: when it returns, those that begin will be told.
func (c *Client) Follow(f Filter) error {
	if err := json.NewEncoder(c.conn).Encode(f); err != nil {
		return err
	}
	m, err := c.Next()
	if err == nil && !m.Following {
		err = errors.New("it does not let itself be followed")
	}
	c.conn.SetReadDeadline(time.Time{})
	return err
}

// Reload has the server load its configuration and its apps anew, and waits
// until it has: as long as importing them takes.
func (c *Client) Reload() (Reloaded, error) {
	c.conn.SetReadDeadline(time.Time{})
	if err := json.NewEncoder(c.conn).Encode(request{Reload: true}); err != nil {
		return Reloaded{}, err
	}
	m, err := c.Next()
	switch {
	case errors.Is(err, io.EOF):
		return Reloaded{}, errors.New("it has ended meanwhile")
	case err == nil && m.Reloaded == nil:
		return Reloaded{}, errors.New("it is of a version that cannot; send it SIGHUP")
	case err != nil:
		return Reloaded{}, err
	}
	return *m.Reloaded, nil
}

// Next waits for a message; the server's end is io.EOF, or like it.
func (c *Client) Next() (Message, error) {
	var m Message
	err := c.in.Decode(&m)
	return m, err
}

// Close ends it, and a Next that waits.
func (c *Client) Close() error { return c.conn.Close() }

// Find finds the servers of site that run and are this user's.
func Find(site string) []*Client {
	var found []*Client
	for _, dir := range places() {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // it is not there, or not ours
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), prefix(site)) {
				continue
			}
			// One that does not answer was left behind by a server that is gone.
			if c, err := Dial(filepath.Join(dir, e.Name())); err == nil {
				found = append(found, c)
			}
		}
	}
	return found
}
