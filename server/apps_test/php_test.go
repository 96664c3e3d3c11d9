package apps_test

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"framegate/server/internal/servertest"
)

// TestPHP runs scripts by php-cgi, which has demands of its own on the
// environ: REDIRECT_STATUS, and a SCRIPT_FILENAME that is absolute.
func TestPHP(t *testing.T) {
	servertest.Require(t, "apt-get install php-cgi", "php-cgi")
	dir := testdata(t, "php")
	s := serve(t, fmt.Sprintf("[[frame]]\nname = 'php'\nscripts = '/php'\ndir = %q\n"+
		// PHP's own limit for a file is 2 MiB.
		"interpreters = { '.php' = ['php-cgi', '-d', 'upload_max_filesize=8M'] }\n", dir))
	b := newBrowser(t, s.URL+"/php")

	t.Run("server-variables", func(t *testing.T) {
		b.get(t, "/server.php/extra/"+url.PathEscape("中 文")+"?a=1&b=%20").json(t, map[string]any{
			"REQUEST_METHOD":  "GET",
			"SCRIPT_NAME":     "/php/server.php",
			"SCRIPT_FILENAME": filepath.Join(dir, "server.php"),
			"PATH_INFO":       "/extra/中 文",
			"PHP_SELF":        "/php/server.php/extra/中 文",
			"QUERY_STRING":    "a=1&b=%20",
			"REQUEST_URI":     "/php/server.php/extra/%E4%B8%AD%20%E6%96%87?a=1&b=%20",
			"SERVER_PROTOCOL": "HTTP/1.1",
			"REMOTE_ADDR":     "127.0.0.1",
		})
	})
	t.Run("no-path-info", func(t *testing.T) {
		got := b.get(t, "/server.php")
		got.json(t, map[string]any{"PHP_SELF": "/php/server.php", "QUERY_STRING": ""})
		// RFC 3875 §4.1.6: no PATH_TRANSLATED without PATH_INFO.
		if strings.Contains(got.body, "PATH_TRANSLATED") {
			t.Errorf("got %s; want no PATH_TRANSLATED", got.body)
		}
	})
	t.Run("upload", func(t *testing.T) { checkUpload(t, b, "/upload.php") })
	t.Run("status-and-cookies", func(t *testing.T) {
		got := b.get(t, "/missing.php")
		got.is(t, 404, "not here")
		if cookies := strings.Join(got.header.Values("Set-Cookie"), "; "); cookies != "seen=once; also=twice" {
			t.Errorf("Set-Cookie: got %q; want both", cookies)
		}
	})
	// PHP says "Status: 302" with its Location: then it is the client's to
	// follow, whether it is local or not (RFC 3875 §6.2.2 asks for Location alone).
	for _, to := range []string{"https://example.org/x", "/php/missing.php"} {
		t.Run("redirect", func(t *testing.T) {
			b.get(t, "/redirect.php?to="+url.QueryEscape(to)).redirects(t, 302, to)
		})
	}
	t.Run("no-such-script", func(t *testing.T) {
		if got := b.get(t, "/nowhere.php"); got.status != 404 {
			t.Errorf("got %d; want 404", got.status)
		}
	})
	// CVE-2012-1823: a query without "=" is no list of arguments.
	t.Run("query-is-no-argument", func(t *testing.T) {
		got := b.get(t, "/missing.php?-s")
		got.is(t, 404, "not here")
	})
}
