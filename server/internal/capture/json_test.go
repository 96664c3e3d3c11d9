package capture

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestStreamJSON(t *testing.T) {
	for _, tt := range []struct {
		name string
		s    Stream
		want string
	}{
		{"nothing", Stream{Read: -1}, `{"size":0,"text":""}`},
		{"text", Stream{Head: []byte("<中>\n"), Size: 6, Read: 2}, `{"size":6,"read":2,"text":"<中>\n"}`},
		{"bytes", Stream{Head: []byte("\xff\x00"), Size: 2, Read: -1}, `{"size":2,"base64":"/wA="}`},
		{"truncated", Stream{Head: []byte("ab"), Size: 1000, Read: -1}, `{"size":1000,"text":"ab","truncated":true}`},
		{"truncated within a character", Stream{Head: []byte("ab\xe4\xb8"), Size: 1000, Read: -1}, `{"size":1000,"text":"ab","truncated":true}`},
		{"a character that is cut at the very end", Stream{Head: []byte("ab\xe4\xb8"), Size: 4, Read: -1}, `{"size":4,"base64":"YWLkuA=="}`},
		{"truncated bytes", Stream{Head: []byte("\xffa"), Size: 9, Read: -1}, `{"size":9,"base64":"/2E=","truncated":true}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := marshal(tt.s)
			if err != nil || string(got) != tt.want {
				t.Fatalf("got %s, %v; want %s", got, err, tt.want)
			}
			var back Stream
			if err := json.Unmarshal(got, &back); err != nil {
				t.Fatal(err)
			}
			if !bytes.HasPrefix(tt.s.Head, back.Head) || back.Size != tt.s.Size || back.Read != tt.s.Read {
				t.Errorf("got %+v back; want %+v", back, tt.s)
			}
		})
	}
}

func TestStreamJSONRefuses(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{`{"text":"a","base64":"YQ=="}`, "not both"},
		{`{"base64":"*"}`, "illegal base64"},
		{`{"size":1,"text":"ab"}`, "cannot begin with 2"},
		{`[]`, "cannot unmarshal"},
	} {
		var s Stream
		if err := json.Unmarshal([]byte(tt.in), &s); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v; want %q", tt.in, err, tt.want)
		}
	}
	var s Stream
	if err := json.Unmarshal([]byte(`{"text":"ab"}`), &s); err != nil || s.Size != 2 || s.Read != -1 {
		t.Errorf("got %+v, %v; want a size of 2, and nothing known to be read", s, err)
	}
}

// FuzzJSON: whatever bytes an exchange is made of, they come back from JSON.
func FuzzJSON(f *testing.F) {
	f.Add("", "", []byte(nil), int64(0))
	f.Add("A=中", "\xff\x00", []byte("\xe4\xb8"), int64(5))
	f.Fuzz(func(t *testing.T, a, b string, p []byte, n int64) {
		size := int64(len(p))
		x := &Exchange{
			ID: "1f", Time: time.Unix(n%1e9, 0).UTC(), Frame: "echo", Pid: 4711,
			Request: Request{Method: a, Target: b, Host: a, Header: []Field{{a, b}, {b, a}}},
			Program: Program{Path: a, Argv: []string{a, b}, Env: []string{b, ""}, Dir: b, File: a, Umask: int(n % 512), Bridge: 2},
			Stdin:   Stream{Head: p, Size: size, Read: n & 0xffff}, Stdout: Stream{Head: []byte(a), Size: int64(len(a)), Read: -1},
			Stderr: Lines{Last: []string{a, b}, Dropped: 3},
			Exit:   &Exit{Code: -1, Signal: "SIGSEGV", CPU: time.Duration(n), MaxRSSKiB: n},
			Answer: Answer{Status: 200, Header: []Field{{b, a}}, Body: Stream{Read: -1}, Cut: true},
			Events: []Event{{At: time.Duration(n), Kind: Started}, {At: 2, Kind: StdoutPut, Offset: n, Bytes: 7}},
			Asked:  true,
		}
		data, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(data) || !json.Valid(data) {
			t.Fatalf("got %q", data)
		}
		var back Exchange
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatalf("%v: %s", err, data)
		}
		if diff := cmp.Diff(x, &back, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(Exchange{})); diff != "" {
			t.Errorf("-given +back:\n%s", diff)
		}
	})
}
