package apps_test

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const csrfField = `name="csrfmiddlewaretoken" value="([^"]+)"`

func TestDjango(t *testing.T) {
	requireModule(t, "django")
	data := t.TempDir()
	manage(t, data, "migrate", "--verbosity", "0")
	manage(t, data, "createsuperuser", "--noinput", "--username", "admin", "--email", "admin@example.org")
	for _, p := range places("django") {
		t.Run(p.name, func(t *testing.T) {
			s := serve(t, p.wsgi("wsgi:application", testdata(t, "django"), fmt.Sprintf("NOTES_DATA = %q", data)))
			b := newBrowser(t, s.URL+p.prefix)

			t.Run("urls", func(t *testing.T) { djangoURLs(t, b, s.URL, p.prefix) })
			t.Run("form", func(t *testing.T) { djangoForm(t, b, p) })
			if !p.whole {
				return
			}
			t.Run("session", func(t *testing.T) {
				for _, want := range []string{"1", "2", "3"} {
					b.get(t, "/count/").is(t, 200, want)
				}
			})
			t.Run("slash", func(t *testing.T) {
				b.get(t, "/count?a=1").redirects(t, 301, p.prefix+"/count/?a=1")
			})
			t.Run("upload", func(t *testing.T) { checkUpload(t, b, "/upload/") })
			t.Run("admin", func(t *testing.T) { djangoAdmin(t, b, p) })
		})
	}
}

// manage runs manage.py, as an administrator would before the first start.
func manage(t *testing.T, data string, args ...string) {
	t.Helper()
	cmd := exec.Command(python, append([]string{"manage.py"}, args...)...)
	cmd.Dir = testdata(t, "django")
	cmd.Env = append(os.Environ(), "NOTES_DATA="+data, "DJANGO_SUPERUSER_PASSWORD=for tests only")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("manage.py %s: %v\n%s", args[0], err, out)
	}
}

func djangoURLs(t *testing.T, b *browser, server, prefix string) {
	b.get(t, "/").is(t, 200, "notes at "+prefix+"/")
	b.get(t, "/urls/").json(t, map[string]any{
		"index":     prefix + "/",
		"chinese":   prefix + "/%E7%AC%94%E8%AE%B0/%E8%8C%85%E5%8F%B0/",
		"admin":     prefix + "/admin/",
		"external":  server + prefix + "/count/",
		"path":      prefix + "/urls/",
		"path_info": "/urls/",
	})
}

// djangoForm saves a note with a file through a form that has a CSRF token,
// and follows the redirect to a path that is Chinese.
func djangoForm(t *testing.T, b *browser, p place) {
	title, file := "茅台 "+p.name, noise(100_000)
	b.get(t, "/new/") // for the cookie
	if got := b.post(t, "/new/", url.Values{"title": {title}}); got.status != 403 {
		t.Errorf("without a token: got %d; want 403", got.status)
	}
	token := b.get(t, "/new/").find(t, csrfField)
	if got := b.post(t, "/new/", url.Values{"csrfmiddlewaretoken": {token}}); got.status != 400 {
		t.Errorf("without a title: got %d; want 400", got.status)
	}
	saved := b.upload(t, "/new/", "a.bin", file, map[string]string{
		"csrfmiddlewaretoken": token, "title": title, "text": "行 1\n行 2",
	})
	path := "/" + url.PathEscape("笔记") + "/" + url.PathEscape(title) + "/"
	saved.redirects(t, 302, p.prefix+path)
	b.get(t, path).json(t, map[string]any{
		"title": title, "text": "行 1\n行 2", "path_info": "/笔记/" + title + "/",
		"size": len(file), "sha1": sha1Hex(file),
	})
}

// djangoAdmin logs in to the admin and adds a note there.
func djangoAdmin(t *testing.T, b *browser, p place) {
	login := "/admin/login/?next=" + p.prefix + "/admin/"
	b.get(t, "/admin/").redirects(t, 302, p.prefix+login)
	form := url.Values{
		"csrfmiddlewaretoken": {b.get(t, login).find(t, csrfField)},
		"username":            {"admin"}, "password": {"wrong"}, "next": {p.prefix + "/admin/"},
	}
	if got := b.post(t, login, form); got.status != 200 {
		t.Errorf("a wrong password: got %d; want 200 and the form again", got.status)
	}
	form.Set("password", "for tests only")
	b.post(t, login, form).redirects(t, 302, p.prefix+"/admin/")

	title, add := "from the admin "+p.name, "/admin/notes/note/add/"
	b.post(t, add, url.Values{
		"csrfmiddlewaretoken": {b.get(t, add).find(t, csrfField)},
		"title":               {title}, "text": {""}, "_save": {"Save"},
	}).redirects(t, 302, p.prefix+"/admin/notes/note/")
	change := b.get(t, "/admin/notes/note/").find(t, `href="([^"]+/change/)">`+title)
	if want := p.prefix + "/admin/notes/note/"; !strings.HasPrefix(change, want) {
		t.Errorf("link of the list: got %q; want it to begin with %q", change, want)
	}
}
