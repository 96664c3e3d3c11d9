// Package capture is one exchange as a value and as a file: what the frame was
// given, what it said and when, what became of it; written down as a POSIX
// shell script that runs it again.
package capture

import (
	"os"
	"time"
)

// Exchange is one exchange as the gateway saw it. Captures, `run --json`,
// `trace` and the page under --dev all show this.
type Exchange struct {
	ID    string    `json:"id"` // the request's id
	Time  time.Time `json:"time"`
	Frame string    `json:"frame"`
	Mode  string    `json:"mode"`

	Request Request `json:"request"`
	Program Program `json:"program"`

	Stdin  Stream `json:"stdin"`  // what the frame was given to read
	Stdout Stream `json:"stdout"` // what it printed, untouched
	Stderr Lines  `json:"stderr"`

	Pid    int     `json:"pid"` // 0: it could not be started
	Exit   *Exit   `json:"exit,omitempty"`
	Answer Answer  `json:"answer"`
	Events []Event `json:"events"` // in the order of time

	Failure string `json:"failure,omitempty"` // why the exchange is a failure, "" for a good one
	Warning string `json:"warning,omitempty"` // what was not right although the answer stands
	Asked   bool   `json:"asked,omitempty"`   // the client asked for a capture, with the secret
}

// Request is what the client sent, but for its body: see Exchange.Stdin.
type Request struct {
	Method string  `json:"method"`
	Target string  `json:"target"` // as it stood in the request line
	Proto  string  `json:"proto"`
	Host   string  `json:"host"`
	Remote string  `json:"remote"`
	Header []Field `json:"header"` // without Host, sorted by name
}

// Field is a header field.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Program is what was run. Env, Argv and Dir are what the process was given,
// to the byte.
type Program struct {
	Path  string   `json:"path"`
	Argv  []string `json:"argv"`
	Env   []string `json:"env"`
	Dir   string   `json:"dir"`
	Umask int      `json:"umask"` // -1: the gateway's own

	// File is the author's own: the script, the app's module or the program.
	File string `json:"file,omitempty"`
	// Limits are the bounds that the process had, in words.
	Limits []string `json:"limits,omitempty"`

	// Note is what to know before it is run by hand, "" for nothing.
	Note string `json:"note,omitempty"`

	// Ahead is how many bytes of the environ, as an SCGI netstring, stood on
	// stdin ahead of the body. They are no part of Exchange.Stdin.
	Ahead int64 `json:"stdin_ahead,omitempty"`

	// Bridge is the index in Argv of a file that is the gateway's own and
	// lasts no longer than it does, 0 for none. Source is that file's text.
	Bridge int    `json:"bridge,omitempty"`
	Source string `json:"-"`
}

// Stream is the beginning of what went through a descriptor.
type Stream struct {
	Head []byte `json:"-"`    // the first bytes of it, or all
	Size int64  `json:"size"` // of it all
	Read int64  `json:"read"` // how much of a stdin the process has read; -1 where that is not known

	// File holds all of it where Head does not, for a reader with ReadAt. It
	// is nil in an Exchange that is only looked at.
	File *os.File `json:"-"`
}

// Whole reports whether Head is all of it.
func (s *Stream) Whole() bool { return int64(len(s.Head)) == s.Size }

// Lines are the last lines of a text.
type Lines struct {
	Last    []string `json:"last"`
	Dropped int      `json:"dropped"` // lines ahead of them
}

// Exit is how the process ended and what it cost.
type Exit struct {
	Code      int           `json:"code"`             // -1 when a signal ended it
	Signal    string        `json:"signal,omitempty"` // "SIGSEGV"
	CPU       time.Duration `json:"cpu_ns"`
	MaxRSSKiB int64         `json:"max_rss_kib"`
}

// Answer is what the client was given.
type Answer struct {
	Status int     `json:"status"` // 499: nothing, it had gone
	Header []Field `json:"header"` // sorted by name
	Body   Stream  `json:"body"`
	Cut    bool    `json:"cut,omitempty"` // the connection was cut in the middle of it
}

// Kinds of an Event.
const (
	Started   = "start"      // the process is about to be started
	Spawned   = "spawned"    // it runs
	StdinData = "stdin"      // bytes were handed to it; Offset counts in Stdin
	StdinEnd  = "stdin-end"  // the end of the file
	StdoutPut = "stdout"     // it printed; Offset counts in Stdout
	HeaderEnd = "header-end" // the empty line behind its header was read; Offset is where the body begins
	StdoutEnd = "stdout-end" // it, and whoever else had it open, closed stdout
	StderrPut = "stderr"     // it printed a line; Offset is the number of the line
	Stopped   = "stop"       // the gateway began to stop it
	Exited    = "exit"
	Answered  = "answered" // the last byte of the answer was written
)

// Event is something that happened, at a time counted from Exchange.Time.
// Events of a kind that follow one another may be put together.
type Event struct {
	At     time.Duration `json:"at_ns"`
	Kind   string        `json:"kind"`
	Offset int64         `json:"offset,omitempty"`
	Bytes  int64         `json:"bytes,omitempty"`
}

// Interest is how much a Watcher wants to see.
type Interest int

const (
	Nothing Interest = iota
	Failures
	Everything
)

// Watcher is shown exchanges. Its methods are called from several goroutines,
// on the request's path: they do not wait for anything.
type Watcher interface {
	// Interest is asked for each exchange, before its process starts.
	Interest() Interest
	// Started is told that the process runs. x is not whole yet, and not to be
	// kept: it has no streams, no answer, no events. Only a watcher with an
	// Interest in Everything is told.
	Started(x *Exchange)
	// Ended is given the whole exchange, one that it has an interest in or that
	// the client asked for. x may be kept and read, but not changed; what File
	// fields it has are closed when Ended returns, unless dup'ed.
	Ended(x *Exchange)
}
