package process

import "bytes"

// longestLine bounds a line of stderr; what is longer is cut into pieces, so
// that a process without line breaks costs no memory.
const longestLine = 8 << 10

// drainLines reads stderr to its end whatever comes: a process must never
// block on it.
func drainLines(r *Pipe, line func([]byte)) {
	if line == nil {
		line = func([]byte) {}
	}
	buf := make([]byte, 0, 1<<10)
	for {
		if len(buf) == cap(buf) {
			buf = grow(buf, line)
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = emitLines(buf[:len(buf)+n], line)
		if err != nil {
			if len(buf) > 0 {
				line(buf)
			}
			return
		}
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
