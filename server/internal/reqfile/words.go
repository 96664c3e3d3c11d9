package reqfile

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// command is a simple command of a shell script.
type command struct {
	line  int
	words []string
}

// lexer takes a script apart as sh would, with the $'…' of bash. Nothing is
// expanded: what would be is an error.
type lexer struct {
	in   string
	pos  int
	line int
	o    *Options

	commands []command
	word     []byte
	inWord   bool // word may be empty: ''
	start    int  // the line of the current command
	words    []string
}

// commands reads a script of simple commands.
func commands(script string, o *Options) ([]command, error) {
	l := &lexer{in: script, line: 1, o: o}
	for l.pos < len(l.in) {
		if err := l.step(); err != nil {
			return nil, err
		}
	}
	l.endCommand()
	return l.commands, nil
}

func (l *lexer) next() byte {
	c := l.in[l.pos]
	l.pos++
	if c == '\n' {
		l.line++
	}
	return c
}

// ahead reports whether s comes next, and goes past it.
func (l *lexer) ahead(s string) bool {
	if strings.HasPrefix(l.in[l.pos:], s) {
		l.pos += len(s)
		l.line += strings.Count(s, "\n")
		return true
	}
	return false
}

func (l *lexer) endWord() {
	if l.inWord {
		l.words = append(l.words, string(l.word))
	}
	l.word, l.inWord = l.word[:0], false
}

func (l *lexer) endCommand() {
	l.endWord()
	if len(l.words) > 0 {
		l.commands = append(l.commands, command{l.start, l.words})
	}
	l.words = nil
}

func (l *lexer) put(c ...byte) {
	if !l.inWord && len(l.words) == 0 {
		l.start = l.line
	}
	l.word, l.inWord = append(l.word, c...), true
}

func (l *lexer) step() error {
	at := l.line
	switch c := l.next(); c {
	case ' ', '\t':
		l.endWord()
	case '\r':
		if l.pos < len(l.in) && l.in[l.pos] != '\n' {
			l.put(c)
		}
	case '\n', ';', '&':
		l.endCommand()
	case '#':
		if l.inWord {
			l.put(c)
			return nil
		}
		for l.pos < len(l.in) && l.in[l.pos] != '\n' {
			l.pos++
		}
	case '|', '<', '>', '(', ')':
		return l.o.errorf(at, "%q: only plain command lines are read, nothing is piped or redirected", string(c)).
			withHint("quote it, if it is part of a word")
	case '\\':
		switch {
		case l.ahead("\n"), l.ahead("\r\n"), l.pos == len(l.in):
		default:
			l.put(l.next())
		}
	case '\'':
		return l.single(at)
	case '"':
		return l.double(at)
	case '$':
		return l.dollar(at)
	case '`':
		return l.expansion(at, "`")
	default:
		l.put(c)
	}
	return nil
}

func (l *lexer) single(at int) error {
	l.put()
	end := strings.IndexByte(l.in[l.pos:], '\'')
	if end < 0 {
		return l.o.errorf(at, "a ' has no end")
	}
	text := l.in[l.pos : l.pos+end]
	l.put([]byte(text)...)
	l.line += strings.Count(text, "\n")
	l.pos += end + 1
	return nil
}

func (l *lexer) double(at int) error {
	l.put()
	for l.pos < len(l.in) {
		switch c := l.next(); c {
		case '"':
			return nil
		case '`':
			return l.expansion(at, "`")
		case '$':
			if err := l.dollarIn(at); err != nil {
				return err
			}
		case '\\':
			switch {
			case l.pos == len(l.in), l.ahead("\n"):
			case strings.IndexByte("$`\"\\", l.in[l.pos]) >= 0:
				l.put(l.next())
			default:
				l.put(c)
			}
		default:
			l.put(c)
		}
	}
	return l.o.errorf(at, `a " has no end`)
}

// dollar is a $ outside of quotes: $'…', or the sign alone.
func (l *lexer) dollar(at int) error {
	if l.ahead("'") {
		return l.ansi(at)
	}
	if l.ahead(`"`) {
		return l.double(at) // a text to be translated, to whatever language
	}
	return l.dollarIn(at)
}

// dollarIn is a $ that begins no quotes.
func (l *lexer) dollarIn(at int) error {
	if l.pos < len(l.in) {
		c := l.in[l.pos]
		if c == '_' || strings.IndexByte("{(@*#?-!$", c) >= 0 || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' {
			end := strings.IndexAny(l.in[l.pos+1:], " \t\n'\"/&;")
			if end < 0 {
				end = len(l.in) - l.pos - 1
			}
			return l.expansion(at, "$"+l.in[l.pos:l.pos+1+end])
		}
	}
	l.put('$')
	return nil
}

func (l *lexer) expansion(at int, what string) error {
	if len(what) > 20 {
		what = what[:20]
	}
	return l.o.errorf(at, "%s: no variable or command is put in", strconv.Quote(what)).withHint("write its value, in '…'")
}

// ansi is the rest of $'…', with the escapes of C, as browsers write what is
// not plain.
func (l *lexer) ansi(at int) error {
	l.put()
	var units []uint16 // \uD83D\uDE00 is one character, in the way of JavaScript
	flush := func() {
		for _, r := range utf16.Decode(units) {
			l.put(utf8.AppendRune(nil, r)...)
		}
		units = nil
	}
	for l.pos < len(l.in) {
		c := l.next()
		if c == '\'' {
			flush()
			return nil
		}
		if c == '\\' && l.pos < len(l.in) && l.in[l.pos] == 'u' {
			l.pos++
			if v, ok := l.digits(4, 16); ok {
				units = append(units, uint16(v))
				continue
			}
			flush()
			l.put('\\', 'u')
			continue
		}
		flush()
		if c != '\\' || l.pos == len(l.in) {
			l.put(c)
			continue
		}
		l.escape()
	}
	return l.o.errorf(at, "a $' has no end")
}

// escape is what follows a backslash in $'…'.
func (l *lexer) escape() {
	const letters, values = "abeEfnrtv", "\a\b\x1b\x1b\f\n\r\t\v"
	c := l.next()
	if i := strings.IndexByte(letters, c); i >= 0 {
		l.put(values[i])
		return
	}
	switch {
	case '0' <= c && c <= '7':
		l.pos--
		v, _ := l.digits(3, 8)
		l.put(byte(v))
	case c == 'x' || c == 'U':
		width := 2
		if c == 'U' {
			width = 8
		}
		v, ok := l.digits(width, 16)
		switch {
		case !ok:
			l.put('\\', c)
		case c == 'x':
			l.put(byte(v))
		default:
			l.put(utf8.AppendRune(nil, rune(min(v, utf8.MaxRune+1)))...)
		}
	case c == 'c' && l.pos < len(l.in):
		l.put(l.next() & 0x1f)
	case strings.IndexByte(`\'"?`, c) >= 0:
		l.put(c)
	default:
		l.put('\\', c)
	}
}

// digits reads up to n digits.
func (l *lexer) digits(n, base int) (uint64, bool) {
	end := l.pos
	for end < len(l.in) && end < l.pos+n {
		if _, err := strconv.ParseUint(l.in[end:end+1], base, 8); err != nil {
			break
		}
		end++
	}
	v, err := strconv.ParseUint(l.in[l.pos:end], base, 64)
	if err != nil {
		return 0, false
	}
	l.pos = end
	return v, true
}
