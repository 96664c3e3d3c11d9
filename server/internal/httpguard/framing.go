package httpguard

import "errors"

// ErrChunk is what reading a body meets when its chunks are malformed.
var ErrChunk = errors.New("malformed chunk in the request body")

// framing tells where in the stream of messages a connection is: at a head
// (the zero value), in a body of known length, in a chunked one, or in a
// protocol that is not HTTP/1.
type framing struct {
	left   int64 // bytes of the body, or of the chunk's data, still to come
	chunks chunkState
	line   int // length of the chunk's size line or of the trailers so far
	digits int
	opaque bool // HTTP/2: nothing to check
}

type chunkState int

const (
	noChunks chunkState = iota
	chunkSize
	chunkSpace
	chunkExtension
	chunkSizeLF
	chunkData
	chunkDataCR
	chunkDataLF
	trailerStart
	trailerLine
	trailerLF
	lastLF
)

const (
	maxChunkLine = 2 << 10 // below net/http's own bound, as is the next
	maxTrailers  = 2 << 10
)

func (f *framing) atHead() bool { return f.left == 0 && f.chunks == noChunks && !f.opaque }

// skipBody moves over as much of data as belongs to the body.
func (f *framing) skipBody(data []byte) (int, error) {
	switch {
	case f.opaque:
		return len(data), nil
	case f.chunks == noChunks:
		n := int(min(f.left, int64(len(data))))
		f.left -= int64(n)
		return n, nil
	}
	for i := 0; i < len(data); {
		if f.chunks == chunkData && f.left > 0 {
			n := int(min(f.left, int64(len(data)-i)))
			f.left -= int64(n)
			i += n
			if f.left == 0 {
				f.chunks = chunkDataCR
			}
			continue
		}
		if !f.step(data[i]) {
			return i, ErrChunk
		}
		i++
		if f.chunks == noChunks {
			return i, nil
		}
	}
	return len(data), nil
}

// step takes one byte of the chunked framing (RFC 9112 §7.1), strictly: lines
// end in CR LF, because two readers that disagree make a smuggled request.
func (f *framing) step(c byte) bool {
	switch f.chunks {
	case chunkSize:
		return f.sizeByte(c)
	case chunkSpace:
		return f.endSize(c)
	case chunkExtension:
		if c == '\r' {
			f.chunks = chunkSizeLF
			return true
		}
		f.line++
		return c != '\n' && c != 0 && f.line <= maxChunkLine
	case chunkSizeLF:
		f.chunks = chunkData
		if f.left == 0 {
			f.chunks, f.line = trailerStart, 0
		}
		return c == '\n'
	case chunkDataCR:
		f.chunks = chunkDataLF
		return c == '\r'
	case chunkDataLF:
		f.chunks, f.line, f.digits = chunkSize, 0, 0
		return c == '\n'
	}
	return f.trailerByte(c)
}

func (f *framing) sizeByte(c byte) bool {
	digit, ok := unhex(c)
	switch {
	case ok:
		f.digits++
		f.left = f.left<<4 | digit
		return f.digits <= 15
	case f.digits == 0:
		return false
	case c == ';':
		f.chunks = chunkExtension
		return true
	}
	return f.endSize(c)
}

// endSize takes what may stand behind a size that has no extension. White
// space ahead of an extension is legal but refused: net/http cannot read it.
func (f *framing) endSize(c byte) bool {
	switch c {
	case ' ', '\t':
		f.chunks = chunkSpace
		f.line++
		return f.line <= maxChunkLine
	case '\r':
		f.chunks = chunkSizeLF
		return true
	}
	return false
}

func unhex(c byte) (int64, bool) {
	switch {
	case '0' <= c && c <= '9':
		return int64(c - '0'), true
	case 'a' <= c && c <= 'f':
		return int64(c-'a') + 10, true
	case 'A' <= c && c <= 'F':
		return int64(c-'A') + 10, true
	}
	return 0, false
}

func (f *framing) trailerByte(c byte) bool {
	f.line++
	switch f.chunks {
	case trailerStart:
		f.chunks = trailerLine
		if c == '\r' {
			f.chunks = lastLF
		}
		return c != '\n' && c != 0
	case trailerLine:
		if c == '\r' {
			f.chunks = trailerLF
		}
		return c != '\n' && c != 0 && f.line <= maxTrailers
	case trailerLF:
		f.chunks = trailerStart
		return c == '\n'
	}
	*f = framing{} // lastLF: the body has ended
	return c == '\n'
}
