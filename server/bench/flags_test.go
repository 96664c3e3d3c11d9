package main

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"framegate/server/internal/servertest"
)

func TestMisused(t *testing.T) {
	for _, tt := range []struct {
		args string
		want string
	}{
		{"--foo", "--foo: there is no such flag: --help lists them"},
		{"--no-install --foo", "--foo: there is no such flag: --help lists them"},
		{"--only nosuch", "--only nosuch: no case has such a name: --list shows them"},
		{"--quick --only ^c-1$", "--only ^c-1$: no case of --quick has such a name: --quick --list shows them"},
		{"--list --only nosuch", "--only nosuch: no case has such a name: --list shows them"},
		{"--only (", "--only: error parsing regexp: missing closing ): `(`"},
		{"--only", "flag needs an argument: --only"},
		{"--among nosuch", "--among nosuch: no contestant of these cases has such a name: --list shows them"},
		{"--among (", "--among: error parsing regexp: missing closing ): `(`"},
		{"--rounds 0", "--rounds 0: one at least"},
		{"--rounds -1", "--rounds -1: one at least"},
		{"--rounds few", `invalid value "few" for flag --rounds: a whole number is wanted`},
		{"--time 0s", "--time 0s: longer than nothing, please, as 3s"},
		{"--time -3s", "--time -3s: longer than nothing, please, as 3s"},
		{"--time 3", `invalid value "3" for flag --time: a time with its unit is wanted, as 3s or 500ms`},
		{"--quick=often", `invalid boolean value "often" for --quick: true or false is wanted`},
		{"--quick more", "more: flags only, please: --help lists them"},
		{"--redraw", "--redraw: goes with --docs"},
		{"scale --foo", "--foo: there is no such flag: --help lists them"},
		{"scale route", `scale: there is no part "route": overload, lighttpd, routes, bodies, concurrency, idle`},
	} {
		t.Run(tt.args, func(t *testing.T) {
			_, err := judge(strings.Fields(tt.args))
			var usage usageError
			if !errors.As(err, &usage) || usage.what != tt.want {
				t.Errorf("got %v; want %s", err, tt.want)
			}
		})
	}
}

