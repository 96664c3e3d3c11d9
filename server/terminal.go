package main

import (
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/mattn/go-isatty"
	"golang.org/x/sys/unix"

	"framegate/server/internal/timeline"
)

// widest is what one still reads with ease.
const widest = 120

// paper is what w can show: colours and its own width on a terminal, more than
// ASCII where the locale is UTF-8.
func paper(w io.Writer, env bool) timeline.Options {
	o := timeline.Options{Env: env, ASCII: !utf8Locale()}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		o.Width = n
	}
	f, ok := w.(*os.File)
	if !ok || !isatty.IsTerminal(f.Fd()) {
		return o
	}
	o.Color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil && size.Col > 0 {
		o.Width = min(int(size.Col), widest)
	}
	return o
}

// sameTerminal reports whether what is written to both is seen in one place.
func sameTerminal(a, b io.Writer) bool {
	var seen [2]unix.Stat_t
	for i, w := range []io.Writer{a, b} {
		f, ok := w.(*os.File)
		if !ok || !isatty.IsTerminal(f.Fd()) || unix.Fstat(int(f.Fd()), &seen[i]) != nil {
			return false
		}
	}
	return seen[0].Rdev == seen[1].Rdev
}

// utf8Locale goes by the first of the three that says something, as setlocale
// does.
func utf8Locale() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			v = strings.ToLower(v)
			return strings.HasSuffix(v, "utf-8") || strings.HasSuffix(v, "utf8")
		}
	}
	return false
}
