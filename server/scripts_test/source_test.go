package scripts_test

import (
	"slices"
	"strings"
	"testing"
)

// TestSourced sources frame-env.sh as people type it.
func TestSourced(t *testing.T) {
	file := quote(script(t, "frame-env.sh"))
	for _, sh := range shells(t) {
		t.Run(sh.name, func(t *testing.T) {
			const show = "\n" + `echo "$REQUEST_METHOD $SCRIPT_NAME $PATH_INFO $QUERY_STRING $CONTENT_LENGTH"; sh -c 'echo "$PATH_INFO"'`
			const want = "POST /a.py /x y q=1 3\n/x y\n"
			args := quote("http://localhost:7890/a.py/x%20y?q=1", "--script-name", "/a.py", "-d", "abc")
			for _, tt := range []struct{ name, text string }{
				{"with arguments", ". " + file + " " + args},
				{"as a function", ". " + file + " 2>/dev/null\nframe_env " + args},
				{"with the positional parameters", "set -- " + args + "; . " + file},
				{"printed", `eval "$(` + file + " " + args + `)"`},
				{"printed by this shell", `eval "$(` + quote(sh.argv...) + " " + file + " " + args + `)"`},
			} {
				t.Run(tt.name, func(t *testing.T) {
					out := run(t, sh.say(t, tt.text+show))
					if sh.quietDot && tt.name == "with arguments" {
						if want := "frame-env: frame_env URL exports a request's environ, frame_env_off takes it back\n"; out.stderr != want {
							t.Errorf("stderr: got %q; want %q", out.stderr, want)
						}
						return
					}
					if out.stdout != want || out.stderr != "" {
						t.Errorf("got %q, stderr %q; want %q", out.stdout, out.stderr, want)
					}
				})
			}
		})
	}
}

// TestShellIsLeftAlone compares a shell before frame_env with the same shell
// after frame_env_off: its options, aliases, traps, positional parameters and
// variables, be they exported or not.
func TestShellIsLeftAlone(t *testing.T) {
	const before = `
HTTP_OLD='a
b'; export HTTP_OLD
HTTP_PROXY=http://proxy; export HTTP_PROXY
CONTENT_TYPE="it's mine" # not exported
QUERY_STRING=; export QUERY_STRING
alias ll='ls -l'
trap 'echo bye' EXIT
set -- one 'two three'
IFS=:
state() { set -o; alias; trap; printf '<%s>' "$#" "$@" "$IFS" "${CONTENT_TYPE-unset}" "${PATH_INFO-unset}" "${QUERY_STRING-unset}" "$PWD" "$OPTIND"; env | LC_ALL=C sort; umask; }
`
	for _, sh := range shells(t) {
		for _, options := range []string{"", "set -eu\n", "set -f\n", "set -C -u\n"} {
			t.Run(sh.name+"/"+strings.TrimSpace(options), func(t *testing.T) {
				out := run(t, sh.say(t, options+before+loadFunctions(t)+`
state > before
frame_env 'http://h/x%20y?a' -X POST -d 'it'\''s' -H 'X-A: *'
frame_env 'http://h/other' -H 'X-B: *'
env > during
frame_env_off
state > after
diff before after && echo same
printf '%s\n' "${fe_text-}${fe_out-}${fe_rest-}${frame_env_undo-}${frame_env_names-}nothing"
grep -c -E '^(HTTP_OLD|HTTP_PROXY|HTTP_X_A|CONTENT_TYPE|CONTENT_LENGTH)=' during || :
grep -c -E '^(HTTP_X_B=\*|PATH_INFO=/other|HTTP_HOST=h|QUERY_STRING=)$' during
trap - EXIT
`))
				if want := "same\nnothing\n0\n4\n"; out.stdout != want || out.stderr != "" {
					t.Errorf("got %q, stderr %q; want %q", out.stdout, out.stderr, want)
				}
			})
		}
	}
}

// TestNames looks for functions and variables that do not bear the prefix.
func TestNames(t *testing.T) {
	for _, sh := range shells(t) {
		if sh.name != "bash" && sh.name != "zsh" {
			continue // these two list their functions
		}
		t.Run(sh.name, func(t *testing.T) {
			list := map[string]string{"bash": "compgen -A function; compgen -v", "zsh": "print -l ${(k)functions} ${(k)parameters}"}[sh.name]
			names := func(text string) []string { return strings.Fields(run(t, sh.say(t, text+list)).stdout) }
			before := names("load() { :; }; load\n")
			for _, name := range names(loadFunctions(t) + "frame_env http://h/x -d a -H 'A: b'\nframe_env_off\n") {
				if !slices.Contains(before, name) && !strings.HasPrefix(name, "fe_") && !strings.HasPrefix(name, "frame_env") {
					t.Errorf("left behind: %s", name)
				}
			}
		})
	}
}

