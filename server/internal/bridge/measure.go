package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"framegate/server/internal/process"
)

// Cost is what it takes to have an app loaded, measured.
type Cost struct {
	Start  time.Duration // of the interpreter and the bridge, ahead of the app
	Import time.Duration // of the app
	Fork   time.Duration // of a process that has it loaded; 0 if it was not to be tried

	Memory int64 // KiB of a process with the app
	Own    int64 // KiB of one without

	Threads []string // that run once it is imported, other than the first
	Modules []string // of those imported, the ones that do not survive a fork well
	Open    []string // sockets and databases that all forks would share, in words
}

// Ready is how long a new process takes to be at its request.
func (c *Cost) Ready() time.Duration { return c.Start + c.Import }

// An import is measured as often as it fits in enough, at least once.
const (
	measurements = 3
	enough       = time.Second
)

// Measure imports the app as a request would, and then once more or twice:
// the least of them is what the machine's other work has not made longer. It
// comes after Check, which leaves the byte code.
func (b *Bridge) Measure(ctx context.Context) (*Cost, error) {
	ctx, cancel := context.WithTimeout(ctx, startupLimit)
	defer cancel()
	script, err := b.shared.lay(ctx, b.Path, b.opts.Dir, true) // measuring takes all of it
	if err != nil {
		return nil, err
	}
	var best *Cost
	begun := time.Now()
	for n := range measurements {
		if n > 0 && time.Since(begun) > enough {
			break
		}
		c, err := b.measure(ctx, script)
		if err != nil {
			return nil, err
		}
		if best != nil {
			c.Start, c.Import, c.Fork = min(c.Start, best.Start), min(c.Import, best.Import), min(c.Fork, best.Fork)
		}
		best = c
	}
	return best, nil
}

func (b *Bridge) measure(ctx context.Context, script string) (*Cost, error) {
	argv := append([]string{b.Path}, b.check...)
	argv[slices.Index(argv, "--check")] = "--measure"
	argv[slices.Index(argv, b.Argv[b.Script])] = script
	begun := time.Now()
	p, err := process.Start(&process.Spec{Path: b.Path, Argv: argv, Env: b.opts.Env, Dir: b.opts.Dir, Confinement: b.opts.Confinement})
	if err != nil {
		return nil, err
	}
	detach := context.AfterFunc(ctx, func() { p.Stop(time.Second) })
	defer detach()
	out, readErr := io.ReadAll(p.Output())
	exit := p.Wait()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case readErr != nil:
		return nil, readErr
	case !exit.Clean():
		return nil, fmt.Errorf("%s ended with %v", b.Path, exit)
	}
	return readCost(string(out), begun)
}

// mostCost is more than any figure is, and no overflow as microseconds.
const mostCost = 1 << 50

var errNoCost = errors.New("the bridge does not say what was measured")

// readCost reads what the bridge says of a process that was started at begun.
func readCost(out string, begun time.Time) (*Cost, error) {
	c := &Cost{}
	numbers := map[string]int64{}
	for _, fact := range strings.Split(strings.TrimSuffix(out, "\x00"), "\x00") {
		name, value, _ := strings.Cut(fact, "=")
		switch name {
		case "thread":
			c.Threads = append(c.Threads, value)
		case "module":
			c.Modules = append(c.Modules, value)
		case "open":
			c.Open = append(c.Open, value)
		default:
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || n < 0 || n > mostCost && name != "begun" {
				return nil, errNoCost
			}
			numbers[name] = n
		}
	}
	if numbers["begun"] == 0 {
		return nil, errNoCost
	}
	c.Start = max(0, time.Unix(0, numbers["begun"]).Sub(begun))
	c.Import = time.Duration(numbers["import"]) * time.Microsecond
	c.Fork = time.Duration(numbers["fork"]) * time.Microsecond
	c.Memory, c.Own = numbers["memory"], numbers["own"]
	return c, nil
}
