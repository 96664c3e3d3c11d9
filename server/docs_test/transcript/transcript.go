// Package transcript reads what documents show: fenced blocks, the commands
// typed in them and what these print.
package transcript

import (
	"regexp"
	"slices"
	"strings"
)

// Block is a fenced block: ```Lang Info…, its text, ```.
type Block struct {
	Line int // of the opening fence, 1-based
	Lang string
	Info []string // the words after the language, which readers do not see
	Text string
}

// Has reports whether word is in the info string.
func (b *Block) Has(word string) bool { return slices.Contains(b.Info, word) }

// Value is what stands after "key=" in the info string, or "".
func (b *Block) Value(key string) string {
	for _, word := range b.Info {
		if v, ok := strings.CutPrefix(word, key+"="); ok {
			return v
		}
	}
	return ""
}

// Blocks finds the fenced blocks of a Markdown text. A fence may be indented,
// as it is in a list; the same indentation is taken off its lines.
func Blocks(markdown string) []Block {
	var blocks []Block
	var open *Block
	fence, indent := "", ""
	for i, line := range strings.Split(markdown, "\n") {
		bare := strings.TrimLeft(line, " ")
		switch {
		case open == nil && strings.HasPrefix(bare, "```"):
			indent = line[:len(line)-len(bare)]
			info := strings.TrimLeft(bare, "`")
			fence = bare[:len(bare)-len(info)]
			open = &Block{Line: i + 1}
			if words := strings.Fields(info); len(words) > 0 {
				open.Lang, open.Info = words[0], words[1:]
			}
		case open != nil && strings.TrimSpace(line) == fence:
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.Text += strings.TrimPrefix(line, indent) + "\n"
		}
	}
	return blocks
}

// Command is one command of a console block and what is shown below it.
type Command struct {
	Script string // without the prompts; may span lines
	Want   string
}

// Commands takes a console block apart: "$ " begins a command, "> " goes on
// with it, every other line is output.
func Commands(text string) []Command {
	var commands []Command
	for _, line := range strings.SplitAfter(text, "\n") {
		last := len(commands) - 1
		switch {
		case strings.HasPrefix(line, "$ "):
			commands = append(commands, Command{Script: line[2:]})
		case last < 0:
		case commands[last].Want == "" && strings.HasPrefix(line, "> "):
			commands[last].Script += line[2:]
		default:
			commands[last].Want += line
		}
	}
	return commands
}

// Alike compares output with what a document shows. "…" inside a line stands
// for anything; a line that is only "…" for any number of lines.
func Alike(got, want string) bool {
	var pattern strings.Builder
	pattern.WriteString(`\A`)
	for _, line := range strings.Split(strings.TrimRight(want, "\n"), "\n") {
		if strings.TrimSpace(line) == "…" {
			pattern.WriteString(`(?:[^\n]*\n)*?`)
			continue
		}
		for i, part := range strings.Split(line, "…") {
			if i > 0 {
				pattern.WriteString(`[^\n]*`)
			}
			pattern.WriteString(regexp.QuoteMeta(part))
		}
		pattern.WriteString(`\n`)
	}
	pattern.WriteString(`\z`)
	return regexp.MustCompile(pattern.String()).MatchString(strings.TrimRight(got, "\n") + "\n")
}
