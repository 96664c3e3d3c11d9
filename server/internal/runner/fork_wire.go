package runner

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"framegate/server/internal/process"
)

// The fork wire of docs/wire.md.
const (
	headSize    = 5
	messageMost = 1 << 20 // of the process's: its facts are the longest
)

// readMessage reads one message of the process.
func readMessage(r io.Reader) (kind byte, content []byte, err error) {
	var head [headSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	length := binary.BigEndian.Uint32(head[1:])
	if length > messageMost {
		return 0, nil, fmt.Errorf("does not speak its protocol: a message of %d bytes", length)
	}
	content = make([]byte, length)
	_, err = io.ReadFull(r, content)
	return head[0], content, err
}

// forkMessage asks for a fork with this environ.
func forkMessage(number uint32, environ []string) []byte {
	size := headSize + 4
	for _, variable := range environ {
		size += len(variable) + 1
	}
	m := append(make([]byte, 0, size), 'Q')
	m = binary.BigEndian.AppendUint32(m, uint32(size-headSize))
	m = binary.BigEndian.AppendUint32(m, number)
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		m = append(append(append(append(m, name...), 0), value...), 0)
	}
	return m
}

// facts are what the process says of itself when it is ready.
func (l *loaded) facts(content []byte) {
	for fact := range bytes.SplitSeq(content, []byte{0}) {
		name, value, _ := strings.Cut(string(fact), "=")
		switch name {
		case "failed":
			l.fault = value
		case "thread":
			l.warn("a thread was started when the application was loaded: requests are answered without it", "thread "+value)
		case "open":
			l.warn("a connection was opened when the application was loaded: requests share it; open it in the request, or in post-fork", value)
		}
	}
}

func (l *loaded) warn(what, about string) {
	l.warnings = append(l.warnings, Note{Pid: l.pid(), What: what, Err: errors.New(about)})
}

// listen takes the process's messages until it has no more.
func (l *loaded) listen(r io.Reader) {
	for {
		kind, content, err := readMessage(r)
		if err != nil || l.hear(kind, content) != nil {
			return
		}
	}
}

var errNoSense = errors.New("the loaded process does not speak its protocol")

// hear acts on a message.
func (l *loaded) hear(kind byte, content []byte) error {
	numbers, ok := numbersOf(kind, content)
	if !ok {
		return errNoSense
	}
	l.mu.Lock()
	c := l.forks[uint32(numbers[0])]
	l.mu.Unlock()
	if c == nil || !c.expects(kind) {
		return errNoSense
	}
	switch kind {
	case 'F':
		return c.runs(int(numbers[1]))
	case 'E':
		l.forget(c)
		errno := syscall.Errno(numbers[1])
		if errno == syscall.ECANCELED {
			l.retire()
			c.fails(errUnseen)
		} else {
			c.fails(fmt.Errorf("fork the loaded process: %w", errno))
		}
	case 'X':
		exit := process.ExitOf(syscall.WaitStatus(numbers[2]))
		exit.CPU, exit.MaxRSSKiB = time.Duration(numbers[3])*time.Microsecond, int64(numbers[4])
		c.ends(exit)
		l.forget(c)
	}
	return nil
}

// numbersOf are the numbers of a message.
func numbersOf(kind byte, content []byte) (numbers [5]uint64, ok bool) {
	short := func(i int) uint64 { return uint64(binary.BigEndian.Uint32(content[4*i:])) }
	switch {
	case (kind == 'F' || kind == 'E') && len(content) == 8:
		return [5]uint64{short(0), short(1)}, true
	case kind == 'X' && len(content) == 28:
		return [5]uint64{short(0), short(1), short(2), binary.BigEndian.Uint64(content[12:]), binary.BigEndian.Uint64(content[20:])}, true
	}
	return numbers, false
}

// expects reports whether that is what comes next of this process.
func (c *forked) expects(kind byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch kind {
	case 'F', 'E':
		return c.pid == 0
	}
	return kind == 'X' && c.pid != 0
}
