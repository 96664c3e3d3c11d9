// Package demo_test tries the demo site as a visitor does: over HTTP and in a
// real Chromium, on SQLite and on a MariaDB of its own.
package demo_test

import (
	"io"
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

// stocks is how many sample stocks frames/stock_data.py brings.
const stocks = 32

// startSite serves a copy of the demo, so that data/stock.db is a new one.
// stockDB is the value of STOCK_DB; interpreter, when given, the frame's
// Python.
func startSite(t *testing.T, stockDB, interpreter string) *servertest.Server {
	t.Helper()
	servertest.Require(t, "apt-get install python3", "python3")
	dir := copyDemo(t)
	file := filepath.Join(dir, "gateway.toml")
	if interpreter != "" {
		const app = `app      = "mini_frame:application"`
		text := readFile(t, file)
		if strings.Count(text, app) != 1 {
			t.Fatalf("gateway.toml: got no single line %q", app)
		}
		text = strings.Replace(text, app, `interpreter = "`+interpreter+"\"\n"+app, 1)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("STOCK_DB", stockDB)
	return servertest.Start(t, "-c", file)
}

// copyDemo copies what the demo is made of to a directory of the test.
func copyDemo(t *testing.T) string {
	t.Helper()
	root, err := servertest.Root()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, pattern := range []string{"gateway.toml", "templates/*", "static/*", "frames/*.*"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("copy the demo: %s: %d files, %v", pattern, len(files), err)
		}
		target := filepath.Join(dir, filepath.Dir(pattern))
		if err := os.MkdirAll(target, 0o755); err != nil {
			t.Fatal(err)
		}
		// cp -p keeps the run bits, which frames need.
		if out, err := exec.Command("cp", append([]string{"-p"}, append(files, target)...)...).CombinedOutput(); err != nil {
			t.Fatalf("copy the demo: %v\n%s", err, out)
		}
	}
	return dir
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A visitor is a browser without a screen: it keeps cookies, and doesn't
// follow redirects, so that tests see them.
type visitor struct {
	t      *testing.T
	site   string
	client *http.Client
	token  string // of the forms that were handed out to this visitor
}

var tokenPattern = regexp.MustCompile(`name="token" value="([0-9a-f]{32})"`)

func newVisitor(t *testing.T, site string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	// A transport of its own: its connections end with the test.
	transport := new(http.Transport)
	t.Cleanup(transport.CloseIdleConnections)
	return &visitor{t: t, site: site, client: &http.Client{
		Jar: jar, Transport: transport, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// get is safe to call from any goroutine: it reports with Errorf only.
func (v *visitor) get(path string) (int, string) {
	v.t.Helper()
	return v.do(http.NewRequest(http.MethodGet, v.site+path, nil))
}

// post sends a form with the visitor's token and says where it leads.
func (v *visitor) post(path string, form url.Values) (int, string) {
	v.t.Helper()
	if v.token == "" {
		// Every row of the index has a form.
		_, page := v.get("/index.html")
		found := tokenPattern.FindStringSubmatch(page)
		if found == nil {
			v.t.Errorf("GET /index.html: no form with a token in %.300q", page)
			return 0, ""
		}
		v.token = found[1]
	}
	all := url.Values{"token": {v.token}}
	for name, values := range form {
		all[name] = values
	}
	r, err := http.NewRequest(http.MethodPost, v.site+path, strings.NewReader(all.Encode()))
	if err == nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	status, page := v.do(r, err)
	return status, page
}

func (v *visitor) do(r *http.Request, err error) (int, string) {
	v.t.Helper()
	if err != nil {
		v.t.Error(err)
		return 0, ""
	}
	resp, err := v.client.Do(r)
	if err != nil {
		v.t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	if location := resp.Header.Get("Location"); location != "" {
		return resp.StatusCode, location
	}
	return resp.StatusCode, string(page)
}

// rows are the codes of the stocks that a page lists.
func rows(page string) []string {
	var codes []string
	for _, found := range regexp.MustCompile(`<tr role="row" id="s(\d{6})"`).FindAllStringSubmatch(page, -1) {
		codes = append(codes, found[1])
	}
	return codes
}
