package bridge

import (
	"fmt"
	"strings"
	"time"

	"framegate/server/internal/config"
)

// soon is how long a process may take to be ready without anybody's minding:
// mostly the interpreter's own start, which every CGI program of it pays.
const soon = 50 * time.Millisecond

// Advice says in half a sentence which mode suits a frame whose app costs c,
// and why.
func (c *Cost) Advice(f *config.Frame) string {
	switch f.Mode {
	case config.Fork:
		return c.adviseFork(f)
	case config.Worker:
		return fmt.Sprintf(`each worker was loaded in %s%s, which no request waits for again`, span(c.Ready()), c.size())
	}
	return c.adviseExec()
}

func (c *Cost) adviseExec() string {
	ready := fmt.Sprintf("ready after %s, imports are %s of that: ", span(c.Ready()), span(c.Import))
	if c.Import <= c.Start || c.Ready() <= soon {
		return ready + `mode = "exec" will do`
	}
	if lost := c.lostInForks(); lost != "" {
		return ready + `with mode = "worker" it would be nothing; not "fork": ` + lost
	}
	advice := ready + `with mode = "fork" it would be less, with "worker" nothing`
	if c.Fork > 0 {
		advice = ready + fmt.Sprintf(`with mode = "fork" it would be %s, with "worker" nothing`, span(c.Fork))
	}
	return advice + c.shared()
}

func (c *Cost) adviseFork(f *config.Frame) string {
	if lost := c.lostInForks(); lost != "" {
		return `mode = "worker" is better: ` + lost
	}
	loaded := fmt.Sprintf("loaded once in %s%s", span(c.Ready()), c.size())
	if c.Fork > 0 {
		loaded += ", ready after " + span(c.Fork)
	}
	if f.PostFork != "" {
		return loaded // which opens anew what was open
	}
	return loaded + c.shared()
}

// lostInForks is why a fork of the loaded app would not be the app.
func (c *Cost) lostInForks() string {
	switch {
	case len(c.Modules) > 0:
		return fmt.Sprintf("it imports %s, which may hang or fail in a fork", several(c.Modules))
	case len(c.Threads) == 1:
		return fmt.Sprintf("importing it starts a thread (%s), which no fork has", c.Threads[0])
	case len(c.Threads) > 1:
		return fmt.Sprintf("importing it starts %d threads (%s), which no fork has", len(c.Threads), several(c.Threads))
	}
	return ""
}

// shared is what all forks would talk on at once.
func (c *Cost) shared() string {
	if len(c.Open) == 0 {
		return ""
	}
	return fmt.Sprintf("; forks share the %s: let post-fork open it anew", several(c.Open))
}

// size is the memory of a process, in brackets.
func (c *Cost) size() string {
	if c.Memory == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d MiB)", (c.Memory+1023)/1024)
}

// several are names for a sentence, not more than a reader takes in.
func several(names []string) string {
	const most = 3
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}

// span is a time as people say it.
func span(d time.Duration) string {
	switch {
	case d < 100*time.Microsecond:
		return "0.1 ms"
	case d < 9950*time.Microsecond:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1000)
	case d < time.Second:
		return fmt.Sprintf("%.0f ms", d.Seconds()*1000)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
