package docs_test

import "testing"

// A length that a document shows is the one that a reader gets, unless the
// frame was too slow for it.
func TestFramedAlike(t *testing.T) {
	const date, length, other, chunks = "Date: …\n", "Content-Length: 17\n\n", "Content-Length: 18\n\n", "Transfer-Encoding: chunked\n\n"
	for _, tt := range []struct {
		name, got, want string
		alike           bool
	}{
		{"the same length", date + length, date + length, true},
		{"another length", date + other, date + length, false},
		{"chunks for a length", date + chunks, date + length, true},
		{"a length for chunks", date + length, date + chunks, true},
		{"crossed", date + length + date + chunks, date + chunks + date + length, true},
		{"the second is another", date + length + date + other, date + chunks + date + length, false},
		{"the frame's own", length, chunks, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, want := framedAlike(tt.got, tt.want); (got == want) != tt.alike {
				t.Errorf("got %q and %q; want them alike: %v", got, want, tt.alike)
			}
		})
	}
}
