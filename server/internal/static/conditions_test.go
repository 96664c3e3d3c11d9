package static

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var (
	day0 = time.Date(2024, 2, 28, 12, 0, 0, 0, time.UTC)
	day1 = time.Date(2024, 2, 29, 12, 0, 0, 500e6, time.UTC) // with half a second, which no HTTP-date can say
	day2 = time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
)

func date(t time.Time) string { return t.UTC().Format(http.TimeFormat) }

func TestConditions(t *testing.T) {
	dir := write(t, map[string]string{"a.txt": "0123456789"})
	must(t, os.Chtimes(filepath.Join(dir, "a.txt"), day1, day1))
	addr := serve(t, dir, Options{})
	etag := do(t, addr, "GET /a.txt").Header.Get("Etag")
	if len(etag) < 3 || etag[0] != '"' {
		t.Fatalf("Etag: got %q; want a strong tag", etag)
	}
	tests := []struct {
		name   string
		lines  []string
		status int
	}{
		{"none", nil, 200},
		{"If-None-Match: same", []string{"If-None-Match: " + etag}, 304},
		{"If-None-Match: weak form of it", []string{"If-None-Match: W/" + etag}, 304},
		{"If-None-Match: other", []string{`If-None-Match: "x"`}, 200},
		{"If-None-Match: in a list", []string{`If-None-Match: "x,y" ,, W/"z",` + etag}, 304},
		{"If-None-Match: in a second line", []string{`If-None-Match: "x"`, "If-None-Match: " + etag}, 304},
		{"If-None-Match: *", []string{"If-None-Match: *"}, 304},
		{"If-None-Match: * is not for lists", []string{`If-None-Match: "x", *`}, 200},
		{"If-None-Match: without quotes", []string{"If-None-Match: " + etag[1:len(etag)-1]}, 200},
		{"If-None-Match: unended", []string{"If-None-Match: " + etag[:len(etag)-1]}, 200},
		{"If-None-Match: no comma between", []string{`If-None-Match: "x" ` + etag}, 200},
		{"If-None-Match: case matters", []string{"If-None-Match: w/" + etag}, 200},
		{"If-None-Match: empty", []string{"If-None-Match:"}, 200},

		{"If-Modified-Since: same", []string{"If-Modified-Since: " + date(day1)}, 304},
		{"If-Modified-Since: later", []string{"If-Modified-Since: " + date(day2)}, 304},
		{"If-Modified-Since: earlier", []string{"If-Modified-Since: " + date(day0)}, 200},
		{"If-Modified-Since: old formats", []string{"If-Modified-Since: " + day1.Format(time.ANSIC)}, 304},
		{"If-Modified-Since: no date", []string{"If-Modified-Since: yesterday"}, 200},
		{"If-Modified-Since: two", []string{"If-Modified-Since: " + date(day1), "If-Modified-Since: " + date(day2)}, 200},
		{"If-None-Match wins over If-Modified-Since", []string{`If-None-Match: "x"`, "If-Modified-Since: " + date(day2)}, 200},

		{"If-Match: same", []string{"If-Match: " + etag}, 200},
		{"If-Match: *", []string{"If-Match: *"}, 200},
		{"If-Match: weak never matches", []string{"If-Match: W/" + etag}, 412},
		{"If-Match: other", []string{`If-Match: "x"`}, 412},
		{"If-Match: in a list", []string{`If-Match: "x", ` + etag}, 200},
		{"If-Match: nonsense", []string{"If-Match: x"}, 412},
		{"If-Unmodified-Since: same", []string{"If-Unmodified-Since: " + date(day1)}, 200},
		{"If-Unmodified-Since: earlier", []string{"If-Unmodified-Since: " + date(day0)}, 412},
		{"If-Unmodified-Since: no date", []string{"If-Unmodified-Since: x"}, 200},
		{"If-Match wins over If-Unmodified-Since", []string{"If-Match: " + etag, "If-Unmodified-Since: " + date(day0)}, 200},
		{"If-Match fails before If-None-Match", []string{`If-Match: "x"`, "If-None-Match: " + etag}, 412},
		{"both hold, then If-None-Match", []string{"If-Match: " + etag, "If-None-Match: " + etag}, 304},
		{"a condition comes before the range", []string{"If-None-Match: " + etag, "Range: bytes=0-1"}, 304},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, method := range []string{"GET", "HEAD"} {
				a := do(t, addr, method+" /a.txt", tt.lines...)
				body := map[int]string{200: "0123456789", 412: "caller's 412\n"}[tt.status]
				if method == "HEAD" {
					body = ""
				}
				switch tt.status {
				case 200:
					a.check(t, 200, body, "Etag: "+etag, "Last-Modified: "+date(day1))
				case 304:
					a.check(t, 304, body, "Etag: "+etag, "Vary: Accept-Encoding", "Content-Type:", "Content-Length:")
				default:
					a.check(t, tt.status, body, "Etag:", "Last-Modified:", "Accept-Ranges:")
				}
			}
		})
	}
	t.Run("OPTIONS has no preconditions", func(t *testing.T) { // §13.2.1
		do(t, addr, "OPTIONS /a.txt", `If-Match: "x"`).check(t, 204, "")
	})
}

