package static

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestParseRange(t *testing.T) {
	many := func(n, step int) string {
		var specs []string
		for i := range n {
			specs = append(specs, fmt.Sprintf("%d-%d", i*step, i*step))
		}
		return "bytes=" + strings.Join(specs, ",")
	}
	tests := []struct {
		name, header string
		size         int64
		want         string // verdict, and start+length of each range
	}{
		{"first bytes", "bytes=0-4", 10, "partial 0+5"},
		{"middle", "bytes=3-3", 10, "partial 3+1"},
		{"to the end", "bytes=7-", 10, "partial 7+3"},
		{"beyond the end", "bytes=7-99", 10, "partial 7+3"},
		{"all of it", "bytes=0-", 10, "partial 0+10"},
		{"suffix", "bytes=-3", 10, "partial 7+3"},
		{"long suffix", "bytes=-30", 10, "partial 0+10"},
		{"unit of another case", "Bytes=0-4", 10, "partial 0+5"},
		{"leading zeros", "bytes=007-0008", 10, "partial 7+2"},
		{"white space around", " bytes=0-1 ", 10, "partial 0+2"},
		{"list of one", "bytes=,0-1, ,", 10, "partial 0+2"},

		{"starts at the end", "bytes=10-", 10, "unsatisfiable"},
		{"starts beyond", "bytes=99-100", 10, "unsatisfiable"},
		{"suffix of nothing", "bytes=-0", 10, "unsatisfiable"},
		{"beyond all numbers", "bytes=99999999999999999999-", 10, "unsatisfiable"},
		{"all of two", "bytes=10-,-0", 10, "unsatisfiable"},
		{"one of two", "bytes=10-,2-3", 10, "partial 2+2"},
		{"end beyond all numbers", "bytes=4-99999999999999999999", 10, "partial 4+6"},
		{"suffix beyond all numbers", "bytes=-99999999999999999999", 10, "partial 0+10"},
		{"biggest number", "bytes=0-9223372036854775807", 10, "partial 0+10"},

		{"unknown unit", "lines=0-4", 10, "whole"},
		{"no unit", "0-4", 10, "whole"},
		{"no set", "bytes=", 10, "whole"},
		{"empty set", "bytes= , ,", 10, "whole"},
		{"space before the sign", "bytes =0-4", 10, "whole"},
		{"backwards", "bytes=4-3", 10, "whole"},
		{"dash alone", "bytes=-", 10, "whole"},
		{"two dashes", "bytes=1--3", 10, "whole"},
		{"negative suffix", "bytes=--3", 10, "whole"},
		{"no dash", "bytes=5", 10, "whole"},
		{"plus", "bytes=+1-2", 10, "whole"},
		{"hexadecimal", "bytes=0x1-0x2", 10, "whole"},
		{"space within", "bytes=1 - 2", 10, "whole"},
		{"one bad spec spoils all", "bytes=0-1,x", 10, "whole"},
		{"a bad one behind an unsatisfiable one", "bytes=99-,x", 10, "whole"},
		{"other digits", "bytes=\u0661-", 10, "whole"},
		{"empty file", "bytes=0-", 0, "whole"},
		{"suffix of an empty file", "bytes=-5", 0, "whole"},

		{"two apart", "bytes=0-9,500-509", 1000, "partial 0+10 500+10"},
		{"in the client's order", "bytes=500-509,0-9,-1", 1000, "partial 500+10 0+10 999+1"},
		{"overlap", "bytes=0-9,5-14", 1000, "partial 0+15"},
		{"adjacent", "bytes=0-9,10-19", 1000, "partial 0+20"},
		{"nearer than a part's header", "bytes=0-9,89-99", 1000, "partial 0+100"},
		{"just far enough", "bytes=0-9,90-99", 1000, "partial 0+10 90+10"},
		{"one joins two", "bytes=500-509,0-9,600-609,5-505", 1000, "partial 0+510 600+10"},
		{"the same many times", "bytes=" + strings.Repeat("0-,", 63) + "0-", 1000, "partial 0+1000"},
		{"too many", "bytes=" + strings.Repeat("0-,", 64) + "0-", 1000, "whole"},
		{"as many as allowed, apart", many(64, 100), 1e6, "partial 64"},
		{"too many, apart", many(65, 100), 1e6, "whole"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ranges, verdict := parseRange([]string{tt.header}, tt.size)
			got := [...]string{whole: "whole", partial: "partial", unsatisfiable: "unsatisfiable"}[verdict]
			if len(ranges) > 10 {
				got += fmt.Sprint(" ", len(ranges))
			} else {
				for _, br := range ranges {
					got += fmt.Sprintf(" %d+%d", br.start, br.length)
				}
			}
			if got != tt.want {
				t.Errorf("got %q; want %q", got, tt.want)
			}
		})
	}
	if _, verdict := parseRange([]string{"bytes=0-1", "bytes=2-3"}, 10); verdict != whole {
		t.Errorf("two fields: got verdict %d; want %d", verdict, whole)
	}
}