func TestJudge(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"", "packages"},
		{"--docs --quick", "packages"},
		{"--no-install --only ^sh$ --among framegate --rounds 1 --time 1s", "compiler"},
		{"--list", "nothing"},
		{"-list", "nothing"},
		{"--docs --redraw", "nothing"},
		{"scale", "scale"},
		{"scale routes idle", "scale"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			if got, err := judge(strings.Fields(tt.args)); got != tt.want || err != nil {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
	if _, err := judge([]string{"--help"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("--help: got %v; want %v", err, flag.ErrHelp)
	}
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		args    string
		rounds  int
		seconds time.Duration
		first   string
		cases   int
	}{
		{"", 5, 3 * time.Second, "c-1", len(allCases())},
		{"--quick", 5, time.Second, "c-8", 8},
		{"--quick --time 200ms --rounds 2", 2, 200 * time.Millisecond, "c-8", 8},
		{"--only ^sh$", 5, 3 * time.Second, "sh", 1},
	} {
		t.Run(tt.args, func(t *testing.T) {
			o, err := parse(strings.Fields(tt.args))
			if err != nil {
				t.Fatal(err)
			}
			if o.rounds != tt.rounds || o.seconds != tt.seconds || len(o.cases) != tt.cases || o.cases[0].name != tt.first {
				t.Errorf("got %d rounds of %v, %d cases from %s on; want %+v", o.rounds, o.seconds, len(o.cases), o.cases[0].name, tt)
			}
		})
	}
}

// script runs one of the project's scripts on a machine that has what is named,
// and no package installed. Nobody is root there, or a test that fails might
// install something.
func script(t *testing.T, name string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	bin := t.TempDir()
	for _, p := range []string{"bash", "dirname", "env", "go", "grep", "mktemp", "rm", "sed"} {
		path, err := exec.LookPath(p)
		if err != nil {
			servertest.Missing(t, err.Error())
		}
		if err := os.Symlink(path, filepath.Join(bin, p)); err != nil {
			t.Fatal(err)
		}
	}
	for p, text := range map[string]string{"dpkg-query": "exit 1", "id": "echo 1000", "apt-get": "exit 1"} {
		if err := os.WriteFile(filepath.Join(bin, p), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join("..", "..", "scripts", name), args...)
	var out, errs strings.Builder
	cmd.Env = append(os.Environ(), "PATH="+bin, "TMPDIR="+t.TempDir())
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// TestScripts has the flags judged before anything is installed, or missed.
func TestScripts(t *testing.T) {
	for _, tt := range []struct {
		command string
		status  int
		stderr  string
	}{
		{"bench.sh --foo", 2, "bench: --foo: there is no such flag: --help lists them\n"},
		{"bench.sh --no-install --foo", 2, "bench: --foo: there is no such flag: --help lists them\n"},
		{"bench.sh --no-install", 1, "bench.sh: cc is missing: apt-get install gcc libc6-dev\n"},
		{"bench.sh scale route", 2, "bench: scale: there is no part \"route\": overload, lighttpd, routes, bodies, concurrency, idle\n"},
		{"bench.sh overhead 0", 2, "bench.sh: overhead: ROUNDS is a number from 1, not \"0\"\n"},
		{"bench.sh overhead 1 2", 2, "bench.sh: overhead: one number of ROUNDS and no more: --help says how\n"},
		{"bench.sh bodies all", 2, "bench.sh: bodies: takes nothing behind it, and not \"all\"\n"},
		{"bench.sh --list", 0, ""},
		{"bench.sh --quick --help", 0, ""},
		{"test.sh --help", 0, ""},
		{"test.sh --foo", 2, "test.sh: \"--foo\": --no-install is all that it takes: --help says more\n"},
		{"test.sh --no-install x", 2, "test.sh: \"--no-install x\": --no-install is all that it takes: --help says more\n"},
	} {
		t.Run(tt.command, func(t *testing.T) {
			argv := strings.Fields(tt.command)
			stdout, stderr, status := script(t, argv[0], argv[1:]...)
			if status != tt.status || stderr != tt.stderr {
				t.Errorf("got %d, %q; want %d, %q", status, stderr, tt.status, tt.stderr)
			}
			if (stdout != "") != (tt.status == 0) {
				t.Errorf("stdout: got %q; want words there where the status is 0, and only there", stdout)
			}
		})
	}
	// Without flags it is the packages that are wanted.
	if _, stderr, status := script(t, "bench.sh"); status != 1 || !strings.HasPrefix(stderr, "bench.sh: install these as root, or run with --no-install: gcc ") {
		t.Errorf("bench.sh: got %d, %q; want what to install", status, stderr)
	}
}

// TestHelp holds the script's list of flags to the one that bench has.
func TestHelp(t *testing.T) {
	stdout, _, _ := script(t, "bench.sh", "--help")
	var b strings.Builder
	printFlags(&b)
	line := regexp.MustCompile(`(?m)^  (--[a-z-]+(?: [A-Z]+)?)  `)
	names := func(text string) (names []string) {
		for _, m := range line.FindAllStringSubmatch(text, -1) {
			names = append(names, m[1])
		}
		slices.Sort(names)
		return names
	}
	got, want := names(stdout), names(b.String())
	if len(want) != 12 || !slices.Equal(got, want) {
		t.Errorf("got %q; want %q", got, want)
	}
	if strings.Contains(stdout, "set -") {
		t.Errorf("got\n%s\nwant no more than the comment", stdout)
	}
}

// TestVersions asks the Python that is measured, whatever is first on the path.
func TestVersions(t *testing.T) {
	python := filepath.Join(t.TempDir(), "python")
	if err := os.WriteFile(python, []byte("#!/bin/sh\ncase \"$*\" in --version) echo Python 9.8.7 ;; '-m gunicorn --version') echo gunicorn 6.5.4 ;; esac\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	got := versions(t.Context(), python)
	if got["python"] != "9.8.7" || got["gunicorn"] != "6.5.4" {
		t.Errorf("got %q; want Python 9.8.7 and its gunicorn 6.5.4", got)
	}
}
