package bridge

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// withoutSite is a start of Python that leaves out the module site, which
// looks through what is installed at each start: a quarter of a small app's
// request. What site comes to was learned by a start with it, and holds for as
// long as the files and directories stay that it goes by.
type withoutSite struct {
	argv []string
	seen []sight
}

// sight is what is seen of a file or directory from outside; of one that is
// not there nothing but the path.
type sight struct {
	ino, size, modified int64
	path                string
}

func look(path string) sight {
	info, err := os.Stat(path)
	if err != nil {
		return sight{path: path}
	}
	s := sight{size: info.Size(), modified: info.ModTime().UnixNano(), path: path}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		s.ino = int64(stat.Ino)
	}
	return s
}

func (w *withoutSite) holds() bool {
	return !slices.ContainsFunc(w.seen, func(s sight) bool { return look(s.path) != s })
}

// Command is the argument vector for one request.
func (b *Bridge) Command() []string {
	w := b.withoutSite.Load()
	if w == nil {
		return b.Argv
	}
	if !w.holds() {
		b.withoutSite.Store(nil) // until the gateway loads the app anew
		return b.Argv
	}
	return w.argv
}

// ScriptOf is the index of the bridge's own file in an argument vector.
func (b *Bridge) ScriptOf(argv []string) int {
	return slices.Index(argv, b.Argv[b.Script])
}

// learnSite takes what the bridge says of site: key=value with a NUL behind
// each, and nothing where site has to run.
func (b *Bridge) learnSite(facts string) {
	b.withoutSite.Store(nil)
	last := len(b.Argv) - 1
	w := &withoutSite{argv: append([]string{b.Path, "-S"}, b.Argv[1:last]...)}
	installed := false
	for fact := range strings.SplitSeq(strings.TrimSuffix(facts, "\x00"), "\x00") {
		key, value, _ := strings.Cut(fact, "=")
		switch key {
		case "installed":
			installed = true
			w.argv = append(w.argv, "--installed", value)
		case "distutils":
			w.argv = append(w.argv, "--distutils", value)
		case "seen":
			s, ok := readSight(value)
			if !ok {
				return
			}
			w.seen = append(w.seen, s)
		default:
			return
		}
	}
	if installed {
		w.argv = append(w.argv, b.Argv[last])
		b.withoutSite.Store(w)
	}
}

// readSight reads the inode, size and time in nanoseconds, with a space behind
// each, and the path.
func readSight(text string) (sight, bool) {
	parts := strings.SplitN(text, " ", 4)
	if len(parts) < 4 {
		return sight{}, false
	}
	var numbers [3]int64
	for i := range numbers {
		n, err := strconv.ParseInt(parts[i], 10, 64)
		if err != nil {
			return sight{}, false
		}
		numbers[i] = n
	}
	return sight{numbers[0], numbers[1], numbers[2], parts[3]}, true
}
