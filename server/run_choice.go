package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"framegate/server/internal/reqfile"
)

// Of what there is to choose from, not more is listed than one can read.
const (
	mostListed  = 40
	longestName = 30
	longestURL  = 100
)

// which lists what there is to choose from.
func (q *requestFlags) which(cmd *cobra.Command, name string, err error) error {
	var choice *reqfile.ChoiceError
	if !errors.As(err, &choice) {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", name, choice.Msg)
	listed := choice.Entries[:min(len(choice.Entries), mostListed)]
	verb, label := 0, 0
	for _, e := range listed {
		verb = max(verb, utf8.RuneCountInString(inOneLine(e.Method, longestName)))
		label = max(label, utf8.RuneCountInString(inOneLine(e.Name, longestName)))
	}
	for i, e := range listed {
		fmt.Fprintf(&b, "\n  %*d  %-*s  ", len(strconv.Itoa(len(listed))), i+1, verb, inOneLine(e.Method, longestName))
		if label > 0 {
			fmt.Fprintf(&b, "%-*s  ", label, inOneLine(e.Name, longestName))
		}
		b.WriteString(inOneLine(e.URL, longestURL))
	}
	if more := len(choice.Entries) - len(listed); more > 0 {
		fmt.Fprintf(&b, "\n  … and %d more", more)
	}
	again := "framegate run --curl … 1"
	if q.from != "" {
		again = "framegate run --from " + q.from + " 1"
	}
	return &usageError{msg: b.String(), command: cmd.CommandPath(), hint: "a number chooses, a name or a part of the URL: " + again}
}

// inOneLine is a text of a file as the terminal may have it.
func inOneLine(s string, most int) string {
	text := strconv.QuoteToGraphic(s)
	text = strings.ReplaceAll(text[1:len(text)-1], `\"`, `"`)
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}
