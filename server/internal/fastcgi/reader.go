package fastcgi

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"syscall"
)

// reader takes a stream of records apart. Whatever call fails because of a
// deadline can be made again: nothing that has arrived is lost.
type reader struct {
	br      *bufio.Reader
	head    Header
	content int // bytes of the record's content that are still to be read
	padding int // and of what follows it
}

// bufferLen holds the longest record.
const bufferLen = 64 << 10

// next goes on to the next record. The content of the last one must be read.
func (r *reader) next() (Header, error) {
	for r.padding > 0 {
		n, err := r.br.Discard(r.padding)
		r.padding -= n
		if err != nil {
			return Header{}, err
		}
	}
	b, err := r.br.Peek(headerLen)
	if err != nil {
		return Header{}, err
	}
	if r.head, err = ParseHeader(b); err != nil {
		return Header{}, err
	}
	r.br.Discard(headerLen)
	r.content, r.padding = int(r.head.Content), int(r.head.Padding)
	return r.head, nil
}

// read reads of the content into p.
func (r *reader) read(p []byte) (int, error) {
	n, err := r.br.Read(p[:min(len(p), r.content)])
	r.content -= n
	return n, err
}

// chunk is what has arrived of the content, a byte at the least. It is valid
// until drop, which goes past it.
func (r *reader) chunk() ([]byte, error) {
	if _, err := r.br.Peek(1); err != nil {
		return nil, err
	}
	return r.br.Peek(min(r.content, r.br.Buffered()))
}

// whole is all of the content, valid until drop.
func (r *reader) whole() ([]byte, error) { return r.br.Peek(r.content) }

func (r *reader) drop(n int) {
	r.br.Discard(n)
	r.content -= n
}

// ready reports whether something can be read without waiting for more bytes.
func (r *reader) ready() bool {
	have := r.br.Buffered()
	switch {
	case r.content == 0:
		return have >= r.padding+headerLen
	case r.head.Type == Stdout || r.head.Type == Stderr:
		return have > 0
	}
	return have >= r.content
}

// settle reports whether the record was the last one: nothing has arrived
// behind it, and nothing of it is missing.
func (r *reader) settle() bool {
	n, _ := r.br.Discard(min(r.padding, r.br.Buffered()))
	r.padding -= n
	return r.content == 0 && r.padding == 0 && r.br.Buffered() == 0
}

// cut names the end of the stream where it must not end. A server that dies
// with something of the request unread resets its connection.
func cut(err error) error {
	switch {
	case err == io.EOF:
		return io.ErrUnexpectedEOF
	case errors.Is(err, syscall.ECONNRESET):
		return fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err)
	}
	return err
}
