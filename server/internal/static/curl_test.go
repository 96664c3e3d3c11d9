package static

import (
	"bytes"
	"compress/gzip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"framegate/server/internal/servertest"
)

// TestCurl is what people do with curl: resume, ask again only if changed,
// unpack on the way.
func TestCurl(t *testing.T) {
	curl := servertest.Require(t, "apt-get install curl", "curl")
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	zip.Write([]byte("from the packed file"))
	must(t, zip.Close())
	content := strings.Repeat("0123456789", 10_000)
	dir := write(t, map[string]string{"a.txt": content, "b.css": "plain", "docs/index.html": "docs", "b.css.gz": packed.String()})
	must(t, os.Chtimes(filepath.Join(dir, "a.txt"), day1, day1))
	url := "http://" + serve(t, dir, Options{})
	out := t.TempDir()
	must(t, os.WriteFile(filepath.Join(out, "part"), []byte(content[:12_345]), 0o644))

	for _, tt := range []struct {
		name string
		args []string
		want string // what -w prints
		file string // then in the file "part", if not ""
	}{
		{"resume", []string{"-C", "-", "-o", "part", "-w", "%{http_code} %{size_download}", url + "/a.txt"}, "206 87655", content},
		{"several ranges", []string{"-r", "0-9,5000-5009", "-o", "ranges", "-w", "%{http_code} %{content_type}", url + "/a.txt"}, "206 multipart/byteranges; boundary=", ""},
		{"save the tag", []string{"--etag-save", "tag", "-o", "whole", "-w", "%{http_code}", url + "/a.txt"}, "200", ""},
		{"compare the tag", []string{"--etag-compare", "tag", "-o", "whole", "-w", "%{http_code}", url + "/a.txt"}, "304", ""},
		{"if modified since", []string{"-z", date(day1), "-o", "whole", "-w", "%{http_code}", url + "/a.txt"}, "304", ""},
		{"unpack", []string{"--compressed", "-o", "part", "-w", "%{http_code} %{size_download}", url + "/b.css"}, "200", "from the packed file"},
		{"head", []string{"-I", "-o", "head", "-w", "%{http_code} %header{content-length}", url + "/a.txt"}, "200 100000", ""},
		{"put", []string{"-T", "part", "-o", "page", "-w", "%{http_code} %header{allow}", url + "/a.txt"}, "405 GET, HEAD, OPTIONS", ""},
		{"follow to the directory", []string{"-L", "-o", "page", "-w", "%{http_code} %{num_redirects} %{url_effective}", url + "/docs?x=1"}, "200 1 " + url + "/docs/?x=1", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command(curl, append([]string{"-q", "-sS", "--max-time", "20"}, tt.args...)...)
			cmd.Dir = out
			got, err := cmd.CombinedOutput()
			if err != nil || !strings.HasPrefix(string(got), tt.want) {
				t.Fatalf("curl %q: got %q, %v; want %q", tt.args, got, err, tt.want)
			}
			if tt.file == "" {
				return
			}
			file, err := os.ReadFile(filepath.Join(out, "part"))
			must(t, err)
			if string(file) != tt.file {
				t.Errorf("part: got %d bytes %.40q; want %d bytes %.40q", len(file), file, len(tt.file), tt.file)
			}
		})
	}
}
