package runner

import (
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
		written := 0
		if err := q.write([]byte(message), &written); err != nil {
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
