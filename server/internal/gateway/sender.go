package gateway

import (
	"fmt"
	"net/http"

	"framegate/server/internal/cgi"
)

// sender counts a body against its declared length.
type sender struct {
	x       *exchange
	resp    *cgi.Response
	left    int64 // of Content-Length; below zero without one
	tooLong bool
	dropped int // bytes behind that length
}

// droppedMost is how much a frame may print behind its Content-Length before
// it is stopped: nobody hears it, and it may go on for ever.
const droppedMost = 64 << 10

// excuse forgives what goes wrong behind an answer that is whole by its
// length. The client has it, and may have sent its next request already: to
// cut the connection would lose the answer to that one.
func (s *sender) excuse(err error) error {
	switch {
	case err == nil, s.left != 0, s.x.ans.status == 0, err == errClientGone, err == errShutdown:
		return err
	}
	s.x.rec.fault(fmt.Sprintf("after a complete answer, which the client has: %v", err))
	return nil
}

func (s *sender) send(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if s.x.ans.status == 0 {
		s.x.sendHeader(s.resp, true)
	}
	if !cgi.BodyAllowed(s.resp.Status) {
		s.x.rec.warn(fmt.Sprintf("a %d has no body: what the frame printed was dropped (RFC 9110 §6.4.1)", s.resp.Status))
		return nil
	}
	if s.left >= 0 {
		if beyond := int64(len(p)) - s.left; beyond > 0 {
			p = p[:s.left]
			s.tooLong = true
			s.dropped += int(beyond)
		}
		s.left -= int64(len(p))
	}
	if err := s.write(p); err != nil {
		return err
	}
	if s.dropped > droppedMost {
		s.x.stop(&failure{status: http.StatusBadGateway, sentence: badAnswer,
			cause: fmt.Errorf("the body is more than %d bytes longer than the Content-Length of %d: the program was stopped", droppedMost, s.resp.ContentLength)})
		return s.x.cause.Load()
	}
	return nil
}

func (s *sender) write(p []byte) error {
	if len(p) == 0 || s.x.ans.r.Method == http.MethodHead {
		return nil
	}
	s.x.ans.boundWrites(s.x.frame.cfg.IdleTimeout, s.x.ends())
	if err := s.x.ans.write(p); err != nil {
		if slow := s.x.ans.overdue(); slow != nil {
			s.x.abandon(slow)
		} else {
			s.x.abandon(errClientGone)
		}
		return s.x.cause.Load()
	}
	s.x.unsent = true
	if s.left == 0 {
		s.x.flush() // the answer is whole by its length: the client need not wait for the process to end
	}
	return nil
}

// finish tells a whole answer from a cut one: a frame that was killed, or
// that printed less than its Content-Length, has not answered.
func (s *sender) finish() error {
	x := s.x
	if x.judged == nil {
		e := x.judgeEnding()
		x.judged = &e
	}
	exit, livedOn := x.judged.exit, x.judged.livedOn
	x.lookAround()
	why := x.cause.Load()
	switch {
	case why != nil:
		return why
	case x.judged.cut != nil:
		return &failure{status: http.StatusBadGateway, sentence: badAnswer, cause: x.judged.cut}
	case !livedOn && exit.Signal != 0:
		return &failure{status: http.StatusBadGateway, sentence: badAnswer, cause: fmt.Errorf("the program %s after its header: the answer was cut", describeExit(exit))}
	case s.left > 0 && x.ans.r.Method != http.MethodHead && cgi.BodyAllowed(s.resp.Status):
		return &failure{status: http.StatusBadGateway, sentence: badAnswer,
			cause: fmt.Errorf("the body is %d bytes shorter than the Content-Length of %d: the answer was cut", s.left, s.resp.ContentLength)}
	case s.tooLong:
		x.rec.fault(fmt.Sprintf("the body is longer than the Content-Length of %d: the rest was dropped", s.resp.ContentLength))
	case livedOn:
		x.rec.fault("the frame closed its stdout and lived on: it was stopped")
	case x.judged.failed:
		x.rec.fault("the application failed: the answer says so")
	case exit.Code != 0:
		x.rec.fault(fmt.Sprintf("the program %s after a complete answer, which the client has", describeExit(exit)))
	}
	return nil
}
