package apps_test

import (
	"net/url"
	"testing"
)

func TestPyramid(t *testing.T) {
	requireModule(t, "pyramid")
	for _, p := range places("pyramid") {
		t.Run(p.name, func(t *testing.T) {
			s := serve(t, p.wsgi("shop:main()", testdata(t, "pyramid"), ""))
			b := newBrowser(t, s.URL+p.prefix)

			t.Run("urls", func(t *testing.T) { pyramidURLs(t, b, s.URL, p.prefix) })
			t.Run("chinese-path", func(t *testing.T) {
				path := "/" + url.PathEscape("货") + "/" + url.PathEscape("茶 叶")
				b.get(t, path).json(t, map[string]any{
					"name": "茶 叶", "path_info": "/货/茶 叶", "url": b.base + path,
				})
			})
			if !p.whole {
				return
			}
			t.Run("session", func(t *testing.T) {
				b.get(t, "/basket").is(t, 200, `[]`)
				b.post(t, "/basket", url.Values{"item": {"茶"}}).redirects(t, 303, b.base+"/basket")
				b.post(t, "/basket", url.Values{"item": {"rice & salt"}}).redirects(t, 303, b.base+"/basket")
				b.get(t, "/basket").is(t, 200, `["\u8336", "rice & salt"]`)
			})
			t.Run("upload", func(t *testing.T) { checkUpload(t, b, "/upload") })
			t.Run("not-found", func(t *testing.T) {
				if got := b.get(t, "/nowhere"); got.status != 404 {
					t.Errorf("got %d; want 404", got.status)
				}
			})
		})
	}
}

func pyramidURLs(t *testing.T, b *browser, server, prefix string) {
	b.get(t, "/").is(t, 200, "shop at "+prefix+"/")
	b.get(t, "/urls").json(t, map[string]any{
		"home":            prefix + "/",
		"item":            prefix + "/%E8%B4%A7/Ada",
		"chinese":         prefix + "/%E8%B4%A7/%E8%8C%B6%E5%8F%B6",
		"external":        server + prefix + "/%E8%B4%A7/Ada?page=2",
		"application_url": server + prefix,
		"script_name":     prefix,
	})
}
