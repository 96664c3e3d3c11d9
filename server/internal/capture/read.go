package capture

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Recorded is what a capture tells: what was seen of the exchange, and the
// request. How the program is run is the script's own: Program has no Argv,
// Env and Dir here, because what counts is what the script does.
type Recorded struct {
	Exchange

	Body     []byte   // the request's body; nil when it has none, or it is not in the script
	Beside   bool     // it stands beside the script: see BodySuffix
	BodySum  Sum      // of the answer's body
	Redacted []string // names of header fields and variables whose values are not told
}

// Sum is the SHA-256 of the beginning of a text, or of all of it.
type Sum struct {
	Bytes  int64
	SHA256 string // in hexadecimal; "" where it is not told
}

// version is in a capture's second line.
const version = "# framegate capture "

// longestScript bounds what Read takes in.
const longestScript = 256 << 20

// ErrNoCapture is a file that is something else.
var ErrNoCapture = errors.New("not a capture: its second line is not \"" + version + "1\"")

// Read reads what a capture tells.
func Read(r io.Reader) (*Recorded, error) {
	in := bufio.NewReader(io.LimitReader(r, longestScript))
	rec := &Recorded{}
	rec.Stdin.Read, rec.Stdout.Read, rec.Answer.Body.Read = -1, -1, -1
	parser := headParser{rec: rec}
	for n := 1; ; n++ {
		line, err := in.ReadString('\n')
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("read capture: %w", err)
		}
		ended := err == io.EOF
		line = strings.TrimRight(line, "\r\n")
		switch told, isTold := strings.CutPrefix(line, "#: "); {
		case n == 2 && strings.HasPrefix(line, version) && line != version+"1":
			return nil, fmt.Errorf("read capture: it is of version %s; this framegate reads 1", line[len(version):])
		case n == 2 && line != version+"1", n < 2 && (ended || !strings.HasPrefix(line, "#")):
			return nil, ErrNoCapture
		case isTold:
			if err := parser.line(told); err != nil {
				return nil, fmt.Errorf("read capture: line %d: %w", n, err)
			}
		}
		if ended || line == "" || line[0] != '#' {
			break
		}
	}
	if err := parser.end(); err != nil {
		return nil, fmt.Errorf("read capture: %w", err)
	}
	script, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("read capture: %w", err)
	}
	rec.Body, rec.Beside = findBody(script)
	return rec, nil
}

// headParser reads the lines "#: NAME: VALUE".
type headParser struct {
	rec    *Recorded
	stdout strings.Builder // base64
	seen   []string
}

var once = []string{"id", "time", "frame", "mode", "request", "status"}

