package capture

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// script is what the template is filled with. Strings are words of the shell,
// unless they say otherwise.
type script struct {
	Title       []string // text
	Expectation string   // text
	Runs        []string // formats of printf

	Dir   string
	Umask int
	Env   []string
	Path  string
	Args  []string // without the program's name
	Curl  []string

	Named    string // how the program gets its name: "", "perl" or "nice"
	Name     string
	NameLost string

	HasBody, BodySmall, BodyLarge, Beside, SCGI, HasTemp bool

	Body string // commands

	Cut, Stopped, Note string // what to say each time

	Secrets      []string // names of variables
	SecretFields []string // what to say of them
	Bridge       *bridgeText
}

// bridgeText is a here-document.
type bridgeText struct{ Source, End string }

// program fills in what is run. A program is told its name by whoever starts
// it, and that need not be its path; env knows only how to look one up.
func (s *script) program(x *Exchange, q *quoter) {
	p := &x.Program
	name := p.Path
	if len(p.Argv) > 0 {
		name = p.Argv[0]
	}
	s.Path = q.word(p.Path)
	if p.Note != "" {
		s.Note = q.word(p.Note)
	}
	switch {
	case p.Path == "":
		s.Path = q.word(name) // it was not found, and will not be
	case name == p.Path || isScript(p.Path):
		if strings.Contains(p.Path, "=") {
			s.Named = "nice"
		}
	case !strings.ContainsAny(name, "/=") && searched(p.Env, name) == p.Path:
		s.Path = q.word(name)
	default:
		s.Named, s.Name = "perl", q.word(name)
		s.NameLost = q.word("the program was called " + encodeValue(name) + " then. It is called by its path now: another name takes perl")
	}
	for i, arg := range p.Argv {
		switch {
		case i == 0:
		case i == p.Bridge:
			s.Args = append(s.Args, `"$bridge"`)
			s.Bridge = newBridgeText(p.Source)
		default:
			s.Args = append(s.Args, q.word(arg))
		}
	}
}

func newBridgeText(source string) *bridgeText {
	if !strings.HasSuffix(source, "\n") {
		source += "\n"
	}
	end := "FRAMEGATE_BRIDGE"
	for strings.Contains("\n"+source, "\n"+end+"\n") {
		end += "_"
	}
	return &bridgeText{source, end}
}

// isScript reports whether a file names its interpreter: the kernel puts the
// path in the place of its name.
func isScript(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var start [2]byte
	_, err = io.ReadFull(f, start[:])
	return err == nil && string(start[:]) == "#!"
}

// searched is what env finds for a name on the PATH of an environ.
func searched(env []string, name string) string {
	for _, kv := range env {
		list, ok := strings.CutPrefix(kv, "PATH=")
		if !ok {
			continue
		}
		for _, dir := range filepath.SplitList(list) {
			path := filepath.Join(dir, name)
			if !filepath.IsAbs(path) {
				return "" // it depends on the directory
			}
			if found, err := exec.LookPath(path); err == nil {
				return found
			}
		}
	}
	return ""
}

// curl fills in the options that make curl send the request, no more than that
// and no less.
func (s *script) curl(x *Exchange, secret *secrets, q *quoter) {
	r := &x.Request
	add := func(words ...string) { s.Curl = append(s.Curl, strings.Join(words, " ")) }
	if r.Method == "HEAD" {
		add("--head")
	} else {
		add("-X", q.word(r.Method))
	}
	add("--request-target", q.word(r.Target))
	switch r.Proto {
	case "HTTP/1.0":
		add("--http1.0")
	case "HTTP/1.1":
		add("--http1.1")
	}
	if r.Host != "" {
		add("-H", q.word("Host: "+r.Host))
	}
	has := map[string]bool{}
	for _, f := range r.Header {
		name := http.CanonicalHeaderKey(f.Name)
		has[name] = true
		switch {
		case name == "Content-Length" || name == "Transfer-Encoding" || name == "Expect":
		case secret.fields[name]:
			s.SecretFields = append(s.SecretFields, q.word(fmt.Sprintf("%s is redacted, and left out. To give it: -H '%s: ...' behind the URL", f.Name, f.Name)))
		case f.Value == "":
			add("-H", q.word(f.Name+";"))
		default:
			add("-H", q.word(f.Name+": "+f.Value))
		}
	}
	for _, name := range []string{"Accept", "User-Agent", "Content-Type", "Expect"} { // of its own accord
		if !has[name] || name == "Expect" {
			add("-H", "'"+name+":'")
		}
	}
	switch length, given := x.declared(); {
	case s.HasBody:
		add("--data-binary", "@-")
	case given && length == 0:
		add("--data-binary", "''")
	}
}
