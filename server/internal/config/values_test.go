package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseSize(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want int64
	}{
		{"0", 0}, {"512", 512}, {"512B", 512}, {"64KiB", 65536}, {"64 KiB", 65536},
		{"64MiB", 67108864}, {"4GiB", 4294967296}, {"1TiB", 1099511627776},
		{"2KB", 2000}, {"2MB", 2000000}, {"2GB", 2000000000},
		{"9223372036854775807", 9223372036854775807}, {"8388607TiB", 8388607 << 40},
	} {
		if got, problem := parseSize(tt.in); problem != nil || got != tt.want {
			t.Errorf("parseSize(%q): got %d, %v; want %d", tt.in, got, problem, tt.want)
		}
	}
	for _, in := range []string{"", "B", "1.5GiB", "1e3", "+1", "1kb", "1 k", "9223372036854775808", "8388608TiB", "-1", " 1"} {
		if got, problem := parseSize(in); problem == nil {
			t.Errorf("parseSize(%q): got %d; want a problem", in, got)
		}
	}
}

func TestZeroMeansNoLimit(t *testing.T) {
	c := mustLoad(t, `shutdown-timeout = "0"
[[frame]]
mount = "/x"
command = ["x"]
first-byte-timeout = "0"
idle-timeout = 0
total-timeout = "0s"
stop-grace = "0"
queue-timeout = "0"
max-queue = 0
max-body = "0"
`)
	f := c.Frames[0]
	for name, got := range map[string]time.Duration{
		"shutdown-timeout": c.ShutdownTimeout, "first-byte-timeout": f.FirstByteTimeout, "idle-timeout": f.IdleTimeout,
		"total-timeout": f.TotalTimeout, "stop-grace": f.StopGrace, "queue-timeout": f.QueueTimeout,
	} {
		if got != 0 {
			t.Errorf("%s: got %v; want 0", name, got)
		}
	}
	if f.MaxQueue != 0 || f.MaxBody != 0 {
		t.Errorf("max-queue and max-body: got %d, %d; want 0, 0", f.MaxQueue, f.MaxBody)
	}
}

func TestDefaultsAreOverlaid(t *testing.T) {
	c := mustLoad(t, `[defaults]
first-byte-timeout = "5s"
idle-timeout = "6s"
max-concurrent = 3
max-body = "1MiB"
stdin = "scgi"
stream-body = true
pass-env = ["LANG", "TZ"]
interpreter = "venv/bin/python"
module-path = ["apps"]
path-info = "text"
[defaults.env]
A = "default"
B = "default"

[[frame]]
name = "one"
mount = "/one"
app = "one:app"
idle-timeout = "7s"
stream-body = false
pass-env = ["TZ"]
env = { B = "one", C = "one" }
path-info = "pep3333"

[[frame]]
name = "two"
mount = "/two"
command = ["two"]
`)
	common := defaultSettings()
	common.FirstByteTimeout = 5 * time.Second
	common.MaxConcurrent = 3
	common.MaxBody = 1 << 20
	common.Stdin = "scgi"

	one, two := common, common
	one.IdleTimeout, two.IdleTimeout = 7*time.Second, 6*time.Second
	one.StreamBody, two.StreamBody = false, true
	one.PassEnv, two.PassEnv = []string{"TZ"}, []string{"LANG", "TZ"}
	one.Env = map[string]string{"A": "default", "B": "one", "C": "one"}
	two.Env = map[string]string{"A": "default", "B": "default"}
	one.Interpreter = filepath.Join(c.Dir, "venv/bin/python")
	one.ModulePath = []string{filepath.Join(c.Dir, "apps")}
	one.PathInfo = "pep3333"
	for name, want := range map[string]Settings{"one": one, "two": two} {
		if diff := cmp.Diff(want, c.FrameByName(name).Settings); diff != "" {
			t.Errorf("frame %q (-want +got):\n%s", name, diff)
		}
	}
}

func TestNormalised(t *testing.T) {
	c := mustLoad(t, "\ufeff"+`listen = "unix:run/fg.sock"
server-name = "[2001:db8::1]"
[static]
path = "./static/"
not-found = "static/404.html"
[dynamic]
path = ""
[[frame]]
mount = "/"
app = "a:b"
[[frame]]
mount = "/商店/"
app = "shop.wsgi:create_app()"
[[frame]]
scripts = "/cgi-bin/"
dir = "frames/../frames/cgi-bin"
interpreters = { ".py" = ["./frames/hello.sh", "./x"] }
[[frame]]
match = ["/api/*", "*.py"]
command = ["perl", "frames/x.pl"]
`)
	at := func(p string) string { return filepath.Join(c.Dir, p) }
	for _, tt := range []struct{ name, got, want string }{
		{"listen", c.Listen, "unix:" + at("run/fg.sock")},
		{"server-name", c.ServerName, "[2001:db8::1]"},
		{"static path", c.Static.Path, at("static")},
		{"not-found", c.Static.NotFound, at("static/404.html")},
		{"dynamic path", c.Dynamic.Path, ""},
		{"mount at the root", c.Frames[0].Mount, "/"},
		{"derived name", c.Frames[0].Name, "frame-1"},
		{"mount", c.Frames[1].Mount, "/商店"},
		{"app with a factory", c.Frames[1].App, "shop.wsgi:create_app()"},
		{"scripts", c.Frames[2].Scripts, "/cgi-bin"},
		{"dir", c.Frames[2].Dir, at("frames/cgi-bin")},
		{"program of an interpreter", c.Frames[2].Interpreters[".py"][0], at("frames/hello.sh")},
		{"argument of an interpreter", c.Frames[2].Interpreters[".py"][1], "./x"},
		{"program on PATH", c.Frames[3].Command[0], "perl"},
		{"argument of a command", c.Frames[3].Command[1], "frames/x.pl"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %q; want %q", tt.name, tt.got, tt.want)
		}
	}
}

