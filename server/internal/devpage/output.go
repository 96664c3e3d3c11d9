package devpage

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"framegate/server/internal/capture"
)

// output is what the frame has printed, for the template.
type output struct {
	Size  string
	Lines []outputLine
	Cut   string // what is not shown
	Hex   []hexRow
	At    string // which byte the hex is about
}

// outputLine is one line, in three pieces when the bad byte is on it.
type outputLine struct {
	N                  int
	Header             bool
	Before, Bad, After string
}

// hexRow is eight bytes: as many as fit on a phone.
type hexRow struct {
	Offset string
	Cells  []hexCell
}

type hexCell struct {
	Hex, Char string
	Bad       bool
}

const (
	shownBytes = 16 << 10
	shownLines = 300
	perRow     = 8
	rowsBefore = 3
	rowsAfter  = 4
)

// place is the bytes to point at: length of them, at the byte at. At is -1 when
// there are none.
type place struct {
	at     int64
	length int
}

// newOutput is the beginning of stdout; bodyAt is where its header ends, or -1.
func newOutput(s *capture.Stream, bad place, bodyAt int64) *output {
	o := &output{Size: bytesText(s.Size)}
	shown := s.Head[:min(len(s.Head), shownBytes)]
	var at int64
	for line := range bytes.Lines(shown) {
		if len(o.Lines) == shownLines {
			shown = shown[:at]
			break
		}
		o.Lines = append(o.Lines, newLine(line, len(o.Lines)+1, place{bad.at - at, bad.length}, at < bodyAt))
		at += int64(len(line))
	}
	if int64(len(shown)) < s.Size {
		o.Cut = fmt.Sprintf("The first %s of %s.", bytesText(int64(len(shown))), o.Size)
	}
	if bad.at >= 0 && bad.at <= int64(len(s.Head)) && s.Size > 0 {
		o.Hex, o.At = hexRows(s.Head, int(bad.at), bad.length), fmt.Sprintf("Byte %d", bad.at)
	}
	return o
}

// newLine is one line; bad counts from its beginning.
func newLine(line []byte, n int, bad place, header bool) outputLine {
	l := outputLine{N: n, Header: header}
	text := bytes.TrimSuffix(line, []byte("\n"))
	switch {
	case bad.at < 0 || bad.at >= int64(len(line)):
		l.Before = visible(string(text))
	case bad.at == int64(len(text)):
		l.Before, l.Bad = visible(string(text)), `\n`
	default:
		_, size := utf8.DecodeRune(text[bad.at:])
		end := min(len(text), int(bad.at)+max(size, bad.length))
		l.Before, l.Bad, l.After = visible(string(text[:bad.at])), visible(string(text[bad.at:end])), visible(string(text[end:]))
	}
	return l
}

// hexRows are the rows around the byte at, which may be the first one that is
// missing; length bytes are bad.
func hexRows(b []byte, at, length int) []hexRow {
	from := max(0, at/perRow-rowsBefore) * perRow
	to := min(len(b), (at/perRow+rowsAfter+1)*perRow)
	var rows []hexRow
	for ; from < to || from <= at; from += perRow {
		row := hexRow{Offset: fmt.Sprintf("%06x", from)}
		for i := from; i < min(to, from+perRow); i++ {
			row.Cells = append(row.Cells, hexCell{fmt.Sprintf("%02x", b[i]), char(b[i]), i >= at && i < at+max(length, 1)})
		}
		if at == len(b) && at >= from && at < from+perRow {
			row.Cells = append(row.Cells, hexCell{"··", "", true})
		}
		rows = append(rows, row)
	}
	return rows
}

func char(c byte) string {
	if c < ' ' || c >= 0x7f {
		return "·"
	}
	return string(rune(c))
}
