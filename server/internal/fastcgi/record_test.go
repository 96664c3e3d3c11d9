package fastcgi

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAppendRecord(t *testing.T) {
	tests := []struct {
		name string
		got  []byte
		want string
	}{
		{"empty", AppendRecord(nil, Stdin, 1, nil), "\x01\x05\x00\x01\x00\x00\x00\x00"},
		{"padded", AppendRecord(nil, Stdin, 0x0102, []byte("abc")), "\x01\x05\x01\x02\x00\x03\x05\x00abc\x00\x00\x00\x00\x00"},
		{"aligned", AppendRecord(nil, Data, 1, []byte("abcdefgh")), "\x01\x08\x00\x01\x00\x08\x00\x00abcdefgh"},
		{"begin", AppendBegin(nil, 1, Responder, false), "\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00"},
		{"begin, to be kept", AppendBegin(nil, 1, Filter, true), "\x01\x01\x00\x01\x00\x08\x00\x00\x00\x03\x01\x00\x00\x00\x00\x00"},
		{"end", AppendEnd(nil, 1, 0x01020304, Overloaded), "\x01\x03\x00\x01\x00\x08\x00\x00\x01\x02\x03\x04\x02\x00\x00\x00"},
		{"behind another", AppendRecord([]byte("x"), AbortRequest, 1, []byte("y")), "x\x01\x02\x00\x01\x00\x01\x07\x00y\x00\x00\x00\x00\x00\x00\x00"},
	}
	for _, tt := range tests {
		if string(tt.got) != tt.want {
			t.Errorf("%s: got %q; want %q", tt.name, tt.got, tt.want)
		}
	}
}

func TestAppendStream(t *testing.T) {
	for _, n := range []int{0, 1, maxContent, maxContent + 1, 65535, 65536, 3 * maxContent, 1 << 20} {
		content := bytes.Repeat([]byte("x"), n)
		records := parse(t, AppendStream(nil, Stdin, 7, content))
		var got []byte
		for _, r := range records {
			if r.ID != 7 || r.Type != Stdin || len(r.content) == 0 {
				t.Errorf("%d bytes: record %+v", n, r.Header)
			}
			got = append(got, r.content...)
		}
		if want := (n + maxContent - 1) / maxContent; len(records) != want || !bytes.Equal(got, content) {
			t.Errorf("%d bytes: got %d records of %d bytes; want %d records", n, len(records), len(got), want)
		}
	}
}

// record is a whole record.
type record struct {
	Header
	content []byte
}

// parse takes records apart, by other means than reader.
func parse(t testing.TB, b []byte) []record {
	t.Helper()
	var records []record
	for len(b) > 0 {
		if len(b) < headerLen {
			t.Fatalf("%d bytes are no header", len(b))
		}
		h, err := ParseHeader(b)
		if err != nil {
			t.Fatal(err)
		}
		end := headerLen + int(h.Content)
		if len(b) < end+int(h.Padding) {
			t.Fatalf("record %+v in %d bytes", h, len(b))
		}
		records = append(records, record{h, b[headerLen:end]})
		b = b[end+int(h.Padding):]
	}
	return records
}

