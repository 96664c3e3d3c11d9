// Package dev_test looks at the page under --dev as its developer does: in a
// browser, with an editor beside it.
package dev_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"framegate/server/internal/browsertest"
	"framegate/server/internal/servertest"
)

func TestMain(m *testing.M) { servertest.Main(m) }

const (
	heading = `document.querySelector("h1")?.textContent`
	said    = `(document.querySelector("#said")?.textContent ?? "")`
	printed = `(document.querySelector(".numbered")?.textContent ?? "")`
	evil    = `<script>alert(1)</script><img src=x onerror=alert(2)>`
)

// A desk is a project and what serves it.
type desk struct {
	t   *testing.T
	dir string
	url string
}

func serve(t *testing.T, files map[string]string, toml string) *desk {
	t.Helper()
	servertest.Build(t) // from this directory
	d := &desk{t: t, dir: t.TempDir()}
	for name, content := range files {
		d.save(name, content)
	}
	d.save("gateway.toml", "[capture]\non = \"failure\"\n[[frame]]\nname = \"cgi\"\nscripts = \"/cgi\"\ndir = \"cgi\"\n"+toml)
	t.Chdir(d.dir)
	d.url = servertest.Start(t, "--dev").URL
	return d
}

// save writes a file as most editors do: a new one, under the old one's name.
func (d *desk) save(name, content string) {
	d.t.Helper()
	path := filepath.Join(d.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		d.t.Fatal(err)
	}
	mode := os.FileMode(0o644)
	if strings.HasPrefix(content, "#!") {
		mode = 0o755
	}
	if err := os.WriteFile(path+"~", []byte(content), mode); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		d.t.Fatal(err)
	}
}

func contains(where, what string) string { return fmt.Sprintf("%s.includes(%q)", where, what) }

// A developer mends a frame in three steps, and only ever saves a file.
func TestMendAndSave(t *testing.T) {
	d := serve(t, map[string]string{"cgi/hello.sh": "#!/bin/sh\necho '" + evil + "'\n"}, "")
	b := browsertest.Open(t, d.url)
	b.Expect("Failed to load resource")
	b.Open("/cgi/hello.sh?name=Ada")
	browsertest.Want(b, heading, "502 Bad Gateway")
	browsertest.Want(b, contains(printed, evil), true)
	browsertest.Want(b, `document.querySelectorAll("main script, main img").length`, 0)
	browsertest.Want(b, `document.querySelectorAll(".finding.error").length > 0`, true)
	b.Await(contains(said, "Watching hello.sh"))
	b.Do("open what is closed", chromedp.Evaluate[chromedp.Void](`document.querySelector("#d-missing")?.setAttribute("open", ""); scrollTo(0, 300); window.samePage = true`))

	d.save("cgi/hello.sh", "#!/bin/sh\necho Content-Type: text/plain\necho \"no empty line for $QUERY_STRING\"\n")
	b.Await(contains(printed, "no empty line for name=Ada"))
	browsertest.Want(b, `window.samePage`, true)
	browsertest.Want(b, `document.querySelector("#d-missing")?.open ?? true`, true)
	browsertest.Want(b, contains(said, "still 502"), true)

	d.save("cgi/hello.sh", "#!/bin/sh\nprintf 'Content-Type: text/html\\n\\n<p id=hello>hello, %s' \"$QUERY_STRING\"\n")
	b.Await(`document.querySelector("#hello")?.textContent === "hello, name=Ada"`)
	browsertest.Want(b, `location.pathname + location.search`, "/cgi/hello.sh?name=Ada")
}

