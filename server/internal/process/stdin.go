package process

import (
	"bytes"
	"io"
	"os"
	"sync"
	"syscall"
)

// input is descriptor 0 of a process to be.
type input struct {
	child  *os.File
	parent *os.File  // the end to write rest to, nil when nothing is left to feed
	rest   io.Reader // what is still to be fed
	opened bool      // child is ours to close
	null   bool      // child is /dev/null
	given  *int64    // bytes written to the pipe; nil when child is no pipe of ours
}

// openInput prepares descriptor 0. What is in memory and fits into the pipe
// is written before the process starts: most bodies need no feeder.
func openInput(spec *Spec) (*input, error) {
	switch {
	case spec.Stdin != nil:
		return &input{child: spec.Stdin}, nil
	case spec.Feed == nil:
		if null := sharedNull(); null != nil {
			return &input{child: null, null: true}, nil
		}
		null, err := os.Open(os.DevNull)
		if err != nil {
			return nil, err
		}
		return &input{child: null, null: true, opened: true}, nil
	}
	var fds [2]int
	if err := pipeCloseOnExec(&fds); err != nil {
		return nil, os.NewSyscallError("pipe", err)
	}
	if err := syscall.SetNonblock(fds[1], true); err != nil {
		syscall.Close(fds[0])
		syscall.Close(fds[1])
		return nil, os.NewSyscallError("fcntl", err)
	}
	in := &input{child: os.NewFile(uintptr(fds[0]), "|0"), opened: true, rest: spec.Feed, given: new(int64)}
	if memory, ok := spec.Feed.(*bytes.Reader); ok && in.prefill(fds[1], memory, spec.Fed) {
		syscall.Close(fds[1])
		if spec.Fed != nil {
			spec.Fed(nil)
		}
		return in, nil
	}
	in.parent = os.NewFile(uintptr(fds[1]), "|1")
	return in, nil
}

// sharedNull is /dev/null, opened once for all processes: there is nothing in
// it that one could take from another. It is nil if that has failed.
var sharedNull = sync.OnceValue(func() *os.File {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil
	}
	return null
})

// prefill writes what the pipe takes at once and reports whether that was all.
func (in *input) prefill(fd int, memory *bytes.Reader, fed func([]byte)) bool {
	chunk := make([]byte, min(memory.Len(), 64<<10))
	n, _ := memory.Read(chunk)
	written, err := syscall.Write(fd, chunk[:n])
	if err != nil {
		written = 0
	}
	if fed != nil && written > 0 {
		fed(chunk[:written])
	}
	*in.given += int64(written)
	memory.Seek(int64(written-n), io.SeekCurrent) // back to what did not fit
	return memory.Len() == 0
}

func (in *input) closeChild() {
	if in.opened {
		in.child.Close()
	}
}

// abort undoes openInput after a failed start, so that it can be tried again
// with the same spec.
func (in *input) abort() {
	if in.parent != nil {
		in.parent.Close()
	}
	if memory, ok := in.rest.(*bytes.Reader); ok {
		memory.Seek(0, io.SeekStart)
	}
}

// feed pumps the rest of the body and closes the pipe: the process reads
// exactly that and then the end of the file (§4.2). A process that closes its
// stdin or ends early is no error.
func (p *Process) feed(rest io.Reader, spec *Spec) {
	defer p.stdin.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := rest.Read(buf)
		if n > 0 {
			m, werr := p.stdin.Write(buf[:n])
			if spec.Fed != nil && m > 0 {
				spec.Fed(buf[:m])
			}
			p.reads.add(m)
			if werr != nil {
				return
			}
		}
		switch {
		case err == io.EOF:
			if spec.Fed != nil {
				spec.Fed(nil)
			}
			return
		case err != nil:
			if spec.FeedFailed != nil {
				spec.FeedFailed(err)
			}
			return
		}
	}
}