// TestMistakes holds what is said of a request that cannot be made. Nothing is
// exported then, and what an earlier request has exported is gone.
func TestMistakes(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"-X", "GET"}, "no URL: frame_env 'http://localhost:7890/path?query'"},
		{[]string{"/a", "/b"}, "two URLs: /a and /b"},
		{[]string{"/a", "--nix"}, "unknown option --nix"},
		{[]string{"/a", "-H"}, "-H wants a value"},
		{[]string{"/a", "-X", "GE T"}, "method 'GE T' is no token (RFC 9110 §9.1)"},
		{[]string{"/a", "-X", ""}, "method '' is no token (RFC 9110 §9.1)"},
		{[]string{"/a", "-H", "nix"}, "header 'nix' is not 'Name: value'"},
		{[]string{"/a", "-H", ": x"}, "header ': x': '' is no field name (RFC 9110 §5.1)"},
		{[]string{"/a", "-H", "a b: x"}, "header 'a b: x': 'a b' is no field name (RFC 9110 §5.1)"},
		{[]string{"/a", "-H", "X: a\nb"}, "header X: its value holds a control character (RFC 9110 §5.5)"},
		{[]string{"/a", "-H", "X: \x7f"}, "header X: its value holds a control character (RFC 9110 §5.5)"},
		{[]string{"/a", "-d", "@-"}, "-d @-: stdin can be read only once: put it into a file, -d @FILE"},
		{[]string{"/a", "-d", "@/no/such"}, "-d @/no/such: no such file, or it may not be read"},
		{[]string{"/a", "--script-name", "a"}, "--script-name a: does not begin with /"},
		{[]string{"/ab", "--script-name", "/a"}, "/ab is not below --script-name /a"},
		{[]string{"/a%2Fb", "--script-name", "/a"}, "/a%2Fb is not below --script-name /a"},
		{[]string{"/a%2Fb", "--script-name", "/a/b"}, "/a%2Fb is not below --script-name /a/b"},
		{[]string{"/x:/a/b", "--script-name", "/a"}, "/x:/a/b is not below --script-name /a"},
		{[]string{"/x", "-d", "@/"}, "-d @/: no such file, or it may not be read"},
		{[]string{"/a%2"}, "/a%2: the path holds a % that is not followed by two hex digits"},
		{[]string{"/a%00"}, "/a%00: the path holds a NUL (%00), which no environment can"},
		{[]string{"/a/../.."}, "/a/../..: the path leaves the root"},
		{[]string{"ftp://h/"}, "ftp://h/: neither http nor https"},
		{[]string{"http:///x"}, "http:///x: '' is no host (RFC 3986 §3.2.2)"},
		{[]string{"http://a b/"}, "http://a b/: 'a b' is no host (RFC 3986 §3.2.2)"},
		{[]string{"http://h:x/"}, "http://h:x/: 'x' is no port"},
		{[]string{"http://[::g]/"}, "http://[::g]/: '[::g]' is no host (RFC 3986 §3.2.2)"},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			for _, sh := range shells(t) {
				out := run(t, sh.say(t, loadFunctions(t)+"frame_env /before\nframe_env "+quote(tt.args...)+`; echo "$? ${PATH_INFO-unset}"`))
				if want := "frame-env: " + tt.want + "\n"; out.stderr != want || out.stdout != "2 unset\n" {
					t.Errorf("%s: got %q, stderr %q; want status 2, stderr %q", sh.name, out.stdout, out.stderr, want)
				}
			}
		})
	}
}

// TestNotes holds what is said of a field that no gateway passes on.
func TestNotes(t *testing.T) {
	for _, tt := range []struct{ arg, want string }{
		{"X_Foo: a", "header X_Foo is not passed on: X_Foo would pose as X-Foo"},
		{"Proxy: a", "header Proxy is never passed on (httpoxy)"},
		{"content-length: 9", "header content-length is left out: the body is what -d says"},
		{"Authorization: a", "header Authorization is not passed on without --pass-authorization"},
	} {
		t.Run(tt.arg, func(t *testing.T) {
			out := run(t, command(t, script(t, "frame-env.sh"), "/a", "-H", tt.arg))
			if want := "frame-env: note: " + tt.want + "\n"; out.stderr != want || out.status != 0 {
				t.Errorf("got %q, status %d; want %q", out.stderr, out.status, want)
			}
			for _, name := range []string{"HTTP_X_FOO", "HTTP_PROXY", "CONTENT_LENGTH", "HTTP_CONTENT_LENGTH", "HTTP_AUTHORIZATION"} {
				if strings.Contains(out.stdout, name+"=") {
					t.Errorf("%s: got it set in %q", name, out.stdout)
				}
			}
		})
	}
}
