package capture_test

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"framegate/server/internal/servertest"
)

// app tells all that it sees.
const app = `
import os, sys
imported = __name__

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    out = [repr(item) for item in sorted(environ.items()) if isinstance(item[1], (str, tuple, bool))]
    out.append(repr(environ["wsgi.input"].read()))
    out.append(repr((sys.argv, sys.path, sys.flags.utf8_mode, sys.executable, sys.version, os.getcwd(), imported)))
    out.append(repr((sys.stdin.read(), sys.stdout.encoding, os.umask(0))))
    print("printed")
    return [("\n".join(out) + "\n").encode("utf-8", "backslashreplace")]
`

const wsgiConfig = `
[capture]
on = "all"

[[frame]]
name = "text"
match = ["*.py"]
app = "mini_frame:application"
interpreter = %[1]q

[[frame]]
name = "mounted"
mount = "/shop"
app = "mini_frame:application"
dir = "a b"
module-path = ["mod'ules"]
interpreter = %[1]q
`

// pythons are those that the bridge is for, one of each version.
func pythons(t *testing.T) []string {
	t.Helper()
	root := os.Getenv("PYENV_ROOT")
	if root == "" {
		root = filepath.Join(os.Getenv("HOME"), ".pyenv")
	}
	paths, err := filepath.Glob(filepath.Join(root, "versions/3.*/bin/python3"))
	if err != nil {
		t.Fatal(err)
	}
	list := []string{servertest.Require(t, "apt-get install python3", "python3")}
	sort.Strings(paths)
	for _, path := range paths {
		if exec.Command(path, "-c", "import sys; sys.exit(sys.version_info < (3, 8))").Run() == nil {
			list = append(list, path)
		}
	}
	return list
}

func TestAppSeesWhatItSaw(t *testing.T) {
	for i, python := range pythons(t) {
		t.Run(python, func(t *testing.T) {
			s := serve(t, fmt.Sprintf(wsgiConfig, python), map[string]string{
				"mini_frame.py": app, "a b/mini_frame.py": app, "mod'ules/other.py": "",
			})
			s.appSees("/中文 x.py", "?a=%20b", "", i == 0)
			s.appSees("/shop/%中文/it's", "", strings.Repeat("name=值&", 100), i == 0)
		})
	}
}

// appSees asks an app, with a body if there is one, and runs its capture: under
// every shell, or the first alone.
func (s *site) appSees(path, query, body string, everyShell bool) {
	s.t.Helper()
	method := "GET"
	if body != "" {
		method = "POST"
	}
	a := s.ask(s.request(method, (&url.URL{Path: path}).EscapedPath()+query, strings.NewReader(body)))
	if a.status != 200 {
		s.t.Fatalf("%s: got %d %s", path, a.status, a.body)
	}
	list := shells(s.t)
	if !everyShell {
		list = list[:1]
	}
	for _, sh := range list {
		out, errs, state := sh.run(s.t, a.file)
		if diff := differ(behindHeader(out), a.body); diff != "" {
			s.t.Errorf("%s, %s: %s", path, sh.name, diff)
		}
		if errs != "printed\n" || state.ExitCode() != 0 {
			s.t.Errorf("%s, %s: got exit status %d, stderr %q; want 0 and what the app prints", path, sh.name, state.ExitCode(), errs)
		}
	}
}

const flaskApp = `
from flask import Flask, request, url_for
app = Flask(__name__)

@app.route("/", methods=["GET", "POST"])
def index():
    return repr((url_for("index", _external=True), sorted(request.form.items()), sorted(request.headers.items()), request.full_path)) + "\n"
`

func TestFlaskSeesWhatItSaw(t *testing.T) {
	const python = "/usr/bin/python3"
	if _, err := os.Stat("/usr/lib/python3/dist-packages/flask"); err != nil {
		servertest.Missing(t, "no Flask: apt-get install python3-flask")
	}
	s := serve(t, `
[capture]
on = "all"
reveal = true
[[frame]]
mount = "/shop"
app = "shop:app"
interpreter = "`+python+`"
`, map[string]string{"shop.py": flaskApp})
	r := s.request("POST", "/shop/?q=中", strings.NewReader("name=%E5%80%BC&b=%00"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Cookie", "session=abc")
	a := s.ask(r)
	if a.status != 200 || !strings.Contains(a.body, "/shop/") || !strings.Contains(a.body, "('name', '值')") {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	a.same(t, "")
}

// Where there is no /dev/fd, the bridge is a file for as long as it runs.
func TestAppWithoutDescriptors(t *testing.T) {
	servertest.Require(t, "apt-get install python3", "python3")
	s := serve(t, fmt.Sprintf(wsgiConfig, "python3"), map[string]string{
		"mini_frame.py": app, "a b/mini_frame.py": app, "mod'ules/other.py": "",
	})
	a := s.ask(s.request("GET", "/x.py", nil))
	script, err := os.ReadFile(a.file)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.ReplaceAll(string(script), "-r /dev/fd/8", "-r /dev/none/8")
	if changed == string(script) {
		t.Fatal("the script does not look for /dev/fd")
	}
	if err := os.WriteFile(a.file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	s.t = t
	for _, sh := range shells(t) {
		out, errs, state := sh.run(t, a.file)
		if diff := differ(behindHeader(out), a.body); diff != "" || errs != "printed\n" || state.ExitCode() != 0 {
			t.Errorf("%s: %s; exit status %d, stderr %q", sh.name, diff, state.ExitCode(), errs)
		}
	}
}

// An app that is kept loaded is captured as one that is started for a request.
func TestWarmAppSeesWhatItSaw(t *testing.T) {
	servertest.Require(t, "apt-get install python3", "python3")
	const told = `
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    out = [repr(item) for item in sorted(environ.items()) if isinstance(item[1], str)]
    out.append(repr(environ["wsgi.input"].read()))
    return [("\n".join(out) + "\n").encode("utf-8", "backslashreplace")]
`
	// Without a locale Python would set one of its own, in a process of its own.
	config := "[capture]\non = \"all\"\n[defaults]\nenv = { LC_ALL = \"C.UTF-8\" }\n"
	var frames []string
	for _, mode := range []string{"fork", "worker"} {
		for _, stream := range []bool{false, true} {
			name := fmt.Sprint(mode, "-", stream)
			frames = append(frames, name)
			config += fmt.Sprintf("[[frame]]\nname = %[1]q\nmount = \"/%[1]s\"\napp = \"mini_frame:application\"\nmode = %q\nstream-body = %v\n", name, mode, stream)
		}
	}
	s := serve(t, config, map[string]string{"mini_frame.py": told})
	for _, mode := range frames {
		for _, body := range []string{"", "a=b", strings.Repeat("\x00\xff", 40<<10)} {
			a := s.ask(s.request("POST", "/"+mode+"/%E4%B8%AD?q=%20", strings.NewReader(body)))
			if a.status != 200 {
				t.Fatalf("%s: got %d %s", mode, a.status, a.body)
			}
			out, errs, state := shells(t)[0].run(t, a.file)
			if diff := differ(behindHeader(out), a.body); diff != "" || errs != "" || state.ExitCode() != 0 {
				t.Errorf("%s: %s; exit status %d, stderr %q", mode, diff, state.ExitCode(), errs)
			}
		}
	}
}
