package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"framegate/server/internal/cgi"
	"framegate/server/internal/process"
)

// ErrLongHeader is the end of an exchange whose header has none, or a late one.
var ErrLongHeader = errors.New("the header block is longer than max-header")

// hearOut is for somebody who wants to see all that the frame prints: what is
// behind a header that is refused may come a moment later.
func (x *exchange) hearOut() {
	tap := x.g.opts.Tap
	if tap == nil || tap.Stdout == nil {
		return
	}
	unheard := func(what string) {
		if tap.Unheard != nil {
			tap.Unheard(what)
		}
	}
	buf := make([]byte, 4<<10)
	x.out.WhenBlocked(func() {}) // the clocks ring no more
	x.out.SetReadDeadline(time.Now().Add(time.Second))
	for heard := 0; heard < droppedMost; {
		n, err := x.out.Read(buf)
		if n > 0 && x.heard(buf[:n]) > 0 {
			return // max-output, which is told as the cause
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			unheard("later than a second behind its refused header")
		}
		if err != nil {
			return
		}
		heard += n
	}
	unheard(fmt.Sprintf("beyond %d bytes, behind its refused header,", x.printed))
}

// malformed is a header that cannot be understood. The process is stopped:
// whatever it says next, nobody will hear it.
func (x *exchange) malformed(cause error) error {
	x.hearOut()
	x.abandon(&failure{status: http.StatusBadGateway, sentence: badAnswer, cause: cause})
	return x.cause.Load()
}

// endedEarly is the end of stdout before the end of the header.
func (x *exchange) endedEarly(output []byte) error {
	who := ""
	if x.kept != nil {
		who = x.whyNoHeader()
	} else {
		who = "the program closed its stdout"
		if exit, ended := x.awaitExit(); ended {
			who = "the program " + describeExit(exit)
		}
	}
	if why := x.cause.Load(); why != nil {
		return why // the gateway stopped it: that is the reason to tell
	}
	cause := fmt.Errorf("%s before it printed a header", who)
	if len(output) > 0 {
		cause = x.unended(output, fmt.Errorf("%s before the empty line that ends the header", who))
	}
	return x.malformed(cause)
}

// unended prefers the finding that names a byte, when the output has one.
func (x *exchange) unended(output []byte, otherwise error) error {
	if _, err := cgi.ParseHeader(output); err != nil {
		return fmt.Errorf("%w; %w", otherwise, err)
	}
	return otherwise
}

func describeExit(e process.Exit) string {
	if e.Signal != 0 {
		return "was killed by " + signalName(e.Signal)
	}
	return "exited with status " + strconv.Itoa(e.Code)
}
