package process

import (
	"io"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// stdinCount finds out how much of its stdin a process has read: what was
// written less what is left in the pipe, or how far the file's offset, which
// is the process's and ours, has come. It keeps the pipe's reading end open,
// so a feeder is not told when the process closes its own.
type stdinCount struct {
	from  *os.File
	begin int64 // offset of a file
	given atomic.Int64
	pipe  bool
}

// count begins to count; the input's reading end is the count's to close.
func (in *input) count() *stdinCount {
	c := &stdinCount{from: in.child, pipe: in.given != nil}
	switch {
	case c.pipe:
		c.given.Store(*in.given)
		in.opened = false
	case in.null:
		return nil // /dev/null: there is nothing to read
	default:
		begin, err := in.child.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil
		}
		c.begin = begin
	}
	return c
}

func (c *stdinCount) add(n int) {
	if c != nil {
		c.given.Add(int64(n))
	}
}

// total is the count's end: it is called once the process has ended, and
// before its caller may close the file.
func (c *stdinCount) total() int64 {
	if c == nil {
		return -1
	}
	if !c.pipe {
		now, err := c.from.Seek(0, io.SeekCurrent)
		if err != nil {
			return -1
		}
		return now - c.begin
	}
	defer c.from.Close()
	left, err := unix.IoctlGetInt(int(c.from.Fd()), unreadRequest)
	if err != nil {
		return -1
	}
	return c.given.Load() - int64(left)
}
