package replay

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/diff"

	"framegate/server/internal/capture"
	"framegate/server/internal/cgi"
)

// Options say what counts as a difference.
type Options struct {
	Exact   bool // nothing is taken out of the texts
	Rules   []Rule
	Ignore  map[string]bool // header fields, in lower case, that are not compared
	Against bool            // it was another program: how it ends and what it logs is its own affair
}

// Difference is one thing that is not as it was.
type Difference struct {
	What   string `json:"what"` // "status", "header", "body", "exit", "stderr"
	Was    string `json:"was"`
	Is     string `json:"is"`
	Diff   string `json:"diff,omitempty"` // of texts, unified
	Counts bool   `json:"counts"`         // makes the exchange a different one
}

// Result is an exchange beside its capture.
type Result struct {
	File        string       `json:"file"`
	Request     string       `json:"request"`
	Same        bool         `json:"same"`
	Differences []Difference `json:"differences,omitempty"`
	Was         Glance       `json:"was"`
	Is          Glance       `json:"is"`
	Notes       []string     `json:"notes,omitempty"` // what the capture says of itself
}

// Glance is an exchange in a few words.
type Glance struct {
	Status int           `json:"status"`
	Took   time.Duration `json:"took_ns"`
}

// Compare holds what is against what was.
func Compare(was *capture.Recorded, is *capture.Exchange, o Options) *Result {
	c := &comparison{o: &o, was: was, is: is, redacted: map[string]bool{}, ids: []string{was.ID, is.ID}}
	for _, name := range was.Redacted {
		c.redacted[strings.ToLower(name)] = true
	}
	stderr, notes := ownLines(is.Stderr.Last)
	r := &Result{
		Request: was.Request.Method + " " + was.Request.Target,
		Was:     glance(&was.Exchange), Is: glance(is), Notes: notes,
	}
	if c.unstarted() {
		r.Is.Status = r.Was.Status
		r.Notes = append(r.Notes, append([]string{"the program could not be started then, and cannot now"}, stderr...)...)
		r.Same = true
		return r
	}
	c.status()
	if !c.sameOutput() {
		c.answer()
	}
	c.exit()
	c.stderr(stderr)
	r.Differences = c.found
	r.Same = true
	for _, d := range c.found {
		r.Same = r.Same && !d.Counts
	}
	return r
}

// ownLine begins what the script of a capture says itself.
const ownLine = "framegate: capture: "

// ownLines tells what the program has logged from what its script has said, in
// the words of replay.
func ownLines(lines []string) (stderr, own []string) {
	for _, l := range lines {
		text, isOwn := strings.CutPrefix(l, ownLine)
		name, _, secret := strings.Cut(text, " is redacted")
		switch {
		case !isOwn:
			stderr = append(stderr, l)
		case secret:
			own = append(own, fmt.Sprintf("%s is redacted: give it with --set %s='...'", name, name))
		case strings.Contains(text, "the gateway stopped it"): // here, too
		default:
			own = append(own, text)
		}
	}
	return stderr, own
}

func glance(x *capture.Exchange) Glance {
	g := Glance{Status: x.Answer.Status}
	for _, e := range x.Events {
		if e.Kind == capture.Answered || e.Kind == capture.Exited {
			g.Took = max(g.Took, e.At)
		}
	}
	return g
}

type comparison struct {
	o        *Options
	was      *capture.Recorded
	is       *capture.Exchange
	redacted map[string]bool
	ids      []string // of both requests
	found    []Difference
}

func (c *comparison) differ(what, was, is string, counts bool) {
	c.found = append(c.found, Difference{What: what, Was: was, Is: is, Counts: counts})
}

func (c *comparison) status() {
	was, is := statusWord(c.was.Answer), statusWord(c.is.Answer)
	if was != is {
		c.differ("status", was, is, true)
	}
}

func statusWord(a capture.Answer) string {
	switch {
	case a.Status == 0:
		return "a local redirect"
	case a.Cut:
		return strconv.Itoa(a.Status) + ", then cut"
	}
	return strconv.Itoa(a.Status)
}

// sameOutput reports whether the programs have printed the same, to the byte
// or to the rules. Then so are header and body, whatever page under --dev the
// gateway has put in their place.
func (c *comparison) sameOutput() bool {
	if !c.was.Stdout.Whole() || !c.is.Stdout.Whole() || len(c.redacted) > 0 {
		return false
	}
	return c.o.normal(string(c.was.Stdout.Head), c.ids) == c.o.normal(string(c.is.Stdout.Head), c.ids)
}

// answer compares header and body. An answer that the gateway made up itself
// is as its reason is.
func (c *comparison) answer() {
	if ownPage(&c.was.Exchange) || ownPage(c.is) {
		was, is := c.o.normalFailure(c.was.Failure, c.ids), c.o.normalFailure(c.is.Failure, c.ids)
		if was != is {
			c.differ("failure", c.was.Failure, c.is.Failure, true)
		}
		return
	}
	c.text("header", strings.Join(c.o.normalFields(c.was.Answer.Header, c.ids, c.redacted), "\n")+"\n",
		strings.Join(c.o.normalFields(c.is.Answer.Header, c.ids, c.redacted), "\n")+"\n", true)
	c.body()
}

