package lint

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// gzipMark begins everything that gzip has written.
const gzipMark = "\x1f\x8b"

// mostUnpacked bounds what is unpacked of a body: it may be a bomb.
const mostUnpacked = 64 << 20

// packed reports a text that is gzip, and nothing says so.
func (b *bodyOf) packed() bool {
	if !bytes.HasPrefix(b.bytes, []byte(gzipMark)) || !b.isText() && !b.isJSON() {
		return false
	}
	b.h.j.report("undeclared-gzip", b.place(0, len(gzipMark)), says{})
	return true
}

// coding holds the body to its Content-Encoding.
func (b *bodyOf) coding() {
	var open func(io.Reader) (io.ReadCloser, error)
	mark := ""
	switch b.encoding {
	case "gzip", "x-gzip":
		mark = gzipMark
		open = func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }
	case "deflate":
		open = zlib.NewReader
	case "zstd":
		mark = "\x28\xb5\x2f\xfd"
	default:
		return // br has no mark, others are not known
	}
	if n := min(len(b.bytes), len(mark)); string(b.bytes[:n]) != mark[:n] || n < len(mark) && b.whole() {
		b.h.j.report("bad-encoding", b.place(0, min(len(b.bytes), max(n, 1))), says{what: fmt.Sprintf("the header says %s, but the body is not", b.encoding)})
		return
	}
	if open == nil || !b.whole() {
		return
	}
	r, err := open(bytes.NewReader(b.bytes))
	if err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(r, mostUnpacked))
		r.Close()
	}
	switch {
	case err == nil:
	case errors.Is(err, io.ErrUnexpectedEOF):
		b.h.j.report("bad-encoding", b.place(len(b.bytes), len(b.bytes)), says{
			what: fmt.Sprintf("the %s data ends too early", b.encoding), fix: "close the compressor before the program ends: that writes its last bytes",
		})
	case b.encoding == "deflate" && errors.Is(err, zlib.ErrHeader):
		b.h.j.report("bad-encoding", b.place(0, min(len(b.bytes), 2)), says{
			what: "the header says deflate, but the body is not in the zlib format", fix: "use gzip, which means the same everywhere; or leave Content-Encoding out",
		})
	default:
		b.h.j.report("bad-encoding", b.place(0, 0), says{what: fmt.Sprintf("the %s data is damaged", b.encoding)})
	}
}

// json judges a body that should be JSON.
func (b *bodyOf) json() {
	report := func(at int, s says) {
		at = min(at, len(b.bytes))
		b.h.j.report("bad-json", b.place(at, min(at+1, len(b.bytes))), s)
	}
	switch {
	case len(b.bytes) == 0 && b.size == 0:
		report(0, says{what: "the Content-Type is JSON, but there is no body", why: "nothing is no JSON value: a client that reads it fails", fix: `print null, {} or []; or "Status: 204 No Content" without a Content-Type`})
		return
	case len(b.bytes) == 0:
		return
	case bytes.HasPrefix(b.bytes, []byte(byteOrderMark)):
		report(0, says{what: "a byte order mark ahead of the JSON", fix: "print it without the mark"})
		return
	}
	d := json.NewDecoder(bytes.NewReader(b.bytes))
	var value json.RawMessage
	err := d.Decode(&value)
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		b.behindJSON(int(d.InputOffset()), report)
	case errors.As(err, &syntax) && int(syntax.Offset) <= len(b.bytes) && !errors.Is(err, io.ErrUnexpectedEOF):
		at := max(int(syntax.Offset)-1, 0)
		s := says{}
		switch c := b.bytes[min(at, len(b.bytes)-1)]; {
		case c == '\'':
			s.why = "strings are in double quotes: this is how Python shows a dict, not JSON"
		case bytes.HasPrefix(b.bytes[at:], []byte("True")), bytes.HasPrefix(b.bytes[at:], []byte("False")), bytes.HasPrefix(b.bytes[at:], []byte("None")):
			s.why = "JSON has true, false and null: this is how Python shows a dict"
		case bytes.HasPrefix(b.bytes[at:], []byte("NaN")), c == 'I':
			s.why = "JSON has no NaN and no Infinity: json.dumps(..., allow_nan=False) finds where they come from"
		}
		report(at, s)
	case b.whole():
		report(len(b.bytes), says{what: "the JSON ends too early"})
	}
}

// behindJSON looks for what follows the one value.
func (b *bodyOf) behindJSON(end int, report func(int, says)) {
	rest := b.bytes[end:]
	trimmed := bytes.TrimLeft(rest, " \t\r\n")
	if len(trimmed) == 0 {
		return
	}
	report(end+len(rest)-len(trimmed), says{what: "something follows the JSON", why: "the value is over, and this is not white space"})
}