func TestIfRange(t *testing.T) {
	dir := write(t, map[string]string{"a.txt": "0123456789"})
	must(t, os.Chtimes(filepath.Join(dir, "a.txt"), day1, day1))
	addr := serve(t, dir, Options{})
	etag := do(t, addr, "GET /a.txt").Header.Get("Etag")
	for _, tt := range []struct {
		name   string
		lines  []string
		status int
	}{
		{"same tag", []string{"If-Range: " + etag}, 206},
		{"weak tag", []string{"If-Range: W/" + etag}, 200},
		{"other tag", []string{`If-Range: "x"`}, 200},
		{"same date", []string{"If-Range: " + date(day1)}, 206},
		{"later date", []string{"If-Range: " + date(day2)}, 200},
		{"earlier date", []string{"If-Range: " + date(day0)}, 200},
		{"nonsense", []string{"If-Range: x"}, 200},
		{"star", []string{"If-Range: *"}, 200},
		{"twice", []string{"If-Range: " + etag, "If-Range: " + etag}, 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := map[int]string{200: "0123456789", 206: "234"}[tt.status]
			do(t, addr, "GET /a.txt", append(tt.lines, "Range: bytes=2-4")...).check(t, tt.status, want)
			if tt.status == 200 {
				do(t, addr, "GET /a.txt", append(tt.lines, "Range: bytes=99-")...).check(t, 200, want)
			} else {
				do(t, addr, "GET /a.txt", append(tt.lines, "Range: bytes=99-")...).check(t, 416, "*")
			}
			do(t, addr, "GET /a.txt", tt.lines...).check(t, 200, "0123456789") // means nothing alone
		})
	}
	t.Run("a date is weak within its second", func(t *testing.T) {
		now := day1.Truncate(time.Second)
		if ifRange([]string{date(day1)}, etag, now, now.Add(999*time.Millisecond)) {
			t.Error("got true within the second; want false")
		}
		if !ifRange([]string{date(day1)}, etag, now, now.Add(time.Second)) {
			t.Error("got false after the second; want true")
		}
	})
}

func TestDates(t *testing.T) {
	future := time.Now().Add(48 * time.Hour)
	epoch := time.Unix(0, 0)
	dir := write(t, map[string]string{"future.txt": "f", "epoch.txt": "e", "one.txt": "1", "old.txt": "o"})
	must(t, os.Chtimes(filepath.Join(dir, "future.txt"), future, future))
	must(t, os.Chtimes(filepath.Join(dir, "epoch.txt"), epoch, epoch))
	must(t, os.Chtimes(filepath.Join(dir, "one.txt"), epoch, epoch.Add(time.Second)))
	must(t, os.Chtimes(filepath.Join(dir, "old.txt"), epoch, day0))
	addr := serve(t, dir, Options{})

	a := do(t, addr, "GET /future.txt")
	sent, err := http.ParseTime(a.Header.Get("Last-Modified"))
	must(t, err)
	if now := time.Now(); sent.After(now) {
		t.Errorf("Last-Modified: got %v; want nothing later than %v", sent, now)
	}
	do(t, addr, "GET /future.txt", "If-Modified-Since: "+a.Header.Get("Last-Modified")).check(t, 200, "f")
	do(t, addr, "GET /epoch.txt", "If-Modified-Since: "+date(day2)).check(t, 200, "e", "Last-Modified:")
	do(t, addr, "GET /one.txt", "If-Unmodified-Since: "+date(epoch)).check(t, 200, "1", "Last-Modified:")
	do(t, addr, "GET /old.txt").check(t, 200, "o", "Last-Modified: Wed, 28 Feb 2024 12:00:00 GMT")
}

func TestETagChanges(t *testing.T) {
	dir := write(t, map[string]string{"a.txt": "one"})
	path := filepath.Join(dir, "a.txt")
	addr := serve(t, dir, Options{})
	must(t, os.Chtimes(path, day1, day1))
	first := do(t, addr, "GET /a.txt").Header.Get("Etag")
	if again := do(t, addr, "GET /a.txt").Header.Get("Etag"); again != first {
		t.Errorf("unchanged: got %s; want %s", again, first)
	}

	// Another file of the same length, with the same time, renamed into place.
	next := filepath.Join(dir, "next")
	must(t, os.WriteFile(next, []byte("two"), 0o644))
	must(t, os.Chtimes(next, day1, day1))
	must(t, os.Rename(next, path))
	a := do(t, addr, "GET /a.txt", "If-None-Match: "+first)
	a.check(t, 200, "two", "Last-Modified: "+date(day1))
	if a.Header.Get("Etag") == first {
		t.Errorf("after a rename: got the old tag %s", first)
	}
}

func TestETagOf(t *testing.T) {
	dir := write(t, map[string]string{"a": "1", "b": "1", "c": "12"})
	seen := map[string]string{}
	for _, name := range []string{"a", "b", "c"} {
		info, err := os.Stat(filepath.Join(dir, name))
		must(t, err)
		for _, c := range []*coding{nil, &codings[0], &codings[1], &codings[2]} {
			tag := etagOf(info, c)
			if other, ok := seen[tag]; ok {
				t.Errorf("%s has the tag of %s: %s", name, other, tag)
			}
			seen[tag] = name
			if got, ok := scanTag(tag); !ok || got != tag {
				t.Errorf("%s is no entity tag", tag)
			}
		}
	}
}
