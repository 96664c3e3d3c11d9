package gateway_test

import (
	"bytes"
	"crypto/rand"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// Files go out in pieces, so that a client that stops reading can be told
// from one that is slow: the pieces must be the whole.
func TestLargeFileIsWhole(t *testing.T) {
	content := make([]byte, 3<<20+17)
	rand.Read(content)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "large.bin"), content, 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := confinedSite(t, "", "\n[static]\npath = \""+dir+"\"\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, spec string
		want       []byte
	}{
		{"whole", "", content},
		{"across pieces", "bytes=200000-900000", content[200000:900001]},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := http.NewRequest("GET", s.URL+"/large.bin", nil)
			if err != nil {
				t.Fatal(err)
			}
			if tt.spec != "" {
				r.Header.Set("Range", tt.spec)
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			got, err := io.ReadAll(resp.Body)
			if err != nil || !bytes.Equal(got, tt.want) {
				t.Errorf("got %d bytes, %v; want %d, the same", len(got), err, len(tt.want))
			}
		})
	}
}
