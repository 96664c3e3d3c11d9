package devpage

import (
	"fmt"
	"strconv"
	"time"

	"framegate/server/internal/capture"
)

// moment is one line of the timings.
type moment struct {
	At    string
	What  string
	Share int  // of the whole time, in thousandths
	Gap   int  // of that, since the moment before
	Long  bool // most of the time went by ahead of this
}

// longWait is what people notice.
const longWait = 100 * time.Millisecond

// Begin is where the wait ahead of the moment begins to be drawn.
func (m moment) Begin() int { return m.Share - m.Gap }

// moments are the events that tell the story, in their order.
func moments(x *capture.Exchange) []moment {
	first, last := map[string]int{}, map[string]int{}
	for i, e := range x.Events {
		if _, seen := first[e.Kind]; !seen {
			first[e.Kind] = i
		}
		last[e.Kind] = i
	}
	if x.Pid == 0 {
		return nil // it never ran
	}
	var list []moment
	var before, total time.Duration
	for _, e := range x.Events {
		total = max(total, e.At, 1)
	}
	over := false
	for i, e := range x.Events {
		if over && e.Kind == capture.Stopped {
			continue // to make sure: it had ended by itself
		}
		over = over || e.Kind == capture.Exited
		what := happened(x, e.Kind, i == first[e.Kind], i == last[e.Kind])
		if what == "" {
			continue
		}
		gap := int(1000 * (e.At - before) / total)
		list = append(list, moment{
			At: duration(e.At), What: what, Share: int(1000 * e.At / total), Gap: gap,
			Long: gap >= 500 && e.At-before >= longWait && len(list) > 0,
		})
		before = e.At
	}
	return list
}

// happened is an event in words, "" for one that is not worth a line.
func happened(x *capture.Exchange, kind string, first, last bool) string {
	switch kind {
	case capture.Started:
		if x.Mode == "worker" {
			return "a worker is asked for"
		}
		return "the process is started"
	case capture.Spawned:
		if x.Mode == "worker" {
			return "process " + strconv.Itoa(x.Pid) + " has it"
		}
		return "it runs, as process " + strconv.Itoa(x.Pid)
	case capture.StdinEnd:
		if x.Stdin.Size > 0 {
			return "it has been given its stdin, " + bytesText(x.Stdin.Size)
		}
	case capture.StdoutPut:
		switch {
		case first:
			return "the first bytes on stdout"
		case last:
			return "the last bytes on stdout, " + bytesText(x.Stdout.Size) + " in all"
		}
	case capture.StderrPut:
		if first {
			return "the first line on stderr"
		}
	case capture.HeaderEnd:
		return "its header is complete"
	case capture.StdoutEnd:
		return "stdout is closed"
	case capture.Stopped:
		return "the gateway stops it"
	case capture.Exited:
		return ending(x.Exit)
	}
	return ""
}

// ending says in words how a process ended.
func ending(e *capture.Exit) string {
	switch {
	case e == nil:
		return "it has ended"
	case e.Signal != "":
		return "killed by " + e.Signal
	}
	return "exit status " + strconv.Itoa(e.Code)
}

// cost is what the process took of the machine.
func cost(e *capture.Exit) string {
	if e == nil {
		return ""
	}
	return fmt.Sprintf("%s of processor time, at most %s of memory", duration(e.CPU), bytesText(e.MaxRSSKiB<<10))
}

// duration has two or three digits that count, and a unit.
func duration(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%.0f ms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}
