package runner

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"framegate/server/internal/process"
)

// The worker wire of docs/wire.md.
const (
	wireElsewhere = 1 << 31 // in a request's length of body: ask for it
	wireBodyTo    = 0xC0000000
	wirePieceMost = 0x40000000
	wireOver      = 0x80000000
	wireWell      = 0 // statuses of an answer that is over
	wireFailed    = 1
	wireCut       = 2
)

// socket is the gateway's end of a bridge's connection.
type socket struct {
	theirs *os.File // the worker's end, until it runs
	conn   pollable

	spec    *process.Spec // of the request
	out     []byte        // what is sent of it ahead
	written int           // of out
	asked   bool          // for the body
	feed    *bodyFeed     // of a body that is still coming

	in   []byte
	r, w int // what is in it
	left int // of the piece that is being read
	over Ending
}

// readAhead is the most that is read ahead.
const readAhead = 32 << 10

func openSocket() (link, error) {
	fds, err := socketPair()
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "gateway")
	s := &socket{theirs: theirs, in: make([]byte, readAhead)}
	if err := s.conn.init(fds[0]); err != nil {
		theirs.Close()
		return nil, err
	}
	return s, nil
}

func (s *socket) child() *os.File { return s.theirs }
func (s *socket) gone()           { s.conn.abandon() }
func (s *socket) close()          { s.conn.close() }
func (s *socket) sent() bool      { return s.written > 0 }
func (s *socket) ending() Ending  { return s.over }

// buffered reports whether read has something to say without waiting.
func (s *socket) buffered() bool { return s.r < s.w }

func (s *socket) bound(t time.Time) { s.conn.bound(t) }

func (s *socket) ready(until time.Time) error {
	s.conn.exactly(until)
	for s.w-s.r < 4 {
		if err := s.more(nil); err != nil {
			return err
		}
	}
	if word := s.word(); word != wireOver {
		return &brokenError{fmt.Sprintf("its first word is %#x", word)}
	}
	return nil
}

// put takes a request. It goes out with the first read.
func (s *socket) put(spec *process.Spec) {
	s.spec, s.written, s.over = spec, 0, Ending{}
	s.out = append(s.out[:0], 0, 0, 0, 0, 0, 0, 0, 0)
	s.out = append(s.out, spec.Vars...)
	binary.BigEndian.PutUint32(s.out, uint32(len(spec.Vars)))
	inline := 0
	switch feed := spec.Feed.(type) {
	case nil:
		if spec.Stdin != nil {
			inline = wireElsewhere
		}
	case *bytes.Reader:
		inline = int(feed.Size())
		feed.Seek(0, io.SeekStart) // a second worker gets it all, too
		at := len(s.out)
		s.out = append(s.out, make([]byte, inline)...)
		io.ReadFull(feed, s.out[at:])
		if spec.Fed != nil && inline > 0 {
			spec.Fed(s.out[at:])
		}
	default:
		inline = wireElsewhere
	}
	if spec.Fed != nil && inline != wireElsewhere && spec.Feed != nil {
		spec.Fed(nil)
	}
	binary.BigEndian.PutUint32(s.out[4:], uint32(inline))
}

// read reads some of the answer.
func (s *socket) read(p []byte, block func()) (int, error) {
	for {
		if s.left > 0 {
			if n := copy(p[:min(len(p), s.left)], s.in[s.r:s.w]); n > 0 {
				s.r += n
				s.left -= n
				return n, nil
			}
			if s.left >= readAhead && len(p) >= readAhead {
				n, err := s.receive(p[:min(len(p), s.left)], block)
				s.left -= n
				return n, err
			}
		} else if s.w-s.r >= 4 {
			if err := s.take(s.word()); err != nil {
				return 0, err
			}
			continue
		}
		if err := s.more(block); err != nil {
			return 0, err
		}
	}
}

// take acts on a word of the worker. io.EOF is the end of the answer.
func (s *socket) take(word uint32) error {
	switch {
	case word > 0 && word < wirePieceMost:
		s.left = int(word)
		return nil
	case word == wireBodyTo:
		return s.sendBody()
	case word == wireOver|wireWell, word == wireOver|wireFailed, word == wireOver|wireCut:
		s.over = Ending{Failed: word&wireFailed != 0, Cut: word&wireCut != 0}
		if s.r < s.w {
			return &brokenError{"it goes on behind the end of an answer"}
		}
		return io.EOF
	}
	return &brokenError{fmt.Sprintf("%#x is no word of an answer", word)}
}

func (s *socket) word() uint32 {
	word := binary.BigEndian.Uint32(s.in[s.r:])
	s.r += 4
	return word
}

// more reads what has come behind what is there.
func (s *socket) more(block func()) error {
	if s.r == s.w {
		s.r, s.w = 0, 0
	} else if s.w == len(s.in) {
		s.w = copy(s.in, s.in[s.r:s.w])
		s.r = 0
	}
	n, err := s.receive(s.in[s.w:], block)
	s.w += n
	return err
}

// receive reads once, and sends the request ahead of that, if it is not out.
func (s *socket) receive(p []byte, block func()) (int, error) {
	if s.written < len(s.out) {
		return s.conn.ask(s.out, &s.written, p, block)
	}
	return s.conn.read(p, block)
}

// finish forgets the request.
func (s *socket) finish() *bodyFeed {
	feed := s.feed
	s.spec, s.out, s.written, s.asked, s.feed = nil, trimmed(s.out), 0, false, nil
	return feed
}

// trimmed is a buffer to be used again, unless it has become large.
func trimmed(b []byte) []byte {
	if cap(b) > 64<<10 {
		return nil
	}
	return b[:0]
}

// sendBody hands over a descriptor that the body is read from.
func (s *socket) sendBody() error {
	if s.spec == nil || s.asked {
		return &brokenError{"it asks for a body twice"}
	}
	s.asked = true
	body, err := s.openBody()
	if err != nil {
		return fmt.Errorf("hand the body over: %w", err)
	}
	err = s.conn.sendFile(body)
	body.Close()
	return err
}

func (s *socket) openBody() (*os.File, error) {
	f := s.spec.Stdin
	if f == nil {
		var body *os.File
		var err error
		body, s.feed, err = newBodyFeed(s.spec)
		return body, err
	}
	// Another description of the file would have a place in it of its own, but
	// there is no way to one that works everywhere.
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	return os.NewFile(uintptr(fd), "body"), nil
}
