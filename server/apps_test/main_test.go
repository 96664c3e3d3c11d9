// Package apps_test tries the gateway on real programs: Flask, Django,
// Pyramid, php-cgi, git and curl, each as Debian ships it.
package apps_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"framegate/server/internal/servertest"
)

func TestMain(m *testing.M) { servertest.Main(m) }

// python is the interpreter that Debian's packages of Flask and the others
// belong to; another one earlier on PATH would not find them.
const python = "/usr/bin/python3"

// requireModule skips (or fails) the test without a Python module.
func requireModule(t *testing.T, module string) {
	t.Helper()
	if out, err := exec.Command(python, "-c", "import "+module).CombinedOutput(); err != nil {
		servertest.Missing(t, fmt.Sprintf("%s has no %s: apt-get install python3-%s\n%s", python, module, module, out))
	}
}

// serve starts a gateway with this gateway.toml.
func serve(t *testing.T, toml string) *servertest.Server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "gateway.toml")
	if err := os.WriteFile(file, []byte(toml), 0o644); err != nil {
		t.Fatal(err)
	}
	return servertest.Start(t, "-c", file)
}

// testdata is the absolute path of a fixture.
func testdata(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// A place is where a site is put and how its paths reach it.
type place struct {
	name, mount, pathInfo string
	prefix                string // what the site's own URLs must begin with: SCRIPT_NAME
	whole                 bool   // try all of the site here, not only its paths
	mode                  string
}

func places(site string) (all []place) {
	for _, mode := range []string{"exec", "fork", "worker"} {
		all = append(all,
			place{mode + "-mounted", "/" + site, "pep3333", "/" + site, true, mode},
			place{mode + "-mounted-text", "/" + site, "text", "/" + site, false, mode},
			place{mode + "-deep", "/a/" + site, "pep3333", "/a/" + site, false, mode},
			place{mode + "-root", "/", "pep3333", "", true, mode},
			place{mode + "-root-text", "/", "text", "", false, mode},
		)
	}
	return all
}

// wsgi is the table of a WSGI application's frame.
func (p place) wsgi(app, dir, env string) string {
	return fmt.Sprintf("[[frame]]\nname = 'site'\nmount = %q\napp = %q\ndir = %q\ninterpreter = %q\npath-info = %q\nmode = %q\nenv = { %s }\n",
		p.mount, app, dir, python, p.pathInfo, p.mode, env)
}

// A browser keeps cookies, and leaves redirects to the test.
type browser struct {
	base   string // URL of the site, without a slash at the end
	client *http.Client
}

func newBrowser(t *testing.T, base string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{base, &http.Client{
		Jar:           jar,
		Timeout:       time.Minute, // a hang is a failure, not the end of the whole run
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// A page is a response, read to its end.
type page struct {
	status int
	header http.Header
	body   string
}

func (b *browser) do(t *testing.T, method, path, contentType string, body io.Reader) page {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, b.base+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v after %.200q", method, path, err, text)
	}
	return page{resp.StatusCode, resp.Header, string(text)}
}

func (b *browser) get(t *testing.T, path string) page {
	t.Helper()
	return b.do(t, "GET", path, "", nil)
}

func (b *browser) post(t *testing.T, path string, form url.Values) page {
	t.Helper()
	return b.do(t, "POST", path, "application/x-www-form-urlencoded", bytes.NewBufferString(form.Encode()))
}

// upload posts fields and one file as multipart/form-data.
func (b *browser) upload(t *testing.T, path, name string, file []byte, fields map[string]string) page {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for key, value := range fields {
		if err := form.WriteField(key, value); err != nil {
			t.Fatal(err)
		}
	}
	part, err := form.CreateFormFile("file", name)
	if err != nil {
		t.Fatal(err)
	}
	part.Write(file)
	form.Close()
	return b.do(t, "POST", path, form.FormDataContentType(), &body)
}

// is checks status and body.
func (p page) is(t *testing.T, status int, body string) {
	t.Helper()
	if p.status != status || p.body != body {
		t.Errorf("got %d %.2000q; want %d %q", p.status, p.body, status, body)
	}
}

// redirects checks that the page sends the browser on to a URL.
func (p page) redirects(t *testing.T, status int, location string) {
	t.Helper()
	if got := p.header.Get("Location"); p.status != status || got != location {
		t.Fatalf("got %d to %q; want %d to %q\n%.2000s", p.status, got, status, location, p.body)
	}
}

// json checks a JSON object with these members, all of which must be there.
func (p page) json(t *testing.T, want map[string]any) {
	t.Helper()
	var got map[string]any
	decoder := json.NewDecoder(strings.NewReader(p.body))
	decoder.UseNumber() // a size is shown as it was sent, not as 3e+06
	if err := decoder.Decode(&got); err != nil || p.status != http.StatusOK {
		t.Fatalf("got %d %.2000q (%v); want 200 and JSON", p.status, p.body, err)
	}
	for key, value := range want {
		if fmt.Sprint(got[key]) != fmt.Sprint(value) {
			t.Errorf("%s: got %q; want %q", key, fmt.Sprint(got[key]), fmt.Sprint(value))
		}
	}
}

// find is the first group of a pattern in the page.
func (p page) find(t *testing.T, pattern string) string {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(p.body)
	if found == nil {
		t.Fatalf("got %d %.2000q; want something like %s", p.status, p.body, pattern)
	}
	return found[1]
}

// noise is bytes that no compressor makes smaller, the same for every run.
func noise(size int) []byte {
	data := make([]byte, size)
	rand.NewChaCha8([32]byte{'f', 'r', 'a', 'm', 'e'}).Read(data)
	return data
}

func sha1Hex(data []byte) string {
	sum := sha1.Sum(data)
	return hex.EncodeToString(sum[:])
}

// checkUpload sends 3 MiB to a site's /upload, which must tell what it got.
func checkUpload(t *testing.T, b *browser, path string) {
	t.Helper()
	data := noise(3 << 20)
	b.upload(t, path, "报告.bin", data, map[string]string{"note": "三 MiB"}).json(t, map[string]any{
		"name": "报告.bin", "size": len(data), "sha1": sha1Hex(data), "note": "三 MiB",
	})
}
