package runner

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"
)

// Requests that wait are taken back in their order, and only as long as nobody
// has read them.
func TestRequestsTakenBack(t *testing.T) {
	var q requests
	theirs, err := q.open()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	defer q.close()
	for _, message := range []string{"first", "second", "third"} {
		if err := q.write(&parcel{head: []byte(message)}); err != nil {
			t.Fatal(err)
		}
	}
	read := func() string {
		buf := make([]byte, 100)
		n, err := unix.Read(int(theirs.Fd()), buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	if got := q.takeBack([]byte("second")); got != nil {
		t.Errorf("got %q out of its turn", got)
	}
	if got := q.takeBack([]byte("first")); string(got) != "first" {
		t.Errorf("got %q, want the first", got)
	}
	if got := read(); got != "second" {
		t.Errorf("the worker got %q, want the second", got)
	}
	if got := q.takeBack([]byte("second")); got != nil {
		t.Errorf("got %q, which the worker has", got)
	}
	if got := q.takeBack([]byte("third")); string(got) != "third" {
		t.Errorf("got %q, want the third", got)
	}
	if got := q.takeBack([]byte("third")); got != nil {
		t.Errorf("got %q twice", got)
	}
}

// A request arrives as it was made, in messages of which each but the last is
// as long as one may be, wherever its head ends.
func TestRequestsInSeveralMessages(t *testing.T) {
	for name, size := range map[string][2]int{
		"a head alone": {100, 0}, "a short body": {100, 100}, "one full message": {100, longestMessage - 100}, "a byte more": {100, longestMessage - 99},
		"a head of a message": {longestMessage, 10}, "a long head": {longestMessage + 10, longestMessage}, "a long body": {50, 3*longestMessage + 7},
	} {
		t.Run(name, func(t *testing.T) {
			var q requests
			theirs, err := q.open()
			if err != nil {
				t.Fatal(err)
			}
			defer theirs.Close()
			defer q.close()
			all := make([]byte, size[0]+size[1])
			for i := range all {
				all[i] = byte(i % 251)
			}
			p := &parcel{head: all[:size[0]:size[0]], body: all[size[0]:]}
			if err := q.write(p); err != nil {
				t.Fatal(err)
			}
			if !p.whole() {
				t.Errorf("%d bytes are sent of %d", p.sent, len(all))
			}
			if first := p.first(); !bytes.Equal(first, all[:min(len(all), longestMessage)]) {
				t.Errorf("got a first message of %d bytes", len(first))
			}
			for rest, buf := all, make([]byte, len(all)); len(rest) > 0; {
				n, err := unix.Read(int(theirs.Fd()), buf)
				if err != nil {
					t.Fatal(err)
				}
				if want := min(len(rest), longestMessage); !bytes.Equal(buf[:n], rest[:want]) {
					t.Fatalf("got %d bytes; want those %d that follow", n, want)
				}
				rest = rest[n:]
			}
		})
	}
}
