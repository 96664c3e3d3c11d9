//go:build linux && !race

package count_test

// How to raise a ceiling honestly
//
// A count that goes over its ceiling fails the build: somebody has made each
// request dearer. Look for what it was first: the failing test prints what was
// counted, `git stash; go test -v ./server/count_test` what it was before.
// Where the cost buys something (a limit that is in force, a lost race that is
// now won), raise the ceiling to what is counted now and a tenth more, in the
// commit that brings the cost, and say in its message what was bought. Never
// raise one to get rid of a red build, and lower it whenever a count has gone
// down by more than a tenth: a ceiling far overhead guards nothing.
//
// Counts are the median of several windows of requests on one kept connection.
// They differ by less than one in a hundred from run to run, instructions by
// three, the scheduler's calls by ten to fifty; -v shows the windows' spread.

// ceiling is how far one count of one path may go, for each request.
type ceiling struct {
	path, count string
	most        float64
	why         string // what it is made of
}

// The paths.
const (
	execC  = "exec"   // a static C program, a process for each request
	worker = "worker" // a WSGI app in one worker
	file   = "static" // a file of 1 KiB
)

// The counts.
const (
	allocations  = "allocations"
	allocated    = "bytes allocated"
	goroutines   = "goroutines"
	calls        = "system calls"
	scheduling   = "scheduler's calls"
	instructions = "instructions"
)

func ceilings() []ceiling {
	return []ceiling{
		{execC, allocations, 110, "the request, its environ, the process and its pipes, the header, the record"},
		{execC, allocated, 8500, "mostly environ and header"},
		{execC, goroutines, 1.5, "net/http's background read"},
		{execC, calls, 45, "pipes, clone and its list until execve, reads, the end of the child, the answer, the record"},
		{execC, scheduling, 25, "futex and epoll of Go's threads, which go with timing: this one has room"},
		{worker, allocations, 18, "the request, the answer, the record: all of it on the loop, past net/http"},
		{worker, allocated, 1800, "mostly the request's header"},
		{worker, goroutines, 0.2, "none"},
		{worker, calls, 7, "the request in, the netstring out, the answer in and out, the record"},
		{worker, scheduling, 5, "as with exec"},
		{worker, instructions, 180000, "by net/http and a socket that is served elsewhere, not by the loop"},
		{file, allocations, 4, "the target, the request's id, the record: all of it on the loop, past net/http"},
		{file, allocated, 1200, "mostly the record"},
		{file, goroutines, 0.2, "none"},
		{file, calls, 6, "the request in, the file looked at and read, the answer out, the record"},
		{file, scheduling, 4, "as with exec"},
		{file, instructions, 115000, "the request parsed, the name looked up, the header written, the record"},
	}
}