func TestRange(t *testing.T) {
	dir := write(t, map[string]string{"a.txt": "0123456789", "empty.txt": ""})
	addr := serve(t, dir, Options{})
	for _, tt := range []struct {
		name, request, header string
		status                int
		body, contentRange    string
	}{
		{"single", "GET /a.txt", "bytes=2-4", 206, "234", "bytes 2-4/10"},
		{"suffix", "GET /a.txt", "bytes=-3", 206, "789", "bytes 7-9/10"},
		{"open", "GET /a.txt", "bytes=8-", 206, "89", "bytes 8-9/10"},
		{"all", "GET /a.txt", "bytes=0-", 206, "0123456789", "bytes 0-9/10"},
		{"two that join", "GET /a.txt", "bytes=0-1,3-4", 206, "01234", "bytes 0-4/10"},
		{"unsatisfiable", "GET /a.txt", "bytes=10-", 416, "caller's 416\n", "bytes */10"},
		{"unknown unit", "GET /a.txt", "lines=1-2", 200, "0123456789", ""},
		{"malformed", "GET /a.txt", "bytes=4-2", 200, "0123456789", ""},
		{"empty file", "GET /empty.txt", "bytes=0-", 200, "", ""},
		{"means nothing to HEAD", "HEAD /a.txt", "bytes=2-4", 200, "", ""}, // §14.2
		{"nor to OPTIONS", "OPTIONS /a.txt", "bytes=99-", 204, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := do(t, addr, tt.request, "Range: "+tt.header)
			a.check(t, tt.status, tt.body, "Content-Range: "+tt.contentRange)
			if tt.status == 206 {
				a.check(t, 206, "*", fmt.Sprintf("Content-Length: %d", len(tt.body)), "Content-Type: text/plain; charset=utf-8", "Accept-Ranges: bytes")
			}
			if tt.status == 416 {
				a.check(t, 416, "*", "Etag:", "Last-Modified:", "Content-Encoding:")
			}
		})
	}
}