func (p *headParser) line(told string) error {
	name, value, ok := strings.Cut(told, ": ")
	if !ok {
		return errors.New(`want "NAME: VALUE"`)
	}
	value, err := decodeValue(value)
	if err == nil {
		if slices.Contains(once, name) && slices.Contains(p.seen, name) {
			err = errors.New("is there twice")
		} else {
			p.seen = append(p.seen, name)
			err = p.value(name, value)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// end looks for what every capture tells.
func (p *headParser) end() error {
	for _, name := range once {
		if !slices.Contains(p.seen, name) {
			return fmt.Errorf("there is no %q", name)
		}
	}
	head, err := base64.StdEncoding.DecodeString(p.stdout.String())
	if err != nil {
		return errors.New("stdout-base64: not base64")
	}
	p.rec.Stdout.Head = head
	return nil
}

// value takes over one value. Names that it does not know are passed over.
func (p *headParser) value(name, v string) (err error) {
	x := &p.rec.Exchange
	switch name {
	case "id":
		x.ID = v
	case "time":
		x.Time, err = time.Parse(time.RFC3339Nano, v)
	case "frame":
		x.Frame = v
	case "mode":
		x.Mode = v
	case "failure":
		x.Failure = v
	case "warning":
		x.Warning = v
	case "asked":
		x.Asked = v == "yes"
	case "program":
		x.Program.File = v
	case "limit":
		x.Program.Limits = append(x.Program.Limits, v)
	case "redacted":
		p.rec.Redacted = append(p.rec.Redacted, v)
	case "request", "host", "remote", "request-header", "stdin":
		err = p.request(name, v)
	case "status", "header", "body", "body-sha256", "cut":
		err = p.answer(name, v)
	case "stdout", "stdout-base64", "stderr", "stderr-dropped":
		err = p.output(name, v)
	case "pid", "exit", "cpu", "max-rss", "event":
		err = p.process(name, v)
	}
	return err
}

func (p *headParser) request(name, v string) (err error) {
	r := &p.rec.Request
	switch name {
	case "request":
		first, last := strings.IndexByte(v, ' '), strings.LastIndexByte(v, ' ')
		if first < 0 || first == last {
			return errors.New("want METHOD TARGET PROTOCOL")
		}
		r.Method, r.Target, r.Proto = v[:first], v[first+1:last], v[last+1:]
	case "host":
		r.Host = v
	case "remote":
		r.Remote = v
	case "request-header":
		r.Header, err = appendField(r.Header, v)
	case "stdin":
		size, read, ok := strings.Cut(v, ", ")
		if p.rec.Stdin.Size, err = number(size, " bytes"); err == nil && ok {
			p.rec.Stdin.Read, err = number(read, " read")
		}
	}
	return err
}

func (p *headParser) answer(name, v string) (err error) {
	a := &p.rec.Answer
	switch name {
	case "status":
		a.Status, err = strconv.Atoi(v)
	case "header":
		a.Header, err = appendField(a.Header, v)
	case "body":
		a.Body.Size, err = number(v, " bytes")
		p.rec.BodySum.Bytes = a.Body.Size
	case "body-sha256":
		sum, part, ok := strings.Cut(v, " of the first ")
		p.rec.BodySum.SHA256 = sum
		if ok {
			p.rec.BodySum.Bytes, err = number(part, " bytes")
		}
	case "cut":
		a.Cut = v == "yes"
	}
	return err
}

func (p *headParser) output(name, v string) (err error) {
	x := &p.rec.Exchange
	switch name {
	case "stdout":
		x.Stdout.Size, err = number(v, " bytes")
	case "stdout-base64":
		p.stdout.WriteString(v)
	case "stderr":
		x.Stderr.Last = append(x.Stderr.Last, v)
	case "stderr-dropped":
		x.Stderr.Dropped, err = strconv.Atoi(v)
	}
	return err
}

func (p *headParser) process(name, v string) (err error) {
	x := &p.rec.Exchange
	if name != "pid" && name != "event" && x.Exit == nil {
		x.Exit = &Exit{}
	}
	switch name {
	case "pid":
		x.Pid, err = strconv.Atoi(v)
	case "exit":
		if x.Exit.Code, err = strconv.Atoi(v); err != nil && strings.HasPrefix(v, "SIG") {
			x.Exit.Code, x.Exit.Signal, err = -1, v, nil
		}
	case "cpu":
		x.Exit.CPU, err = duration(strings.TrimSuffix(v, " s"))
	case "max-rss":
		x.Exit.MaxRSSKiB, err = number(v, " KiB")
	case "event":
		var e Event
		e, err = parseEvent(v)
		x.Events = append(x.Events, e)
	}
	return err
}

func appendField(list []Field, v string) ([]Field, error) {
	name, value, ok := strings.Cut(v, ": ")
	if !ok {
		return list, errors.New(`want "NAME: VALUE"`)
	}
	return append(list, Field{name, value}), nil
}

// number is the one ahead of unit.
func number(v, unit string) (int64, error) {
	digits, ok := strings.CutSuffix(v, unit)
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || n < 0 {
		return 0, fmt.Errorf("want a number and %q", strings.TrimSpace(unit))
	}
	return n, nil
}

// duration reads seconds with six digits behind the point.
func duration(v string) (time.Duration, error) {
	whole, part, ok := strings.Cut(v, ".")
	n, err := strconv.ParseInt(whole+part, 10, 64)
	if !ok || len(part) != 6 || err != nil || n > int64(1<<63-1)/1000 || n < int64(-1<<63)/1000 {
		return 0, errors.New("want seconds, as in 0.000123")
	}
	return time.Duration(n) * time.Microsecond, nil
}

func parseEvent(v string) (e Event, err error) {
	words := strings.Fields(v)
	if len(words) < 2 || len(words) > 4 {
		return e, errors.New("want SECONDS KIND [OFFSET [BYTES]]")
	}
	e.Kind = words[1]
	if e.At, err = duration(words[0]); err != nil {
		return e, err
	}
	for i, n := range []*int64{&e.Offset, &e.Bytes} {
		if len(words) > i+2 {
			if *n, err = strconv.ParseInt(words[i+2], 10, 64); err != nil {
				return e, errors.New("want SECONDS KIND [OFFSET [BYTES]]")
			}
		}
	}
	return e, nil
}
