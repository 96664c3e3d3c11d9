package static

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// smallFile is up to where reading and one write beat sendfile, which is sent
// apart from the header.
const smallFile = 16 << 10

// representation is what a request selected (§3.2): a file, or a precompressed
// neighbour of it.
type representation struct {
	entry
	typ    fileType // of the original
	coding *coding  // nil: none
	etag   string
}

// send answers 200, 206, or has 416 answered.
func (f *Files) send(w http.ResponseWriter, r *http.Request, rep representation) error {
	now, modified, size := time.Now(), rep.info.ModTime(), rep.info.Size()
	h := w.Header()

	var ranges []byteRange
	wanted := whole
	// §14.2: Range means something with GET alone.
	if lines := r.Header["Range"]; len(lines) > 0 && r.Method == http.MethodGet &&
		ifRange(r.Header["If-Range"], rep.etag, modified, now) {
		ranges, wanted = parseRange(lines, size)
	}
	h.Set("Accept-Ranges", "bytes")
	if wanted == unsatisfiable { // §15.5.17
		h.Set("Content-Range", "bytes */"+strconv.FormatInt(size, 10))
		return &Error{http.StatusRequestedRangeNotSatisfiable,
			fmt.Errorf("static file %s: range %q of %d bytes: not satisfiable", rep.name, r.Header.Get("Range"), size)}
	}

	if len(ranges) > 1 {
		setValidators(h, rep, now)
		return sendParts(w, rep, ranges)
	}
	part, status := byteRange{0, size}, http.StatusOK
	if wanted == partial {
		part, status = ranges[0], http.StatusPartialContent
	}
	var body []byte
	if part.length <= smallFile && r.Method == http.MethodGet {
		buf := f.bufs.Get().(*[smallFile]byte)
		defer f.bufs.Put(buf)
		body = buf[:part.length]
		// Before the first byte of an answer, so that a file which is cut
		// short at this moment gets an error page instead of a broken answer.
		if _, err := rep.file.ReadAt(body, part.start); err != nil {
			return readError(rep.name, err)
		}
	}
	setValidators(h, rep, now)
	h.Set("Content-Type", rep.typ.contentType)
	h.Set("Content-Length", strconv.FormatInt(part.length, 10))
	if wanted == partial {
		h.Set("Content-Range", part.contentRange(size))
	}
	w.WriteHeader(status)
	switch {
	case r.Method == http.MethodHead:
		return nil
	case body != nil:
		if _, err := w.Write(body); err != nil {
			return cut(rep.name, err)
		}
		return nil
	default:
		return copyRange(w, rep, part)
	}
}

// setValidators sets what describes the file, whichever part of it is sent.
func setValidators(h http.Header, rep representation, now time.Time) {
	h.Set("Etag", rep.etag)
	if modified := rep.info.ModTime(); hasDate(modified) {
		if modified.After(now) {
			modified = now // §8.8.2.1: never later than Date
		}
		h.Set("Last-Modified", modified.UTC().Format(http.TimeFormat))
	}
	if rep.coding != nil {
		h.Set("Content-Encoding", rep.coding.name)
	}
}

// sendParts answers with several ranges (§15.3.7.2, §14.6).
func sendParts(w http.ResponseWriter, rep representation, ranges []byteRange) error {
	boundary := rand.Text()
	size := rep.info.Size()
	heads := make([]string, len(ranges))
	end := "\r\n--" + boundary + "--\r\n"
	length := int64(len(end))
	for i, br := range ranges {
		heads[i] = "\r\n--" + boundary + "\r\nContent-Type: " + rep.typ.contentType +
			"\r\nContent-Range: " + br.contentRange(size) + "\r\n\r\n"
		if i == 0 {
			heads[i] = heads[i][2:] // the line break belongs to the boundary, and there is no line before it
		}
		length += int64(len(heads[i])) + br.length
	}
	h := w.Header()
	h.Set("Content-Type", "multipart/byteranges; boundary="+boundary)
	h.Set("Content-Length", strconv.FormatInt(length, 10))
	w.WriteHeader(http.StatusPartialContent)
	for i, br := range ranges {
		if _, err := io.WriteString(w, heads[i]); err != nil {
			return cut(rep.name, err)
		}
		if err := copyRange(w, rep, br); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(w, end); err != nil {
		return cut(rep.name, err)
	}
	return nil
}

func (br byteRange) contentRange(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", br.start, br.start+br.length-1, size)
}

// copyRange sends part of the file. A plain *os.File behind an
// io.LimitedReader, and w itself as the destination, are what net/http and
// the kernel turn into sendfile: wrap neither.
func copyRange(w http.ResponseWriter, rep representation, part byteRange) error {
	if _, err := rep.file.Seek(part.start, io.SeekStart); err != nil {
		return cut(rep.name, err)
	}
	_, err := io.CopyN(w, rep.file, part.length)
	if err == nil {
		return nil
	}
	return cut(rep.name, err)
}

var errShrunk = errors.New("it became shorter meanwhile")

// readError is a file that can't be read, before the answer began.
func readError(name string, err error) error {
	if errors.Is(err, io.EOF) {
		return &Error{http.StatusServiceUnavailable, fmt.Errorf("static file %s: read: %w", name, errShrunk)}
	}
	return &Error{http.StatusInternalServerError, fmt.Errorf("static file: %w", err)}
}

// cut is an answer that ends before its time.
func cut(name string, err error) error {
	if errors.Is(err, io.EOF) {
		err = errShrunk
	}
	return &Error{0, fmt.Errorf("static file %s: send: %w", name, err)}
}
