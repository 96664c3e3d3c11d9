package devpage

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"framegate/server/internal/capture"
	"framegate/server/internal/config"
)

// Shell is the shell that the gateway was started from.
type Shell struct {
	Env   []string
	Dir   string
	User  string
	Umask int // -1 where it is not known
}

// differences is how a frame's surroundings differ from that shell.
type differences struct {
	Words   []string // what surprises people, in sentences
	Unset   []string // the variables that they are about
	Place   []string // where and as whom it runs, in a few words
	PassEnv string   // the key of gateway.toml that mends most of it
	Changed []change
	Missing []string // further names that only the shell has
	Added   []variable
}

type change struct{ Name, Frame, Shell string }

type variable struct{ Name, Value string }

// split takes an environ apart; the first of a name counts, as for getenv.
func split(environ []string) ([]variable, map[string]string) {
	values := make(map[string]string, len(environ))
	list := make([]variable, 0, len(environ))
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if _, twice := values[name]; !twice && name != "" {
			values[name] = value
			list = append(list, variable{name, value})
		}
	}
	return list, values
}

// compare tells the program's surroundings from the shell's.
func (p *Page) compare() *differences {
	if p.Shell == nil || !p.ran() {
		return nil
	}
	list, frame := split(p.Exchange.Program.Env)
	_, shell := split(p.Shell.Env)
	d := &differences{}
	told := d.tellMissing(frame, shell, &p.Exchange.Program)
	for _, v := range list {
		if config.ReservedName(v.Name) {
			continue // the request's
		}
		switch other, has := shell[v.Name]; {
		case !has:
			d.Added = append(d.Added, v)
		case v.Name == "PATH" && v.Value != other:
			d.Words = append(d.Words, pathWords(v.Value, other))
			d.Changed = append(d.Changed, change{v.Name, v.Value, other})
		case v.Value != other:
			d.Changed = append(d.Changed, change{v.Name, v.Value, other})
		}
	}
	d.tellPlace(p)
	for name := range shell {
		if _, has := frame[name]; !has && !told[name] && !ofShell(name) {
			d.Missing = append(d.Missing, name)
		}
	}
	slices.Sort(d.Missing)
	return d
}

// ofShell reports whether a variable is about the shell and its terminal
// alone: nobody misses it.
func ofShell(name string) bool {
	switch name {
	case "_", "PWD", "OLDPWD", "SHLVL", "TERM", "COLORTERM", "TERM_PROGRAM", "COLUMNS", "LINES", "PS1", "LS_COLORS", "LESSOPEN",
		"LESSCLOSE", "PAGER", "HISTSIZE", "HISTFILE", "WINDOWID":
		return true
	}
	return false
}

// surprise is a variable that programs miss without saying so.
type surprise struct {
	names []string
	words string // %s is what the shell has
}

func surprises() []surprise {
	return []surprise{
		{[]string{"HOME"}, "HOME is not set: what a program looks for below %s (~, dot files, packages that were installed for you alone) is not found."},
		{[]string{"LANG", "LC_ALL", "LC_CTYPE"}, "No locale is set (your shell has %s): programs fall back to C, where text that is not ASCII may be refused or garbled."},
		{[]string{"USER", "LOGNAME"}, "USER and LOGNAME are not set: a program that asks who runs it gets no name (your shell has %s)."},
		{[]string{"VIRTUAL_ENV"}, "Your shell has a virtual environment, %s, and the frame has not: name its python with interpreter = \"…/bin/python\", or in the script's first line."},
		{[]string{"PYTHONPATH"}, "PYTHONPATH is not set: modules in %s are not found. For an app, module-path does the same."},
		{[]string{"PERL5LIB"}, "PERL5LIB is not set: Perl modules in %s are not found."},
		{[]string{"RUBYLIB", "GEM_HOME", "GEM_PATH"}, "Ruby's paths are not set: what lies in %s is not found."},
		{[]string{"NODE_PATH"}, "NODE_PATH is not set: modules in %s are not found."},
		{[]string{"LD_LIBRARY_PATH"}, "LD_LIBRARY_PATH is not set: libraries in %s are not found (pass-env does not take it: set it with env)."},
		{[]string{"TZ"}, "TZ is not set (your shell has %s): times are in the machine's own time zone."},
	}
}

// tellMissing writes down which of the well-known variables are missing. It
// returns the names that it has told.
func (d *differences) tellMissing(frame, shell map[string]string, program *capture.Program) map[string]bool {
	told := map[string]bool{}
	var pass []string
	for _, s := range surprises() {
		has, value := "", ""
		for _, name := range s.names {
			if _, set := frame[name]; set {
				has = name
			}
			if v := shell[name]; v != "" && value == "" {
				value = v
			}
			told[name] = true
		}
		if has != "" || value == "" {
			continue
		}
		switch {
		case s.names[0] == "VIRTUAL_ENV" && strings.HasPrefix(program.Path, strings.TrimSuffix(value, "/")+"/"):
			continue // its python runs: that is enough
		case s.names[0] == "LANG" && program.Bridge > 0:
			continue // the bridge has Python speak UTF-8
		}
		d.Words = append(d.Words, fmt.Sprintf(s.words, shortened(value)))
		d.Unset = append(d.Unset, s.names[0])
		for _, name := range s.names {
			if shell[name] != "" && passable(name) {
				pass = append(pass, fmt.Sprintf("%q", name))
			}
		}
	}
	if len(pass) > 0 {
		d.PassEnv = "pass-env = [" + strings.Join(pass, ", ") + "]"
	}
	return told
}

// passable leaves out what pass-env refuses, and what it does not help with.
func passable(name string) bool {
	return !strings.HasPrefix(name, "LD_") && name != "VIRTUAL_ENV"
}

// pathWords says which programs are looked for elsewhere.
func pathWords(frame, shell string) string {
	has := filepath.SplitList(frame)
	var lacks []string
	for _, dir := range filepath.SplitList(shell) {
		if !slices.Contains(has, dir) && !slices.Contains(lacks, dir) {
			lacks = append(lacks, dir)
		}
	}
	if len(lacks) == 0 {
		return "PATH is another one: programs may be found in other places."
	}
	return "PATH lacks " + shortened(strings.Join(lacks, ", ")) + ": programs there are not found."
}

// tellPlace compares cwd, user, umask and descriptors.
func (d *differences) tellPlace(p *Page) {
	program := &p.Exchange.Program
	if program.Dir != "" && p.Shell.Dir != "" && program.Dir != p.Shell.Dir {
		d.Words = append(d.Words, fmt.Sprintf("It runs in %s, your shell is in %s: relative paths lead elsewhere.",
			shortened(program.Dir), shortened(p.Shell.Dir)))
		d.Place = append(d.Place, "it runs in "+shortened(program.Dir))
	}
	if p.User != "" && p.User != p.Shell.User {
		d.Words = append(d.Words, fmt.Sprintf("It runs as %s, not as %s: it may read and write what that user may.", visible(p.User), visible(p.Shell.User)))
		d.Place = append(d.Place, "it runs as "+visible(p.User))
	}
	if program.Umask >= 0 && p.Shell.Umask >= 0 && program.Umask != p.Shell.Umask {
		d.Words = append(d.Words, fmt.Sprintf("Its umask is %03o, your shell's is %03o: files that it makes have other modes.", program.Umask, p.Shell.Umask))
		d.Place = append(d.Place, fmt.Sprintf("umask %03o", program.Umask))
	}
	d.Words = append(d.Words, "There is no terminal: stdin is the request's body, and stdout a pipe, which most languages buffer until it is flushed.")
}
