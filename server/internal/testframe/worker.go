package testframe

import (
	"net/url"
	"strconv"
	"strings"
)

// Worker is the argv of a frame of mode "worker": it does the first steps once
// and then, for each request, those of its query. protocol is "bridge" or
// "scgi" (docs/wire.md).
//
// The steps of a request find its body on stdin and print into its answer. At
// their end the answer is over; Over ends it earlier, for steps that follow.
func Worker(protocol string, first ...Step) []string {
	return Command(append(first, Step{"serve", []string{protocol}})...)
}

// Query is the query of a request that has a Worker do steps.
func Query(steps ...Step) string {
	texts := make([]string, len(steps))
	for i, s := range steps {
		texts[i] = s.encode()
	}
	return url.QueryEscape(strings.Join(texts, stepSeparator))
}

const stepSeparator = "\x1d"

// Over ends the answer with a status of the worker wire.
func Over(status int) Step { return Step{"over", []string{strconv.Itoa(status)}} }

// Raw writes text on the connection, past all protocol.
func Raw(text string) Step { return Step{"raw", []string{text}} }

// CloseConn closes the connection, and the socket on which others would come,
// and lives on.
func CloseConn() Step { return Step{"closeconn", nil} }

// Unready has a Worker never say that it is ready.
func Unready() Step { return Step{"hang", nil} }

// Var prints a variable of the request.
func Var(name string) Step { return Step{"var", []string{name}} }

// Serial prints how many requests the worker has had, with this one.
func Serial() Step { return Step{"serial", nil} }

// RawStart writes text in the place of a Worker's first word.
func RawStart(text string) Step { return Step{"rawstart", []string{text}} }

// CloseWire closes both ways to the gateway, ahead of a Worker's being ready.
func CloseWire() Step { return Step{"closewire", nil} }

// Once does a step unless there is a file at path, which it makes first.
func Once(path string, step Step) Step { return Step{"once", []string{path, step.encode()}} }

// ButFirst does a step if there is a file at path, and makes one otherwise.
func ButFirst(path string, step Step) Step { return Step{"butfirst", []string{path, step.encode()}} }

// Unless does a step unless there is a file at path.
func Unless(path string, step Step) Step { return Step{"unless", []string{path, step.encode()}} }

// All does steps one after the other, where one step is wanted.
func All(steps ...Step) Step {
	all := Step{"all", nil}
	for _, s := range steps {
		all.args = append(all.args, s.encode())
	}
	return all
}