func TestMultipart(t *testing.T) {
	content := strings.Repeat("0123456789", 10_000) // parts beyond smallFile, too
	addr := serve(t, write(t, map[string]string{"a.txt": content}), Options{})
	a := do(t, addr, "GET /a.txt", "Range: bytes=500-504, 0-1, 900000-, 50000-99999, 2000-2009")
	a.check(t, 206, "*", "Content-Range:", "Accept-Ranges: bytes", fmt.Sprintf("Content-Length: %d", len(a.body)))
	if a.Header.Get("Etag") == "" {
		t.Error("Etag: got none; want one")
	}
	mediaType, params, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	must(t, err)
	if mediaType != "multipart/byteranges" {
		t.Errorf("Content-Type: got %q; want %q", mediaType, "multipart/byteranges")
	}
	parts := multipart.NewReader(strings.NewReader(a.body), params["boundary"])
	for _, want := range []struct {
		contentRange string
		body         string
	}{
		{"bytes 500-504/100000", content[500:505]},
		{"bytes 0-1/100000", content[:2]},
		{"bytes 50000-99999/100000", content[50000:]},
		{"bytes 2000-2009/100000", content[2000:2010]},
	} {
		part, err := parts.NextRawPart()
		must(t, err)
		body, err := io.ReadAll(part)
		must(t, err)
		if string(body) != want.body {
			t.Errorf("%s: got %.50q, %d bytes; want %.50q, %d bytes", want.contentRange, body, len(body), want.body, len(want.body))
		}
		if got := part.Header.Get("Content-Range"); got != want.contentRange {
			t.Errorf("Content-Range: got %q; want %q", got, want.contentRange)
		}
		if got := part.Header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
			t.Errorf("Content-Type of a part: got %q; want the file's", got)
		}
	}
	if _, err := parts.NextRawPart(); err != io.EOF {
		t.Errorf("after the last part: got %v; want %v", err, io.EOF)
	}
	if !strings.HasPrefix(a.body, "--"+params["boundary"]+"\r\n") {
		t.Errorf("body: got %.40q; want the boundary first", a.body)
	}
}

func TestSparseFile(t *testing.T) {
	const size = 100 << 20
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(dir, "big.bin"))
	must(t, err)
	defer file.Close()
	must(t, file.Truncate(size))
	_, err = file.WriteAt([]byte("needle"), size-1000)
	must(t, err)
	addr := serve(t, dir, Options{})
	do(t, addr, "HEAD /big.bin").check(t, 200, "", "Content-Length: 104857600")
	do(t, addr, "GET /big.bin", fmt.Sprintf("Range: bytes=%d-%d", size-1000, size-995)).check(t, 206, "needle",
		"Content-Range: bytes 104856600-104856605/104857600")
	do(t, addr, "GET /big.bin", "Range: bytes=-1000").check(t, 206, "needle"+strings.Repeat("\x00", 994))
	const tail = 10 << 20
	a := do(t, addr, "GET /big.bin", fmt.Sprintf("Range: bytes=%d-", size-tail))
	if len(a.body) != tail || a.body[tail-1000:tail-994] != "needle" {
		t.Errorf("last %d: got %d bytes; want all, with the needle", tail, len(a.body))
	}
}

// readerFroms records what is handed to a connection's ReadFrom, which is the
// way to sendfile.
type readerFroms struct {
	net.Listener
	mu      sync.Mutex
	sources []string
}

type readerFromConn struct {
	*net.TCPConn
	l *readerFroms
}

func (l *readerFroms) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return readerFromConn{c.(*net.TCPConn), l}, nil
}

func (c readerFromConn) ReadFrom(r io.Reader) (int64, error) {
	source := fmt.Sprintf("%T", r)
	if limited, ok := r.(*io.LimitedReader); ok {
		source += fmt.Sprintf(" of %T", limited.R)
	}
	c.l.mu.Lock()
	c.l.sources = append(c.l.sources, source)
	c.l.mu.Unlock()
	return c.TCPConn.ReadFrom(r)
}

// TestSendfile holds on to the one shape that net turns into sendfile(2): an
// *os.File, or an io.LimitedReader of one.
func TestSendfile(t *testing.T) {
	content := strings.Repeat("x", 10*smallFile)
	s := httptest.NewUnstartedServer(caller(open(t, write(t, map[string]string{"a.bin": content}), Options{})))
	l := &readerFroms{Listener: s.Listener}
	s.Listener = l
	s.Start()
	defer s.Close()
	addr := l.Addr().String()
	do(t, addr, "GET /a.bin").check(t, 200, content)
	do(t, addr, "GET /a.bin", "Range: bytes=5-100000").check(t, 206, content[:99996])
	do(t, addr, "GET /a.bin", "Range: bytes=5-50004, 100000-150000").check(t, 206, "*")
	want := strings.Repeat("*io.LimitedReader of *os.File\n", 4)
	if got := strings.Join(l.sources, "\n") + "\n"; got != want {
		t.Errorf("ReadFrom: got\n%swant\n%s", got, want)
	}
}
