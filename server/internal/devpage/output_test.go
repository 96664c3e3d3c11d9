package devpage

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"framegate/server/internal/capture"
)

func TestVisible(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"plain", "hello, world ~", "hello, world ~"},
		{"other scripts", "世界 é 🙂 a\u00a0b\u3000c", "世界 é 🙂 a\u00a0b\u3000c"},
		{"a tab stays", "a\tb", "a\tb"},
		{"controls", "a\r\n\x00\x1b[31m\x7f", `a\r\n\x00\x1b[31m\x7f`},
		{"no UTF-8", "a\xff\xc3(b", `a\xff\xc3(b`},
		{"a rune cut short", "世"[:2], `\xe4\xb8`},
		{"direction, width, order", "\u202eabc\u200b\ufeff\u2066", `\u202eabc\u200b\ufeff\u2066`},
		{"C1 controls", "\u0085\u009b", `\u0085\u009b`},
		{"private and unassigned", "\ue000\U000f0000", `\ue000\U000f0000`},
		{"the replacement character itself", "\ufffd", "\ufffd"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := visible(tt.text); got != tt.want {
				t.Errorf("got %q; want %q", got, tt.want)
			}
		})
	}
}

func TestWord(t *testing.T) {
	for _, tt := range []struct{ name, word, want string }{
		{"plain", "/a/b.c", "/a/b.c"},
		{"nothing", "", "''"},
		{"text", "it's 世界\n$x", `'it'\''s 世界` + "\n" + `$x'`},
		{"bytes", "a\xff%'\\\x1b", `"$(printf 'a\377\045\047\134\033')"`},
		{"what turns text around", "\u202e", `"$(printf '\342\200\256')"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Word(tt.word)
			if got != tt.want {
				t.Errorf("got %s; want %s", got, tt.want)
			}
			if out, err := exec.Command("sh", "-c", "printf %s "+got).Output(); err != nil || string(out) != tt.word {
				t.Errorf("sh makes %q of %s (%v); want %q", out, got, err, tt.word)
			}
		})
	}
}

func TestShortened(t *testing.T) {
	got := shortened(strings.Repeat("世", longest))
	if want := strings.Repeat("世", longest/3) + " … (12 KiB in all)"; got != want {
		t.Errorf("got %.20q … %q; want it cut between two runes", got, got[len(got)-30:])
	}
}

// drawn is an output as the tests compare it: a line each, the bad part in
// brackets, header lines with a star.
func drawn(o *output) string {
	var b strings.Builder
	for _, l := range o.Lines {
		star := ""
		if l.Header {
			star = "*"
		}
		bad := ""
		if l.Bad != "" {
			bad = "[" + l.Bad + "]"
		}
		fmt.Fprintf(&b, "%d%s %s%s%s\n", l.N, star, l.Before, bad, l.After)
	}
	if o.Cut != "" {
		b.WriteString(o.Cut + "\n")
	}
	for _, row := range o.Hex {
		b.WriteString(strings.TrimSpace(row.text()) + "\n")
	}
	return b.String()
}

func TestOutput(t *testing.T) {
	for _, tt := range []struct {
		name   string
		head   string
		size   int64 // 0 is that of head
		bad    place
		bodyAt int64
		want   string
	}{
		{"nothing", "", 0, place{-1, 0}, -1, ""},
		{"nothing, and that is bad", "", 0, place{0, 0}, -1, ""},
		{"good", "A: b\n\nbody", 0, place{-1, 0}, 6, "1* A: b\n2* \n3 body\n"},
		{"the first byte", "hello\nA: b\n", 0, place{0, 0}, -1,
			"1 [h]ello\n2 A: b\n000000 [68]65 6c 6c 6f 0a 41 3a   hello·A:\n000008  20 62 0a                   b·\n"},
		{"a word", "A: b\nX Y: c\n", 0, place{5, 3}, -1,
			"1 A: b\n2 [X Y]: c\n000000  41 3a 20 62 0a[58 20 59]  A: b·X Y\n000008  3a 20 63 0a               : c·\n"},
		{"a rune is marked whole", "A: 世界\n\n", 0, place{3, 1}, 0,
			"1 A: [世]界\n2 \n000000  41 3a 20[e4]b8 96 e7 95   A: ·····\n000008  8c 0a 0a                  ···\n"},
		{"the middle of a rune", "A: 世\n\n", 0, place{4, 0}, 0,
			"1 A: \\xe4[\\xb8]\\x96\n2 \n000000  41 3a 20 e4[b8]96 0a 0a   A: ·····\n"},
		{"a line break", "A: b\n\r\n", 0, place{4, 0}, 0, "1 A: b[\\n]\n2 \\r\n000000  41 3a 20 62[0a]0d 0a      A: b···\n"},
		{"the end of the output", "A: b", 0, place{4, 0}, -1, "1 A: b\n000000  41 3a 20 62[··]           A: b\n"},
		{"the end of a row", "A: bcdef", 0, place{8, 0}, -1, "1 A: bcdef\n000000  41 3a 20 62 63 64 65 66   A: bcdef\n000008 [··]\n"},
		{"beyond what is known", "A: b", 1000, place{900, 0}, -1, "1 A: b\nThe first 4 bytes of 1000 bytes.\n"},
		{"longer than its line", "ab\ncd\n", 0, place{1, 100}, -1, "1 a[b]\n2 cd\n000000  61[62 0a 63 64 0a]        ab·cd·\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := capture.Stream{Head: []byte(tt.head), Size: max(tt.size, int64(len(tt.head)))}
			if got := drawn(newOutput(&s, tt.bad, tt.bodyAt)); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// Only the rows around the bad byte are shown, and only the first lines.
func TestLongOutput(t *testing.T) {
	s := capture.Stream{Head: []byte(strings.Repeat("0123456\n", 2000)), Size: 16000}
	o := newOutput(&s, place{8000, 0}, -1)
	if len(o.Lines) != shownLines || o.Cut != "The first 2400 bytes of 15 KiB." {
		t.Errorf("got %d lines, %q", len(o.Lines), o.Cut)
	}
	if len(o.Hex) != rowsBefore+1+rowsAfter || o.Hex[0].Offset != "001f28" || !o.Hex[rowsBefore].Cells[0].Bad || o.At != "Byte 8000" {
		t.Errorf("got %s, %d rows from %s", o.At, len(o.Hex), o.Hex[0].Offset)
	}
	s = capture.Stream{Head: []byte(strings.Repeat("x", 60<<10)), Size: 1 << 30}
	if o := newOutput(&s, place{-1, 0}, -1); len(o.Lines[0].Before) != shownBytes || o.Cut != "The first 16 KiB of 1024 MiB." {
		t.Errorf("got %d bytes, %q", len(o.Lines[0].Before), o.Cut)
	}
}
