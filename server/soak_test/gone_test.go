package soak_test

import (
	"fmt"
	"io"
	"strings"
	"time"

	"framegate/server/internal/testframe"
)

// leaverFrames are those whose clients leave them.
func leaverFrames() []faulty {
	return []faulty{
		{name: "compute", command: steps(testframe.Hang()), settings: "first-byte-timeout = \"10m\"\nidle-timeout = \"10m\""},
		{name: "compute-briefly", command: sh(`sleep 0.1; printf 'Content-Type: text/plain\n\n'; exec cat static/large.bin`)},
		{name: "endless", command: steps(testframe.Print(textHeader), testframe.EndlessBody("endless\n")), settings: `idle-timeout = "1s"`},
		{name: "endless-length", command: steps(testframe.Print("Content-Length: 1073741824\n"+textHeader), testframe.EndlessBody("endless\n")), settings: `idle-timeout = "1s"`},
	}
}

// goneClasses are clients that disconnect, at each stage, by FIN and by RST.
// Nobody is left to get an answer: that the server ends what they have begun
// shows at the end, when nothing may be left.
func goneClasses() []class {
	list := []class{
		{name: "connects, says nothing", want: "nothing", weight: 4, run: leave((*conn).end, nothing)},
		{name: "half-closes in the head", want: "400", weight: 4, run: halfHead},
		{name: "half-closes in the body", want: "400", weight: 4, run: halfBody},
		{name: "reads nothing, stays", want: "a cut", weight: 1, run: stall},
	}
	for _, how := range []struct {
		name string
		end  func(*conn)
	}{{"FIN", (*conn).end}, {"RST", (*conn).reset}} {
		list = append(list,
			class{name: how.name + " in the head", want: "nothing", weight: 6, run: leave(how.end, inHead)},
			class{name: how.name + " in a body", want: "nothing", weight: 6, run: leave(how.end, inBody("/echo"))},
			class{name: how.name + " in a streamed body", want: "nothing", weight: 6, run: leave(how.end, inBody("/relay"))},
			class{name: how.name + " behind the head", want: "nothing", weight: 6, run: leave(how.end, asked("/hello"))},
			class{name: how.name + " while it computes", want: "nothing", weight: 6, run: leave(how.end, computing("/compute-briefly"))},
			class{name: how.name + " while it hangs", want: "nothing", weight: 4, run: leave(how.end, computing("/compute"))},
			class{name: how.name + " in an endless answer", want: "nothing", weight: 3, run: leave(how.end, inAnswer("/endless"))},
			class{name: how.name + " in a long answer", want: "nothing", weight: 3, run: leave(how.end, inAnswer("/endless-length"))},
			class{name: how.name + " in a file", want: "nothing", weight: 3, run: leave(how.end, inAnswer("/large.bin"))},
		)
	}
	return list
}

// end closes the connection by FIN, unless unread bytes make it a RST.
func (c *conn) end() { c.Close() }

// leave goes as far as stage and then ends the connection.
func leave(end func(*conn), stage func(w *worker, c *conn) error) func(w *worker) error {
	return func(w *worker) error {
		c, err := w.dial()
		if err != nil {
			return err
		}
		defer end(c)
		return stage(w, c)
	}
}

func nothing(*worker, *conn) error { return nil }

func inHead(w *worker, c *conn) error {
	head := w.wire(&request{method: "GET", target: "/hello"})
	_, err := c.Write(head[:1+w.rnd.IntN(len(head)-4)])
	return err
}

func inBody(target string) func(w *worker, c *conn) error {
	return func(w *worker, c *conn) error {
		r := request{method: "POST", target: target, body: w.body(100 << 10), chunked: w.rnd.IntN(2) == 0}
		data := w.wire(&r)
		_, err := c.Write(data[:len(r.head())+w.rnd.IntN(90<<10)])
		return err
	}
}

func asked(target string) func(w *worker, c *conn) error {
	return func(w *worker, c *conn) error {
		_, err := c.Write(w.wire(&request{method: "GET", target: target}))
		return err
	}
}

// computing leaves at any moment between the request and well into the
// frame's silence.
func computing(target string) func(w *worker, c *conn) error {
	return func(w *worker, c *conn) error {
		err := asked(target)(w, c)
		time.Sleep(time.Duration(w.rnd.IntN(100)) * time.Millisecond) // the point of leaving is to be any
		return err
	}
}

// inAnswer reads up to 2 MiB of what comes.
func inAnswer(target string) func(w *worker, c *conn) error {
	return func(w *worker, c *conn) error {
		if err := asked(target)(w, c); err != nil {
			return err
		}
		limit := int64(2 << 20)
		if target == "/large.bin" {
			limit = largeSize / 2
		}
		want := 1 + w.rnd.Int64N(limit)
		n, err := io.CopyN(io.Discard, c.in, want)
		if err != nil {
			return fmt.Errorf("the answer ended after %d of %d bytes: %w", n, want, err)
		}
		return nil
	}
}

// halfHead ends its side inside the head, and is told so.
func halfHead(w *worker) error {
	return leave((*conn).end, func(w *worker, c *conn) error {
		if err := inHead(w, c); err != nil {
			return err
		}
		c.CloseWrite()
		a, err := c.receive("GET")
		return refused(a, err, 400)
	})(w)
}

func halfBody(w *worker) error {
	return leave((*conn).end, func(w *worker, c *conn) error {
		if err := inBody("/echo")(w, c); err != nil {
			return err
		}
		c.CloseWrite()
		a, err := c.receive("POST")
		return refused(a, err, 400)
	})(w)
}

// stall reads the first byte of an endless answer and then nothing until the
// log says that the gateway has given it up: idle-timeout and a second of
// slack later. Behind what the kernel has kept of it the answer is cut.
func stall(w *worker) error {
	c, err := w.dial()
	if err != nil {
		return err
	}
	defer c.reset()
	c.SetReadBuffer(16 << 10)
	if err := asked("/endless")(w, c); err != nil {
		return err
	}
	if _, err := c.in.Peek(1); err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); !strings.Contains(w.tally.logged(w.local), `"/endless"`); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("the gateway waits for a client that has read nothing for %v", patience)
		}
	}
	c.SetDeadline(time.Now().Add(patience))
	a, err := c.receive("GET")
	if err == nil && a.err == nil {
		return fmt.Errorf("the answer looks whole after %d bytes", len(a.body))
	}
	return err
}
