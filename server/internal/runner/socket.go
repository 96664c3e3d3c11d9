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
	wireBehind    = 1 << 30 // likewise: it has none, and is sent ahead of the answer to another
	wireBodyTo    = 0xC0000000
	wirePieceMost = 0x40000000
	wireOver      = 0x80000000
	wireWell      = 0 // statuses of an answer that is over
	wireFailed    = 1
	wireCut       = 2
)

// socket is the gateway's end of a bridge's connection: a socket for requests,
// which can carry descriptors, and a pipe for answers. On one socket for both,
// each answer that is read would wake the worker, which waits for the next
// request: a socket that has room again wakes whoever sleeps on it.
type socket struct {
	theirs   *os.File // the worker's end of the socket, until it runs
	requests requests
	answers  pollable

	spec  *process.Spec // of the request
	out   parcel        // what is sent of it ahead
	asked bool          // for the body
	feed  *bodyFeed     // of a body that is still coming

	in   []byte
	r, w int // what is in it
	left int // of the piece that is being read
	over Ending

	broken  error  // it cannot be used
	onReady func() // is told that an answer comes, while the connection is lent
}

// readAhead is the most that is read ahead.
const readAhead = 32 << 10

func openSocket() (link, error) {
	s := &socket{in: make([]byte, readAhead)}
	var err error
	if s.theirs, err = s.requests.open(); err != nil {
		return nil, err
	}
	if err := s.openAnswers(); err != nil {
		s.theirs.Close()
		s.requests.close()
		return nil, err
	}
	return s, nil
}

// openAnswers makes the pipe. Its other end waits on the socket for the worker:
// as a descriptor of the process it would be in everybody's way.
func (s *socket) openAnswers() error {
	fds, err := answerPipe()
	if err != nil {
		return os.NewSyscallError("pipe", err)
	}
	w := os.NewFile(uintptr(fds[1]), "answers")
	defer w.Close()
	if err := s.answers.init(fds[0]); err != nil {
		return err
	}
	err = s.requests.handOver(w, time.Time{})
	if err != nil {
		s.answers.close()
	}
	return err
}

func (s *socket) child() *os.File { return s.theirs }
func (s *socket) gone()           { s.answers.abandon() }
func (s *socket) ending() Ending  { return s.over }

// sent is false as well for a request that has not been read: it is taken back.
// One of several messages could not be, but nothing is begun before the last.
func (s *socket) sent() bool {
	return s.out.whole() && (s.out.sent > longestMessage || s.requests.takeBack(s.out.first()) == nil)
}

func (s *socket) close() {
	s.requests.close()
	s.answers.close()
}

// buffered reports whether read has something to say without waiting.
func (s *socket) buffered() bool { return s.r < s.w }

func (s *socket) bound(t time.Time) { s.answers.bound(t) }

func (s *socket) ready(until time.Time) error {
	s.answers.exactly(until)
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
	s.broken = s.answers.attach()
	s.load(spec)
}

// load makes ready what is sent of a request ahead.
func (s *socket) load(spec *process.Spec) {
	s.spec, s.over = spec, Ending{}
	s.out = parcel{head: append(appendHead(s.out.head[:0], len(spec.Vars), 0), spec.Vars...)}
	inline := 0
	switch feed := spec.Feed.(type) {
	case nil:
		if spec.Stdin != nil {
			inline = wireElsewhere
		}
	case *bytes.Reader:
		s.out.body = spec.Memory
		if inline = int(feed.Size()); len(s.out.body) != inline {
			s.out.body = make([]byte, inline)
			feed.Seek(0, io.SeekStart) // a second worker gets it all, too
			io.ReadFull(feed, s.out.body)
		}
		if spec.Fed != nil && inline > 0 {
			spec.Fed(s.out.body)
		}
	default:
		inline = wireElsewhere
	}
	if spec.Fed != nil && inline != wireElsewhere && spec.Feed != nil {
		spec.Fed(nil)
	}
	binary.BigEndian.PutUint32(s.out.head[4:], uint32(inline))
}

// appendHead begins a request.
func appendHead(b []byte, environ int, body uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, uint32(environ)), body)
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
	if s.broken != nil {
		return 0, s.broken
	}
	if !s.out.whole() {
		return s.answers.ask(&s.requests, &s.out, p, block)
	}
	return s.answers.read(p, block)
}

// finish forgets the request.
func (s *socket) finish() *bodyFeed {
	feed := s.feed
	s.spec, s.out, s.asked, s.feed = nil, parcel{head: trimmed(s.out.head)}, false, nil
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
	err = s.requests.handOver(body, s.answers.deadline())
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
