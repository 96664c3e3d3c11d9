package fastcgi

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Conn is one connection to a FastCGI server. It carries one request at a
// time, as every server can take it (§3.3); with KeepConn another one after
// it. Deadlines are those of the net.Conn below.
type Conn struct {
	conn net.Conn
	in   reader
	id   uint16     // of the request under way, or of the last one
	busy bool       // a request is under way
	mu   sync.Mutex // one record is written at a time
}

// NewConn makes conn, which nobody else may read or write any more, a FastCGI
// connection.
func NewConn(conn net.Conn) *Conn { return &Conn{conn: conn} }

// NetConn is the connection below, for its deadlines.
func (c *Conn) NetConn() net.Conn { return c.conn }

// Close closes the connection. A request that is under way fails.
func (c *Conn) Close() error { return c.conn.Close() }

// Request is what an application is asked.
type Request struct {
	Role     Role      // zero is Responder
	Params   []string  // the environ, each "NAME=value"
	Stdin    io.Reader // nil is an empty one; what is short and in memory (see Memory) is sent at once
	Length   int64     // of Stdin, where that is known: its end then goes out with its last bytes
	KeepConn bool      // the connection may carry another request afterwards

	// Stderr is told what comes on stderr, piece by piece, by the goroutine
	// that reads the answer. The bytes are valid during the call.
	Stderr func(p []byte)

	// StdinFailed is told why Stdin could not be read to its end. The server
	// is left waiting for the rest: abort the request.
	StdinFailed func(error)

	// Fed is told what of Stdin was sent, and with nothing that this was all.
	Fed func(p []byte)
}

var (
	// ErrBusy is a second request on a connection that has one under way.
	ErrBusy = errors.New("another request is under way on this connection")

	// ErrNotSent is a request of which no byte has left: it can be made again
	// on another connection, whatever its method.
	ErrNotSent = errors.New("nothing of the request was sent")
)

// inlineStdin is how much of a body goes out with what precedes it, by one
// write. A server reads that much even when it answers before it has read all.
const inlineStdin = 32 << 10

// Buffers are held by connections that are at work; those that wait for their
// next request hold none.
var (
	readBuffers  = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, bufferLen) }}
	writeBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 8<<10); return &b }}
)

// Begin sends a request. Its answer must be ended by End. After an error the
// connection is of no more use; what is ErrNotSent can be made again.
func (c *Conn) Begin(r *Request) (*Answer, error) {
	if c.busy {
		return nil, ErrBusy
	}
	if c.id++; c.id > 2 {
		c.id = 1 // by turns 1 and 2: what comes late for the last request is known as that
	}
	a := &Answer{c: c, id: c.id, stderr: r.Stderr, keep: r.KeepConn}

	pooled := writeBuffers.Get().(*[]byte)
	defer writeBuffers.Put(pooled)
	b := AppendBegin((*pooled)[:0], c.id, max(r.Role, Responder), r.KeepConn)
	b = appendParams(b, c.id, r.Params)
	b, memory, inline := a.appendStdin(b, r.Stdin)
	*pooled = b[:0]
	if n, err := c.conn.Write(b); err != nil {
		c.conn.Close()
		if n == 0 {
			if inline > 0 {
				memory.Seek(int64(-inline), io.SeekCurrent)
			}
			return nil, fmt.Errorf("%w: %w", ErrNotSent, err)
		}
		return nil, err
	}
	c.take()
	if !a.sent.Load() {
		a.feeding = true
		a.feeder.Go(func() { a.feed(r) })
	} else if r.Fed != nil {
		if inline > 0 {
			r.Fed(inlined(b, inline))
		}
		r.Fed(nil)
	}
	return a, nil
}

// Memory is a stdin that can be read without waiting for anybody: a
// *bytes.Reader, or an *io.SectionReader of one.
type Memory interface {
	io.ReadSeeker
	Size() int64
}

// memoryOf is stdin as Memory, and how much of it is left.
func memoryOf(stdin io.Reader) (m Memory, left int64, ok bool) {
	switch in := stdin.(type) {
	case *bytes.Reader:
		return in, int64(in.Len()), true
	case *io.SectionReader:
		if outer, _, _ := in.Outer(); outer != nil {
			at, _ := in.Seek(0, io.SeekCurrent)
			_, ok = outer.(*bytes.Reader)
			return in, in.Size() - at, ok
		}
	}
	return nil, 0, false
}

// appendStdin appends a stdin that is empty, or short and in memory, with its
// end; inline bytes of memory are then in it. Another one is left to a feeder.
func (a *Answer) appendStdin(b []byte, stdin io.Reader) (out []byte, memory Memory, inline int) {
	memory, left, ok := memoryOf(stdin)
	switch {
	case ok && left <= inlineStdin:
		inline = int(left)
	case stdin != nil:
		return b, nil, 0
	}
	if inline > 0 {
		start := len(b)
		b = append(openRecord(b, Stdin, a.id), make([]byte, inline)...)
		io.ReadFull(memory, b[start+headerLen:])
		b = closeRecord(b, start)
	}
	a.sent.Store(true)
	return AppendRecord(b, Stdin, a.id, nil), memory, inline
}

// inlined finds the content that appendStdin has put at the end of b.
func inlined(b []byte, n int) []byte {
	end := len(b) - headerLen - (-n & 7)
	return b[end-n : end]
}

// take makes the connection busy.
func (c *Conn) take() {
	c.busy = true
	if c.in.br == nil {
		c.in.br = readBuffers.Get().(*bufio.Reader)
		c.in.br.Reset(c.conn)
	}
}

// release ends that; a buffer that holds nothing goes back.
func (c *Conn) release() {
	c.busy = false
	c.in.br.Reset(nil)
	readBuffers.Put(c.in.br)
	c.in = reader{}
}

// Alive reports whether a connection that waits for its next request can take
// it: the server has neither closed it nor sent what nobody has asked for.
func (c *Conn) Alive() bool {
	sc, ok := c.conn.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	alive := false
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		_, _, rerr := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		alive = rerr == unix.EAGAIN
	})
	return err == nil && alive
}

// abortWait bounds how long a server that reads nothing can hold an abort up.
const abortWait = 100 * time.Millisecond

// abort tells the server that nobody wants the answer any more (§5.4), unless
// its stdin is being written to: then that is what it should have read first.
func (c *Conn) abort(id uint16) {
	if !c.mu.TryLock() {
		return
	}
	defer c.mu.Unlock()
	c.conn.SetWriteDeadline(time.Now().Add(abortWait))
	var b [headerLen]byte
	c.conn.Write(AppendRecord(b[:0], AbortRequest, id, nil))
}

func (c *Conn) write(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.conn.Write(b)
	return err
}