// ownPage reports whether the answer is the gateway's: the frame had none.
func ownPage(x *capture.Exchange) bool {
	return !happened(x, capture.HeaderEnd) && x.Answer.Status != 0
}

// body compares by the hash, and where that differs by what is there to read.
func (c *comparison) body() {
	sum, is := c.was.BodySum, &c.is.Answer.Body
	sum.Bytes = max(sum.Bytes, 0)
	if c.was.Answer.Body.Size == is.Size && sum.SHA256 != "" && int64(len(is.Head)) >= sum.Bytes && hash(is.Head[:sum.Bytes]) == sum.SHA256 {
		return
	}
	was, ok := printedBody(c.was)
	switch {
	case ok && is.Whole() && utf8.Valid(was) && utf8.Valid(is.Head):
		c.text("body", c.o.normal(string(was), c.ids), c.o.normal(string(is.Head), c.ids), true)
	case ok && is.Whole() && bytes.Equal(was, is.Head):
	case ok && is.Whole():
		at := firstDifference(was, is.Head)
		c.differ("body", fmt.Sprintf("%d bytes, from byte %d on %s", len(was), at, excerpt(was, at)),
			fmt.Sprintf("%d bytes, from byte %d on %s", len(is.Head), at, excerpt(is.Head, at)), true)
	default:
		c.differ("body", fmt.Sprintf("%d bytes, SHA-256 %.16s…", c.was.Answer.Body.Size, sum.SHA256),
			fmt.Sprintf("%d bytes, SHA-256 %.16s…", is.Size, hash(is.Head[:min(int64(len(is.Head)), sum.Bytes)])), true)
	}
}

func hash(p []byte) string {
	sum := sha256.Sum256(p)
	return hex.EncodeToString(sum[:])
}

// printedBody is the body that the capture holds, if it holds all of it.
func printedBody(was *capture.Recorded) ([]byte, bool) {
	head := was.Stdout.Head // whose header may be of another length, with a marker in the place of a cookie
	end := cgi.HeaderEnd(head, 0)
	if end < 0 || int64(len(head)-end) < was.Answer.Body.Size {
		return nil, false
	}
	return head[end:][:was.Answer.Body.Size], true // what is more was not sent
}

func firstDifference(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// excerpt is a few bytes of p for people.
func excerpt(p []byte, at int) string {
	if at >= len(p) {
		return "nothing"
	}
	return fmt.Sprintf("%q", p[at:min(at+16, len(p))])
}

// exit compares how the programs have ended. Of one that the gateway has
// stopped that is chance: it may have been about to end by itself. A worker
// lives on, and what is at an address is somebody else's: that they ended
// otherwise cannot be said.
func (c *comparison) exit() {
	if endless(&c.was.Exchange) || endless(c.is) {
		return
	}
	was, is := exitWord(c.was.Exit), exitWord(c.is.Exit)
	if was != is && !(stopped(&c.was.Exchange) && stopped(c.is)) {
		c.differ("exit", was, is, !c.o.Against)
	}
}

// endless reports whether x was answered by a process whose end is not known.
func endless(x *capture.Exchange) bool { return x.Exit == nil && began(x) }

// began reports whether there was a process. One at an address has no number.
func began(x *capture.Exchange) bool { return x.Pid != 0 || happened(x, capture.Spawned) }

func stopped(x *capture.Exchange) bool { return happened(x, capture.Stopped) }

func happened(x *capture.Exchange, kind string) bool {
	for _, e := range x.Events {
		if e.Kind == kind {
			return true
		}
	}
	return false
}

// unstarted reports whether the program could not be started then and cannot
// now. Then it was the gateway that said so; now it is env in the script, by
// its exit status, or the script itself.
func (c *comparison) unstarted() bool {
	e := c.is.Exit
	return !began(&c.was.Exchange) && c.was.Exit == nil && !c.o.Against && e != nil && e.Code >= 125 && e.Code <= 127 && c.is.Stdout.Size == 0
}

func exitWord(e *capture.Exit) string {
	switch {
	case e == nil:
		return "not started"
	case e.Signal != "":
		return e.Signal
	}
	return strconv.Itoa(e.Code)
}

// stderr is shown and does not count: what a program logs is no part of its
// answer.
func (c *comparison) stderr(is []string) {
	lines := func(list []string) string {
		text := strings.Join(list, "\n") + "\n"
		return c.o.normal(strings.TrimPrefix(text, "\n"), c.ids)
	}
	c.text("stderr", lines(c.was.Stderr.Last), lines(is), false)
}

// text compares two texts and shows the lines that differ.
func (c *comparison) text(what, was, is string, counts bool) {
	if was == is {
		return
	}
	d := diff.Diff("was", []byte(closed(was)), "is", []byte(closed(is)))
	c.found = append(c.found, Difference{What: what, Was: was, Is: is, Diff: string(d), Counts: counts})
}

// closed ends a text with a line feed: without one the difference could be
// that alone, and be shown as nothing.
func closed(s string) string {
	if s != "" && !strings.HasSuffix(s, "\n") {
		return s + "\n(no line feed at the end)\n"
	}
	return s
}
