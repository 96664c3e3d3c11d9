package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// arrivals are the moments at which requests come that know nothing of one
// another, rate of them a second on the average, within d.
func arrivals(rate float64, d time.Duration, seed uint64) []time.Duration {
	rng := rand.New(rand.NewPCG(seed, 0))
	var due []time.Duration
	for at := 0.0; ; {
		at += rng.ExpFloat64() / rate
		if at >= d.Seconds() {
			return due
		}
		due = append(due, time.Duration(at*float64(time.Second)))
	}
}

// openRequest is one request of an open load. Its times are since the load's
// beginning.
type openRequest struct {
	due    time.Duration // it should be sent
	sent   time.Duration
	done   time.Duration
	status int
	retry  bool // the answer had Retry-After
	err    error
}

// openLoad sends each request when it is due, whether or not those before it
// have been answered: a server that is slow does not slow down who comes.
type openLoad struct {
	address, path string
	most          int           // connections at once; what is due when all are in use is late
	patience      time.Duration // for answers, once the last request is due

	opened int // connections, in the end
}

// run sends what is due and returns when all is answered, or given up.
func (l *openLoad) run(ctx context.Context, due []time.Duration) []openRequest {
	ctx, cancel := context.WithTimeout(ctx, due[len(due)-1]+l.patience)
	defer cancel()
	all := make([]openRequest, len(due))
	queue := make(chan *openRequest, len(due))
	var idle atomic.Int64
	var clients sync.WaitGroup
	begun := time.Now()
	for i := range all {
		all[i].due = due[i]
		time.Sleep(time.Until(begun.Add(due[i])))
		if int(idle.Load()) <= len(queue) && l.opened < l.most {
			l.opened++
			clients.Go(func() { l.client(ctx, begun, queue, &idle) })
		}
		queue <- &all[i]
	}
	close(queue)
	clients.Wait()
	return all
}

// client asks over one connection, which is opened when it is wanted.
func (l *openLoad) client(ctx context.Context, begun time.Time, queue <-chan *openRequest, idle *atomic.Int64) {
	c := &keptConn{address: l.address}
	defer c.close()
	for {
		idle.Add(1)
		r, more := <-queue
		idle.Add(-1)
		if !more {
			return
		}
		r.sent = time.Since(begun)
		r.status, r.retry, r.err = c.ask(ctx, l.path)
		r.done = time.Since(begun)
	}
}

// keptConn is a connection that is opened when it is needed, and kept.
type keptConn struct {
	address string
	conn    net.Conn
	in      *bufio.Reader
}

func (c *keptConn) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// ask makes a request and reads its answer, which ctx's deadline bounds. A 200
// that is not hello is an error.
func (c *keptConn) ask(ctx context.Context, path string) (status int, retry bool, err error) {
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if c.conn == nil {
		if c.conn, err = new(net.Dialer).DialContext(ctx, "tcp", c.address); err != nil {
			return 0, false, err
		}
		c.in = bufio.NewReader(c.conn)
	}
	if deadline, ok := ctx.Deadline(); ok {
		c.conn.SetDeadline(deadline)
	}
	if _, err := fmt.Fprintf(c.conn, "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", path); err != nil {
		return 0, false, err
	}
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0, false, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode == http.StatusOK && string(body) != hello {
		err = fmt.Errorf("%s: got %.100q; want %q", path, body, hello)
	}
	if response.Close {
		c.close()
	}
	return response.StatusCode, response.Header.Get("Retry-After") != "", err
}

// closedLoad has each of the connections ask as soon as it is answered, for d.
// It returns the rate, and fails with the first request that does.
func closedLoad(ctx context.Context, address, path string, connections int, d time.Duration) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, d+time.Minute)
	defer cancel()
	var served atomic.Int64
	var clients sync.WaitGroup
	failed := make(chan error, connections)
	begun := time.Now()
	for range connections {
		clients.Go(func() {
			c := &keptConn{address: address}
			defer c.close()
			for time.Since(begun) < d {
				status, _, err := c.ask(ctx, path)
				if err == nil && status != http.StatusOK {
					err = fmt.Errorf("%s: status %d", path, status)
				}
				if err != nil {
					failed <- err
					return
				}
				served.Add(1)
			}
		})
	}
	clients.Wait()
	elapsed := time.Since(begun)
	select {
	case err := <-failed:
		return 0, err
	default:
		return float64(served.Load()) / elapsed.Seconds(), nil
	}
}