// What was sent by a form is sent again only when its author says so.
func TestMendAPost(t *testing.T) {
	diary := filepath.Join(t.TempDir(), "diary")
	if err := os.WriteFile(diary, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	form := "#!/bin/sh\nprintf 'Content-Type: text/html\\n\\n<form method=post action=take.sh><input name=n value=Ada><button>send</button></form>'\n"
	take := func(rest string) string { return "#!/bin/sh\n{ cat; echo; } >> " + diary + "\n" + rest + "\n" }
	d := serve(t, map[string]string{"cgi/form.sh": form, "cgi/take.sh": take("exit 1")}, "")
	written := func(want string) {
		t.Helper()
		if got, err := os.ReadFile(diary); err != nil || string(got) != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	b := browsertest.Open(t, d.url)
	b.Expect("Failed to load resource")
	b.Open("/cgi/form.sh")
	if status := b.Press("button"); status != 502 {
		t.Errorf("send the form: got %d; want 502", status)
	}
	written("n=Ada\n")
	b.Await(contains(said, "Watching take.sh"))
	browsertest.Want(b, contains(`document.querySelector("#command-1").textContent`, "-d n=Ada"), true)

	d.save("cgi/take.sh", take("exit 2"))
	b.Await(contains(said, "take.sh has changed. Press Run again"))
	written("n=Ada\n")
	b.Do("run again", chromedp.Click(chromedp.CSS("#again")))
	b.Await(contains(`document.querySelector(".times").textContent`, "exit status 2"))
	written("n=Ada\nn=Ada\n")

	// By keyboard, as it may be.
	b.Do("tick the box", chromedp.Focus(chromedp.CSS("#armed")), chromedp.KeyEvent(" "))
	b.Await(contains(said, "save, and this runs again"))
	d.save("cgi/take.sh", take("printf 'Content-Type: text/plain\\n\\ntaken'"))
	b.Await(contains(said, "200 now"))
	written("n=Ada\nn=Ada\nn=Ada\n")
}

// An app, however it is run: it is loaded anew when it is saved, and any source
// of it counts.
func TestMendAnApp(t *testing.T) {
	servertest.Require(t, "apt-get install python3", "python3")
	app := func(name string) string {
		return `def application(environ, start_response):
    page = open("templates/index.html").read()
    start_response("200 OK", [("Content-Type", "text/html")])
    return [page.format(name=` + name + `).encode()]
`
	}
	for _, mode := range []string{"exec", "fork", "worker"} {
		t.Run(mode, func(t *testing.T) {
			d := serve(t, map[string]string{"cgi/x.sh": "#!/bin/sh\n", "app.py": app("1/0"), "templates/index.html": "<p id=hello>{nmae}"},
				"[[frame]]\nname = \"app\"\nmount = \"/\"\napp = \"app:application\"\nmode = \""+mode+"\"\n")
			b := browsertest.Open(t, d.url)
			b.Expect("Failed to load resource")
			b.Open("/")
			browsertest.Want(b, heading, "500 Internal Server Error")
			browsertest.Want(b, contains(`document.querySelector(".cause").textContent`, "ZeroDivisionError: division by zero at "+d.dir+"/app.py:4"), true)
			b.Await(contains(said, "Watching app.py and the sources below"))
			d.save("app.py", app(`"Ada"`))
			b.Await(contains(`document.querySelector(".cause").textContent`, "KeyError: 'nmae'"))
			d.save("templates/index.html", "<p id=hello>{name}")
			b.Await(`document.querySelector("#hello")?.textContent === "Ada"`)
		})
	}
}

// The page in every size and both colour schemes.
func TestLooks(t *testing.T) {
	long := strings.Repeat("W", 600)
	d := serve(t, map[string]string{
		"cgi/first.sh": "#!/bin/sh\necho '" + evil + " 世界 " + long + "' | tee /dev/stderr\nprintf 'Content-Type: text/plain\\r\\n\\377\\000'\n",
		"cgi/quiet.sh": "#!/bin/sh\nexit 3\n",
		"cgi/norun.pl": "print 1\n",
		"app.py":       "def application(environ, start_response):\n    raise ValueError(\"" + long + "\")\n",
	}, "[[frame]]\nname = \"app\"\nmatch = [\"*.py\"]\napp = \"app:application\"\nenv = { LONG = \""+long+"\" }\n")
	b := browsertest.Open(t, d.url)
	b.Expect("Failed to load resource")
	for _, look := range []struct {
		width  int64
		scheme string
	}{{320, "light"}, {390, "dark"}, {800, "light"}, {1440, "dark"}} {
		b.Viewport(look.width, 800)
		b.Colours(look.scheme)
		for _, path := range []string{"/cgi/first.sh?" + long, "/cgi/quiet.sh", "/cgi/norun.pl", "/x.py", "/no/such"} {
			b.Open(path)
			b.LooksRight(fmt.Sprintf("%.16s, %d pixels, %s", path, look.width, look.scheme))
		}
	}
}

// Without JavaScript the page tells the same.
func TestWithoutScripts(t *testing.T) {
	d := serve(t, map[string]string{"cgi/x.sh": "#!/bin/sh\necho hello\n"}, "")
	b := browsertest.Open(t, d.url)
	b.Expect("Failed to load resource")
	b.Scripts(false)
	b.Open("/cgi/x.sh")
	browsertest.Want(b, contains(printed, "hello"), true)
	browsertest.Want(b, contains(said, "Reload this page when you have mended it"), true)
	browsertest.Want(b, `[...document.querySelectorAll("button")].filter((e) => e.checkVisibility()).length`, 0)
}

// A page outlives its gateway: it waits for the next one, and asks it.
func TestRestart(t *testing.T) {
	servertest.Build(t)
	d := &desk{t: t, dir: t.TempDir()}
	d.save("cgi/x.sh", "#!/bin/sh\necho hello\n")
	d.save("gateway.toml", "[[frame]]\nname = \"cgi\"\nscripts = \"/cgi\"\ndir = \"cgi\"\n")
	t.Chdir(d.dir)
	var b *browsertest.Tab
	var address string
	t.Run("serve", func(s *testing.T) {
		url := servertest.Start(s, "--dev").URL
		address = strings.TrimPrefix(url, "http://")
		b = browsertest.Open(t, url)
		b.Expect("Failed to load resource")
		b.Open("/cgi/x.sh")
		b.Await(contains(said, "Watching x.sh"))
	})
	b.Await(contains(said, "The gateway has stopped"))
	t.Run("serve again", func(s *testing.T) {
		d.save("cgi/x.sh", "#!/bin/sh\nprintf 'Content-Type: text/html\\n\\n<p id=hello>hello'\n")
		servertest.Start(s, "--dev", "--listen", address)
		b.Await(`document.querySelector("#hello") !== null`)
	})
}
