package runner

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A worker that asks for its body when the deadline of an earlier read is past
// gets it: the gateway has heard the question without waiting, and would wait
// for an answer to its silence.
func TestBodyIsHandedOverWhateverTheLastDeadlineWas(t *testing.T) {
	var q requests
	theirs, err := q.open()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	defer q.close()
	body, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if err := q.handOver(body, time.Unix(1, 0)); err != nil {
		t.Fatalf("got %v; want it sent", err)
	}
	rights := make([]byte, 64)
	n, oobn, _, _, err := unix.Recvmsg(int(theirs.Fd()), make([]byte, 1), rights, 0)
	if n != 1 || oobn == 0 || err != nil {
		t.Errorf("got %d bytes, %d of rights, %v; want one with a descriptor", n, oobn, err)
	}
	if messages, err := unix.ParseSocketControlMessage(rights[:oobn]); err == nil && len(messages) == 1 {
		if got, err := unix.ParseUnixRights(&messages[0]); err == nil {
			for _, fd := range got {
				unix.Close(fd)
			}
		}
	}
}
