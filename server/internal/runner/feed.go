package runner

import (
	"io"
	"os"
	"syscall"

	"framegate/server/internal/process"
)

// bodyFeed pumps a body that is still coming.
type bodyFeed struct {
	w    io.WriteCloser
	done chan struct{}
}

// newBodyFeed makes a pipe that the body of spec is pumped into.
func newBodyFeed(spec *process.Spec) (*os.File, *bodyFeed, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	// Programs do not expect EAGAIN of what they read.
	if err := syscall.SetNonblock(int(r.Fd()), false); err != nil {
		r.Close()
		w.Close()
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	return r, feed(spec, w), nil
}

// feed pumps the body of spec into w, and closes that. Who does not read it is
// no error.
func feed(spec *process.Spec, w io.WriteCloser) *bodyFeed {
	f := &bodyFeed{w: w, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		defer w.Close()
		f.pump(spec)
	}()
	return f
}

func (f *bodyFeed) pump(spec *process.Spec) {
	buf := make([]byte, 32<<10)
	for {
		n, err := spec.Feed.Read(buf)
		if n > 0 {
			m, werr := f.w.Write(buf[:n])
			if spec.Fed != nil && m > 0 {
				spec.Fed(buf[:m])
			}
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
			if w, ok := f.w.(interface{ breakOff() }); ok {
				w.breakOff()
			} // to a pipe its end says that
			if spec.FeedFailed != nil {
				spec.FeedFailed(err)
			}
			return
		}
	}
}

// stop wakes a feed that nobody reads. It does not wake one whose client is
// silent: that is for who waits for it.
func (f *bodyFeed) stop() {
	if f != nil {
		f.w.Close()
	}
}

func (f *bodyFeed) wait() {
	if f != nil {
		<-f.done
	}
}
