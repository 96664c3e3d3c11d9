package runner

import (
	"encoding/binary"
	"io"
	"syscall"
	"time"

	"framegate/server/internal/process"
)

// heard is an exchange whose answer is all here. Its worker is at another
// request, so that nothing that befalls this one may reach it.
type heard struct {
	proc *process.Process
	body []byte
	end  Ending
}

// Tell makes a Run of its own of an exchange whose worker has taken the request
// behind it: all of the answer is there then, however long and unusual. It is
// nil when the worker does not keep to its protocol. End is called all the same.
func (d *Direct) Tell() Run {
	s := d.s
	t := &heard{proc: d.k.w.proc}
	s.r = 0 // what Receive has given is read again
	for at := 0; ; {
		if s.w-at < 4 {
			if !s.hearOn() {
				return nil
			}
			continue
		}
		word := binary.BigEndian.Uint32(s.in[at:])
		switch {
		case word > 0 && word < wirePieceMost:
			end := at + 4 + int(word)
			for s.w < end {
				if !s.hearOn() {
					return nil
				}
			}
			t.body = append(t.body, s.in[at+4:end]...)
			at = end
		case word == wireOver|wireWell, word == wireOver|wireFailed, word == wireOver|wireCut:
			t.end = Ending{Failed: word&wireFailed != 0, Cut: word&wireCut != 0}
			s.r = at + 4
			return t
		default:
			return nil
		}
	}
}

// hearOn reads more behind all that was read of the answer. What it reads is
// there: it reports false when there is nothing.
func (s *socket) hearOn() bool {
	if s.w == len(s.in) {
		s.in = append(s.in, make([]byte, len(s.in))...)
	}
	before := s.w
	return s.hear() && s.w > before
}

func (t *heard) Pid() int                  { return t.proc.Pid() }
func (t *heard) Output() process.Output    { return t }
func (t *heard) Signal(syscall.Signal)     {}
func (t *heard) Stop(time.Duration)        {}
func (t *heard) Dying() bool               { return false }
func (t *heard) Done() <-chan struct{}     { return t.proc.Done() }
func (t *heard) Exit() process.Exit        { return t.proc.Exit() }
func (t *heard) Wait() process.Exit        { return process.Exit{} }
func (t *heard) Ending() Ending            { return t.end }
func (t *heard) Buffered() bool            { return true }
func (t *heard) WhenBlocked(func())        {}
func (t *heard) SetReadDeadline(time.Time) {}

// Read reads what the worker has answered.
func (t *heard) Read(p []byte) (int, error) {
	if len(t.body) == 0 {
		return 0, io.EOF
	}
	n := copy(p, t.body)
	t.body = t.body[n:]
	return n, nil
}