func TestParseHeader(t *testing.T) {
	tests := []struct{ in, want string }{
		{"HTTP/1.1 400 Bad", `FastCGI protocol error: not a record of version 1: "HTTP/1.1" (an HTTP server?)`},
		{"Status: 200 OK\r\n", `FastCGI protocol error: not a record of version 1: "Status: " (an SCGI server?)`},
		{"\x02\x01\x00\x01\x00\x00\x00\x00", `FastCGI protocol error: not a record of version 1: "\x02\x01\x00\x01\x00\x00\x00\x00"`},
	}
	for _, tt := range tests {
		_, err := ParseHeader([]byte(tt.in))
		if !errors.Is(err, ErrProtocol) || err.Error() != tt.want {
			t.Errorf("%q: got %v; want %s", tt.in, err, tt.want)
		}
	}
	want := Header{Type: 6, ID: 0x0203, Content: 0x0405, Padding: 6}
	got, err := ParseHeader([]byte("\x01\x06\x02\x03\x04\x05\x06\xff"))
	if got != want || err != nil {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestParseEnd(t *testing.T) {
	app, status, err := ParseEnd([]byte("\x01\x02\x03\x04\x03\x00\x00\x00"))
	if app != 0x01020304 || status != UnknownRole || err != nil {
		t.Errorf("got %#x, %d, %v", app, status, err)
	}
	if _, _, err := ParseEnd([]byte("\x01\x02\x03\x04\x03\x00\x00")); !errors.Is(err, ErrProtocol) {
		t.Errorf("a short END_REQUEST: got %v", err)
	}
}

func TestTypeString(t *testing.T) {
	for typ, want := range map[Type]string{BeginRequest: "BEGIN_REQUEST", UnknownType: "UNKNOWN_TYPE", 0: "type 0", 12: "type 12", 255: "type 255"} {
		if got := typ.String(); got != want {
			t.Errorf("got %q; want %q", got, want)
		}
	}
}

func TestAppendPair(t *testing.T) {
	long := strings.Repeat("v", 128)
	tests := []struct{ name, value, want string }{
		{"", "", "\x00\x00"},
		{"A", "b", "\x01\x01Ab"},
		{"A", long[:127], "\x01\x7fA" + long[:127]},
		{"A", long, "\x01\x80\x00\x00\x80A" + long},
		{long, "b", "\x80\x00\x00\x80\x01" + long + "b"},
	}
	for _, tt := range tests {
		got := AppendPair(nil, tt.name, tt.value)
		if string(got) != tt.want || len(got) != pairLen(tt.name, tt.value) {
			t.Errorf("%d and %d bytes: got %q (%d long); want %q", len(tt.name), len(tt.value), got, pairLen(tt.name, tt.value), tt.want)
		}
	}
}

func TestParsePairs(t *testing.T) {
	for _, in := range []string{"\x01", "\x80\x00\x00", "\x01\x80", "\x01\x01A", "\x01\xff\xff\xff\xffA", "\xff\xff\xff\xff\xff\xff\xff\xff", "\x00\x01"} {
		if pairs, err := ParsePairs([]byte(in)); !errors.Is(err, ErrProtocol) {
			t.Errorf("%q: got %q, %v", in, pairs, err)
		}
	}
	// A length may take four bytes when one would do.
	got, err := ParsePairs([]byte("\x80\x00\x00\x01\x00A\x00\x00"))
	if diff := cmp.Diff([]string{"A=", "="}, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

// A server that reads each record by itself finds whole pairs in it, as far
// as a pair can be in one.
func TestParamsRecords(t *testing.T) {
	value := func(n int) string { return strings.Repeat("v", n) }
	tests := []struct {
		name    string
		params  []string
		records int // with the empty one at the end
	}{
		{"none", nil, 1},
		{"one", []string{"A=b"}, 2},
		{"no value, no name", []string{"A", "=b", ""}, 2},
		{"a second equals sign", []string{"A=b=c"}, 2},
		{"just full", []string{"A=" + value(maxContent-6)}, 2},
		{"just full and one more", []string{"A=" + value(maxContent-6), "B=c"}, 3},
		{"two that are too much for one", []string{"A=" + value(40000), "B=" + value(40000)}, 3},
		{"longer than a record", []string{"Z=y", "A=" + value(100000), "B=c"}, 5},
		{"longer than a record, alone", []string{"A=" + value(200000)}, 5},
	}
	for _, tt := range tests {
		records := parse(t, appendParams(nil, 1, tt.params))
		var stream []byte
		for i, r := range records {
			if empty := len(r.content) == 0; r.Type != Params || r.ID != 1 || empty != (i == len(records)-1) {
				t.Errorf("%s: record %d: %+v", tt.name, i, r.Header)
			}
			stream = append(stream, r.content...)
		}
		if len(records) != tt.records {
			t.Errorf("%s: got %d records; want %d", tt.name, len(records), tt.records)
		}
		got, err := ParsePairs(stream)
		var want []string
		for _, p := range tt.params {
			if !strings.Contains(p, "=") {
				p += "="
			}
			want = append(want, p)
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", tt.name, err, diff)
		}
	}
}
