package static

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

var rowPattern = regexp.MustCompile(`<tr><td><a href="([^"]*)">([^<]*)</a></td><td>([^<]*)</td><td>(?:<time datetime="[^"]*">([^<]*)</time>)?</td></tr>`)

func rows(page string) (all []string) {
	for _, m := range rowPattern.FindAllStringSubmatch(page, -1) {
		all = append(all, strings.Join(m[1:], "|"))
	}
	return all
}

func TestListing(t *testing.T) {
	dir := write(t, map[string]string{
		"pub/b.txt": "12345", "pub/a.bin": strings.Repeat("x", 1536), "pub/zdir/x": "", "pub/Adir/": "",
		"pub/.hidden": "", "pub/.git/x": "",
		"pub/ü & <b>.txt": "", "pub/javascript:alert(1)": "", "pub/a?b#c%20\"'": "", "pub/bad\xff": "",
		"indexed/index.html": "its own page", "indexed/x.txt": "",
		"odd/index.html/": "",
		"a&b/x":           "",
	})
	must(t, syscall.Mkfifo(filepath.Join(dir, "pub/fifo"), 0o644))
	must(t, os.Symlink("b.txt", filepath.Join(dir, "pub/link.txt")))
	must(t, os.Symlink("zdir", filepath.Join(dir, "pub/linkdir")))
	must(t, os.Symlink("/etc/passwd", filepath.Join(dir, "pub/out")))
	must(t, os.Symlink("nowhere", filepath.Join(dir, "pub/broken")))
	for _, name := range []string{"zdir", "Adir", "b.txt", "a.bin", "ü & <b>.txt", "javascript:alert(1)", "a?b#c%20\"'", "bad\xff"} {
		must(t, os.Chtimes(filepath.Join(dir, "pub", name), day1, day1))
	}

	off := serve(t, dir, Options{})
	do(t, off, "GET /pub/").check(t, 404, "*")
	do(t, off, "GET /").check(t, 404, "*")

	on := serve(t, dir, Options{Listing: true})
	a := do(t, on, "GET /pub/")
	a.check(t, 200, "*", "Content-Type: text/html; charset=utf-8", "X-Content-Type-Options: nosniff", "Cache-Control: no-store",
		"Etag:", "Last-Modified:", "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'")
	const at = "2024-02-29 12:00"
	want := []string{
		"../|../||",
		"./Adir/|Adir/||" + at, "./linkdir/|linkdir/||" + at, "./zdir/|zdir/||" + at,
		"./a.bin|a.bin|1.5 KiB|" + at,
		"./a%3Fb%23c%2520%22%27|a?b#c%20&#34;&#39;|0 B|" + at,
		"./b.txt|b.txt|5 B|" + at,
		"./bad%FF|bad\uFFFD|0 B|" + at,
		"./javascript:alert%281%29|javascript:alert(1)|0 B|" + at,
		"./link.txt|link.txt|5 B|" + at,
		"./%C3%BC%20&amp;%20%3Cb%3E.txt|ü &amp; &lt;b&gt;.txt|0 B|" + at,
	}
	if got := rows(a.body); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("rows: got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if strings.Count(a.body, "<tr>") != len(want) {
		t.Errorf("rows: got %d; want %d", strings.Count(a.body, "<tr>"), len(want))
	}
	if !strings.Contains(a.body, "<title>/pub/</title>") || !strings.Contains(a.body, `<meta charset="utf-8">`) {
		t.Errorf("page: got %.300q; want its title and charset", a.body)
	}
	t.Run("links lead there", func(t *testing.T) {
		for _, m := range rowPattern.FindAllStringSubmatch(a.body, -1) {
			if target := strings.ReplaceAll(m[1], "&amp;", "&"); target != "../" {
				do(t, on, "GET /pub/"+strings.TrimPrefix(target, "./")).check(t, 200, "*")
			}
		}
	})
	do(t, on, "HEAD /pub/").check(t, 200, "", "Content-Length: "+a.Header.Get("Content-Length"))
	do(t, on, "OPTIONS /pub/").check(t, 204, "", "Allow: GET, HEAD, OPTIONS")
	do(t, on, "POST /pub/").check(t, 405, "*", "Allow: GET, HEAD, OPTIONS")
	do(t, on, "GET /pub").check(t, 301, "*", "Location: /pub/")
	do(t, on, "GET /indexed/").check(t, 200, "its own page")
	do(t, on, "GET /pub/b.txt/").check(t, 404, "*")
	do(t, on, "GET /nope/").check(t, 404, "*")
	do(t, on, "GET /pub/.git/").check(t, 404, "*")
	do(t, on, "GET /pub/out/").check(t, 404, "*")
	if got := rows(do(t, on, "GET /odd/").body); len(got) != 2 {
		t.Errorf("index.html is a directory: got %q; want ../ and index.html/", got)
	}
	if body := do(t, on, "GET /a&b/").body; !strings.Contains(body, "<h1>/a&amp;b/</h1>") {
		t.Errorf("heading: got %.300q; want it escaped", body)
	}
	root := rows(do(t, on, "GET /").body)
	if len(root) != 4 || !strings.HasPrefix(root[0], "./a&amp;b/|") {
		t.Errorf("root: got %q; want four directories and no ../", root)
	}
	dotfiles := serve(t, dir, Options{Listing: true, Dotfiles: true})
	if body := do(t, dotfiles, "GET /pub/").body; !strings.Contains(body, ".hidden") || !strings.Contains(body, ".git/") {
		t.Error("with Dotfiles: got none in the listing; want them")
	}
}

func TestHumanSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1<<20 - 1: "1.0 MiB", 1 << 20: "1.0 MiB",
		5 << 30: "5.0 GiB", 1<<63 - 1: "8.0 EiB",
	} {
		if got := humanSize(n); got != want {
			t.Errorf("%d: got %q; want %q", n, got, want)
		}
	}
}