func TestWarnings(t *testing.T) {
	for _, tt := range []struct {
		name, text, want string
	}{
		{"static without a directory", "[static]\nlisting = true\n", `gateway.toml:1: [static]: there is no directory "static", so no files are served`},
		{"static off", "[static]\npath = \"\"\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := parse("gateway.toml", []byte(tt.text), t.TempDir())
			if err != nil {
				t.Fatal(render(err))
			}
			if got := strings.Join(c.Warnings, "\n"); got != tt.want {
				t.Errorf("got %q; want %q", got, tt.want)
			}
		})
	}
}

// A link must not lead the static files around the rule that sources are not served.
func TestStaticLinkToSources(t *testing.T) {
	for _, tt := range []struct{ name, target, want string }{
		{"the file's own directory", ".", "gateway.toml:1: [static]: path: the directory holds gateway.toml itself, which would be served\nhint: keep the files in a directory of their own: path = \"static\"\n"},
		{"the frames", "frames", "gateway.toml:1: [dynamic]: path: lies in the directory of static files, where its source would be served\nhint: programs and static files need directories of their own\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "frames"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(tt.target, filepath.Join(dir, "static")); err != nil {
				t.Fatal(err)
			}
			_, err := parse("gateway.toml", nil, dir)
			if got := render(err); got != tt.want {
				t.Errorf("got %q; want %q", got, tt.want)
			}
		})
	}
}

// The line of a mistake is right however the key is written.
func TestLines(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       int
	}{
		{"header", "[static]\nx-x-x = 1\n", 2},
		{"dotted", "\nstatic.x-x-x = 1\n", 2},
		{"inline", "\n\nstatic = { x-x-x = 1 }\n", 3},
		{"inline over lines", "static = {\n  listing = true,\n  x-x-x = 1,\n}\n", 3},
		{"second frame", "[[frame]]\nmount='/a'\napp='a:b'\n[[frame]]\nmount='/b'\napp='a:b'\nx-x-x=1\n", 7},
		{"subtable of the second frame", "[[frame]]\nmount='/a'\napp='a:b'\n[frame.env]\nA='1'\n[[frame]]\nmount='/b'\napp='a:b'\n[frame.env]\nA=1\n", 10},
		{"inline frames", "frame = [\n  { mount = '/a', app = 'a:b' },\n  { mount = '/b', app = 'a:b', x-x-x = 1 },\n]\n", 3},
		{"array element", "[[frame]]\nmount='/a'\ncommand = [\n 'a',\n 1,\n]\n", 5},
		{"after a multi-line string", "[[frame]]\nmount='/a'\ncommand=['a', '''\n\n''']\nx-x-x=1\n", 6},
		{"thousands of levels", "x-x-x = 1\n\na = " + strings.Repeat("[", 9000) + "\n" + strings.Repeat("]", 9000) + "\n", 1},
		{"CRLF", "\r\n\r\nx-x-x = 1\r\n", 3},
		{"byte order mark", "\ufeffx-x-x = 1\n", 1},
		{"syntax", "\n\n=\n", 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse("gateway.toml", []byte(tt.text), site(t))
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v; want an *Error", err)
			}
			if e.Line != tt.want {
				t.Errorf("got line %d (%v); want %d", e.Line, e, tt.want)
			}
		})
	}
}

func TestReservedName(t *testing.T) {
	for _, name := range []string{"PATH_INFO", "REMOTE_IDENT", "HTTPS", "SERVER_ADDR", "REQUEST_ID", "HTTP_", "HTTP_PROXY", "HTTP_X"} {
		if !ReservedName(name) {
			t.Errorf("ReservedName(%q): got false; want true", name)
		}
	}
	for _, name := range []string{"", "PATH", "LANG", "http_proxy", "HTTPS_PROXY", "LD_PRELOAD", "PATH_INFO_X"} {
		if ReservedName(name) {
			t.Errorf("ReservedName(%q): got true; want false", name)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"mount", "match", "max-body", "max-header", "mode"}
	for _, tt := range []struct{ in, want string }{
		{"mout", "mount"}, {"muont", "mount"}, {"Mount", "mount"}, {"max_body", "max-body"}, {"maxbody", "max-body"},
		{"moed", "mode"}, {"x", ""}, {"", ""}, {"completely-else", ""},
	} {
		if got := nearest(tt.in, known); got != tt.want {
			t.Errorf("nearest(%q): got %q; want %q", tt.in, got, tt.want)
		}
	}
}

func TestEditDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "abd", 1},
		{"abc", "ab", 1}, {"abc", "xabc", 1}, {"kitten", "sitting", 3},
	} {
		if got := editDistance(tt.a, tt.b); got != tt.want {
			t.Errorf("editDistance(%q, %q): got %d; want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestCheckOutsideOfFile(t *testing.T) {
	if err := CheckApp("mini_frame:application"); err != nil {
		t.Errorf("CheckApp: got %v; want nil", err)
	}
	if err := CheckListen("127.0.0.1:0"); err != nil {
		t.Errorf("CheckListen: got %v; want nil", err)
	}
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"app", CheckApp("mini_frame"), `"mini_frame" is not an app: want module:object or module:factory()`},
		{"listen", CheckListen("7890"), `"7890" is not an address: want host:port or unix:PATH`},
	} {
		var e *Error
		if !errors.As(tt.err, &e) || e.Error() != tt.want || e.Hint == "" {
			t.Errorf("%s: got %#v; want %q with a hint", tt.name, tt.err, tt.want)
		}
	}
}
