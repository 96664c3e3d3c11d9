package devpage

import (
	"slices"
	"strings"
	"testing"

	"framegate/server/internal/capture"
)

func TestCompare(t *testing.T) {
	const noTerminal = "There is no terminal"
	for _, tt := range []struct {
		name         string
		frame, shell []string
		program      capture.Program
		user         string
		words        []string // how each sentence begins
		passEnv      string
		changed      []change
		missing      string
		added        []variable
	}{
		{name: "the same", frame: []string{"PATH=/bin", "HOME=/h", "LANG=C", "USER=u"}, shell: []string{"PATH=/bin", "HOME=/h", "LANG=C", "USER=u"}},
		{name: "what CGI programs miss", frame: []string{"PATH=/bin", "REQUEST_METHOD=GET", "HTTP_HOST=h"},
			shell:   []string{"PATH=/bin", "HOME=/home/ada", "LANG=zh_CN.UTF-8", "USER=ada", "LOGNAME=ada", "TERM=xterm", "SSH_AUTH_SOCK=/s", "EDITOR=vi"},
			words:   []string{"HOME is not set: what a program looks for below /home/ada", "No locale is set (your shell has zh_CN.UTF-8)", "USER and LOGNAME are not set"},
			passEnv: `pass-env = ["HOME", "LANG", "USER", "LOGNAME"]`, missing: "EDITOR SSH_AUTH_SOCK"},
		{name: "one locale is enough", frame: []string{"LC_ALL=C.UTF-8"}, shell: []string{"LANG=de_DE.UTF-8", "LC_CTYPE=de"}, added: []variable{{"LC_ALL", "C.UTF-8"}}},
		{name: "empty in the shell, too", frame: nil, shell: []string{"HOME=", "LANG="}},
		{name: "another value", frame: []string{"DB=test", "LANG=C"}, shell: []string{"DB=live", "LANG=de"},
			changed: []change{{"DB", "test", "live"}, {"LANG", "C", "de"}}},
		{name: "the frame's alone", frame: []string{"DB=test", "PATH_INFO=/x", "REQUEST_ID=1"}, added: []variable{{"DB", "test"}}},
		{name: "PATH lacks something", frame: []string{"PATH=/usr/bin:/bin"}, shell: []string{"PATH=/opt/x:/usr/bin:/opt/x:/bin"},
			words: []string{"PATH lacks /opt/x: programs"}, changed: []change{{"PATH", "/usr/bin:/bin", "/opt/x:/usr/bin:/opt/x:/bin"}}},
		{name: "PATH in another order", frame: []string{"PATH=/usr/bin:/bin"}, shell: []string{"PATH=/bin:/usr/bin"},
			words: []string{"PATH is another one"}, changed: []change{{"PATH", "/usr/bin:/bin", "/bin:/usr/bin"}}},
		{name: "a virtual environment", shell: []string{"VIRTUAL_ENV=/p/venv"}, words: []string{"Your shell has a virtual environment, /p/venv,"}},
		{name: "the python of a virtual environment", program: capture.Program{Path: "/p/venv/bin/python"}, shell: []string{"VIRTUAL_ENV=/p/venv"}},
		{name: "an app behind a bridge", program: capture.Program{Bridge: 3}, shell: []string{"LANG=de_DE.UTF-8"}},
		{name: "what pass-env refuses", shell: []string{"LD_LIBRARY_PATH=/lib2"}, words: []string{"LD_LIBRARY_PATH is not set"}},
		{name: "another place and user", program: capture.Program{Dir: "/srv/x", Umask: 0o077}, user: "nobody",
			words: []string{"It runs in /srv/x, your shell is in /home/ada", "It runs as nobody, not as ada", "Its umask is 077, your shell's is 022"}},
		{name: "the same place and user", program: capture.Program{Dir: "/home/ada", Umask: 0o022}, user: "ada"},
		{name: "names that are none", frame: []string{"=x", "A", "A=2"}, shell: []string{"=y"}, added: []variable{{"A", ""}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.program.Env, tt.program.Argv = tt.frame, []string{"x"}
			if tt.program.Umask == 0 {
				tt.program.Umask = -1
			}
			p := &Page{Exchange: &capture.Exchange{Program: tt.program}, User: tt.user,
				Shell: &Shell{Env: tt.shell, Dir: "/home/ada", User: "ada", Umask: 0o022}}
			d := p.compare()
			for i, want := range append(tt.words, noTerminal) {
				if i >= len(d.Words) || !strings.HasPrefix(d.Words[i], want) {
					t.Errorf("sentence %d: got %q; want %q …", i, d.Words, want)
					break
				}
			}
			if len(d.Words) != len(tt.words)+1 {
				t.Errorf("got %q; want no more than %q", d.Words, tt.words)
			}
			if d.PassEnv != tt.passEnv {
				t.Errorf("got %q; want %q", d.PassEnv, tt.passEnv)
			}
			if !slices.Equal(d.Changed, tt.changed) || !slices.Equal(d.Added, tt.added) || strings.Join(d.Missing, " ") != tt.missing {
				t.Errorf("got changed %q, added %q, missing %q; want %q, %q, %q", d.Changed, d.Added, d.Missing, tt.changed, tt.added, tt.missing)
			}
		})
	}
}

// Without a program there is nothing to compare.
func TestCompareNothing(t *testing.T) {
	if d := (&Page{Exchange: &capture.Exchange{}, Shell: &Shell{Env: []string{"HOME=/x"}}}).compare(); d != nil {
		t.Errorf("got %+v", d)
	}
}
