package process

import (
	"bytes"
	"sync"
)

// longestLine bounds a line of stderr; what is longer is cut into pieces, so
// that a process without line breaks costs no memory.
const longestLine = 8 << 10

// lines takes a stderr apart. The lock is held from a read to the end of what
// that has brought, so that nothing is under way when flush has it.
type lines struct {
	pipe *Pipe
	line func([]byte)

	mu  sync.Mutex
	buf []byte // the beginning of a line
}

func newLines(pipe *Pipe, line func([]byte)) *lines {
	if line == nil {
		line = func([]byte) {}
	}
	return &lines{pipe: pipe, line: line}
}

// drain reads to the end whatever comes: a process must never block on its
// stderr.
func (l *lines) drain() {
	for {
		if _, err := l.pipe.readBy(l.read); err != nil {
			l.mu.Lock()
			l.giveUp()
			l.mu.Unlock()
			return
		}
	}
}

// drainLeft reads what is there of a process that has ended, and reports
// whether that is all: somebody else may have the pipe's other end.
func (l *lines) drainLeft() (all bool) {
	l.pipe.control(func(fd uintptr) {
		var small [256]byte // most processes have nothing to say
		n, err := readFD(int(fd), small[:])
		for sum := 0; ; {
			switch {
			case err != nil:
				return
			case n == 0 || sum > largestPipe:
				all = true
				return
			case sum == 0:
				l.mu.Lock()
				l.write(small[:n])
				l.mu.Unlock()
			}
			sum += n
			n, err = l.read(int(fd), largestPipe)
		}
	})
	if all {
		l.mu.Lock()
		l.giveUp()
		l.mu.Unlock()
	}
	return all
}

// flush hands out what has been written so far, a line that has only begun
// included.
func (l *lines) flush() {
	l.pipe.control(func(fd uintptr) {
		for n := 1; n > 0; {
			n, _ = l.read(int(fd), largestPipe)
		}
	})
	l.mu.Lock()
	l.giveUp()
	l.mu.Unlock()
}

// read reads once, at most bytes, and hands the whole lines out.
func (l *lines) read(fd, most int) (n int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.makeRoom()
	room := l.buf[len(l.buf):cap(l.buf)]
	n, err = readFD(fd, room[:min(len(room), most)])
	if n > 0 {
		l.buf = emitLines(l.buf[:len(l.buf)+n], l.line)
	}
	return n, err
}

func (l *lines) makeRoom() {
	switch {
	case l.buf == nil:
		l.buf = make([]byte, 0, 1<<10)
	case len(l.buf) == cap(l.buf):
		l.buf = grow(l.buf, l.line)
	}
}

// write hands out the lines that p ends.
func (l *lines) write(p []byte) {
	for rest := p; len(rest) > 0; {
		l.makeRoom()
		n := copy(l.buf[len(l.buf):cap(l.buf)], rest)
		l.buf = emitLines(l.buf[:len(l.buf)+n], l.line)
		rest = rest[n:]
	}
}

func (l *lines) giveUp() {
	if len(l.buf) > 0 {
		l.line(l.buf)
		l.buf = l.buf[:0]
	}
}

// grow makes room, or gives the first piece of a line up that is longer than
// the longest. A line of just that length still has room for its CR LF, which
// would otherwise look like an empty line.
func grow(buf []byte, line func([]byte)) []byte {
	if len(buf) > longestLine {
		line(buf[:longestLine])
		return buf[:copy(buf, buf[longestLine:])]
	}
	return append(make([]byte, 0, longestLine+len("\r\n")), buf...)
}

// emitLines hands out the whole lines and moves the rest to the front.
func emitLines(buf []byte, line func([]byte)) []byte {
	rest := buf
	for {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			return buf[:copy(buf, rest)]
		}
		text := bytes.TrimSuffix(rest[:i], []byte("\r"))
		if len(text) > longestLine { // by the byte that grow left room for
			line(text[:longestLine])
			text = text[longestLine:]
		}
		line(text)
		rest = rest[i+1:]
	}
}
