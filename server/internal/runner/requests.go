package runner

import (
	"bytes"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"framegate/server/internal/nowait"
)

// requests is the socket on which a worker gets its requests. It keeps
// messages apart, so that one which waits behind another can be taken back:
// for that, the worker's end is held here, too. A worker that has ended is
// known by the end of its answers.
type requests struct {
	mu     sync.Mutex
	ours   int // -1 when it is closed
	theirs int
	back   []byte // what was taken back
}

// longestMessage is how much of a request one message carries.
const longestMessage = 32 << 10

// parcel is a request on its way to a worker, in as many messages as it takes.
type parcel struct {
	head []byte // its lengths and environ
	body []byte // as far as it goes along; somebody else's
	sent int    // bytes of the two
}

func (p *parcel) whole() bool { return p.sent == len(p.head)+len(p.body) }

// message is the one that begins at a place, in two pieces.
func (p *parcel) message(at int) (head, body []byte) {
	end := at + longestMessage
	if at < len(p.head) {
		head = p.head[at:min(end, len(p.head))]
	}
	if end > len(p.head) {
		body = p.body[max(at-len(p.head), 0):min(end-len(p.head), len(p.body))]
	}
	return head, body
}

// first is the first message.
func (p *parcel) first() []byte {
	head, body := p.message(0)
	return append(head[:len(head):len(head)], body...)
}

// open makes the socket. What it returns is the worker's end, until it runs.
func (q *requests) open() (*os.File, error) {
	fds, err := messagePair()
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	theirs, err := unix.FcntlInt(uintptr(fds[1]), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return nil, os.NewSyscallError("dup", err)
	}
	// Room for all of what the lane takes, where the system's bound allows it.
	unix.SetsockoptInt(fds[0], unix.SOL_SOCKET, unix.SO_SNDBUF, 256<<10)
	q.ours, q.theirs = fds[0], theirs
	return os.NewFile(uintptr(fds[1]), "gateway"), nil
}

func (q *requests) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ours >= 0 {
		unix.Close(q.ours)
		unix.Close(q.theirs)
		q.ours = -1
	}
}

// write sends what is left of a request. It never waits: EAGAIN is for the
// caller to do so.
func (q *requests) write(p *parcel) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !p.whole() {
		if q.ours < 0 {
			return errLost
		}
		head, body := p.message(p.sent)
		n, err := nowait.SendTwo(q.ours, head, body)
		if err != nil {
			return err
		}
		p.sent += n
	}
	return nil
}

// handOver sends a descriptor with a byte that is 0.
func (q *requests) handOver(f *os.File, until time.Time) error {
	rights := unix.UnixRights(int(f.Fd()))
	return q.patiently(until, func() error {
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.ours < 0 {
			return errLost
		}
		return unix.Sendmsg(q.ours, []byte{0}, rights, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	})
}

// writeAll is write for a caller that waits.
func (q *requests) writeAll(p *parcel, until time.Time) error {
	return q.patiently(until, func() error { return q.write(p) })
}

// patiently tries until there is room: a worker that computes does not read,
// and a request is longer than what its socket holds.
func (q *requests) patiently(until time.Time, try func() error) error {
	for {
		switch err := try(); err {
		case nil:
			return nil
		case unix.EINTR:
		case unix.EAGAIN:
			if !until.IsZero() && !time.Now().Before(until) {
				return os.ErrDeadlineExceeded
			}
			q.mu.Lock()
			if q.ours >= 0 {
				unix.Poll([]unix.PollFd{{Fd: int32(q.ours), Events: unix.POLLOUT}}, 20)
			}
			q.mu.Unlock()
		default:
			return errLost
		}
	}
}

// takeBack takes a message back, if it is the next that the worker would read,
// and returns it. Between the look and the taking the worker may have read it:
// then it returns the one behind that, or nil when there is none.
func (q *requests) takeBack(message []byte) []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ours < 0 {
		return message // nobody reads it any more
	}
	if q.back == nil {
		q.back = make([]byte, longestMessage)
	}
	n, err := q.receive(unix.MSG_PEEK)
	if err != nil || !bytes.Equal(q.back[:n], message) {
		return nil
	}
	if n, err = q.receive(0); err != nil {
		return nil
	}
	return q.back[:n]
}

func (q *requests) receive(flags int) (int, error) {
	for {
		n, _, err := unix.Recvfrom(q.theirs, q.back, flags|unix.MSG_DONTWAIT)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}
