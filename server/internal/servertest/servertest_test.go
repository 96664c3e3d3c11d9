package servertest

import (
	"strings"
	"testing"
)

func TestReadURL(t *testing.T) {
	for _, tt := range []struct{ name, stdout, want string }{
		{"first-line", "serving at http://127.0.0.1:80/\n", "http://127.0.0.1:80/"},
		{"no-slash", "http://127.0.0.1:80 is up\n", "http://127.0.0.1:80"},
		{"not-the-path", "http://127.0.0.1:80/hello\n", "http://127.0.0.1:80/"},
		{"brackets", "https://[::1]:443/\n", "https://[::1]:443/"},
		{"first-wins", "hint\nhttp://a:1/\nhttp://b:2/\n", "http://a:1/"},
		{"no-newline", "http://a:1/", "http://a:1/"},
		{"none", "hint: nothing here\n", ""},
		{"empty", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			urls := make(chan string, 1)
			readURL(strings.NewReader(tt.stdout), urls)
			if got := <-urls; got != tt.want { // closed, "" when there was none
				t.Errorf("got %q; want %q", got, tt.want)
			}
		})
	}
}

func TestMissing(t *testing.T) {
	for _, tt := range []struct {
		require      string
		skip, failed bool
	}{{"", true, false}, {"all", false, true}} {
		t.Run("require="+tt.require, func(t *testing.T) {
			t.Setenv("FRAMEGATE_REQUIRE", tt.require)
			var got recorder
			Missing(&got, "no such program")
			if got.skipped != tt.skip || got.failed != tt.failed {
				t.Errorf("got skipped %v, failed %v; want %v, %v", got.skipped, got.failed, tt.skip, tt.failed)
			}
		})
	}
}

// A recorder notes how a test would have ended.
type recorder struct {
	testing.TB
	skipped, failed bool
}

func (r *recorder) Helper() {}

func (r *recorder) Skip(...any) { r.skipped = true }

func (r *recorder) Fatal(...any) { r.failed = true }
